"""What a fold lets go of, and where windows begin."""

import msgspec
import numpy as np
import pytest
from reachable import objects_of

from events.partials import TOTAL, PartialRow
from events.results import ImageResult
from metrics.fold import groups, partition
from metrics.fold.bands import band, band_sql
from metrics.fold.buckets import BUCKET_MS, DAY_MS, HOUR_MS, MINUTE_MS, NEVER, moment
from metrics.fold.cells import NOWHERE, Cells, places
from metrics.fold.counters import POSITIONS
from metrics.fold.partition import Fold, Record
from metrics.fold.refold import Growing, fingerprint, join
from metrics.fold.rows import Row
from metrics.fold.segment import AFTER_SEAL, ID_BYTES, SUBJECT_BYTES, Segment
from metrics.registers import RunRegisters
from metrics.snapshot import snapshot

NOW = 1_795_000_000_000


def result(n: int, at_ms: int, run_id: str = "r") -> Record:
    event = ImageResult(
        event_id=f"e{n}", event_time=moment(at_ms), run_id=run_id, image_id=f"i{n}", status="success", variant="x"
    )
    return Record("results", n, at_ms, event)


def test_bucket_rows_are_of_totals_tier_model_and_provider() -> None:
    rows = Fold().apply([result(1, NOW)])["r"].rows
    assert {row.group for row in rows if row.width_ms == TOTAL} == {
        "totals", "tier", "model", "provider", "task_type", "variant",
    }  # fmt: skip
    for width_ms in (BUCKET_MS, MINUTE_MS):
        assert {row.group for row in rows if row.width_ms == width_ms} == {"totals", "tier", "model", "provider"}


def test_a_bucket_that_left_is_not_said_again_and_not_touched() -> None:
    fold = Fold()
    fold.apply([result(1, NOW)])
    later = NOW + HOUR_MS + 2 * BUCKET_MS
    [segment] = fold.apply([result(2, later), result(3, NOW)]).values()
    buckets = {(row.width_ms, row.bucket_ms) for row in segment.rows if row.group == "totals"}
    assert buckets == {
        (TOTAL, 0),
        (BUCKET_MS, later - later % BUCKET_MS),
        (MINUTE_MS, later - later % MINUTE_MS),
        (MINUTE_MS, NOW - NOW % MINUTE_MS),
    }


def test_rows_of_one_chunk_that_have_left_by_its_end_are_not_said() -> None:
    [segment] = Fold().apply([result(1, NOW), result(2, NOW + 3 * DAY_MS)]).values()
    assert {row.bucket_ms for row in segment.rows if row.width_ms} == {
        (NOW + 3 * DAY_MS) // width * width for width in (BUCKET_MS, MINUTE_MS)
    }


def test_a_merged_segment_holds_no_row_that_has_left() -> None:
    fold = Fold()
    segment = Segment()
    for n in range(300):
        [changed] = fold.apply([result(n, NOW + n * HOUR_MS)]).values()
        segment = segment.merge(changed)
    assert len({row.bucket_ms for row in segment.rows if row.width_ms == BUCKET_MS}) <= 2
    assert len({row.bucket_ms for row in segment.rows if row.width_ms == MINUTE_MS}) <= 26
    assert len(segment.ids) == 16 * 300


def test_a_run_that_was_left_behind_is_sealed_and_its_segment_says_so() -> None:
    fold = Fold(seal_after_ms=DAY_MS)
    fold.apply([result(1, NOW, "old")])
    segments = fold.apply([result(2, NOW + DAY_MS + 1, "new")])
    assert segments["old"].sealed
    assert not segments["new"].sealed
    after = fold.apply([result(3, NOW + DAY_MS + 2, "old")])["old"]
    assert after.sealed
    assert [row.counters for row in after.rows] == [{"after_seal": 1}]
    assert (after.ids, after.subjects) == (b"", b"")


def test_of_a_sealed_run_next_to_nothing_stays() -> None:
    """Every run that ever was stays for ever: so many objects say where it ended and when."""
    fold, kept = Fold(seal_after_ms=MINUTE_MS), []
    for number in range(200):
        at_ms = NOW + number * 2 * MINUTE_MS
        fold.apply([result(3 * number + n, at_ms, f"run {number}") for n in range(3)])
        kept.append(objects_of(fold))
    assert kept[-1] - kept[99] <= 8 * 100


