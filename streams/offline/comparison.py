"""What differs: every figure of every witness against the refold, named, with the records to look at."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Literal

import msgspec

from events.alerts import AlertFiring, AnyAlert
from events.partials import TOTAL
from events.snapshots import RunMetrics
from metrics.episodes import AlertState
from metrics.fold import buckets
from metrics.fold.refold import IDENTITIES, TOPIC_OF
from metrics.fold.segment import AFTER_SEAL, FEEDBACK, Segment, is_kept, row_key
from metrics.registers import RunRegisters

from .ledgers import RowKey, stored_key
from .logs import At
from .witnesses import Said

Witness = Literal["snapshot", "refold", "sql", "partials", "ledger.combine", "ledger.run", "dlq", "alerts"]


class Difference(msgspec.Struct, kw_only=True):
    """One figure of one run that two witnesses tell differently.

    `values`: witness → what it says (null: it does not have it). `offsets`: the first records that explain it.
    """

    run_id: str | None
    figure: str
    values: dict[Witness, Any]
    offsets: list[At] = []
    explanation: str | None = None


def of_snapshot(shown: RunMetrics, refolded: RunMetrics, at: At) -> tuple[int, list[Difference]]:
    """How many figures a snapshot has, and those that the refold tells otherwise."""
    # As it would be read: a whole number over 2^53 in a field of fractions is another one then.
    refolded = msgspec.json.decode(msgspec.json.encode(refolded), type=RunMetrics)
    wanted, found = msgspec.to_builtins(refolded), msgspec.to_builtins(shown)
    for same_by_definition in ("event_id", "event_time", "as_of"):
        del wanted[same_by_definition], found[same_by_definition]
    del wanted["alerts"], found["alerts"]  # recorded decisions: read, not taken again (DESIGN.md 5.7)
    leaves = sum(1 for _ in _leaves(found))
    return leaves, [
        Difference(run_id=shown.run_id, figure=path, values={"snapshot": theirs, "refold": ours}, offsets=[at])
        for path, theirs, ours in differing(found, wanted)
    ]


def of_partials(run_id: str, partition: int, said: Said, refolded: Segment) -> Iterator[Difference]:
    """Rows whose newest value on `partials` is not what the log adds up to."""
    rows = rows_of(refolded)
    for row, at in said.kept():
        for path, theirs, ours in differing(row.counters, rows.get(row_key(row), {})):
            yield Difference(
                run_id=run_id,
                figure=f"{_name(row_key(row), partition)}.{path}",
                values={"partials": theirs, "refold": ours},
                offsets=[at],
            )


def of_combine_ledger(
    run_id: str, partition: int, ledger: Segment, refolded: Segment, rows_at: Mapping[RowKey, At], last_at: At
) -> Iterator[Difference]:
    """Rows, identities and the rest of a run's segments in `ledger.combine`."""
    sealed = ledger.sealed_topics
    for key, path, theirs, ours in _rows(_live_rows(ledger, sealed), _live_rows(refolded, sealed)):
        yield Difference(
            run_id=run_id,
            figure=f"{_name(key, partition)}.{path}",
            values={"ledger.combine": theirs, "refold": ours},
            offsets=[rows_at.get(key, last_at)],
        )
    found = {name: _count(getattr(ledger, name)) for name in IDENTITIES if TOPIC_OF[name] not in sealed}
    wanted = {name: _count(getattr(refolded, name)) for name in found}
    for name in ("watermark_ms", "first_event_ms", "truncated", "recorded_ms"):
        found[name], wanted[name] = getattr(ledger, name), getattr(refolded, name)
    for path, theirs, ours in differing(found, wanted):
        yield Difference(
            run_id=run_id,
            figure=f"partition {partition}: {path}",
            values={"ledger.combine": theirs, "refold": ours},
            offsets=[last_at],
        )


def of_run_ledger(
    ledger: RunRegisters,
    refolded: RunRegisters,
    partitions: Iterable[int],
    rows_at: Mapping[tuple[int, RowKey], At],
    last_at: At,
    heartbeats_since: Mapping[int, int],
) -> Iterator[Difference]:
    """Registers in `ledger.run`; rows of the source partitions `partitions` only, heartbeats that are still in the log.

    `heartbeats_since`: partition → where the log of heartbeats begins.
    """
    chosen = set(partitions)
    found, wanted = (
        {stored_key(stored): stored.row.counters for stored in registers.everything().rows}
        for registers in (ledger, refolded)
    )
    for partition, key in sorted(found.keys() | wanted.keys()):
        if partition not in chosen:
            continue
        for path, theirs, ours in differing(found.get((partition, key), {}), wanted.get((partition, key), {})):
            yield Difference(
                run_id=ledger.run_id,
                figure=f"{_name(key, partition)}.{path}",
                values={"ledger.run": theirs, "refold": ours},
                offsets=[rows_at.get((partition, key), last_at)],
            )
    beside, wanted_beside = (_beside_rows(one, chosen, heartbeats_since) for one in (ledger, refolded))
    for path, theirs, ours in differing(beside, wanted_beside):
        yield Difference(
            run_id=ledger.run_id, figure=path, values={"ledger.run": theirs, "refold": ours}, offsets=[last_at]
        )


