"""What a fold lets go of, and where windows begin."""

from events.partials import TOTAL
from events.results import ImageResult
from metrics.fold.buckets import BUCKET_MS, DAY_MS, HOUR_MS, MINUTE_MS, moment
from metrics.fold.partition import Fold, Record
from metrics.fold.segment import Segment
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
