"""How long the store takes to answer when it is full: ten million results, asked as a dashboard and an analyst ask.

    python -m benchmarks.history [--results N] [--runs N] [--times N] [--data DIR] [--write]

Prints one JSON document; `--write` keeps it as benchmarks/results/history.json too. The rows are made inside ClickHouse
(`history_rows`), the real engine answers over HTTP, one client asks, warm. Asked twice: `settled`, when merges have
caught up and what a live run has just written lies beside it in parts of its own; and `as_it_came`, with the parts that
ClickHouse had left by the end of the filling. `--data` keeps the store, and finds it again the next time.
"""

# ruff: noqa: S608 - this module's own constants

import argparse
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import psutil
from clickhouse_connect.driver.client import Client

from benchmarks.history_rows import EVENT_MS, FIRST_MS, Shape, fill, fresh
from metrics.views.questions.watching import WATCHING
from servers.clickhouse import server as clickhouse
from sinks.client import connect
from sinks.reading import advice, analytics, calls, explorer, lineage, rated, vehicles
from sinks.reading.chosen import Chosen
from sinks.reading.explorer import Like
from sinks.reading.history import History
from sinks.reading.prices import prices
from sinks.schema.migrations import migrate

RESULTS = Path(__file__).parent / "results"
_FRESH_PARTS, _FRESH_ROWS = 5, 20_000
_PATIENCE_S = 3_600
_ENOUGH_S = 30
_LAST_TEN_MINUTES, _MINUTES = (
    next(one.sql for one in WATCHING.questions if one.about.startswith(about))
    for about in ("The last ten minutes", "Its last ten minutes")
)


class Question(NamedTuple):
    """What is asked; `target_ms` is for its 95th percentile, None where only the figure is wanted.

    `ask` takes the number of the turn, so that no turn asks for what the one before it left in a cache.
    """

    name: str
    target_ms: int | None
    ask: Callable[[History, int], object]


