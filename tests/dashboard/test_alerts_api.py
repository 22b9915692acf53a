"""`/api/alerts`: what the topic and the snapshots tell, and what is put into the log for them."""

import json
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import msgspec
import pytest
from sample_runs import snapshot
from serving import Served, wait_for

from events.alerts import AlertFiring, AlertResolved, Evidence
from events.snapshots import ActiveAlert

JSON = {"content-type": "application/json"}
"""What the guard asks of whatever changes something, a DELETE too."""
NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)


def firing(run: str, fingerprint: str, **fields: Any) -> AlertFiring:
    given: dict[str, Any] = {
        "event_id": f"{fingerprint}-1",
        "event_time": NOW,
        "run_id": run,
        "fingerprint": fingerprint,
        "episode_id": f"{fingerprint}-e",
        "severity": "warning",
        "type": "error_rate",
        "message": "Error rate elevated",
        "action": "Check API health and retry failed images",
        "metric": "error_rate",
        "value": 0.09,
        "threshold": 0.05,
        "started_at": NOW - timedelta(minutes=1),
        "evidence": [Evidence(topic="results", partition=0, offset=9, first_offset=2)],
    }
    return AlertFiring(**(given | fields))


def resolved(fired: AlertFiring) -> AlertResolved:
    fields = msgspec.structs.asdict(fired) | {"event_id": f"{fired.fingerprint}-2", "ended_at": NOW}
    return AlertResolved(**fields)


@pytest.fixture
def run(dashboard: Served) -> str:
    """A run with a pending alert on its snapshot, one that fires (worse by now), and one that is over."""
    name = f"run-{uuid.uuid4().hex[:12]}"
    active = [
        ActiveAlert(
            fingerprint=f"{name}-{state}", episode_id="e", state=state, severity=severity, type=state, message="m",
            action="a", metric="x", value=0.5, threshold=0.1, since=NOW,
        )
        for state, severity in (("firing", "warning"), ("pending", "critical"))
    ]  # fmt: skip
    dashboard.publish("metrics", name, msgspec.structs.replace(snapshot(name), alerts=active))
    over = firing(name, f"{name}-over", type="model_degradation", labels={"model": "opus"})
    for event in (firing(name, f"{name}-firing"), over, resolved(over)):
        dashboard.publish("alerts", event.fingerprint, event)
    wait_for(lambda: alerts(dashboard, run=name)["history"] and alerts(dashboard, run=name)["pending"])
    return name


def alerts(dashboard: Served, **asked: Any) -> dict[str, Any]:
    answer = dashboard.get("/api/alerts", **asked)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def test_what_fires_is_pending_and_is_over(dashboard: Served, run: str) -> None:
    found = alerts(dashboard, run=run)
    assert {name: [row["fingerprint"] for row in rows] for name, rows in found.items()} == {
        "firing": [f"{run}-firing"], "pending": [f"{run}-pending"], "history": [f"{run}-over"],
    }  # fmt: skip
    row = found["firing"][0]
    assert {name: row[name] for name in ("severity", "type", "message", "action", "timestamp")} == {
        "severity": "warning", "type": "error_rate", "message": "Error rate elevated",
        "action": "Check API health and retry failed images", "timestamp": "2026-11-21T12:00:00Z",
    }  # fmt: skip
    assert row["value"] == 0.5  # as the newest snapshot has it
    assert row["evidence"][0] == {
        "eventId": None, "topic": "results", "partition": 0, "offset": 9, "firstOffset": 2,
    }  # fmt: skip
    assert found["history"][0]["endedAt"] == "2026-11-21T12:00:00Z"


@pytest.mark.parametrize(
    ("asked", "counts"),
    [
        ({"state": "firing"}, (1, 0, 0)),
        ({"severity": "critical"}, (0, 1, 0)),
        ({"type": "error_rate"}, (1, 0, 0)),
        ({"model": "opus"}, (0, 0, 1)),
        ({"from": "2026-11-21T12:00:01Z"}, (1, 1, 0)),
        ({"to": "2026-11-21T11:00:00"}, (0, 0, 0)),
        ({"run": "nobody"}, (0, 0, 0)),
    ],
)
def test_filters(dashboard: Served, run: str, asked: dict[str, str], counts: tuple[int, ...]) -> None:
    found = alerts(dashboard, **({"run": run} | asked))
    assert tuple(len(found[name]) for name in ("firing", "pending", "history")) == counts


