"""SQL = the naive fold, before any merge: every counter of every view of a run, on the real ClickHouse engine."""

from collections.abc import Mapping
from random import Random
from typing import Any

import msgspec
import pytest
from clickhouse_connect.driver.client import Client
from logs import log_of
from naive import DAY, LABELS, Logged, NaiveRun, deep, naive
from naive_ratios import ratios

from events.envelope import EPOCH
from events.runs import RunDeclared
from metrics.figures.ratios import of_group
from metrics.fold.counters import ADDITIVE, FEEDBACK_COUNTERS, SUBJECT_COUNTERS
from servers.clickhouse.users import Addresses
from sinks.client import connect
from sinks.loading import results, rows
from sinks.loading.chunks import Chunk
from sinks.loading.writer import insert

COUNTERS = [metric.name for metric in ADDITIVE + SUBJECT_COUNTERS + FEEDBACK_COUNTERS if metric.sql is not None]
PLAN = RunDeclared(
    event_id="plan",
    event_time=EPOCH,
    run_id="run a",
    cheap_models=["gpt-4o-mini", "gpt-4o-mini", "never seen"],
    value_weights_usd={"a": 0.25, "ö 🙂": 1.5},
)


@pytest.fixture(scope="module")
def log() -> list[Logged]:
    draw = Random(11)
    return log_of([draw.getrandbits(32) for _ in range(700)])


@pytest.fixture(scope="module")
def client(tables: Addresses, log: list[Logged]) -> Client:
    """The log as the sink stores it, some of it twice."""
    writer = connect(tables.writer)
    for topic, batches in (("results", results.batches), ("feedback", rows.feedback)):
        for partition in (0, 1):
            mine = [r for r in log if r.topic == topic and r.partition == partition]
            for part in (mine[:100], mine[50:]):
                chunk = Chunk(
                    f"imageledger.{topic}",
                    partition,
                    [r.event for r in part],
                    [r.offset for r in part],
                    [r.timestamp_ms for r in part],
                    [b"{}"] * len(part),
                )
                for batch in batches(chunk):
                    insert(writer, topic, [batch])
    insert(writer, "runs", rows.runs(Chunk("imageledger.runs", 0, [PLAN], [0], [0], [msgspec.json.encode(PLAN)])))
    return writer


@pytest.fixture(scope="module")
def judge(log: list[Logged]) -> dict[str, NaiveRun]:
    return naive(log, seal_after_ms=100_000 * DAY)


def rows_of(client: Client, view: str) -> list[dict[str, Any]]:
    return list(client.query(f"SELECT * FROM {view}").named_results())


def shown(row: dict[str, Any], names: list[str]) -> dict[str, Any]:
    """A row of a view in the nested form of a snapshot."""
    counters: dict[str, Any] = {name: row[name] for name in names if row.get(name)}
    counters |= {family: row[family] for family in ("findings", "records") if row[family]}
    for family, unit in (("scores", "sum_micro"), ("stages", "ms_sum"), ("stage_costs", "nano_usd_sum")):
        if row[f"{family}_count"]:
            counters[family] = {
                name: {unit: row[f"{family}_{unit}"].get(name, 0), "count": n}
                for name, n in row[f"{family}_count"].items()
            }
    return counters


def expected(counters: dict[str, Any]) -> dict[str, Any]:
    """What parity is asked of: not repeats, which merges remove, nor what only live state sees."""
    live = {"duplicates", "after_seal", "minutes_with_result", "minutes_with_success"}
    return {name: value for name, value in counters.items() if name not in live}


def test_totals(client: Client, judge: dict[str, NaiveRun]) -> None:
    found = {row["run_id"]: shown(row, COUNTERS) for row in rows_of(client, "run_totals")}
    wanted = {run_id: expected(run.expected(0)["totals"]) for run_id, run in judge.items()}
    assert deep("totals", wanted, found) == []


@pytest.mark.parametrize("label", LABELS)
def test_groups(client: Client, judge: dict[str, NaiveRun], label: str) -> None:
    found: dict[str, dict[str, Any]] = {run_id: {} for run_id in judge}
    for row in rows_of(client, f"run_by_{label}"):
        found[row["run_id"]][str(row[label])] = shown(row, COUNTERS)
    for run_id, run in judge.items():
        groups = {value: expected(counters) for value, counters in run.expected(0)[f"by_{label}"].items()}
        wanted = {value: counters for value, counters in groups.items() if counters}
        assert deep(run_id, wanted, found[run_id]) == []


def test_ratios(client: Client, judge: dict[str, NaiveRun]) -> None:
    found = {row["run_id"]: row for row in rows_of(client, "run_ratios")}
    assert found.keys() == judge.keys()
    for run_id, run in judge.items():
        wanted = ratios(run, PLAN if run_id == PLAN.run_id else None, 0)
        assert {name: found[run_id][name] for name in wanted} == approximately(wanted), run_id


def test_ratios_of_groups(client: Client, judge: dict[str, NaiveRun]) -> None:
    rows = rows_of(client, "run_label_ratios")
    found = {(row["run_id"], row["label"], row["label_value"]): row for row in rows}
    assert len(found) == len(rows)
    for run_id, run in judge.items():
        for label in LABELS:
            for value, counters in run.expected(0)[f"by_{label}"].items():
                if not counters.get("results"):
                    continue  # nothing but repeats
                row = found.pop((run_id, label, value))
                told = {name: amount for name, amount in row.items() if isinstance(amount, float)}
                assert told == approximately(of_group(label, counters)), (run_id, label, value)
    assert not found


def approximately(wanted: Mapping[str, float | None]) -> dict[str, Any]:
    return {name: value if value is None else pytest.approx(value, rel=1e-12) for name, value in wanted.items()}


def test_an_image_has_one_row_a_run(client: Client, log: list[Logged], judge: dict[str, NaiveRun]) -> None:
    found = rows_of(client, "image_processing_metrics")
    assert len({(row["run_id"], row["image_id"]) for row in found}) == len(found) > 0
    for run_id, run in judge.items():
        images = {subject for _, kind, subject in run.subjects if kind == "ImageResult"}
        assert {row["image_id"] for row in found if row["run_id"] == run_id} == images


def test_lineage_has_a_row_an_answer(client: Client, judge: dict[str, NaiveRun]) -> None:
    [[count]] = client.query("SELECT count() FROM lineage").result_rows
    assert count == sum(run.expected(0)["totals"].get("answers", 0) for run in judge.values()) > 0
