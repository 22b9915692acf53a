"""Every view: the columns that the requirements name, as documented; and figures counted by hand."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
import sinking
from clickhouse_connect.driver.client import Client
from databases import Store
from sinking import BY_TOPIC, FakeRecord, image, snapshot

from events.codec import decode
from events.profiles import VehicleProfiled
from imageledger.proof.sql import _different as differences
from metrics.fold.partition import Fold, Record
from metrics.registers import RunRegisters
from metrics.snapshot import snapshot as snapshot_of
from metrics.views.catalogue import VIEWS
from metrics.views.view import View
from processors.backfill.context import context_score
from servers.clickhouse.users import Addresses
from sinks.client import connect
from sinks.loading.writer import insert
from sinks.reading import analytics, vehicles
from sinks.reading.chosen import Chosen
from sinks.reading.witness import Sql

NOW = datetime.now(UTC).replace(microsecond=0)
REQUIRED = {
    "processing_metrics": "id recorded_at images_per_minute requests_per_second queue_depth active_concurrent "
    "total_cost_accumulated cost_this_minute avg_cost_per_image projected_total_cost avg_confidence validation_rate "
    "consensus_rate error_rate cheap_model_percentage avg_context_score tokens_per_image api_response_times "
    "api_error_rates",
    "image_processing_metrics": "id image_id vehicle_id started_at completed_at processing_duration_ms tier_reached "
    "models_used total_cost total_tokens context_score context_items questions_answered avg_confidence "
    "validated_answers consensus_answers tables_updated insights_generated gaps_identified errors_encountered "
    "retry_count final_status created_at",
    "vehicle_processing_summary": "vehicle_id profile_completeness_score profile_tier total_images images_processed "
    "total_cost avg_cost_per_image avg_context_score has_spid receipt_count timeline_event_count reference_doc_count "
    "avg_confidence validated_items consensus_items parts_identified modifications_found maintenance_alerts "
    "gaps_identified last_processed_at next_suggested_reprocess updated_at",
    "cost_tracking": "id period_start period_end budget_allocated budget_spent budget_remaining cost_by_tier "
    "cost_by_model cost_by_vehicle_type tables_filled insights_generated value_delivered_score cost_per_insight "
    "created_at",
    "model_performance_metrics": "id model provider task_type task_complexity response_time_ms tokens_used "
    "input_tokens output_tokens success error_message user_rating conversation_id user_id message_id metadata "
    "timestamp",
    "lineage": "run_id subject_id image_id question answer table record_id model model_version tier prompt_version "
    "cost_nano_usd confidence context_items validated_by verdict",
    "model_avg_response_time": "model avg_response_time_ms min_response_time_ms max_response_time_ms "
    "median_response_time_ms p95_response_time_ms",
}
NAMED = (
    "model_success_rate model_user_satisfaction best_model_by_task model_token_efficiency model_performance_trends "
    "aggregated_metrics kpi_results system_snapshots get_best_model_for_task get_model_performance_summary"
)


def ago(**span: float) -> str:
    return (NOW - timedelta(**span)).isoformat()


def stored(client: Client, topic: str, values: Sequence[Any]) -> None:
    """Records that arrived just now, so that none is ahead of its arrival."""
    arrived_ms = int(NOW.timestamp() * 1_000)
    records = [FakeRecord(n, arrived_ms, msgspec.json.encode(value)) for n, value in enumerate(values)]
    batches, refused = BY_TOPIC[topic].read(f"t.{topic}", 0, records)
    assert not refused
    for batch in batches:
        insert(client, BY_TOPIC[topic].table, [batch])


def rows(client: Client, sql: str, **parameters: Any) -> list[dict[str, Any]]:
    return list(client.query(sql, parameters, tz_mode="aware").named_results())


def one(client: Client, sql: str, **parameters: Any) -> dict[str, Any]:
    [row] = rows(client, sql, **parameters)
    return row


def call(event_id: str, **fields: Any) -> dict[str, Any]:
    """A chat message's answer."""
    return {
        "event_type": "message.result",
        "event_id": event_id,
        "event_time": ago(hours=1),
        "message_id": f"msg-{event_id}",
        "conversation_id": f"talk-{event_id}",
        "user_id": "ann",
        "status": "success",
        "model": "small",
        "provider": "openai",
        "task_type": "coding",
    } | fields


