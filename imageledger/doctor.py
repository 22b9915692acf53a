"""Is everything as it must be for the figures to be right and to move? Check after check, each with its remedy."""

import asyncio
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import msgspec
from aiokafka.errors import KafkaError

from events.refusals import Reason
from imageledger import health, workers
from imageledger.errors import ImageledgerError
from imageledger.settings import Settings
from servers import topics
from servers.clickhouse.users import Addresses
from servers.errors import ServerError
from sinks import backup
from sinks.client import connect
from sinks.errors import SinkError
from sinks.loading.sources import SOURCES
from sinks.reading.history import History
from sinks.schema import migrations
from streams import broker, status
from streams.cluster import Cluster
from streams.errors import StreamError
from streams.offline import deadletters

State = Literal["ok", "warning", "failed"]

_MANY = 1_000
_PAUSE_S = 1.0
_GIB = 1 << 30
_LEAST_BYTES, _FEW_BYTES = 1 * _GIB, 5 * _GIB

# A subject's records must share a partition: their order is only known within one (DETAILS.md, Identity and order).
_SPREAD = """
SELECT source, count() AS subjects, any(subject_id) AS example FROM (
    SELECT run_id, subject_kind, subject_id, argMax(source, source_offset) AS source
    FROM results GROUP BY run_id, subject_kind, subject_id HAVING uniqExact(source_partition) > 1)
GROUP BY source ORDER BY subjects DESC LIMIT 5
"""


class Check(msgspec.Struct, frozen=True, kw_only=True):
    """What was looked at and found; `remedy` where it is not well. Only `failed` is a reason to act at once."""

    check: str
    state: State
    finding: str
    remedy: str | None = None


def _ok(check: str, finding: str) -> Check:
    return Check(check=check, state="ok", finding=finding)


def _failed(check: str, finding: str, remedy: str | None = None) -> Check:
    return Check(check=check, state="failed", finding=finding, remedy=remedy)


def _warning(check: str, finding: str, remedy: str) -> Check:
    return Check(check=check, state="warning", finding=finding, remedy=remedy)


@dataclass(frozen=True, slots=True)
class Patient:
    """What is looked at: the settings, the servers that follow from them, and the sink's consumer group."""

    settings: Settings
    cluster: Cluster
    store: Addresses
    sink_group: str


async def examine(patient: Patient) -> AsyncIterator[Check]:
    """Every check, as it is done. What stands on a server that does not answer is left out."""
    settings = patient.settings
    kafka = await _kafka(patient)
    yield kafka
    answers = kafka.state != "failed"
    if answers:
        yield await _guarded("topics", _topics(patient))
    store = await _guarded("clickhouse", asyncio.to_thread(_clickhouse, patient))
    yield store
    for slot in range(settings.workers):
        yield await _guarded(f"worker {slot}", _worker(patient, slot, look=answers))
    for slot in range(settings.workers):
        yield _clock(patient, slot)
    yield await _guarded("sink", _sink(patient, look=answers))
    if store.state != "failed":
        yield await _guarded("keys", asyncio.to_thread(_keys, patient))
    if answers:
        yield await _guarded("dead letters", _dead_letters(patient))
    yield _disk(settings.data)


async def _guarded(check: str, examination: Awaitable[Check]) -> Check:
    """A failure to look is a finding; our own errors carry the remedy in their text."""
    try:
        return await examination
    except (ImageledgerError, ServerError, SinkError, StreamError) as error:
        return _failed(check, str(error))
    except (KafkaError, OSError) as error:
        return _failed(check, f"could not be looked at: {error!r}", "see the server's log")


async def _kafka(patient: Patient) -> Check:
    try:
        version, usable = await broker.version(patient.cluster)
    except StreamError as error:
        return _failed("kafka", str(error))
    finding = f"{patient.cluster.bootstrap} answers, version {version}"
    return _ok("kafka", finding) if usable else _failed("kafka", finding, "use Kafka 3.1 or newer, which has topic ids")


async def _topics(patient: Patient) -> Check:
    settings = patient.settings
    found = await topics.migrate(
        patient.cluster.bootstrap, partitions=settings.partitions, prefix=settings.prefix, dry_run=True
    )
    wrong = [f"{name} is missing" for name in found.created] + found.repaired
    if wrong:
        return _failed("topics", "; ".join(wrong), "imageledger migrate")
    if found.left:
        return _warning("topics", "; ".join(found.left), "set it yourself if these records may go")
    return _ok("topics", f"{len(found.checked)} topics of {found.partitions} partitions, as they should be")


def _clickhouse(patient: Patient) -> Check:
    with connect(patient.store.migrator) as client:
        behind = migrations.migrate(client, dry_run=True)
        version = client.server_version
        aside = backup.set_aside(client)
    if behind:
        return _failed("clickhouse", f"not applied: {', '.join(behind)}", "imageledger migrate")
    if aside:
        remedy = "restore again: what is set aside goes once a restore succeeds; or RENAME DATABASE to have it back"
        return _warning("clickhouse", f"a restore did not end; the store from before it is {', '.join(aside)}", remedy)
    return _ok("clickhouse", f"answers, version {version}, tables and views are current")


