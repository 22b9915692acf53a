"""A worker's process; importing this module is most of what its start takes."""

import sys
import time

from imageledger import workers
from imageledger.kafka import cluster_of
from imageledger.settings import Settings
from streams import app
from streams.errors import KafkaUnreachable, TopicsMissing

_ASK_AGAIN_S = 0.1


def stand_by() -> bool:
    """Wait to be needed, as a spare does (`servers.spares`); False: it is not.

    Nothing has been read or opened before: settings and prefix may be others by then.
    """
    return bool(sys.stdin.buffer.readline())


def run(settings: Settings, slot: int, *, wait_s: float = 0.0) -> None:
    """The body of `imageledger worker`. `wait_s`: how long it waits for Kafka and the topics. Raises StreamError."""
    cluster = cluster_of(settings)
    worker = app.WorkerSettings(
        bootstrap=cluster.bootstrap,
        security=cluster.security,
        data_dir=settings.data,
        prefix=cluster.prefix,
        slot=workers.slot_name(slot),
        snapshot_every_s=settings.snapshot_seconds,
    )
    deadline = time.monotonic() + wait_s
    while True:
        try:
            app.run_worker(worker)
        except (KafkaUnreachable, TopicsMissing):
            if time.monotonic() > deadline:
                raise
        time.sleep(_ASK_AGAIN_S)