def _beside_rows(registers: RunRegisters, partitions: set[int], since: Mapping[int, int]) -> dict[str, Any]:
    """Everything of registers that the log decides, but the rows; `sequence` counts transactions, not records."""
    sources = {
        str(partition): {
            name: getattr(source, name) for name in ("watermark_ms", "recorded_ms", "first_event_ms", "truncated")
        }
        for partition, source in registers.sources.items()
        if partition in partitions
    }
    lifecycle = msgspec.to_builtins(registers.lifecycle)
    lifecycle["seen"] = sorted(lifecycle["seen"])
    heartbeats = {
        name: msgspec.to_builtins(heartbeat)
        for name, heartbeat in registers.heartbeats.items()
        if heartbeat.at.offset >= since.get(heartbeat.at.partition, 0)
    }
    return {"sources": sources, "lifecycle": lifecycle, "heartbeats": heartbeats}


def of_alerts(
    recorded: Mapping[str, Mapping[str, AlertState]], said: Sequence[tuple[AnyAlert, At]]
) -> Iterator[Difference]:
    """Decisions: each episode begins and ends once on the topic, and what the ledger calls firing has begun there.

    `recorded`: run → its alerts in `ledger.run`, read before `said`. Only the newest event of a fingerprint is looked
    for where compaction may have taken the older ones.
    """
    places: dict[tuple[str, type[AnyAlert]], list[At]] = {}
    newest: dict[str, AnyAlert] = {}
    for event, at in said:
        places.setdefault((event.episode_id, type(event)), []).append(at)
        newest[event.fingerprint] = event
        if len(places[event.episode_id, type(event)]) == 2:
            what = "begins" if isinstance(event, AlertFiring) else "ends"
            yield Difference(
                run_id=event.run_id,
                figure=f"alert {event.type}: episode {event.episode_id} {what} more than once",
                values={"alerts": 2, "ledger.run": 1},
                offsets=places[event.episode_id, type(event)],
            )
    for run_id, states in recorded.items():
        for fingerprint, state in states.items():
            told = newest.get(fingerprint)
            if state.said is not None and (told is None or told.event_time < state.said.event_time):
                yield Difference(
                    run_id=run_id,
                    figure=f"alert {state.said.type}: episode {state.said.episode_id} begins",
                    values={"ledger.run": 1, "alerts": 0},
                )


def rows_of(segment: Segment) -> dict[RowKey, dict[str, int]]:
    """Row key → counters."""
    return {row_key(row): row.counters for row in segment.rows}


def _live_rows(segment: Segment, sealed_topics: list[str]) -> dict[RowKey, dict[str, int]]:
    kept = [row for row in segment.rows if is_kept(row, segment.watermark_ms, sealed_topics)]
    return {row_key(row): row.counters for row in kept}


def _rows(
    found: Mapping[RowKey, Mapping[str, int]], wanted: Mapping[RowKey, Mapping[str, int]]
) -> Iterator[tuple[RowKey, str, Any, Any]]:
    for key in sorted(found.keys() | wanted.keys()):
        for path, theirs, ours in differing(found.get(key, {}), wanted.get(key, {})):
            yield key, path, theirs, ours


def differing(found: Any, wanted: Any, path: str = "") -> Iterator[tuple[str, Any, Any]]:
    """(path, found, wanted) of each leaf of two documents that is not equal; a missing leaf is None."""
    if isinstance(found, Mapping) or isinstance(wanted, Mapping):
        ours, theirs = wanted or {}, found or {}
        for key in sorted(ours.keys() | theirs.keys(), key=str):
            yield from differing(theirs.get(key), ours.get(key), f"{path}.{key}" if path else str(key))
    elif isinstance(found, list) and isinstance(wanted, list) and len(found) == len(wanted):
        for number, (their, our) in enumerate(zip(found, wanted, strict=True)):
            yield from differing(their, our, f"{path}[{number}]")
    elif found != wanted:
        yield path, found, wanted


def _leaves(document: Any) -> Iterator[Any]:
    if isinstance(document, (dict, list)):
        for inner in document.values() if isinstance(document, dict) else document:
            yield from _leaves(inner)
    else:
        yield document


def _name(key: RowKey, partition: int) -> str:
    """A row in words: its partition, when, and whose."""
    width_ms, bucket_ms, group, value = key
    whole = width_ms == TOTAL
    when = "" if whole else f" {buckets.moment(bucket_ms):%Y-%m-%dT%H:%M:%S}+{width_ms // 1000}s"
    whose = f"{group} {value}" if value or group not in {"totals", FEEDBACK, AFTER_SEAL} else group
    return f"partition {partition}{when}: {whose}"


def _count(fingerprint: bytes) -> dict[str, Any]:
    """A fingerprint as people may read it: how many, and a hash that tells apart which."""
    return {"count": int.from_bytes(fingerprint[:8]), "hash": fingerprint[8:].hex()}
