"""A snapshot names the log prefix that it is the fold of; folding just that anew gives it again (DESIGN.md 5.6)."""

from collections import defaultdict
from random import Random
from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st
from logs import A_LOG, BEGIN_MS, Pipeline, batched, logs, result
from naive import DAY, MINUTE, Logged

from events.envelope import epoch_ms
from events.heartbeats import ProcessorHeartbeat
from events.runs import AnyRunEvent, CommandAcknowledged, RunDeclared, RunFinished, RunPaused, RunResumed, RunUpdated
from metrics.fold.buckets import effective_ms, effective_run, moment
from metrics.fold.lifecycle import Stamp
from metrics.fold.partition import Record
from metrics.fold.refold import Growing, PrefixFold, fingerprint, join
from metrics.fold.segment import Segment
from metrics.registers import RunRegisters
from metrics.snapshot import snapshot

SEAL_AFTER_MS = 2 * DAY
Log = list[Logged]
Told = tuple[Stamp, AnyRunEvent | ProcessorHeartbeat]


def told(draw: Random, count: int) -> list[Told]:
    """Events of run a's life and heartbeats, on two partitions, by arrival; some repeat an id of their partition."""
    kinds: list[type[Any]] = [RunDeclared, RunUpdated, RunPaused, RunResumed, RunFinished, CommandAcknowledged]
    found: list[Told] = []
    now_ms = BEGIN_MS
    for offset in range(count):
        now_ms += draw.choice([0, 1, 30_000, 3 * MINUTE])
        at = Stamp(now_ms, draw.randrange(2), offset)
        envelope = {
            "event_id": f"told {at.partition} {draw.randrange(count)}",
            "event_time": moment(now_ms),
            "run_id": "run a",
        }
        kind = draw.choice([*kinds, ProcessorHeartbeat, ProcessorHeartbeat])
        if kind is ProcessorHeartbeat:
            own = {"processor_id": draw.choice("pq"), "queue_depth": draw.randrange(9)}
        elif kind in (RunDeclared, RunUpdated):
            own = {name: value for name, value in PLAN.items() if draw.random() < 0.5}
            own["total_images"] = draw.randrange(1, 9)
        elif kind is CommandAcknowledged:
            own = {"command_id": "c"}
        else:
            own = {}
        found.append((at, kind(**envelope, **own)))
    return found


PLAN: dict[str, Any] = {"name": "a name", "budget_usd": 7.5, "tier_order": "parallel"}


def take(registers: RunRegisters, said: list[Told]) -> None:
    for at, event in said:
        if isinstance(event, ProcessorHeartbeat):
            registers.take_heartbeat(event, at)
        else:
            registers.take_run_event(event, at)


def records_of(log: Log, topic: str, partition: int) -> list[Record]:
    return [
        Record(r.topic, r.offset, r.timestamp_ms, r.event) for r in log if (r.topic, r.partition) == (topic, partition)
    ]


def refold(log: Log, offsets: dict[str, dict[str, dict[str, int]]], cut_sizes: list[int]) -> dict[str, RunRegisters]:
    """Registers of each run as of its own source offsets (run → topic → partition → offset)."""
    parts: dict[tuple[str, int], list[Segment]] = defaultdict(list)
    for topic in ("results", "feedback"):
        for partition in (0, 1):
            cuts = {
                run_id: [by_topic[topic][str(partition)]]
                for run_id, by_topic in offsets.items()
                if str(partition) in by_topic.get(topic, {})
            }
            fold = PrefixFold(partition, cuts, seal_after_ms=SEAL_AFTER_MS)
            records = records_of(log, topic, partition)
            at = nth = 0
            while at < len(records):
                size = cut_sizes[nth % len(cut_sizes)]
                fold.take(records[at : at + size])
                at, nth = at + size, nth + 1
            for (run_id, _), segment in fold.finish().items():
                parts[run_id, partition].append(segment)
    found: dict[str, RunRegisters] = {}
    for (run_id, partition), segments in parts.items():
        registers = found.setdefault(run_id, RunRegisters(run_id))
        registers.take_partials(join(segments).partials(run_id, partition, 1))
    return found


