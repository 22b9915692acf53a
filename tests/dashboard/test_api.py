"""The API over a real Kafka: what was published is what is answered."""

import uuid
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from confluent_kafka import Producer
from sample_runs import result, snapshot
from serving import DEADLINE_S, Served, new_prefix, served, wait_for
from storing import store as stored

from events import codec
from events.envelope import epoch_ms
from events.snapshots import State
from servers.clickhouse.users import Addresses
from sinks.client import connect

AS_OF = datetime(2026, 11, 21, 12, 0, 0, 123456, tzinfo=UTC)


def new_run() -> str:
    return f"run-{uuid.uuid4().hex[:12]}"


def body_of(dashboard: Served, run: str, **until: Any) -> dict[str, Any]:
    """The dashboard body once its fields are `until`."""

    def ask() -> dict[str, Any] | None:
        answer = dashboard.get("/api/metrics/dashboard", run=run)
        body: dict[str, Any] = answer.json()
        return body if answer.status_code == 200 and until.items() <= body.items() else None

    return wait_for(ask)


def test_the_event_is_answered_byte_for_byte(dashboard: Served) -> None:
    run = new_run()
    event = snapshot(run, as_of=AS_OF)
    dashboard.publish("metrics", run, event)
    body_of(dashboard, run)
    answer = dashboard.get(f"/api/runs/{run}/metrics")
    assert answer.content == codec.encode(event)
    assert answer.headers["content-type"].startswith("application/json")


@pytest.mark.parametrize("run", ["a/b c", "quote\"'<b>", "emoji 🚗", "שלום", "a%2Fb", "..", "a?b#c", "a+b&c=d"])
def test_a_run_id_is_any_text_percent_encoded(dashboard: Served, run: str) -> None:
    dashboard.publish("metrics", run, snapshot(run))
    body_of(dashboard, run, runId=run)
    encoded = quote(run, safe="").replace("..", "%2E%2E")
    # httpx would normalise dots; the path goes out as it is.
    answer = dashboard.client.send(dashboard.client.build_request("GET", f"/api/runs/{encoded}/metrics"))
    assert answer.status_code == 200, answer.text
    assert answer.json()["run_id"] == run


def test_the_dashboard_body_is_that_of_the_newest_snapshot(dashboard: Served) -> None:
    run = new_run()
    for minute in range(3):
        dashboard.publish("metrics", run, snapshot(run, share=0.3 * minute, as_of=AS_OF + timedelta(minutes=minute)))
    body = body_of(dashboard, run, asOf="2026-11-21T12:02:00.123456Z")
    assert body["progress"]["processed"] == int(1_872 * 0.6)
    assert (body["state"], body["name"]) == ("running", "November backfill")


def test_a_body_is_answered_once_and_then_by_304(dashboard: Served) -> None:
    run = new_run()
    dashboard.publish("metrics", run, snapshot(run))
    body_of(dashboard, run)
    for path in (f"/api/runs/{run}/metrics", f"/api/metrics/dashboard?run={run}", f"/api/runs/{run}/series"):
        first = dashboard.get(path)
        again = dashboard.client.get(path, headers={"if-none-match": first.headers["etag"]})
        assert (first.status_code, again.status_code, again.content) == (200, 304, b"")
    before = dashboard.get(f"/api/runs/{run}/metrics").headers["etag"]
    dashboard.publish("metrics", run, snapshot(run, share=1.1))
    wait_for(lambda: dashboard.get(f"/api/runs/{run}/metrics").headers["etag"] != before)


def test_answers_are_compressed_for_those_who_can(dashboard: Served) -> None:
    run = new_run()
    dashboard.publish("metrics", run, snapshot(run))
    body_of(dashboard, run)
    assert dashboard.get("/api/metrics/dashboard", run=run).headers["content-encoding"] == "gzip"


def test_realtime_has_the_last_results_and_the_health_of_providers(dashboard: Served) -> None:
    run = new_run()
    dashboard.publish("metrics", run, snapshot(run))
    body_of(dashboard, run)
    sent = [result(1, run, status="success", error=None), result(2, run, status="failed")]
    for event in sent:
        dashboard.publish("results", event.image_id, event)

    def both() -> dict[str, Any] | None:
        body: dict[str, Any] = dashboard.get("/api/metrics/realtime", run=run).json()
        return body if len(body["recentActivity"]) == len(sent) else None

    body: dict[str, Any] = wait_for(both)
    rows = {row["imageId"]: row for row in body["recentActivity"]}
    first = rows[sent[0].image_id]
    assert first["confidence"] == pytest.approx(100 * (sent[0].confidence or 0))
    assert {
        name: first[name] for name in ("vehicleId", "tier", "model", "cost", "contextScore", "questionsAnswered")
    } == {
        "vehicleId": sent[0].vehicle_id,
        "tier": sent[0].tier,
        "model": sent[0].model,
        "cost": sent[0].cost_usd,
        "contextScore": sent[0].context_score,
        "questionsAnswered": 1,
    }
    (error,) = body["recentErrors"]
    assert error["imageId"] == sent[1].image_id
    assert body["performance"] == {
        "p50ResponseTime": 812.0,
        "p95ResponseTime": 2_150.0,
        "p99ResponseTime": 4_020.0,
        "timeoutRate": pytest.approx(100 * 20 / 3_300),
    }
    assert set(body["apiHealth"]) == {"openai", "anthropic", "aws"}


