"""The worker process: one Faust app with both stages, its start, its seconds and its end."""

import asyncio
import faulthandler
import gc
import itertools
import logging
import os
import signal
import socket
import time
from collections.abc import Coroutine, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, NoReturn, cast

from aiokafka.errors import KafkaError
from faust.types import TP, EventT

from events.topics import DEFAULT_PREFIX

from . import status
from .clock import Clock, system_clock
from .cluster import Cluster
from .combine import COMBINE
from .commits import Commits
from .errors import KafkaUnreachable, LogReplaced, StreamError
from .faust_app import add_agent, build_app, partitions_of
from .partition import chunk_of
from .recovery import Recoveries
from .runs import RUNS
from .setup import StageSetup, Surroundings
from .skew import ClockCheck
from .stage import Stage
from .topics import KnownTopic, require_topics
from .transport import BatchConsumer
from .watchdog import PATIENCE_MS, Watchdog, Watched

log = logging.getLogger(__name__)

FAILED = 70
"""Exit code of a worker that ended itself (sysexits' EX_SOFTWARE)."""
_STOP_S = 5.0
_BROKER_EVERY_S = 10.0
_LOG_APPEND_TIME = 1
_COLLECTED_AFTER = 50_000
"""New objects: a chunk has thousands, none of them in a cycle; to look after each 700 cost a fifth of the time."""
_NOISY = ("faust", "mode", "aiokafka", "streams.transport", "streams.faust_app")
"""The last two are how Faust's own services log here."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerSettings:
    """One worker process.

    `slot` names the worker's place among its siblings (its static membership): the next process of the same slot takes
    over without a rebalance; two at a time fence each other off. `session_timeout_s`: how long a dead worker keeps its
    partitions when its slot stays empty; a broker's `group.min.session.timeout.ms` is 6 s unless set lower. `security`:
    aiokafka's own arguments for TLS and SASL. `stalled_after_ms`: without progress for so long the watchdog ends it.
    `snapshot_every_s`: whole seconds between two looks at the runs.
    """

    bootstrap: str
    data_dir: Path
    prefix: str = DEFAULT_PREFIX
    slot: str = "worker-1"
    security: Mapping[str, Any] = field(default_factory=dict, repr=False)
    session_timeout_s: float = 6.0
    stalled_after_ms: int = PATIENCE_MS
    clock: Clock = system_clock
    snapshot_every_s: int = 1


def run_worker(settings: WorkerSettings, stages: Sequence[StageSetup[Any]] = (COMBINE, RUNS)) -> NoReturn:
    """Run both stages until SIGTERM or SIGINT. The body of a process of its own: it ends with the process.

    Exit code 0 after a signal; FAILED where the worker ends itself, with the reason logged and in its status file:
    state that may be ahead of its ledger must not outlive it. Whoever supervises starts the worker again.

    Raises:
        KafkaUnreachable, TopicsMissing: before anything has begun.
    """
    for name in _NOISY:
        logging.getLogger(name).setLevel(logging.WARNING)
    gc.set_threshold(_COLLECTED_AFTER)
    asyncio.run(_Worker(settings, stages).run())
    raise AssertionError("a worker ends with its process")


class _Worker:
    def __init__(self, settings: WorkerSettings, setups: Sequence[StageSetup[Any]]) -> None:
        self._settings = settings
        self._setups = setups
        self._cluster = Cluster(settings.bootstrap, settings.prefix, settings.security)
        self._status_path = status.path_of(settings.data_dir, settings.slot)
        self._clocks = ClockCheck()
        self._recoveries = Recoveries()
        self._state: status.WorkerState = "starting"
        self._stages: list[Stage[Any]] = []
        self._background: set[asyncio.Task[None]] = set()

    async def run(self) -> NoReturn:
        self._write_status()
        topics = await require_topics(self._cluster)
        ending = asyncio.Event()
        for name in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(name, ending.set)
        self._said = self._cluster.producer()
        await self._said.start()
        self._app = build_app(
            self._cluster, self._settings.slot, self._settings.session_timeout_s, self._status_path.parent
        )
        self._consumer = cast("BatchConsumer", self._app.consumer)
        self._add_stages(topics)
        self._app.on_partitions_revoked.connect(self._on_revoked)
        self._app.on_partitions_assigned.connect(self._on_assigned)
        self._commits = Commits(self._cluster, self._app.conf.id, self._consumer.commit_offsets)
        for body in (self._run_app(), self._each_second(), self._look_at_broker(topics)):
            self._spawn(body)
        await ending.wait()
        await self._stop()

    def _add_stages(self, topics: Mapping[str, KnownTopic]) -> None:
        async def log_start(tp: TP) -> int:
            return (await self._consumer.earliest_offsets(tp))[tp]

        shared = Surroundings(
            cluster=self._cluster,
            application=self._app.conf.id,
            positions=self._consumer.positions,
            said=self._said,
            topic_ids={name: topic.id for name, topic in topics.items()},
            partitions=topics["partials"].partitions,
            log_start=log_start,
            recoveries=self._recoveries,
            failed=self._fail,
        )
        for setup in self._setups:
            stage = Stage(setup, shared)
            self._stages.append(stage)
            add_agent(self._app, stage.name, map(self._cluster.topic, setup.sources), partial(self._take, stage))

    def _take(self, stage: Stage[Any], event: EventT[Any]) -> None:
        chunk = chunk_of(event)
        if chunk.records[0].timestamp_type == _LOG_APPEND_TIME:
            self._clocks.arrived(chunk.tp, chunk.records[0].timestamp, self._settings.clock())
        stage.take(event)

    async def _on_revoked(self, *_args: Any, **_kwargs: Any) -> None:
        self._state = "recovering"
        self._consumer.positions.close(())

    async def _on_assigned(self, *args: Any, **_kwargs: Any) -> None:
        _app, assigned = args
        self._consumer.positions.close(assigned)
        self._state = "ready"
        for stage, setup in zip(self._stages, self._setups, strict=True):
            stage.assigned(partitions_of(assigned, set(map(self._cluster.topic, setup.sources))))
        self._spawn(self._say_when_recovered())

    async def _say_when_recovered(self) -> None:
        await self._recoveries.wait()
        self._write_status()

    async def _run_app(self) -> None:
        await self._app.start()
        await self._app.wait_until_stopped()
        raise self._app.crash_reason or StreamError("Faust stopped by itself; starting anew")

    async def _each_second(self) -> None:
        """Ticks, the status and the watchdog: the edge where clocks are read."""
        watchdog = Watchdog(self._watched, self._settings.stalled_after_ms)
        for second in itertools.count():
            # One that does not come round any more cannot end itself: a thread of the interpreter's own does.
            faulthandler.dump_traceback_later(2 * self._settings.stalled_after_ms / 1000, exit=True)
            now_ms = self._settings.clock()
            if second % self._settings.snapshot_every_s == 0:
                for stage in self._stages:
                    stage.tick(now_ms)
            self._write_status()
            watchdog.look(time.monotonic_ns() // 1_000_000)
            await asyncio.sleep(1 - now_ms % 1000 / 1000)

    async def _look_at_broker(self, before: Mapping[str, KnownTopic]) -> None:
        """What the worker's own clients do not notice: lost commits, and a topic made again while it is in use.

        The offsets of such a topic look folded already.
        """
        pause_s = min(_BROKER_EVERY_S, self._settings.stalled_after_ms / 3000)
        while True:
            await asyncio.sleep(pause_s)
            try:
                await self._commits.look(self._acked())
                topics = await require_topics(self._cluster)
            except (KafkaError, KafkaUnreachable, OSError):
                continue  # the clients go on trying; the watchdog says when it is enough
            for name, topic in topics.items():
                if topic.id != before[name].id:
                    raise LogReplaced(f"the topic {self._cluster.prefix}{name} was deleted and made again while in use")

    def _acked(self) -> dict[TP, int]:
        return {
            TP(self._cluster.topic(name), number): offset + 1
            for stage in self._stages
            for number, partition in stage.partitions.items()
            for name, offset in partition.acked.items()
        }

    def _watched(self) -> Iterable[Watched]:
        if self._state != "ready":
            yield Watched("the group", self._app.rebalancing_count, "a rebalance is not over")
            return
        for stage, setup in zip(self._stages, self._setups, strict=True):
            for number, partition in stage.partitions.items():
                waits: str | None = "its recovery is not over"
                if partition.ready and not self._recoveries.over:
                    continue  # it waits for those whose recovery is not over, and they are watched
                if partition.ready:
                    waiting = [
                        self._waits(TP(self._cluster.topic(name), number), partition.expected(name))
                        for name in setup.sources
                    ]
                    waits = next(filter(None, waiting), None)
                yield Watched(f"{stage.name} partition {number}", partition.progress, waits)
        yield from self._commits.watched()

    def _waits(self, tp: TP, expected: int) -> str | None:
        waits = self._consumer.waits(tp, expected)
        if waits.why is None:
            self._clocks.read_to_end(tp, self._settings.clock() - waits.quiet_ms)
        return waits.why

    def _write_status(self, state: status.WorkerState | None = None, reason: str | None = None) -> None:
        stages = {
            stage.name: {
                number: status.PartitionStatus(
                    ready=partition.ready, applied=partition.applied, letters=partition.letters
                )
                for number, partition in stage.partitions.items()
            }
            for stage in self._stages
        }
        if state is None and self._state == "ready":
            recovered = all(partition.ready for found in stages.values() for partition in found.values())
            state = "ready" if recovered else "recovering"
        written = status.WorkerStatus(
            pid=os.getpid(),
            slot=self._settings.slot,
            state=state or self._state,
            updated_ms=self._settings.clock(),
            stages=stages,
            reason=reason,
            host=socket.gethostname(),
            clock_ahead_ms=self._clocks.ahead_ms,
        )
        status.write(self._status_path, written)

    def _spawn(self, body: Coroutine[Any, Any, None]) -> None:
        async def watched() -> None:
            try:
                await body
            except Exception as error:  # noqa: BLE001 - whatever it is ends the process
                self._fail(error)

        task = asyncio.create_task(watched())
        self._background.add(task)
        task.add_done_callback(self._background.discard)

    def _fail(self, error: BaseException) -> NoReturn:
        """End the process now: what it holds in memory may be ahead of what is written."""
        ours = isinstance(error, StreamError)
        reason = str(error) if ours else repr(error)
        log.error("the worker ends: %s", reason, exc_info=None if ours else error)
        self._write_status("failed", reason)
        logging.shutdown()
        os._exit(FAILED)

    async def _stop(self) -> NoReturn:
        """An orderly end, which is only quicker than SIGKILL for those who come next, not safer."""
        self._state = "stopping"
        self._write_status()
        try:
            async with asyncio.timeout(_STOP_S):
                await asyncio.gather(*(stage.stop() for stage in self._stages))
                await self._said.stop()
                await self._consumer.commit()
        except Exception as error:  # noqa: BLE001 - nothing depends on it
            log.info("the orderly end did not come through: %r", error)
        logging.shutdown()
        os._exit(0)