def rating(event_id: str, **fields: Any) -> dict[str, Any]:
    return {"event_type": "feedback.recorded", "event_id": event_id, "event_time": ago(minutes=1)} | fields


@pytest.fixture(scope="module")
def columns(migrated: Addresses) -> dict[str, list[str]]:
    """View → its columns. Who only wants their names need not ask the view, which is planned then."""
    client = connect(migrated.reader)
    listed = "SELECT table, name FROM system.columns WHERE database = currentDatabase() ORDER BY table, position"
    found: dict[str, list[str]] = {}
    for table, name in client.query(listed).result_rows:
        found.setdefault(table, []).append(name)
    values = {"String": "'x'", "UInt32": "1"}
    for view in (view for view in VIEWS if view.parameters):  # these have columns only when they are asked
        given = ", ".join(f"{name} = {values[kind]}" for name, kind in view.parameters.items())
        found[view.name] = list(client.query(f"SELECT * FROM {view.name}({given}) LIMIT 0").column_names)
    return found


@pytest.mark.parametrize("view", VIEWS, ids=[view.name for view in VIEWS])
def test_a_view_has_the_documented_columns_and_they_are_explained(columns: dict[str, list[str]], view: View) -> None:
    found = columns[view.name]
    documented = [column.name for column in view.columns if column.name != "*"]
    assert found[-len(documented) :] == documented
    assert set(REQUIRED.get(view.name, "").split()) <= set(found)
    assert view.purpose
    assert view.grain


def test_every_view_that_is_named_is_there() -> None:
    assert {*REQUIRED, *NAMED.split()} <= {view.name for view in VIEWS}


def test_a_rating_belongs_to_one_call(store: Store) -> None:
    stored(
        store.client,
        "results",
        [
            call("1", conversation_id="talk", event_time=ago(minutes=30)),
            call("2", conversation_id="talk", event_time=ago(minutes=20), model="large"),
            call("3", conversation_id="talk", event_time=ago(minutes=10), model="large", status="failed"),
            call("4", conversation_id="talk", event_time=ago(seconds=1)),
            call("5", message_id="m"),
            call("6", message_id="m", model="large", event_time=ago(minutes=50)),
        ],
    )
    stored(
        store.client,
        "feedback",
        [
            rating("a", conversation_id="talk", rating=1),
            rating("b", message_id="m", rating=1),
            rating("b", message_id="m", rating=-1),  # a repeat changes nothing
            rating("c", message_id="m", rating=-1),
            rating("d", message_id="nobody", rating=1),
        ],
    )
    found = rows(store.client, "SELECT id, user_rating FROM model_performance_metrics ORDER BY id")
    assert [row["user_rating"] for row in found] == [0, 1, 0, 0, 0, -1]
    [liked] = rows(store.client, "SELECT * FROM model_user_satisfaction")
    assert (liked["model"], liked["thumbs_up"], liked["thumbs_down"], liked["satisfaction_rate"]) == (
        "large",
        1,
        1,
        0.5,
    )


