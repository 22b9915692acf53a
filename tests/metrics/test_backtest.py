"""A backtest says what the live stage would have decided."""

from datetime import timedelta

import msgspec
from alert_scene import NOON

from events.heartbeats import ProcessorHeartbeat
from events.results import ImageResult
from events.runs import RunDeclared, RunFinished
from metrics.alerts.backtest import Arrived, Backtest
from metrics.alerts.rules import BUILT_IN, armed
from metrics.fold.buckets import moment

RULES = armed({name: BUILT_IN[name] for name in ("error_rate", "processing_stopped", "queue_depth")})


def result(second: int, nth: int, status: str, run: str = "may") -> Arrived:
    at_ms, name = NOON + second * 1000, f"{second}-{nth}"
    event = ImageResult(event_id=name, event_time=moment(at_ms), run_id=run, image_id=name, status=status)  # type: ignore[arg-type]
    return Arrived("results", nth % 2, second * 100 + nth, at_ms, event)


def log() -> list[Arrived]:
    """Ten good minutes, five in which a third fails, thirty good ones, and then nothing."""
    head = {"event_time": moment(NOON), "run_id": "may"}
    records = [Arrived("runs", 0, 0, NOON, RunDeclared(event_id="d", total_images=10**6, **head))]  # type: ignore[arg-type]
    for second in range(0, 2700, 10):
        is_bad = 600 <= second < 900
        records += [result(second, nth, "failed" if is_bad and nth < 3 else "success") for nth in range(9)]
        if second % 60 == 0:
            deep = 2000 if 1200 <= second < 1320 else 10
            beat = ProcessorHeartbeat(
                event_id=f"b{second}", event_time=moment(NOON + second * 1000), run_id="may", processor_id="p",
                queue_depth=deep,
            )  # fmt: skip
            records.append(Arrived("heartbeats", 1, second, NOON + second * 1000, beat))
    return records


def episodes(test: Backtest, records: list[Arrived]) -> dict[str, tuple[float, float | None]]:
    test.take(records)
    found = test.finish(NOON + 3_100_000)
    assert len({one.rule for one in found}) == len(found)
    return {one.rule: ((one.fired_at - moment(NOON)) / timedelta(seconds=1), one.seconds) for one in found}


def test_when_and_for_how_long() -> None:
    records, test = log(), Backtest(RULES, NOON, step_ms=20_000)
    for at in range(0, len(records), 700):
        test.take(records[at : at + 700])
    found = episodes(test, [])
    assert found.keys() == {"error_rate", "queue_depth", "processing_stopped"}
    fired, seconds = found["error_rate"]
    assert 740 <= fired <= 800  # 5 % of ten minutes' results at about 690, and a minute more
    assert seconds is not None
    assert 600 <= seconds <= 800
    assert found["queue_depth"][0] == 1260  # what came at 1200 counts in the look at 1200
    assert {one.run_id for one in test.episodes} == {"may"}
    assert found["processing_stopped"] == (3000, None)  # the first look after more than 300 s without a result


def test_since_leaves_out_what_was_before_and_counts_it() -> None:
    found = episodes(Backtest(RULES, NOON + 1_500_000, step_ms=20_000), log())
    assert found.keys() == {"processing_stopped"}


def test_one_run_alone_and_a_run_that_ended() -> None:
    end = Arrived("runs", 0, 99, NOON + 2_700_000, RunFinished(event_id="f", event_time=moment(NOON), run_id="may"))
    assert episodes(Backtest(RULES, NOON, "another", step_ms=20_000), log()) == {}
    assert "processing_stopped" not in episodes(Backtest(RULES, NOON, step_ms=20_000), [*log(), end])


def test_hours_of_nothing_are_passed_over_and_looks_go_on_at_their_seconds() -> None:
    """What would fire an hour after the last record still does, and nothing between then and the next record."""
    stopped = msgspec.structs.replace(BUILT_IN["processing_stopped"], for_s=3_600 - 320)
    test = Backtest(armed({"stopped": stopped, "queue_depth": BUILT_IN["queue_depth"]}), NOON, step_ms=20_000)
    test.take([log()[0], *(result(0, nth, "success") for nth in range(30))])
    for second in range(20_010, 20_130, 10):
        beat = ProcessorHeartbeat(
            event_id=f"b{second}", event_time=moment(NOON + second * 1000), run_id="may", processor_id="p",
            queue_depth=2_000,
        )  # fmt: skip
        test.take([Arrived("heartbeats", 1, second, NOON + second * 1000, beat)])
    found = {one.rule: (one.fired_at - moment(NOON)) / timedelta(seconds=1) for one in test.finish(NOON + 20_130_000)}
    assert found == {"stopped": 3_600, "queue_depth": 20_080}


def test_what_fires_when_a_run_is_not_live_any_more_is_over_then() -> None:
    """Nobody declared it: it goes by the clock for an hour after its last record, and then by that record's time."""
    kept = msgspec.structs.replace(BUILT_IN["error_rate"], no_data="keep")
    test = Backtest(armed({"error_rate": kept}), NOON, step_ms=20_000)
    test.take([*(result(0, nth, "failed") for nth in range(30)), result(3_500, 0, "success", run="another")])
    assert [one.seconds for one in test.episodes] == [None]
    test.take([result(4_000, 0, "success", run="another")])
    assert [(one.run_id, one.rule, one.seconds) for one in test.episodes] == [("may", "error_rate", 0.0)]