def test_cost_projection_is_s0s(dashboard: Served) -> None:
    run = new_run()
    dashboard.publish("metrics", run, snapshot(run))
    body_of(dashboard, run)
    body = dashboard.get("/api/metrics/cost-projection", run=run).json()
    assert {"currentSpend", "projectedTotal", "remainingImages", "estimatedCompletion", "breakdown"} == set(body)
    assert (body["projectedTotal"], body["remainingImages"]) == (8.57, 869)


def test_the_course_of_a_run_is_kept(dashboard: Served) -> None:
    run = new_run()
    dashboard.publish(
        "metrics", run, *(snapshot(run, share=n / 10, as_of=AS_OF + timedelta(seconds=10 * n)) for n in range(5))
    )
    body_of(dashboard, run, asOf="2026-11-21T12:00:40.123456Z")
    series = dashboard.get(f"/api/runs/{run}/series").json()
    assert series["at"] == [epoch_ms(AS_OF) / 1_000 + 10 * n for n in range(5)]
    assert series["totalSpent"] == sorted(series["totalSpent"])


def test_runs_are_listed_newest_first_and_the_active_one_is_the_newest_unfinished(kafka: str) -> None:
    with served(kafka, new_prefix(kafka)) as dashboard:
        states: list[tuple[str, int, State]] = [
            ("old", 3, "running"),
            ("newer", 2, "stalled"),
            ("newest", 1, "finished"),
        ]
        for run, began, state in states:
            dashboard.publish("metrics", run, snapshot(run, started_at=AS_OF - timedelta(days=began), state=state))
        wait_for(lambda: len(dashboard.get("/api/runs").json()) == 3)
        answer = dashboard.get("/api/runs")
        assert [row["runId"] for row in answer.json()] == ["newest", "newer", "old"]
        assert answer.headers["imageledger-history"] == "not configured"
        assert dashboard.get("/api/metrics/dashboard").json()["runId"] == "newer"


def test_a_deleted_run_and_a_record_that_is_no_snapshot_are_left_out(dashboard: Served) -> None:
    run, other = new_run(), new_run()
    dashboard.publish("metrics", run, snapshot(run))
    body_of(dashboard, run)
    dashboard.produce("metrics", run, None)
    dashboard.produce("metrics", other, b'{"as_of": "not a time"}')
    dashboard.flush()
    wait_for(lambda: dashboard.get("/api/metrics/dashboard", run=run).status_code == 404)
    wait_for(lambda: dashboard.parts.live.unreadable)
    assert dashboard.get("/api/metrics/dashboard", run=other).status_code == 404
    assert dashboard.get("/api/runs").status_code == 200


def test_only_what_was_committed_is_shown(dashboard: Served) -> None:
    run = new_run()
    producer = Producer({"bootstrap.servers": dashboard.bootstrap, "transactional.id": run})
    producer.init_transactions(DEADLINE_S)
    for share, commit in ((0.9, False), (0.5, True)):
        producer.begin_transaction()
        producer.produce(dashboard.prefix + "metrics", codec.encode(snapshot(run, share=share)), run.encode())
        producer.flush(DEADLINE_S)
        (producer.commit_transaction if commit else producer.abort_transaction)(DEADLINE_S)
    assert body_of(dashboard, run)["progress"]["processed"] == 1_872 // 2
    wait_for(lambda: dashboard.get("/readyz").json()["parts"]["live"]["detail"].startswith("live: 0 records behind"))


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/api/metrics/dashboard?run=nobody", 404),
        ("/api/runs/nobody/metrics", 404),
        ("/api/runs/nobody/series", 404),
        ("/api/nothing", 404),
        ("/static/nothing.js", 404),
    ],
)
def test_every_error_is_a_problem(dashboard: Served, path: str, status: int) -> None:
    answer = dashboard.get(path)
    assert answer.status_code == status
    assert answer.headers["content-type"].startswith("application/problem+json")
    body = answer.json()
    assert body["status"] == status
    assert body["title"]
    assert body["detail"]


def test_a_method_that_is_not_there_is_a_problem_too(dashboard: Served) -> None:
    answer = dashboard.client.put("/api/runs", json={})
    assert (answer.status_code, answer.headers["content-type"].partition(";")[0]) == (405, "application/problem+json")


def test_probes_and_prometheus(dashboard: Served) -> None:
    run = 'say "hi"\n'
    dashboard.publish("metrics", run, snapshot(run, started_at=datetime.now(UTC) + timedelta(days=1)))
    body_of(dashboard, run)
    assert dashboard.get("/livez").status_code == 200
    text = dashboard.get("/metrics").text
    assert 'imageledger_run_results_total{run="say \\"hi\\"\\n"} 3300' in text
    assert 'imageledger_dead_letters_total{stage="combine"} 7' in text
    for line in text.splitlines():
        assert line.startswith("# TYPE ") or float(line.rpartition(" ")[2]) is not None