def test_models_are_scored_as_the_documents_say(store: Store) -> None:
    slow = [call(f"s{n}", model="large", latency_ms=8_000, input_tokens=100, output_tokens=20) for n in range(10)]
    fast = [
        call(f"f{n}", latency_ms=1_000, input_tokens=400, output_tokens=100, status="failed" if n < 2 else "success")
        for n in range(10)
    ]
    few = [call(f"w{n}", model="rare", latency_ms=1) for n in range(4)]
    old = [call(f"o{n}", model="old", event_time=ago(days=31)) for n in range(9)]
    stored(store.client, "results", [*slow, *fast, *few, *old])
    stored(
        store.client, "feedback", [rating(f"r{n}", message_id=f"msg-f{n + 2}", rating=1 if n else -1) for n in range(4)]
    )
    best = one(store.client, "SELECT * FROM best_model_by_task")
    # small: 40 % of 80 + 40 % of 75 + 20 % of 90 = 80; large, unrated: 2/3 of 100 + 1/3 of 20 = 73.3
    assert (best["task_type"], best["model"], best["total_calls"]) == ("coding", "small", 10)
    assert best["quality_score"] == pytest.approx(80)
    # Wilson at 95 %: 8 of 10 is 0.4902-0.9433, 3 of 4 is 0.3006-0.9544
    assert best["confidence"] == pytest.approx(100 * (0.5 * 0.1 + 0.3 * (1 - 0.4531) + 0.2 * (1 - 0.6538)), abs=0.02)
    ask = "SELECT model FROM get_best_model_for_task(task_type = 'coding', priority = {priority:String})"
    chosen = {p: one(store.client, ask, priority=p)["model"] for p in ("speed", "quality", "cost", "balanced")}
    assert chosen == {"speed": "small", "quality": "large", "cost": "large", "balanced": "small"}
    assert rows(store.client, "SELECT * FROM get_best_model_for_task(task_type = 'x', priority = 'speed')") == []
    summary = rows(store.client, "SELECT model, quality_score FROM get_model_performance_summary(days = 30) ORDER BY 1")
    assert [row["model"] for row in summary] == ["large", "rare", "small"]
    assert summary[0]["quality_score"] == pytest.approx(220 / 3)
    times = {row["model"]: row for row in rows(store.client, "SELECT * FROM model_avg_response_time")}
    assert times["old"]["avg_response_time_ms"] is None
    assert times["small"]["median_response_time_ms"] == 1_000


def test_a_vehicle_over_all_its_runs(store: Store) -> None:
    vehicle = {"vehicle_id": "car", "context_score": 20}
    parts = {"tier": 2, "findings": {"parts": 3, "modifications": 1}, "cost_usd": 0.5}
    answer = {"question": "q", "asked_models": 2, "agreeing_models": 2, "validated_by": "receipt"}
    stored(
        store.client,
        "results",
        [
            image("1", **vehicle, final=False, cost_usd=0.25, confidence=0.5),
            image(
                "2",
                image_id="img-1",
                event_time=ago(minutes=3),
                **vehicle,
                **parts,
                answers=[answer, {"question": "p"}],
                confidence=1,
            ),
            image(
                "3",
                image_id="img-1",
                event_time=ago(minutes=2),
                **vehicle,
                **parts | {"findings": {"parts": 5}},
                run_id="again",
            ),
            image("4", image_id="img-4", vehicle_id="car", status="failed", gaps=[{"item": "manual"}]),
            image("5", image_id="img-5"),
        ],
    )
    profile = {"has_spid": True, "receipt_count": 9, "timeline_event_count": 1, "well_documented": True}
    envelope = {"event_type": "vehicle.profiled", "event_time": ago(days=1)}
    stored(
        store.client,
        "profiles",
        [{**envelope, "event_id": v, "vehicle_id": v, **(profile if v == "car" else {})} for v in ("car", "bare")],
    )
    said = rating("v", image_id="img-1", question="p", verdict="confirmed", run_id="r")
    stored(store.client, "feedback", [said])
    car = one(store.client, "SELECT * FROM vehicle_processing_summary WHERE vehicle_id = 'car'")
    assert (car["total_images"], car["images_processed"], car["total_cost"]) == (2, 1, 1.25)
    assert (car["parts_identified"], car["modifications_found"], car["gaps_identified"]) == (5, 0, 0)
    assert (car["validated_items"], car["consensus_items"]) == (
        1,
        0,
    )  # asked again in the other run: that answer is gone
    assert (car["avg_context_score"], car["avg_confidence"], car["avg_cost_per_image"]) == (20, 0.75, 0.625)
    assert (car["profile_completeness_score"], car["profile_tier"], car["receipt_count"]) == (53, "good", 9)
    assert car["next_suggested_reprocess"] == NOW - timedelta(days=1)  # good, and asked as medium
    bare = one(store.client, "SELECT * FROM vehicle_processing_summary WHERE vehicle_id = 'bare'")
    assert (bare["total_images"], bare["profile_tier"], bare["last_processed_at"]) == (0, "poor", None)
    first = one(store.client, "SELECT * FROM image_processing_metrics WHERE run_id = 'r' AND image_id = 'img-1'")
    assert (first["validated_answers"], first["consensus_answers"], first["total_cost_nano_usd"]) == (2, 1, 750_000_000)