@given(
    log=logs(),
    sizes=st.lists(st.sampled_from([1, 2, 5, 20]), min_size=1, max_size=4),
    others=st.lists(st.sampled_from([1, 3, 7, 100]), min_size=1, max_size=3),
    look_ms=st.sampled_from([0, 1, 45_000, 9 * MINUTE, 20 * 60 * MINUTE]),
    seed=st.integers(0, 2**32),
    data=st.data(),
)
def test_any_prefix_refolded_is_the_snapshot(
    log: Log, sizes: list[int], others: list[int], look_ms: int, seed: int, data: st.DataObject
) -> None:
    pipeline = Pipeline(SEAL_AFTER_MS)
    chunks = batched(log, sizes)
    pipeline.feed(chunks[: data.draw(st.integers(0, len(chunks)))])
    said = told(Random(seed), 12)
    for at, event in said[: data.draw(st.integers(0, len(said)))]:
        take(pipeline.registers.setdefault("run a", RunRegisters("run a")), [(at, event)])
    shown = {
        run_id: snapshot(registers, (registers.last_event_ms or BEGIN_MS) + look_ms)
        for run_id, registers in pipeline.registers.items()
    }
    again = refold(log, {run_id: metrics.source_offsets for run_id, metrics in shown.items()}, others)
    for run_id, metrics in shown.items():
        registers = again.setdefault(run_id, RunRegisters(run_id))
        cuts = metrics.source_offsets
        before = [
            (at, event)
            for at, event in said
            if run_id == "run a" and at.offset < cuts.get(topic_of(event), {}).get(str(at.partition), 0)
        ]
        take(registers, sorted(before, key=lambda one: one[0].partition))  # the order of the partitions is any
        assert snapshot(registers, epoch_ms(metrics.as_of)) == metrics


def topic_of(event: object) -> str:
    return "heartbeats" if isinstance(event, ProcessorHeartbeat) else "runs"


@example(log=A_LOG, sizes=[20, 5], merged=True)
@example(log=A_LOG, sizes=[7], merged=False)
@given(log=logs(), sizes=st.lists(st.sampled_from([1, 5, 20]), min_size=1, max_size=3), merged=st.booleans())
def test_a_ledger_holds_what_the_refold_does(log: Log, sizes: list[int], *, merged: bool) -> None:
    pipeline = Pipeline(SEAL_AFTER_MS)
    pipeline.feed(batched(log, sizes), merged=merged)
    for partition, runs in pipeline.ledger.items():
        cuts = {topic: {run: [1 << 40] for run in runs} for topic in ("results", "feedback")}
        folds = {topic: PrefixFold(partition, cuts[topic], seal_after_ms=SEAL_AFTER_MS) for topic in cuts}
        for topic, fold in folds.items():
            fold.take(records_of(log, topic, partition))
        digests = [fold.finish() for fold in folds.values()]
        for run_id, segments in runs.items():
            growing = Growing()
            for segment in segments:
                growing.take(segment)
            found = growing.digest()
            wanted = join([digest[run_id, 1 << 40] for digest in digests if (run_id, 1 << 40) in digest])
            assert found.source_offsets == wanted.source_offsets
            for name, topic in (("ids", "results"), ("subjects", "results"), ("verdicts", "feedback")):
                if topic not in found.sealed_topics:
                    assert getattr(found, name) == getattr(wanted, name), (run_id, name)


def test_a_fingerprint_knows_the_newest_entry_of_an_identity_in_any_order() -> None:
    one, two = b"1" * 16, b"2" * 16
    assert fingerprint(one + b"a" + two + b"b", 17) == fingerprint(two + b"b" + one + b"x" + one + b"a", 17)
    assert fingerprint(one + b"a", 17) != fingerprint(one + b"x", 17)
    assert fingerprint(one + b"a", 17)[:8] == (1).to_bytes(8)


def test_a_default_run_is_cut_by_the_month_in_which_it_counts() -> None:
    log = logs_of_default_runs()
    cut = log[2].offset
    run = effective_run(log[0].event, effective_ms(epoch_ms(log[0].event.event_time), log[0].timestamp_ms))
    fold = PrefixFold(0, {run: [cut]})
    fold.take([Record("results", r.offset, r.timestamp_ms, r.event) for r in log])
    [(key, digest)] = fold.finish().items()
    assert key == (run, cut)
    assert digest.source_offsets == {"results": log[1].offset + 1}


def logs_of_default_runs() -> Log:
    draw = Random(5)
    return [
        Logged("results", 0, offset, BEGIN_MS, result(draw, {"event_id": str(offset), "event_time": moment(BEGIN_MS)}))
        for offset in range(4)
    ]