def test_a_run_is_sealed_once_more_than_the_time_has_passed() -> None:
    for later_ms, sealed in ((DAY_MS, False), (DAY_MS + 1, True)):
        again, swept = Fold(seal_after_ms=DAY_MS), Fold(seal_after_ms=DAY_MS)
        for fold in (again, swept):
            fold.apply([result(1, NOW, "old")])
        assert again.apply([result(2, NOW + later_ms, "old")])["old"].sealed == sealed
        assert ("old" in swept.apply([result(2, NOW + later_ms, "new")])) == sealed


def test_bins_are_of_the_whole_run_alone() -> None:
    rows = Fold().apply([replaced(result(1, NOW), latency_ms=5, confidence=0.5)])["r"].rows
    for row in rows:
        bins = {name.partition(".")[0] for name in row.counters if "_bin." in name}
        assert bins == (
            set() if row.width_ms != TOTAL else
            {"totals": {"latency_bin", "confidence_bin"}, "model": {"latency_bin", "confidence_bin"},
             "provider": {"latency_bin"}, "tier": {"confidence_bin"}}.get(row.group, set())
        )  # fmt: skip


def replaced(record: Record, **fields: object) -> Record:
    return record._replace(event=msgspec.structs.replace(record.event, **fields))


def test_places_are_ten_seconds_then_a_minute_then_none() -> None:
    start = NOW - NOW % MINUTE_MS
    gone = HOUR_MS + BUCKET_MS  # behind the watermark: the bucket of ten seconds is kept no more
    moments = np.array([start, start, start + 9_999, start, start])
    watermarks = np.array([NEVER, start + gone - 1, start + gone, start + DAY_MS, start + DAY_MS + 1])
    found, late = places(moments, watermarks)
    assert found.tolist() == [start, start, start + 1, start + 1, NOWHERE]
    assert late.tolist() == [False, False, False, False, True]


def test_what_comes_too_late_for_ten_seconds_counts_in_its_minute() -> None:
    start = NOW - NOW % MINUTE_MS
    newest = start + HOUR_MS + BUCKET_MS
    [segment] = Fold().apply([result(1, newest), result(2, start)]).values()
    assert {row.bucket_ms for row in segment.rows if row.width_ms == BUCKET_MS} == {newest}
    assert {row.bucket_ms for row in segment.rows if row.width_ms == MINUTE_MS} == {start, newest - BUCKET_MS}


def test_a_row_leaves_zeros_out_but_not_a_time() -> None:
    row = Row()
    row.add_named({"scores.a.sum_micro": 0, "scores.a.count": 1})
    row.widen(0, 5)
    row.widen(2, 3)
    assert row.counters() == {"scores.a.count": 1, "first_ms": 0, "last_ms": 5}


def test_a_sum_of_a_chunk_may_pass_63_bits() -> None:
    dear = ImageResult(event_id="e", event_time=moment(NOW), image_id="i", status="success", cost_usd=1e6)
    everything = np.arange(10_000)
    cells = Cells.of_results(np.zeros(10_000, dtype=np.intp), np.zeros(10_000, dtype=np.int64))
    [sums] = cells.sums([dear] * 10_000, everything)
    assert sums[POSITIONS["cost_nano_usd"]] == 10**19


def test_a_stage_s_cost_may_pass_63_bits() -> None:
    dear = [replaced(result(n, NOW), stage_costs={"call": 1e6}) for n in range(10_000)]
    [segment] = Fold().apply(dear).values()
    [totals] = [row for row in segment.rows if row.width_ms == TOTAL and row.group == "totals"]
    assert totals.counters["stage_costs.call.nano_usd_sum"] == 10**19


