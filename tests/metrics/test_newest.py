"""The newest holds, at rows, sources and heartbeats; what is behind the watermark goes; segments merge likewise."""

import msgspec
import pytest

from events.feedback import FeedbackRecorded
from events.heartbeats import ProcessorHeartbeat
from events.partials import TOTAL, PartialRow, Partials
from metrics.episodes import AlertState
from metrics.fold.buckets import BUCKET_MS, DAY_MS, HOUR_MS, MINUTE_MS, NEVER, moment
from metrics.fold.lifecycle import Stamp
from metrics.fold.segment import AFTER_SEAL, FEEDBACK, Segment, is_kept
from metrics.fold.validations import OPINIONS, Opinions, opinion
from metrics.registers import RunRegisters, RunSegment

NOW = 1_794_999_960_000  # the start of a minute


def partials(sequence: int, *rows: PartialRow, watermark_ms: int = NOW, more: bool = False) -> Partials:
    return Partials(
        run_id="r", source_partition=0, sequence=sequence, source_offsets={"results": sequence},
        watermark_ms=watermark_ms, recorded_ms=NOW, first_event_ms=NOW, rows=list(rows), truncated=[], more=more,
    )  # fmt: skip


def row(results: int, width_ms: int = TOTAL, bucket_ms: int = 0, group: str = "totals", value: str = "") -> PartialRow:
    return PartialRow(width_ms, bucket_ms, group, value, {"results": results})


def test_of_equal_and_older_sequences_the_first_holds() -> None:
    registers = RunRegisters("r")
    for sequence, results in ((2, 20), (2, 99), (1, 10)):
        registers.take_partials(partials(sequence, row(results)))
    assert registers.whole_run() == {("totals", ""): {"results": 20}}
    assert registers.source_offsets == {"results": {"0": 2}}
    registers.take_partials(partials(3, row(30)))
    assert registers.whole_run() == {("totals", ""): {"results": 30}}


def test_partials_in_parts_are_whole_with_the_last() -> None:
    registers = RunRegisters("r")
    registers.take_partials(partials(1, row(1), more=True))
    assert not registers.whole
    registers.take_partials(partials(1, row(1, group="model", value="m"), more=True))
    assert not registers.whole
    registers.take_partials(partials(1))
    assert registers.whole
    registers.changed()
    registers.take_partials(partials(1))
    assert registers.changed() is None
    registers.take_partials(partials(2, more=True))
    registers.take_partials(partials(1))
    assert not registers.whole


def test_buckets_go_with_the_watermark_and_minutes_are_of_totals() -> None:
    registers = RunRegisters("r")
    registers.take_partials(
        partials(
            1, row(1, BUCKET_MS, NOW), row(2, MINUTE_MS, NOW), row(3, MINUTE_MS, NOW, "model", "m"),
            row(4, BUCKET_MS, NOW, "model", "m"), row(5, BUCKET_MS, NOW - HOUR_MS - BUCKET_MS),
        )
    )  # fmt: skip
    minutes = registers.bucket_rows(MINUTE_MS, NOW - 1, NOW)
    assert minutes == [(NOW, ("totals", ""), {"results": 2})]
    assert [counters["results"] for *_, counters in registers.bucket_rows(BUCKET_MS, NOW - DAY_MS, NOW)] == [1, 4]
    assert registers.bucket_rows(BUCKET_MS, NOW, NOW + MINUTE_MS) == []
    registers.take_partials(partials(2, watermark_ms=NOW + HOUR_MS + BUCKET_MS))
    assert registers.bucket_rows(BUCKET_MS, NOW - DAY_MS, NOW) == []
    assert registers.bucket_rows(MINUTE_MS, NOW - 1, NOW) == minutes


def beat(registers: RunRegisters, name: str, at_ms: int, offset: int, queue_depth: int = 0) -> None:
    event = ProcessorHeartbeat(
        event_id=f"{name}{offset}", event_time=moment(at_ms), run_id="r", processor_id=name, queue_depth=queue_depth
    )
    registers.take_heartbeat(event, Stamp(at_ms, 0, offset))


def test_the_newest_heartbeat_holds_and_a_day_of_silence_forgets() -> None:
    registers = RunRegisters("r")
    beat(registers, "a", NOW, 2, queue_depth=2)
    beat(registers, "a", NOW, 2, queue_depth=9)
    beat(registers, "a", NOW, 1, queue_depth=1)
    assert registers.heartbeats["a"].event.queue_depth == 2
    beat(registers, "b", NOW + DAY_MS, 3)
    assert registers.heartbeats.keys() == {"a", "b"}
    beat(registers, "c", NOW + DAY_MS + 1, 4)
    assert registers.heartbeats.keys() == {"b", "c"}
    assert registers.next_offsets == {"heartbeats": {0: 5}}
    assert registers.recorded_ms == NOW + DAY_MS + 1


def test_the_first_record_of_a_topic_is_at_offset_0() -> None:
    registers = RunRegisters("r")
    beat(registers, "a", NOW, 0)
    assert registers.next_offsets == {"heartbeats": {0: 1}}


def test_a_segment_that_says_nothing_of_the_moment_or_the_alerts_leaves_them() -> None:
    registers = RunRegisters("r")
    state = AlertState(rule="error_rate", status="pending", since_ms=NOW)
    registers.restore(RunSegment(as_of_ms=NOW, alerts={"f": state}))
    registers.restore(RunSegment())
    assert (registers.as_of_ms, registers.alerts) == (NOW, {"f": state})
    registers.restore(RunSegment(as_of_ms=NOW + 1, alerts={}))
    assert (registers.as_of_ms, registers.alerts) == (NOW + 1, {})


