"""`imageledger switch`: the stack of a data folder goes over to a log that was copied and folded beside it, and back.

The prefix that a stack uses stands in `DIR/prefix`, where no setting says otherwise. The switch is that file and a new
start of worker, sink and dashboard, which their supervisor gives them (docs/decisions/0033).
"""

import asyncio
import dataclasses
import os
import signal
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from contextlib import closing
from pathlib import Path

import msgspec
import psutil

from events.envelope import epoch_ms
from events.snapshots import RunMetrics
from imageledger import settings as reading
from imageledger import workers
from imageledger.errors import CannotCompare, SettingsError
from imageledger.proof.evidence import Evidence, refold
from imageledger.proof.replay import replay
from imageledger.proof.verify import Progress, Verification
from metrics.fold.groups import LABELS
from metrics.fold.partition import TOPICS
from metrics.registers import RunRegisters
from metrics.snapshot import snapshot
from servers import endpoints, processes
from streams import broker, status
from streams.cluster import Cluster
from streams.offline import comparison, ledgers, logs, witnesses
from streams.offline.comparison import Difference
from streams.topics import require_topics

_FOLDED_S = 600.0
_ASK_AGAIN_S = 0.5
_STOP_S = 15.0
_BEGUN_ANEW = ("worker", "sink", "api")
_COMPARED = ("totals", *(f"by_{label}" for label in LABELS), "latency", "truncated", "window_60s", "window_10m")
"""What a snapshot is made of; all else follows from it, the plan and the heartbeats, of which a week is kept."""


class Switch(msgspec.Struct, kw_only=True):
    """What `switch --json` prints.

    `runs`: how many were compared; `differences`: between the running figures and the other log, as of the same
    offsets, and within the other's own. `restarted`: processes that began anew; none where nothing runs here.
    """

    prefix: str
    before: str
    runs: int
    differences: list[Difference]
    restarted: list[int]
    switched: bool


async def switch(data: Path, running: Cluster, into: str, say: Callable[[str], None], *, anyway: bool) -> Switch:
    """Copy what the prefix `into` lacks of `running`, fold it beside, compare, and let the stack of `data` use it.

    Where something differs only if `anyway`.

    Raises:
        SettingsError: IMAGELEDGER_PREFIX is set, so that the folder's word would count nothing.
        CannotCompare: the copy is not folded within ten minutes.
        NotCopied, StreamError, ServerError.
    """
    _require_a_say(data)
    other = dataclasses.replace(running, prefix=into)

    async def copy() -> None:
        await replay(running, into, lambda _total: None, lambda _done: None)

    say(f"copying what {into}* lacks")
    await copy()
    say("folding it beside")
    with closing(_WorkerBeside(data / "beside", other)) as beside:
        await _folded(other, beside)
        say("comparing")
        verdict = await Verification(other, None, None, 1, Progress()).run()
        runs, differences = await compare(running, other, copy)
    differences = verdict.differences + differences
    go = anyway or not differences
    if go:
        await copy()
    return Switch(
        prefix=into,
        before=running.prefix,
        runs=runs,
        differences=differences,
        restarted=_use(data, into, running.prefix) if go else [],
        switched=go,
    )


def back(data: Path, prefix: str) -> Switch:
    """Use the prefix that was used before `prefix`. What producers wrote to that one alone stays there.

    Raises SettingsError where nothing was switched, or IMAGELEDGER_PREFIX is set.
    """
    _require_a_say(data)
    try:
        before = _former(data).read_text("utf-8").strip()
    except FileNotFoundError as error:
        raise SettingsError(f"nothing was switched under {data}: there is no way back to go") from error
    restarted = _use(data, before, prefix)
    return Switch(prefix=before, before=prefix, runs=0, differences=[], restarted=restarted, switched=True)


async def compare(
    running: Cluster, other: Cluster, copy: Callable[[], Awaitable[None]]
) -> tuple[int, list[Difference]]:
    """How many runs the newest snapshots of `running` tell of, and where the fold of the other log tells otherwise.

    Each as of the offsets that it names: those of a copy are the same as long as the original log has no holes.
    `copy` fetches what these snapshots hold already and the other log does not.
    """
    counts = {name: topic.partitions for name, topic in (await require_topics(running)).items()}
    shown = await witnesses.read_snapshots(running, counts["metrics"])
    await copy()
    seen = Evidence(
        run_id=None,
        counts=counts,
        shown=shown,
        said={},
        kept=ledgers.RunLedger(),
        combined=ledgers.CombineLedger(),
        begins={},
        log_ends=await logs.log_ends(other, counts["partials"], TOPICS),
        unreadable=[],
        alerts=[],
    )
    log = await refold(other, seen, 1, lambda _offset: None)
    differences: list[Difference] = []
    for run_id, one in shown.items():
        refolded = log.registers(RunRegisters(run_id), one.metrics.source_offsets)
        ours = _document(snapshot(refolded, epoch_ms(one.metrics.as_of)))
        for path, theirs, wanted in comparison.differing(_document(one.metrics), ours):
            values: dict[comparison.Witness, object] = {"snapshot": theirs, "refold": wanted}
            differences.append(Difference(run_id=run_id, figure=path, values=values, offsets=[one.at]))
    return len(shown), differences


