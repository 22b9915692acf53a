"""The Faust app that carries the stages: settings, agents, and who owns which partition number."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import faust
from faust.tables.manager import TableManager
from faust.types import TP, EventT

from .cluster import Cluster
from .transport import BatchTransport, ChunkSchema

_REBALANCE_S = 15.0
_HEARTBEATS_A_SESSION = 12
"""By the answer to one a worker learns that another has come or is gone."""
_COMMIT_EVERY_S = 1.0
_QUEUED_CHUNKS = 64  # of all partitions; an agent only passes them on


class _NoTables(TableManager):
    async def on_start(self) -> None:
        """Without the second that Faust waits here for tables to be registered, before it joins the group."""
        await self._update_channels()
        await self.recovery.start()


def build_app(cluster: Cluster, slot: str, session_timeout_s: float, folder: Path) -> faust.App:
    """A worker's app. `folder` is a place where Faust may make its own folders, which stay empty.

    Faust neither serves its web (open to everyone, without authentication) nor declares topics (its requests are gone
    from Kafka 4), and knows no user and no password: the transport's clients take these from `cluster`.
    """
    folder.mkdir(parents=True, exist_ok=True)
    app = faust.App(
        f"{cluster.prefix}workers",
        broker="kafka://",
        datadir=folder / "faust",
        # The assignor compares it: it must be the same when the slot's next process takes over.
        canonical_url=f"http://{slot}",
        TableManager=_NoTables,
        web_enabled=False,
        autodiscover=False,
        topic_allow_declare=False,
        topic_disable_leader=True,
        stream_wait_empty=False,
        stream_buffer_maxsize=_QUEUED_CHUNKS,
        consumer_group_instance_id=slot,
        broker_session_timeout=session_timeout_s,
        broker_heartbeat_interval=session_timeout_s / _HEARTBEATS_A_SESSION,
        broker_rebalance_timeout=_REBALANCE_S,
        broker_commit_interval=_COMMIT_EVERY_S,
    )
    app.in_worker = True
    app.transport = app.producer_transport = BatchTransport(app, cluster)
    app.finalize()
    return app


def add_agent(app: faust.App, name: str, topics: Iterable[str], take: Callable[[EventT[Any]], None]) -> None:
    """An agent that hands every chunk of `topics` to `take`; acks are up to whoever gets it."""
    channel = app.topic(*topics, schema=ChunkSchema())

    async def agent(stream: Any) -> None:
        async for event in stream.noack().events():
            take(event)

    app.agent(channel, name=f"streams.{name}", concurrency=1)(agent)


def partitions_of(assigned: Iterable[TP], topics: set[str]) -> set[int]:
    """The partition numbers of which all `topics` are assigned."""
    found: dict[int, set[str]] = {}
    for tp in assigned:
        if tp.topic in topics:
            found.setdefault(tp.partition, set()).add(tp.topic)
    return {number for number, having in found.items() if having == topics}