def test_a_known_vehicle_is_read_by_itself_as_the_view_has_it(store: Store) -> None:
    """Repeats name another vehicle, and one vehicle only a profile names."""
    made = [
        image(str(n), image_id=f"i{n % 5}", vehicle_id=f"v{n % 2}", tier=1 + n % 3, cost_usd=n / 8, confidence=n / 16)
        for n in range(16)
    ]
    repeats = [one_ | {"vehicle_id": "v2", "cost_usd": 9} for one_ in made[::3]]
    stored(store.client, "results", made)
    sinking.stored(store.client, "results", repeats, first_offset=100)
    stored(store.client, "feedback", [rating("f", image_id="i1", question="q", verdict="confirmed", run_id="r")])
    profiled = {"event_type": "vehicle.profiled", "event_time": ago(days=1), "event_id": "p", "vehicle_id": "bare"}
    stored(store.client, "profiles", [profiled])
    summary = rows(store.client, "SELECT * FROM vehicle_processing_summary ORDER BY total_cost DESC, vehicle_id")
    assert [row["vehicle_id"] for row in summary] == ["v1", "v0", "bare"]
    for row in summary:
        found = vehicles.vehicle(store.history, row["vehicle_id"])
        assert found is not None
        assert msgspec.structs.asdict(found).items() <= row.items()
    assert [one_.vehicle_id for one_ in vehicles.page(store.history, 9)] == [row["vehicle_id"] for row in summary]
    assert [vehicles.vehicle(store.history, name) for name in ("v2", "nobody")] == [None, None]
    detailed = {one_["image_id"] for one_ in made if one_["vehicle_id"] == "v0" and one_["tier"] > 1}
    assert vehicles.detailed(store.history, "v0") == len(detailed)
    bands = rows(
        store.client,
        "SELECT ifNull(profile_tier, '') AS tier, count() AS vehicles, avg(total_cost) AS cost_usd "
        "FROM vehicle_processing_summary GROUP BY tier ORDER BY tier",
    )
    found_bands = sorted(analytics.completeness(store.history), key=lambda band: band.tier)
    assert [msgspec.structs.asdict(band) for band in found_bands] == bands


def test_a_profile_s_score_is_the_processors(store: Store) -> None:
    profiles = [
        VehicleProfiled(
            event_id=str(n), event_time=NOW, vehicle_id=str(n), has_spid=bool(n & 1), has_factory_manual=bool(n & 2),
            receipt_count=n, timeline_event_count=n // 2, user_tag_count=n % 7, previously_analyzed=bool(n & 4),
            well_documented=bool(n & 8),
        )
        for n in range(16)
    ]  # fmt: skip
    stored(store.client, "profiles", [msgspec.to_builtins(profile) for profile in profiles])
    found = rows(store.client, "SELECT vehicle_id, profile_completeness_score AS score FROM vehicle_processing_summary")
    assert {row["vehicle_id"]: row["score"] for row in found} == {p.vehicle_id: context_score(p) for p in profiles}


