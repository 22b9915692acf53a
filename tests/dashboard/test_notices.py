"""ALERTS & RECOMMENDATIONS: S0's four sentences, and when each is said."""

from typing import Any

import msgspec
from sample_runs import snapshot

from dashboard.live.figures import dashboard_body
from dashboard.live.notices import Active, Alerts, notices


def said(**changes: Any) -> dict[str, tuple[str, str]]:
    return {notice.key: (notice.mark, notice.text) for notice in notices(dashboard_body(snapshot(**changes)))}


def test_the_drawings_sentences() -> None:
    body = dashboard_body(snapshot())
    body = msgspec.structs.replace(body, efficiency=msgspec.structs.replace(body.efficiency, cheap_model_usage=85.0))
    assert [(notice.mark, notice.text) for notice in notices(body)] == [
        ("red", "1,184 images have poor context (add docs to reduce costs)"),
        ("yellow", "54 images failed - retrying with exponential backoff (31 retries so far)"),
        ("green", "Cheap model usage: 85% (target: 80%+) ✓"),
        ("blue", "Consensus rate: 92% (excellent multi-model agreement)"),
    ]


def test_what_the_rules_decided_stands_first_and_what_is_silenced_does_not() -> None:
    def alert(**changes: Any) -> Active:
        known = {"episode_id": "e", "state": "firing", "severity": "warning", "message": "Queue is long"}
        return msgspec.convert(known | changes, Active)

    grave = alert(episode_id="c", severity="critical", message="Budget is being used up")
    milder = alert(episode_id="d", severity="info", message=grave.message)
    alerts = Alerts([milder, alert(), alert(state="pending"), alert(silenced_by="s"), grave])
    found = notices(dashboard_body(snapshot()), alerts.firing)
    assert [(notice.key, notice.mark) for notice in found[:2]] == [("c", "red"), ("context", "red")]
    assert ("e", "yellow") in [(notice.key, notice.mark) for notice in found]
    assert milder.episode_id not in {notice.key for notice in found}, "one message once, by its gravest alert"


def test_a_finished_run_is_not_said_to_be_retrying() -> None:
    assert said(state="finished")["failed"] == (
        "yellow",
        "54 images failed for good: Reprocess failed tries them again",
    )


def test_nothing_is_said_of_what_nobody_measured() -> None:
    nothing = snapshot(plan=False, share=0)
    bare: dict[str, Any] = {"totals": {"results": 3, "subjects": 3}, "by_band": {}, "ratios": {}, "derived": {}}
    event = msgspec.structs.replace(nothing, **bare)
    assert notices(dashboard_body(event)) == []


def test_models_that_disagree_are_a_warning() -> None:
    totals = {"results": 10, "subjects": 10, "consensus_asked": 10, "consensus_agreed": 5}
    assert said(totals=totals)["consensus"][0] == "yellow"