def test_a_filter_that_is_no_severity_is_refused(dashboard: Served) -> None:
    assert dashboard.get("/api/alerts", severity="awful").status_code == 400


def told(stream: httpx.Response) -> Iterator[tuple[str, dict[str, Any]]]:
    """(id, alert) as they come."""
    lines = stream.iter_lines()
    id_, name = "", ""
    for line in lines:
        field, _, value = line.partition(": ")
        if field == "id":
            id_ = value
        elif field == "event":
            name = value
        elif field == "data" and name == "alert":
            yield id_, json.loads(value)


def test_the_stream_tells_them_and_goes_on_after_the_last_that_was_heard(dashboard: Served, run: str) -> None:
    with dashboard.client.stream("GET", "/api/stream", params={"run": run}) as stream:
        came = told(stream)
        first, second = firing(run, f"{run}-a"), firing(run, f"{run}-b")
        dashboard.publish("alerts", first.fingerprint, first)
        last_id, alert = next(came)
        assert (alert["fingerprint"], alert["state"]) == (f"{run}-a", "firing")
    dashboard.publish("alerts", second.fingerprint, second)
    dashboard.publish("alerts", first.fingerprint, resolved(first))
    headers = {"Last-Event-ID": last_id}
    with dashboard.client.stream("GET", "/api/stream", params={"run": run}, headers=headers) as stream:
        came = told(stream)
        missed = {(alert["fingerprint"], alert["state"]) for _, alert in (next(came), next(came))}
    assert missed == {(f"{run}-b", "firing"), (f"{run}-a", "resolved")}


def test_rules_and_silences(dashboard: Served) -> None:
    run = f"run-{uuid.uuid4().hex[:12]}"
    rules = {row["name"]: row for row in dashboard.get("/api/alerts/rules").json()["rules"]}
    assert (rules["error_rate"]["above"], rules["error_rate"]["forS"], rules["model_slow"]["by"]) == (0.05, 60, "model")
    made = dashboard.client.post("/api/alerts/silences", json={"minutes": 5, "runId": run, "rule": "error_rate"})
    assert made.status_code == 202, made.text
    found = dashboard.get("/api/alerts/rules", run=run).json()
    assert [(row["silenceId"], row["rule"], row["runId"]) for row in found["silences"]] == [
        (made.json()["silenceId"], "error_rate", run)
    ]
    assert dashboard.get("/api/alerts/rules", run="another").json()["silences"] == []
    path = f"/api/alerts/silences/{made.json()['silenceId']}"
    assert dashboard.client.delete(path, params={"run": run}, headers=JSON).status_code == 202
    assert dashboard.get("/api/alerts/rules", run=run).json()["silences"] == []
    change = {"event_id": "c", "event_type": "rules.changed", "event_time": "2026-11-21T12:00:00Z", "run_id": run}
    change["rules"] = {"error_rate": {"above": 0.2}, "nonsense": {"above": 1}}  # type: ignore[assignment]
    assert dashboard.client.post("/api/events", json=change).status_code < 300
    found = dashboard.get("/api/alerts/rules", run=run).json()
    changed = {row["name"]: row for row in found["rules"] if row["changed"]}
    assert changed["error_rate"]["above"] == 0.2
    assert "nonsense" in found["problems"][0]


@pytest.mark.parametrize("body", ["", "{}", '{"minutes": "x"}', '{"minutes": 1e300}', '{"minutes": 1, "more": 2}'])
def test_a_silence_that_makes_no_sense_is_refused(dashboard: Served, body: str) -> None:
    assert dashboard.client.post("/api/alerts/silences", content=body, headers=JSON).status_code == 400