def test_the_description_of_the_api_is_openapi_31_and_fetches_nothing(dashboard: Served) -> None:
    for path in ("/schema", "/schema/openapi.json"):
        answer = dashboard.get(path)
        description = answer.json()
        assert description["openapi"].startswith("3.1")
        assert {"/api/metrics/dashboard", "/api/events", "/api/stream", "/api/runs/{run}/metrics"} <= set(
            description["paths"]
        )
        assert "http://" not in answer.text.replace("http://127.0.0.1", "")
    assert dashboard.get("/schema/scalar").status_code == 404


def test_where_no_run_is_the_page_says_what_to_do(kafka: str) -> None:
    with served(kafka, new_prefix(kafka)) as dashboard:
        page = dashboard.get("/")
        assert (page.status_code, "No run yet" in page.text, "imageledger demo" in page.text) == (200, True, True)
        assert dashboard.get("/api/metrics/dashboard").status_code == 404


def test_the_page_holds_its_figures_before_any_script(dashboard: Served) -> None:
    run = new_run()
    dashboard.publish("metrics", run, snapshot(run, name="<script>alert(1)</script>"))
    body_of(dashboard, run)
    page = dashboard.get("/", run=run).text
    for text in (
        "IMAGE PROCESSING COMMAND CENTER",
        "68.2%",
        "1,872",
        "2,741",
        "47m",
        "18.5",
        "$8.57",
        "$54.82",
        "$46.25",
    ):
        assert text in page
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert dashboard.get("/", run="nobody").status_code == 404


def test_readiness_names_each_part(kafka: str) -> None:
    ready = {"worker": False}

    async def worker_ready() -> bool:
        return ready["worker"]

    dead = "http://reader:secret@127.0.0.1:9"
    with served(kafka, new_prefix(kafka), worker_ready=worker_ready, clickhouse_url=dead) as dashboard:

        def parts() -> dict[str, Any]:
            answer: httpx.Response = dashboard.get("/readyz")
            assert answer.status_code == 503
            found: dict[str, Any] = answer.json()["parts"]
            return found

        wait_for(lambda: parts()["live"]["ready"] and parts()["activity"]["ready"])
        found = parts()
        assert {name: part["ready"] for name, part in found.items()} == {
            "live": True,
            "activity": True,
            "clickhouse": False,
            "worker": False,
        }
        assert "secret" not in str(found)
        ready["worker"] = True
        assert parts()["worker"]["ready"]


def test_without_clickhouse_live_runs_go_on_and_only_history_is_missing(kafka: str) -> None:
    with served(kafka, new_prefix(kafka), clickhouse_url="http://reader:secret@127.0.0.1:9") as dashboard:
        dashboard.publish("metrics", "live", snapshot("live"))
        body_of(dashboard, "live")
        runs = dashboard.get("/api/runs")
        assert ([row["runId"] for row in runs.json()], runs.headers["imageledger-history"]) == (["live"], "unavailable")
        assert len(dashboard.get("/api/runs/live/series").json()["at"]) == 1
        answer = dashboard.get("/api/runs/stored-long-ago/metrics")
        assert (answer.status_code, answer.headers["content-type"].partition(";")[0]) == (
            503,
            "application/problem+json",
        )
        assert "secret" not in answer.text
        page = dashboard.get("/", run="stored-long-ago")
        assert (page.status_code, "History is not available" in page.text) == (503, True)


def test_with_clickhouse_stored_runs_are_listed_too(kafka: str, tables: Addresses) -> None:
    with served(kafka, new_prefix(kafka), clickhouse_url=tables.reader) as dashboard:
        dashboard.publish("metrics", "live", snapshot("live"))
        wait_for(lambda: dashboard.get("/readyz").status_code == 200)
        assert dashboard.get("/readyz").json()["parts"]["clickhouse"] == {"ready": True, "detail": "answers"}
        body_of(dashboard, "live")
        runs = dashboard.get("/api/runs")
        assert "live" in [row["runId"] for row in runs.json()]
        assert runs.headers["imageledger-history"] == "included"
        assert dashboard.get("/api/runs/never-heard-of/metrics").status_code == 404
        assert dashboard.get("/api/runs/never-heard-of/series").status_code == 404
        earlier = [snapshot("live", share=n / 10, as_of=AS_OF + timedelta(minutes=n)) for n in range(3)]
        stored(connect(tables.writer), "metrics", earlier)
        course = dashboard.get("/api/runs/live/series").json()
        assert course["at"][:3] == [epoch_ms(AS_OF) / 1_000 + 60 * n for n in range(3)]
        assert (len(course["at"]), course["totalSpent"][0], 16 < course["imagesPerMinute"][2] < 21) == (4, 0, True)