def test_names_go_on_from_what_is_stored(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(groups, "NAMED_PER_PARTITION", 1)
    said = {"scores": {"a.b": 1.0}, "stages": {"a.b": 1.0}, "tables": {"a.b": 1}, "model": "m", "variant": "v"}
    through, stopped = Fold(), Fold()
    later = NOW + 3 * DAY_MS  # the buckets that have the names are gone by then
    stored = through.apply([replaced(result(1, NOW), **said), replaced(result(9, later), variant="v")])["r"]
    stopped.restore("r", Segment.decode(stored.encode()))
    others = {"scores": {"c": 1.0}, "stages": {"a.b": 1.0}, "tables": {"c": 1}, "model": "n", "variant": "w"}
    then = [replaced(result(2, later), **others)]
    one, other = through.apply(then)["r"], stopped.apply(then)["r"]
    assert one == other
    assert one.truncated == ["model", "records", "scores", "variant"]


def test_a_run_too_large_for_one_segment_is_not_put_together(monkeypatch: pytest.MonkeyPatch) -> None:
    fold = Fold()
    fold.apply([result(1, NOW)])
    tally = fold._runs["r"].tally
    assert tally is not None
    monkeypatch.setattr(partition, "WHOLE_BYTES", tally.nbytes)
    assert fold.whole("r") is not None
    monkeypatch.setattr(partition, "WHOLE_BYTES", tally.nbytes - 1)
    assert fold.whole("r") is None


def test_memory_is_of_ids_and_of_subjects() -> None:
    fold = Fold()
    fold.apply([result(n, NOW) for n in range(1_000)])
    tally = fold._runs["r"].tally
    assert tally is not None
    assert tally.nbytes >= 1_000 * (ID_BYTES + SUBJECT_BYTES)


def test_a_window_begins_behind_its_edge_and_ends_at_as_of() -> None:
    as_of = NOW - NOW % BUCKET_MS
    registers = RunRegisters("r")
    times = (as_of - 60_000, as_of - 50_000, as_of, as_of + BUCKET_MS)
    for run_id, segment in Fold().apply([result(n, at) for n, at in enumerate(times)]).items():
        registers.take_partials(segment.partials(run_id, 0, 1))
    window = snapshot(registers, as_of).window_60s
    assert window is not None
    assert (window.counters["results"], window.span_ms) == (2, 50_000)
    assert window.results_per_minute == 2 * 60 / 50


def test_the_values_with_most_results_are_named_first() -> None:
    records = [result(n, NOW) for n in range(500)]
    named = [
        record._replace(event=ImageResult(
            event_id=f"e{n}", event_time=moment(NOW), run_id="r", image_id="i", status="success",
            model=f"m{min(n, 400):03}",
        ))
        for n, record in enumerate(records)
    ]  # fmt: skip
    registers = RunRegisters("r")
    for run_id, segment in Fold().apply(named).items():
        registers.take_partials(segment.partials(run_id, 0, 1))
    models = list(snapshot(registers, NOW).by_model)
    assert models[:3] == ["m400", "m000", "m001"]
    assert (len(models), models[-1]) == (201, "__other__")


def test_a_run_that_went_on_is_sealed_when_its_own_time_has_passed() -> None:
    fold = Fold(seal_after_ms=DAY_MS)
    fold.apply([result(1, NOW, "old")])
    fold.apply([result(2, NOW + HOUR_MS, "old")])
    assert "old" not in fold.apply([result(3, NOW + DAY_MS, "new")])
    assert "old" not in fold.apply([result(4, NOW + DAY_MS + HOUR_MS, "new")])
    assert fold.apply([result(5, NOW + DAY_MS + HOUR_MS + 1, "new")])["old"].sealed


def test_a_digest_leaves_out_what_a_sealed_topic_knew() -> None:
    growing = Growing()
    growing.take(Segment(ids=b"1" * 16, feedback_ids=b"2" * 16, sealed_topics=["results"]))
    found = growing.digest()
    assert (found.ids, found.feedback_ids) == (b"", fingerprint(b"2" * 16, 16))


def test_what_came_after_the_seal_adds_up_over_topics() -> None:
    parts = [Segment(rows=[PartialRow(TOTAL, 0, AFTER_SEAL, "", {AFTER_SEAL: n})]) for n in (2, 3)]
    [row] = join(parts).rows
    assert row.counters == {AFTER_SEAL: 5}


def test_what_one_topic_had_too_much_of_is_said_of_all() -> None:
    assert join([Segment(truncated=["model"]), Segment()]).truncated == ["model"]


def test_what_no_band_takes_is_in_the_lowest() -> None:
    assert [band(score) for score in (60, 59.9, 10, 9.9, 0, -1)] == ["rich", "good", "medium", "poor", "poor", "poor"]
    assert band_sql("s").endswith(", s >= 10, 'medium', s >= 0, 'poor', 'poor')")