def _document(metrics: RunMetrics) -> dict[str, object]:
    return {name: msgspec.to_builtins(getattr(metrics, name)) for name in _COMPARED}


class _WorkerBeside:
    """A worker of the other prefix, in a data folder of its own.

    It may end itself, on a machine that has to fold all that besides its own work; then it is to be started again.
    """

    def __init__(self, folder: Path, other: Cluster) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        (folder / reading.PREFIX_FILE).write_text(f"{other.prefix}\n", "utf-8")
        with endpoints.changing(folder) as known:
            known.kafka = other.bootstrap
        self._process = self._start()

    def _start(self) -> "subprocess.Popen[bytes]":
        with (self.folder / "worker.log").open("ab") as output:
            return subprocess.Popen(  # noqa: S603 - our own command, no shell
                [sys.executable, "-m", "imageledger", "--data", str(self.folder.resolve()), "worker"],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                preexec_fn=processes.die_with_parent(os.getpid()),
            )

    def keep_running(self) -> None:
        """Start it again where it has ended."""
        if self._process.poll() is not None:
            self._process = self._start()

    def close(self) -> None:
        """End it, and wait for that."""
        processes.stop(self._process, _STOP_S)


async def _folded(other: Cluster, beside: _WorkerBeside) -> None:
    """Wait until snapshots hold everything that the log of `other` held when this was asked. Raises CannotCompare."""
    count = (await require_topics(other))["partials"].partitions
    ends = await broker.ends(other, ((other.topic(name), number) for name in TOPICS for number in range(count)))
    deadline = time.monotonic() + _FOLDED_S
    while not (_applied(other, beside.folder, ends) and await _shown(other, count)):
        if time.monotonic() > deadline:
            raise CannotCompare(
                f"{other.prefix}* is not folded after {_FOLDED_S:.0f} s: see {beside.folder / 'worker.log'}. Nothing "
                "was switched; what is folded stays, so that the next try begins there"
            )
        await asyncio.sleep(_ASK_AGAIN_S)
        beside.keep_running()


def _applied(other: Cluster, folder: Path, ends: dict[tuple[str, int], int]) -> bool:
    said = status.read(status.path_of(folder, workers.slot_name(0)))
    partitions = said.stages.get("combine", {}) if said is not None else {}
    return all(
        number in partitions and partitions[number].applied.get(other.name(topic), -1) + 1 >= end
        for (topic, number), end in ends.items()
    )


async def _shown(other: Cluster, count: int) -> bool:
    shown = await witnesses.read_snapshots(other, count)
    combined = await ledgers.read_combine_ledger(other, count)
    return all(
        run_id in shown and shown[run_id].metrics.source_offsets.get(topic, {}).get(str(number)) == offset
        for (run_id, number), segment in combined.runs.items()
        for topic, offset in segment.source_offsets.items()
    )


def _former(data: Path) -> Path:
    return data / f"{reading.PREFIX_FILE}.before"


def _use(data: Path, prefix: str, before: str) -> list[int]:
    """The processes that are told to begin anew; each is started again by its supervisor."""
    _former(data).write_text(f"{before}\n", "utf-8")
    (data / reading.SWITCHES_FILE).write_text(f"{reading.switches_of(data) + 1}\n", "utf-8")
    fresh = data / f".{reading.PREFIX_FILE}"
    fresh.write_text(f"{prefix}\n", "utf-8")
    fresh.replace(data / reading.PREFIX_FILE)
    pids = _running(data)
    for pid in pids:
        os.kill(pid, signal.SIGTERM)
    return pids


def _running(data: Path) -> list[int]:
    known = endpoints.read(data).pids
    found = [known[name] for name in _BEGUN_ANEW if name in known]
    pids = [pid for some in found for pid in (some if isinstance(some, list) else [some])]
    return [pid for pid in pids if psutil.pid_exists(pid)]


def _require_a_say(data: Path) -> None:
    """Raises SettingsError where a variable outdoes the folder's file, here or for what runs."""
    name = reading.variable("prefix")
    if reading.is_set("prefix") or any(name in psutil.Process(pid).environ() for pid in _running(data)):
        raise SettingsError(
            f"{name} is set, which counts more than {data / reading.PREFIX_FILE}: to switch, start everything with the "
            "other prefix, or without that variable"
        )