def test_lineage_says_what_feedback_says_and_history_which_result_holds(store: Store) -> None:
    answer = {"question": "angle", "answer": "front", "confidence": 0.9, "table": "image_tags", "record_id": "t1"}
    known = {
        "image_id": "i",
        "model_version": "v2",
        "prompt_version": "p3",
        "cost_usd": 0.001,
        "context_items": ["SPID"],
    }
    stored(
        store.client,
        "results",
        [
            image("1", **known, answers=[answer]),
            image(
                "2",
                event_time=ago(minutes=3),
                **known,
                answers=[answer | {"answer": "rear", "record_id": "t2"}],
                run_id="again",
            ),
            image(
                "3",
                event_time=ago(minutes=2),
                **known,
                status="failed",
                run_id="again",
                error={"type": "rate_limit", "message": "slow down"},
            ),
        ],
    )
    stored(
        store.client,
        "feedback",
        [rating("w", image_id="i", question="angle", verdict="overridden", validator="expert", run_id="r")],
    )
    found = rows(store.client, "SELECT * FROM lineage WHERE image_id = 'i' ORDER BY record_id")
    assert [(row["answer"], row["verdict"], row["verdict_by"]) for row in found] == [
        ("front", "overridden", "expert"),
        ("rear", None, None),
    ]
    back = one(store.client, "SELECT * FROM lineage WHERE `table` = 'image_tags' AND record_id = 't2'")
    assert (back["subject_id"], back["model_version"], back["prompt_version"]) == ("i", "v2", "p3")
    assert (back["cost_nano_usd"], back["context_items"], back["source_offset"]) == (1_000_000, ["SPID"], 1)
    history = rows(
        store.client, "SELECT nth, times, holds, error FROM subject_history WHERE subject_id = 'i' ORDER BY nth"
    )
    assert [(row["nth"], row["times"], row["holds"]) for row in history] == [(1, 3, 0), (2, 3, 1), (3, 3, 0)]
    assert history[2]["error"] == "rate_limit: slow down"


PLAN = {
    "event_type": "run.declared",
    "event_id": "d",
    "event_time": ago(days=2),
    "run_id": "r",
    "total_images": 4,
    "tiers": [{"tier": 1, "name": "look", "images": 4, "unit_cost_usd": 0.5, "batch_size": 3, "batch_seconds": 30}],
    "budget_usd": 3,
    "baseline": {"name": "gpt-4o", "unit_cost_usd": 2, "latency_ms": 4_000},
    "cheap_models": ["small"],
    "value_weights_usd": {"tags": 0.5},
}


def test_money_by_day_and_the_plan_against_what_came(store: Store) -> None:
    stored(store.client, "runs", [PLAN])
    day = "2026-11-02T10:00:00Z"
    stored(
        store.client,
        "results",
        [
            image("1", cost_usd=1, model="small", event_time=day, tables={"tags": 4}, insights=2, batch_id="b1"),
            image("2", cost_usd=0.5, model="large", event_time=day, vehicle_type="van", batch_id="b1"),
            image("3", cost_usd=2, event_time="2026-11-03T00:00:00Z", tier=2),
        ],
    )
    first, second = rows(store.client, "SELECT * FROM cost_tracking ORDER BY period_start")
    assert (first["budget_allocated"], first["budget_spent"], first["budget_remaining"]) == (3, 1.5, 1.5)
    assert (first["cost_by_model"], first["cost_by_tier"]) == ('{"large":0.5,"small":1}', '{"1":1.5}')
    assert first["cost_by_vehicle_type"] == '{"unknown":1,"van":0.5}'
    assert (first["tables_filled"], first["value_delivered_score"], first["cost_per_insight"]) == (1, 2, 0.75)
    assert (second["budget_remaining"], second["cost_per_insight"], second["tables_filled"]) == (-0.5, None, 0)
    assert second["period_start"] == datetime(2026, 11, 3, tzinfo=UTC)
    planned, other = rows(store.client, "SELECT * FROM plan_against_actual ORDER BY tier")
    assert (planned["name"], planned["planned_images"], planned["actual_images"]) == ("look", 4, 2)
    assert (planned["planned_batches"], planned["actual_batches"], planned["planned_minutes"]) == (2, 1, 1)
    assert (planned["planned_usd"], planned["actual_usd"], planned["actual_unit_cost_usd"]) == (2, 1.5, 0.75)
    assert (other["tier"], other["planned_images"], other["planned_usd"], other["actual_usd"]) == (2, None, None, 2)


