"""100,000 distinct model names in one run: memory bounded, the rest reported, nothing lost."""

from events.partials import TOTAL
from events.results import ImageResult
from metrics.fold.buckets import MINUTE_MS, moment
from metrics.fold.groups import NAMED_PER_PARTITION, NAMED_PER_SNAPSHOT, OTHER
from metrics.fold.partition import Fold, Record
from metrics.fold.segment import Segment
from metrics.registers import RunRegisters
from metrics.snapshot import snapshot

NOW = 1_795_000_000_000
NAMES = 100_000
CHUNK = 10_000


def result(n: int) -> Record:
    event = ImageResult(
        event_id=f"e{n}", event_time=moment(NOW), run_id="r", image_id=f"i{n}", status="success", model=f"model {n}",
        cost_usd=1e-9, confidence=0.5, latency_ms=100,
    )  # fmt: skip
    return Record("results", n, NOW, event)


def test_a_hundred_thousand_models() -> None:
    fold, registers, stored = Fold(), RunRegisters("r"), Segment()
    for sequence, begin in enumerate(range(0, NAMES, CHUNK), start=1):
        [segment] = fold.apply([result(n) for n in range(begin, begin + CHUNK)]).values()
        registers.take_partials(segment.partials("r", 0, sequence))
        stored = stored.merge(segment)
        if sequence > 1:  # all further names fall into one row of each width
            assert len(segment.rows) < 50
    named = [row for row in stored.rows if row.group == "model" and row.width_ms == TOTAL]
    assert len(named) == NAMED_PER_PARTITION + 1
    assert len(registers.whole_run()) < NAMED_PER_PARTITION + 10
    shown = snapshot(registers, NOW + MINUTE_MS)
    assert shown.truncated == ["model"]
    assert len(shown.by_model) == NAMED_PER_SNAPSHOT + 1
    assert shown.by_model[OTHER]["results"] == NAMES - NAMED_PER_SNAPSHOT
    for counter in ("results", "cost_nano_usd", "confidence_sum_ppm"):
        assert sum(group[counter] for group in shown.by_model.values()) == shown.totals[counter]
    assert shown.totals["results"] == NAMES
    assert shown.ratios_by_model[OTHER]["cost_per_result_nano_usd"] == 1
