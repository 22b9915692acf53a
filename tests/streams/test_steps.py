"""A chunk of more runs than one step folds: several steps, of which any may be the last before a kill."""

import json
from typing import Any

import pytest
from aiokafka import ConsumerRecord

from metrics.fold.segment import Segment
from streams import combine as combining
from streams.combine import COMBINE, Combine
from streams.entries import Entry
from streams.ledger import Ledger

STEP_RUNS = 40
NOON = 1_795_000_000_000


@pytest.fixture(autouse=True)
def few_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    """A run costs some ms; the law is the same with fewer."""
    monkeypatch.setattr(combining, "STEP_RUNS", STEP_RUNS)


def record(offset: int, run_id: str | None, **fields: Any) -> ConsumerRecord[Any, Any]:
    event = {"event_type": "image.result", "event_id": f"e{offset}", "event_time": "2026-11-18T12:00:00Z"}
    subject = {"image_id": f"i{offset}", "status": "success", "run_id": run_id}
    value = json.dumps(event | subject | fields).encode()
    return ConsumerRecord("il.results", 0, offset, NOON, 1, None, value, None, 0, len(value), ())


def refused(offset: int) -> ConsumerRecord[Any, Any]:
    return ConsumerRecord("il.results", 0, offset, NOON, 1, None, b"{", None, 0, 1, ())


def test_many_runs_in_one_chunk_are_folded_in_steps_that_leave_nothing_out() -> None:
    records = []
    for number in range(2 * STEP_RUNS + 30):
        records += [record(3 * number, f"run {number}"), refused(3 * number + 1), record(3 * number + 2, "run 0")]
    ledger: Ledger[Segment] = Ledger(COMBINE.decode, COMBINE.is_sealed)
    combine, rest, steps, letters = Combine(0, 4), records, 0, []
    while rest:
        step = combine.take("results", rest)
        assert len(step.changed) <= STEP_RUNS
        steps += 1
        letters += [letter.key for letter in step.letters]
        taken = rest[: len(rest) - len(step.rest)]
        assert taken
        ledger.adopt(ledger.write(step.changed, {"results": taken[-1].offset}, {}))
        assert taken + list(step.rest) == rest
        rest = list(step.rest)
    assert steps == 3
    assert letters == [b"il.results-0-%d" % each.offset for each in records if each.value == b"{"]
    folded = {run_id: segment for run_id, segment, _ in ledger.read_to_end()}
    assert len(folded) == 2 * STEP_RUNS + 30
    assert folded["run 0"].rows[0].counters["results"] == 1 + 2 * STEP_RUNS + 30


def test_a_long_run_is_put_together_in_its_ledger_and_goes_on_from_there() -> None:
    """Its rows change with every chunk; what the cleaner leaves stays a few times what the state is."""

    def begin() -> tuple[Combine, Ledger[Segment]]:
        combine = Combine(0, 4)
        return combine, Ledger(COMBINE.decode, COMBINE.is_sealed, combine.whole, tail_bytes=4_000, closed_bytes=16_000)

    combine, ledger = begin()
    left: dict[bytes, Entry] = {}
    written = 0
    for number in range(150):
        chunk = [record(4 * number + at, "long", tier=at % 3, model=f"m{at}", cost_usd=0.5) for at in range(4)]
        write = ledger.write(combine.take("results", chunk).changed, {"results": 4 * number + 3}, {})
        ledger.adopt(write)
        for entry in write.entries:
            left.pop(entry.key, None)
            left[entry.key] = entry
            written += len(entry.value or b"")
        if number == 90:
            again, read = begin()
            finals = [read.read(entry.key, entry.value, entry.headers) for entry in left.values()]
            for run_id, segments in read.decoded(filter(None, finals)):
                again.restore(run_id, *segments)
            for run_id, segment, _ in read.read_to_end():
                again.restore(run_id, segment)
            combine, ledger = again, read
    whole, straight = combine.whole("long"), Combine(0, 4)
    straight.take(
        "results", [record(at, "long", tier=at % 4 % 3, model=f"m{at % 4}", cost_usd=0.5) for at in range(600)]
    )
    expected = straight.whole("long")
    assert whole is not None
    assert expected is not None
    assert sorted(whole.rows, key=repr) == sorted(expected.rows, key=repr)
    assert (whole.ids, whole.subjects) == (expected.ids, expected.subjects)
    assert sum(len(entry.value or b"") for entry in left.values()) < 6 * len(whole.encode()) + 20_000 < written / 2


def test_few_runs_are_folded_in_one_step() -> None:
    records = [record(number, f"run {number % STEP_RUNS}") for number in range(4 * STEP_RUNS)]
    assert not Combine(0, 4).take("results", records).rest