def test_feedback_and_what_came_after_the_seal_are_in_the_totals() -> None:
    registers = RunRegisters("r")
    registers.take_partials(
        partials(1, row(1), row(2, group=FEEDBACK), row(3, group=AFTER_SEAL), row(4, group="model"))
    )
    assert registers.whole_run() == {("totals", ""): {"results": 6}, ("model", ""): {"results": 4}}


def test_registers_of_nothing() -> None:
    registers = RunRegisters("r")
    assert (registers.recorded_ms, registers.first_event_ms, registers.last_event_ms) == (NEVER, None, None)
    assert registers.as_of(NOW) == NOW
    assert (registers.whole, registers.finished, registers.changed()) == (True, False, None)
    registers.take_alerts({})
    assert registers.changed() is None


@pytest.mark.parametrize(
    ("kept", "one", "sealed"),
    [
        (True, row(1), []),
        (False, row(1), ["results"]),
        (True, row(1), ["feedback"]),
        (False, row(1, group=FEEDBACK), ["feedback"]),
        (True, row(1, group=FEEDBACK), ["results"]),
        (True, row(1, group=AFTER_SEAL), ["feedback", "results"]),
        (True, row(1, BUCKET_MS, NOW), []),
        (False, row(1, BUCKET_MS, NOW), ["results"]),
        (False, row(1, BUCKET_MS, NOW - HOUR_MS - BUCKET_MS), []),
    ],
)
def test_what_a_segment_keeps_of_an_earlier_one(kept: bool, one: PartialRow, sealed: list[str]) -> None:
    assert is_kept(one, NOW, sealed) == kept
    merged = Segment(rows=[one]).merge(Segment(watermark_ms=NOW, sealed_topics=sealed))
    assert (one in merged.rows) == kept


def test_segments_put_together_hold_the_newest_of_each_identity_until_its_topic_is_sealed() -> None:
    a, b = b"a" * 16, b"b" * 16
    older = Segment(ids=a, subjects=a + b"1" * 9 + b + b"1" * 9, feedback_ids=a, verdicts=a + b"1")
    newer = Segment(ids=b, subjects=a + b"2" * 9, feedback_ids=b, verdicts=a + b"2" + b + b"2")
    merged = older.merge(newer)
    assert (merged.ids, merged.subjects) == (a + b, a + b"2" * 9 + b + b"1" * 9)
    assert (merged.feedback_ids, merged.verdicts) == (a + b, a + b"2" + b + b"2")
    newer.sealed_topics = ["results"]
    merged = older.merge(newer)
    assert (merged.ids, merged.subjects, merged.feedback_ids) == (b"", b"", a + b)
    newer.sealed_topics = ["feedback"]
    merged = older.merge(newer)
    assert (merged.ids, merged.feedback_ids, merged.verdicts) == (a + b, b"", b"")
    assert [Segment(sealed_topics=sealed, alive=alive).sealed for sealed, alive in (
        ([], []), (["results"], ["feedback"]), (["results"], []),
    )] == [False, False, True]  # fmt: skip


def word(number: int, **fields: object) -> FeedbackRecorded:
    return FeedbackRecorded(event_id=str(number), event_time=moment(NOW), image_id="i", **fields)  # type: ignore[arg-type]


def test_the_latest_word_counts_and_goes_on_from_what_is_stored() -> None:
    said = [
        word(1, rating=1), word(2, rating=-1), word(3, question="?", verdict="confirmed", validator="expert"),
        word(4, question="?"), word(5), word(2, rating=1), word(6, question="?", verdict="overridden"),
        word(7, question="", verdict="rejected"),
    ]  # fmt: skip
    through = Opinions()
    entries = [through.take(one) for one in said]
    assert {name: n for name, n in through.counters.items() if n} == {
        "thumbs_down": 1, "overridden": 1, "rejected": 1, "duplicates": 1,
    }  # fmt: skip
    assert [(len(event), len(about)) for event, about in entries] == [
        (16, 17), (16, 17), (16, 17), (16, 0), (16, 0), (0, 0), (16, 17), (16, 17),
    ]  # fmt: skip
    stopped, again = Opinions(), Opinions()
    stored = [stopped.take(one) for one in said[:3]]
    ids, verdicts = (b"".join(parts) for parts in zip(*stored, strict=True))
    again.restore(ids, verdicts, stopped.counters)
    again.restore(b"", b"", None)
    assert [again.take(one) for one in said[3:]] == entries[3:]
    assert again.counters == through.counters
    whole = Opinions()
    whole.restore(*through.everything(), through.counters)
    assert whole.take(word(8, rating=0)) == through.take(word(8, rating=0))
    assert whole.counters == through.counters
    assert whole.counters["thumbs_down"] == 0


def test_each_subject_has_a_word_of_its_own() -> None:
    opinions = Opinions()
    for number in range(3):
        opinions.take(msgspec.structs.replace(word(number, rating=1), image_id=f"i{number % 2}"))
    assert opinions.counters == {"thumbs_up": 2}


def test_what_a_record_says() -> None:
    assert OPINIONS[opinion(word(1, question="?", verdict="confirmed", validator="user")) or 0] == (
        "confirmed", "validated_user",
    )  # fmt: skip
    assert [opinion(word(1)), opinion(word(1, question="?", rating=1)), opinion(word(1, rating=0))] == [None, None, 0]