def test_every_one_of_many_model_names_is_kept(store: Store) -> None:
    names = 2_500  # live, a partition names the first 2,000
    stored(store.client, "results", [image(str(n), model=f"model {n}", cost_usd=1e-9) for n in range(names)])
    row = one(
        store.client,
        "SELECT uniqExact(model) AS models, sum(results) AS n, sum(cost_nano_usd) AS nano FROM run_by_model",
    )
    assert (row["models"], row["n"], row["nano"]) == (names, names, names)


def test_minutes_of_a_run(store: Store) -> None:
    stored(store.client, "runs", [PLAN])
    stored(store.client, "results", [image("1", context_score=20, event_time=ago(minutes=9))])
    totals = {
        "results": 10, "failed": 1, "subjects": 5, "processed_subjects": 4, "cost_nano_usd": 2_000_000_000,
        "answers": 4,
        "confidence_sum_ppm": 1_800_000, "confidence_count": 2, "validated_user": 3, "consensus_asked": 2,
        "consensus_agreed": 1, "input_tokens": 80, "output_tokens": 20, "tokens_saved": 100, "latency_ms_sum": 20_000,
        "latency_count": 10, "records": {"tags": 10},
    }  # fmt: skip
    shown = {
        "totals": totals,
        "by_model": {"small": {"results": 4, "scores": {"x": {"count": 1}}}, "large": {"results": 6}},
        "by_provider": {"openai": {"results": 10, "failed": 1}},
        "latency": {"by_provider": {"openai": {"p50": 1.0, "p95": 2.0, "p99": 3.0}}},
        "window_60s": {"span_ms": 60_000, "counters": {"cost_nano_usd": 500_000_000}, "results_per_minute": 30.0,
                       "images_per_minute": 1.0, "cost_nano_usd_per_minute": 0.0},
        "window_10m": {"span_ms": 600_000, "counters": {}, "results_per_minute": 1.0, "images_per_minute": 2.5,
                       "cost_nano_usd_per_minute": 0.0},
        "projection": {"projected_nano_usd": 3_000_000_000},
        "progress": {"percent": 80.0},
        "budget": {"spent_fraction": 0.5},
        "operations": {"processors": 1, "queue_depth": 7, "active_requests": 2, "capacity": 4},
        "derived": {
            "baseline_latency_ms": 4_000, "baseline_unit_nano_usd": 2e9, "day_processed_subjects": 4,
            "day_cost_nano_usd": 2e9, "value_nano_usd": 5e9, "total_images": 5, "budget_nano_usd": 4e9,
            "active_requests": 2, "capacity": 4,
        },
    }  # fmt: skip
    early, late = ago(minutes=10), ago(minutes=8)
    stored(store.client, "metrics", [snapshot("r", early), snapshot("r", late, **shown)])
    before, row = rows(store.client, "SELECT * FROM processing_metrics ORDER BY as_of")
    assert (before["error_rate"], before["avg_context_score"], before["images_per_minute"]) == (None, None, None)
    assert (row["images_per_minute"], row["requests_per_second"], row["queue_depth"]) == (2.5, 0.5, 7)
    assert (row["total_cost_accumulated"], row["cost_this_minute"], row["projected_total_cost"]) == (2, 0.5, 3)
    assert (row["avg_cost_per_image"], row["avg_confidence"], row["validation_rate"]) == (0.4, 0.9, 0.75)
    assert (row["consensus_rate"], row["error_rate"], row["cheap_model_percentage"]) == (0.5, 0.1, 40)
    assert (row["avg_context_score"], row["tokens_per_image"], row["active_concurrent"]) == (20, 20, 2)
    assert row["api_response_times"] == '{"openai":{"p50":1,"p95":2,"p99":3}}'
    assert row["api_error_rates"] == '{"openai":0.1}'
    kpis = {k["name"]: k for k in rows(store.client, "SELECT * FROM kpi_results ORDER BY as_of LIMIT 15 OFFSET 15")}
    values = {name: kpi["value"] for name, kpi in kpis.items()}
    assert len(values) == 15
    assert (
        values["token_reduction_rate"] == values["response_time_improvement"] == values["resource_utilization"] == 0.5
    )
    assert (values["daily_cost_savings"], values["roi_percentage"]) == (4 * 2 - 2, 1.5)
    assert (values["budget_utilization_efficiency"], values["task_completion_rate"]) == (1, 0.8)
    assert kpis["error_rate"]["attainment"] == pytest.approx(0.1)
    assert kpis["resource_utilization"]["attainment"] == pytest.approx(1 - 0.2 / 0.7)
    assert (values["system_accuracy"], kpis["system_accuracy"]["attainment"]) == (None, None)
    state = one(store.client, "SELECT * FROM system_snapshots ORDER BY as_of DESC LIMIT 1")
    assert (state["state"], state["processors"], state["percent_complete"]) == ("running", 1, 80)
    counted = rows(
        store.client, "SELECT label, label_value, metric_name, value FROM aggregated_metrics WHERE value = 6"
    )
    assert counted == [{"label": "model", "label_value": "large", "metric_name": "results", "value": 6}]