async def _worker(patient: Patient, slot: int, *, look: bool) -> Check:
    name = f"worker {slot}"
    wrong = health.of_worker(patient.settings.data, slot)
    if wrong is not None:
        log = patient.settings.data / "logs" / f"worker-{slot}.log"
        return _failed(name, wrong, f"start it (`imageledger up`), or see {log}")
    if not look:
        return _ok(name, "ready")

    async def applied() -> dict[tuple[str, int], int]:
        said = status.read(status.path_of(patient.settings.data, workers.slot_name(slot)))
        return {
            (patient.cluster.prefix + topic, number): offset + 1
            for stage in (said.stages if said else {}).values()
            for number, partition in stage.items()
            for topic, offset in partition.applied.items()
        }

    return await _lag(patient, name, applied, "ready", "`imageledger worker --slot N` for more of them")


async def _sink(patient: Patient, *, look: bool) -> Check:
    wrong = health.of_sink(patient.settings.data)
    if wrong is not None:
        return _failed("sink", wrong, f"start it (`imageledger up`), or see {patient.settings.data}/logs/sink.log")
    if not look:
        return _ok("sink", "follows")
    read = {patient.cluster.topic(source.topic) for source in SOURCES}

    async def committed() -> dict[tuple[str, int], int]:
        found = await broker.committed(patient.cluster, patient.sink_group)
        return {at: offset for at, offset in found.items() if at[0] in read}

    return await _lag(patient, "sink", committed, "follows", "look at ClickHouse's disk and load")


async def _lag(
    patient: Patient,
    name: str,
    positions: Callable[[], Awaitable[Mapping[tuple[str, int], int]]],
    well: str,
    remedy: str,
) -> Check:
    """How far behind the log's end; many records that do not get fewer and do not move are a failure."""
    before = await positions()
    ends = await broker.ends(patient.cluster, before)
    lag = {at: ends[at] - offset for at, offset in before.items() if ends[at] > offset}
    if not lag:
        return _ok(name, f"{well}, nothing behind")
    text = ", ".join(f"{topic} {number}: {count:,}" for (topic, number), count in sorted(lag.items()))
    if max(lag.values()) < _MANY:
        return _ok(name, f"{well}, records behind: {text}")
    await asyncio.sleep(_PAUSE_S)
    after = await positions()
    stuck = [at for at, count in lag.items() if count >= _MANY and after.get(at) == before[at]]
    if stuck:
        return _failed(name, f"does not move, records behind: {text}", "it restarts itself after 30 s; see its log")
    return _warning(name, f"{well}, records behind: {text}", remedy)


def _clock(patient: Patient, slot: int) -> Check:
    name = f"clock of worker {slot}"
    said = status.read(status.path_of(patient.settings.data, workers.slot_name(slot)))
    if said is None or said.clock_ahead_ms is None:
        return _ok(name, "not known until a record has come in")
    ahead_s = said.clock_ahead_ms / 1000
    if abs(said.clock_ahead_ms) <= workers.CLOCKS_MS:
        return _ok(name, "agrees with the broker's")
    way = "ahead of" if ahead_s > 0 else "behind"
    return _failed(
        name,
        f"{abs(ahead_s):,.0f} s {way} the broker's: rates, windows and ETA are of another moment; totals are right",
        "set both machines' clocks by NTP",
    )


def _keys(patient: Patient) -> Check:
    spread = History(connect(patient.store.reader)).rows(_SPREAD)
    if not spread:
        return _ok("keys", "every subject's records share a partition")
    who = "; ".join(f"{row['source']}: {row['subjects']:,} (such as {row['example']})" for row in spread)
    return _warning(
        "keys",
        f"subjects whose records are spread over partitions, by source: {who}. Each counts once a partition",
        "let these producers use the subject's id as the record's key, with one partitioner",
    )


async def _dead_letters(patient: Patient) -> Check:
    async with deadletters.reading(patient.cluster) as dead:
        letters = deadletters.chosen(await dead.letters())
    if not letters:
        return _ok("dead letters", "none")
    reasons: dict[Reason | str, int] = {}
    for letter in letters:
        reasons[letter.reason] = reasons.get(letter.reason, 0) + 1
    text = ", ".join(f"{reason} {count:,}" for reason, count in sorted(reasons.items(), key=lambda item: -item[1]))
    return _warning("dead letters", f"{len(letters):,} records refused: {text}", "imageledger dlq list")


def _disk(data: Path) -> Check:
    folder = next(parent for parent in (data.resolve(), *data.resolve().parents) if parent.exists())
    usage = shutil.disk_usage(folder)
    finding = f"{usage.free / _GIB:,.1f} GiB free under {folder}"
    if usage.free < _LEAST_BYTES:
        return _failed("disk", finding, "free some: Kafka and ClickHouse stop when it is full")
    return _warning("disk", finding, "free some in time") if usage.free < _FEW_BYTES else _ok("disk", finding)
