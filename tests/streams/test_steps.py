"""A chunk of more runs than one step folds: several steps, of which any may be the last before a kill."""

import json
from typing import Any

from aiokafka import ConsumerRecord

from metrics.segment import Segment
from streams.combine import COMBINE, STEP_RUNS, Combine
from streams.ledger import Ledger

NOON = 1_795_000_000_000


def record(offset: int, run_id: str | None, **fields: Any) -> ConsumerRecord[Any, Any]:
    event = {"event_type": "image.result", "event_id": f"e{offset}", "event_time": "2026-11-18T12:00:00Z"}
    subject = {"image_id": f"i{offset}", "status": "success", "run_id": run_id}
    value = json.dumps(event | subject | fields).encode()
    return ConsumerRecord("il.results", 0, offset, NOON, 1, None, value, None, 0, len(value), ())


def refused(offset: int) -> ConsumerRecord[Any, Any]:
    return ConsumerRecord("il.results", 0, offset, NOON, 1, None, b"{", None, 0, 1, ())


def test_many_runs_in_one_chunk_are_folded_in_steps_that_leave_nothing_out() -> None:
    records = []
    for number in range(2 * STEP_RUNS + 50):
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
    assert len(folded) == 2 * STEP_RUNS + 50
    assert folded["run 0"].rows[0].counters["results"] == 1 + 2 * STEP_RUNS + 50


def test_few_runs_are_folded_in_one_step() -> None:
    records = [record(number, f"run {number % STEP_RUNS}") for number in range(4 * STEP_RUNS)]
    assert not Combine(0, 4).take("results", records).rest