def test_a_sum_of_money_over_int64_is_null_and_verify_knows(store: Store) -> None:
    """9,223 results at the most that one may cost just fit (docs/decisions/0091)."""
    dear = [
        image(f"{run_id}{n}", event_time=ago(minutes=1), run_id=run_id, cost_usd=1e6, stage_costs={"call": 1e6})
        for run_id, count in (("fits", 9_223), ("over", 9_224))
        for n in range(count)
    ]
    stored(store.client, "results", dear)
    for view in ("run_totals", "run_by_tier"):
        found = {row["run_id"]: row for row in rows(store.client, f"SELECT * FROM {view}")}
        for run_id, nano in (("fits", 9_223 * 10**15), ("over", None)):
            assert found[run_id]["cost_nano_usd"] == nano
            assert found[run_id]["stage_costs_nano_usd_sum"] == {"call": nano}
    arrived_ms = int(NOW.timestamp() * 1_000)
    fold = Fold().apply(
        [Record("results", n, arrived_ms, decode("results", msgspec.json.encode(e))) for n, e in enumerate(dear)]
    )
    told = Sql(store.client, "t.").counters(
        {
            run_id: {topic: {"0": end} for topic, end in segment.source_offsets.items()}
            for run_id, segment in fold.items()
        }
    )
    for run_id, segment in fold.items():
        registers = RunRegisters(run_id)
        registers.take_partials(segment.partials(run_id, 0, 1))
        live = snapshot_of(registers, arrived_ms)
        assert live.totals["cost_nano_usd"] == live.totals["results"] * 10**15
        assert differences(live, live, told[run_id]) == []
        wrapped = told[run_id] | {("totals", ""): told[run_id]["totals", ""] | {"cost_nano_usd": 1}}
        assert [one.figure for one in differences(live, live, wrapped)] == ["totals.cost_nano_usd"]


def test_analytics_add_up_what_no_int64_holds(store: Store) -> None:
    stored(store.client, "results", [image(str(n), event_time=ago(minutes=1), cost_usd=1e6) for n in range(9_224)])
    [counters] = analytics.by_model(store.history, Chosen()).values()
    assert counters["cost_nano_usd"] == 9_224 * 10**15