def questions(shape: Shape) -> list[Question]:
    """What DESIGN.md 7 and issue 6 set a time for, and what the pages and the documented statements read.

    300 ms are for what a page asks when it is opened. What only the API or SQL answers (`said`, and views by name) has
    no target: S0's AnalyticsMetrics, which no page draws, and the views by run, where pages read snapshots (0081).
    """
    run = f"backfill-{shape.runs - 1}"
    one = Chosen(run=run)
    month_ago = datetime.fromtimestamp(FIRST_MS / 1_000 + (shape.runs - 30) * 86_400, UTC)
    end_ms = FIRST_MS + (shape.runs - 1) * 86_400_000 + shape.a_run * EVENT_MS

    def step(turn: int) -> int:
        return (shape.images // 3 + turn * 7_919) % shape.images

    def image(turn: int) -> str:
        return f"image-{(shape.runs - 1) // 2 * shape.images + step(turn)}"

    def row(turn: int) -> str:
        return f"row-{(shape.runs - 1) * shape.a_run + shape.images + step(turn)}"

    def vehicle(turn: int) -> str:
        return f"vehicle-{turn * 101 % (shape.runs // 2 * shape.images // 20)}"

    def lately(turn: int, run: str | None = None) -> Chosen:
        """As pages ask: of the last days from now, so never twice from the same moment."""
        return Chosen(run=run, start=month_ago + timedelta(seconds=turn))

    def sql(name: str, target_ms: int | None, text: str) -> Question:
        given = {"run": run, "from": end_ms - 600_000}
        return Question(name, target_ms, lambda history, turn: history.rows(text, given | {"image": image(turn)}))

    def page(name: str, ask: Callable[[History], object]) -> Question:
        return Question(name, 300, lambda history, _: ask(history))

    def said(name: str, ask: Callable[[History], object]) -> Question:
        return Question(name, None, lambda history, _: ask(history))

    of_run = "WHERE run_id = {run:String}"
    return [
        sql("percentiles_by_model", 500, "SELECT model, quantilesExactInclusive(0.5, 0.95, 0.99)(latency_ms) "
            "FROM run_results WHERE latency_ms IS NOT NULL GROUP BY model"),
        sql("last_ten_minutes", 50, _LAST_TEN_MINUTES),
        sql("last_ten_minutes_one_by_one", 50, _MINUTES),
        sql("last_ten_minutes_of_view", None, "SELECT count(), sum(cost_nano_usd), countIf(status = 'failed') "
            f"FROM run_results {of_run} AND effective_ms >= {{from:Int64}}"),
        Question("image_lineage", 50, lambda history, turn: lineage.of_image(history, image(turn))),
        Question("record_lineage", 300, lambda history, turn:
            lineage.of_record(history, "part_identifications", row(turn))),
        sql("lineage_view_of_image", None, "SELECT * FROM lineage WHERE subject_kind = 'image' AND subject_id = "
            "{image:String}"),
        page("runs", lambda history: history.runs(50)),
        page("newest_snapshot", lambda history: history.newest_snapshot_json(run)),
        page("newest_results", lambda history: explorer.results(history, one, Like())),
        sql("run_totals", None, f"SELECT * FROM run_totals {of_run}"),
        sql("run_by_tier", None, f"SELECT * FROM run_by_tier {of_run}"),
        sql("run_by_model", None, f"SELECT * FROM run_by_model {of_run}"),
        sql("cost_tracking", None, f"SELECT * FROM cost_tracking {of_run}"),
        sql("plan_against_actual", None, f"SELECT * FROM plan_against_actual {of_run}"),
        sql("processing_metrics", None, f"SELECT * FROM processing_metrics {of_run} ORDER BY as_of DESC LIMIT 60"),
        sql("kpi_results", 300, f"SELECT * FROM kpi_results {of_run} ORDER BY as_of DESC LIMIT 15"),
        sql("images_of_a_run", None, f"SELECT * FROM image_processing_metrics {of_run} "
            "ORDER BY total_cost_nano_usd DESC LIMIT 50"),
        Question("vehicle", 300, lambda history, turn: vehicles.vehicle(history, vehicle(turn))),
        Question("vehicle_past_tier_1", 300, lambda history, turn: vehicles.detailed(history, vehicle(turn))),
        said("analytics_by_model", lambda history: analytics.by_model(history, one)),
        said("analytics_by_hour", lambda history: analytics.by_time(history, one, 3_600)),
        said("analytics_span", lambda history: analytics.span(history, one)),
        said("analytics_by_score", lambda history: analytics.by_score(history, one)),
        said("analytics_by_table", lambda history: analytics.by_table(history, one)),
        said("analytics_images", lambda history: analytics.images(history, one)),
        said("analytics_bands", analytics.completeness),
        page("choices", lambda history: explorer.choices(history, run)),
        page("choices_of_all", explorer.choices),
        page("prices", prices),
        page("advice_documented", lambda history: advice.documented(history, one)),
        page("advice_batches", lambda history: advice.batches(history, one)),
        page("advice_minutes", lambda history: advice.minutes(history, one)),
        Question("calls_of_a_run", 300, lambda history, turn: calls.calls(history, lately(turn, run))),
        Question("calls_of_the_last_month", 300, lambda history, turn: calls.calls(history, lately(turn))),
        said("ratings_of_a_run_the_first_time", lambda history: rated.sought(history, run)),
        said("ratings_of_all_the_first_time", lambda history: rated.sought(history, None)),
        page("vehicles", lambda history: vehicles.page(history, 51)),
        sql("model_avg_response_time", None, "SELECT * FROM model_avg_response_time"),
        sql("model_success_rate", None, "SELECT * FROM model_success_rate"),
        sql("best_model_by_task", None, "SELECT * FROM best_model_by_task"),
    ]  # fmt: skip


def asked(history: History, server: psutil.Process, question: Question, times: int) -> dict[str, Any]:
    """So many answers' times, after two that warm up; fewer where they take seconds.

    `cpu_ms`: processor time of the server for an answer, which a busy machine does not stretch.
    """
    began = time.perf_counter()
    for turn in range(2):
        question.ask(history, turn)
    times = max(3, min(times, int(2 * _ENOUGH_S / (time.perf_counter() - began))))
    taken = []
    before = server.cpu_times()
    for turn in range(2, times + 2):
        began = time.perf_counter()
        question.ask(history, turn)
        taken.append((time.perf_counter() - began) * 1_000)
    p95 = statistics.quantiles(taken, n=20, method="inclusive")[-1]
    after = server.cpu_times()
    cpu_ms = (after.user + after.system - before.user - before.system) / times * 1_000
    found = {
        "p50_ms": round(statistics.median(taken), 1),
        "p95_ms": round(p95, 1),
        "cpu_ms": round(cpu_ms),
        "times": times,
    }
    if question.target_ms is not None:
        found |= {"target_ms": question.target_ms, "met": p95 < question.target_ms}
    return found


def state(client: Client) -> dict[str, Any]:
    """Rows, parts and bytes of `results`."""
    return next(
        iter(
            client.query(
                "SELECT sum(rows) AS rows, count() AS parts, sum(bytes_on_disk) AS bytes FROM system.parts "
                "WHERE database = currentDatabase() AND table = 'results' AND active"
            ).named_results()
        )
    )


def main() -> None:
    """Fills, asks and prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--results", type=int, default=10_000_000)
    parser.add_argument("--runs", type=int, default=40)
    parser.add_argument("--times", type=int, default=50)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--only", nargs="*", default=[])
    parser.add_argument("--states", nargs="*", default=["as_it_came", "settled"])
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    shape = Shape(options.results, options.runs)
    with ExitStack() as stack:
        folder = options.data or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        running = stack.enter_context(clickhouse.start(folder))
        client = connect(running.addresses.migrator, answer_timeout_s=_PATIENCE_S)
        migrate(client)
        if not client.command("SELECT count() FROM snapshots"):
            began = time.perf_counter()
            fill(client, shape)
            _say(f"filled in {time.perf_counter() - began:.0f} s: {state(client)}")
        found = figures(client, connect(running.addresses.reader), psutil.Process(running.pid), shape, options)
    text = json.dumps(found, indent=2) + "\n"
    print(text, end="")
    if options.write:
        RESULTS.mkdir(exist_ok=True)
        (RESULTS / "history.json").write_text(text)


def figures(
    client: Client, reader: Client, server: psutil.Process, shape: Shape, options: argparse.Namespace
) -> dict[str, Any]:
    """Everything that is asked, in every state that is."""
    chosen = [one for one in questions(shape) if not options.only or one.name in options.only]
    found: dict[str, Any] = {"results": shape.a_run * shape.runs, "engine": client.server_version}
    for name in options.states:
        if name == "settled":
            began = time.perf_counter()
            while state(client)["parts"] > 1:  # it does nothing, and says nothing, while other merges go on for long
                client.command("OPTIMIZE TABLE results FINAL SETTINGS optimize_skip_merged_partitions = 1")
            _say(f"merged in {time.perf_counter() - began:.0f} s: {state(client)}")
            fresh(client, shape, _FRESH_PARTS, _FRESH_ROWS)
        found[name] = state(client)
        for one in chosen:
            found[name][one.name] = asked(History(reader), server, one, options.times)
            _say(f"{one.name:24}{found[name][one.name]}")
    found["machine"] = {
        "cpus": os.cpu_count(),
        "memory_gib": round(psutil.virtual_memory().total / 2**30),
        "load": [round(load, 1) for load in os.getloadavg()],
    }
    return found


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
