"""The judge: every counter of every snapshot, ClickHouse's sums and the DLQ, against a plain fold of the log."""

import asyncio
import time
from collections import Counter
from collections.abc import Collection
from functools import cache
from typing import Any

import clickhouse_connect
import figures
import msgspec
from aiokafka import ConsumerRecord
from clickhouse_connect.driver.client import Client
from judge import read
from naive import DAY, LABELS, Logged, NaiveRun, deep, differences, naive
from site_under_test import PREFIX, Site, eventually, say

from events.codec import decode
from events.envelope import epoch_ms
from events.refusals import Refused
from events.snapshots import RunMetrics
from metrics.fold.counters import ADDITIVE, FEEDBACK_COUNTERS, SUBJECT_COUNTERS
from metrics.fold.groups import NAMED_PER_SNAPSHOT

SQL_COUNTERS = [metric.name for metric in ADDITIVE + SUBJECT_COUNTERS + FEEDBACK_COUNTERS if metric.sql is not None]
_FAMILIES = ("scores|", "stages|", "stage_costs|")
LIVE_ONLY = {"duplicates", "after_seal", "minutes_with_result", "minutes_with_success"}
"""What parity with SQL is not asked of: repeats, which merges remove, and what only live state sees."""
MOST_IN_SQL = (1 << 63) - 1


class Expected:
    """What the log says: runs by the naive fold, the keys of the dead letters, and each run's next offsets."""

    def __init__(self, bootstrap: str, prefix: str, seal_after_ms: int = 90 * DAY) -> None:
        accepted: list[Logged] = []
        self.refused: Counter[bytes] = Counter()
        self.feedback = 0
        for topic in ("results", "feedback"):
            for record in asyncio.run(read(bootstrap, prefix + topic)):
                self._take(topic, record, accepted)
        self.runs: dict[str, NaiveRun] = naive(accepted, seal_after_ms=seal_after_ms)
        for run in self.runs.values():
            for fact in run.facts:  # most of what a fact adds is nothing, and adding that takes most of the time
                fact.adds = Counter({name: n for name, n in fact.adds.items() if n or name.startswith(_FAMILIES)})
            run.expected = cache(run.expected)  # type: ignore[method-assign]  # asked for once more for SQL

    def _take(self, topic: Any, record: ConsumerRecord, accepted: list[Logged]) -> None:
        try:
            event = decode(topic, record.value, record.headers)
        except Refused:
            self.refused[f"{record.topic}-{record.partition}-{record.offset}".encode()] += 1
        else:
            self.feedback += topic == "feedback"  # its table keeps repeats; the views count them once
            accepted.append(Logged(topic, record.partition, record.offset, record.timestamp, event))


def require_equal(site: Site, *, prefix: str = PREFIX, deadline_s: float = 400.0) -> Expected:
    """Wait until everything has come to the end of the log; fail with every figure that differs."""
    say("the judge folds the log")
    expected = Expected(site.bootstrap, prefix)
    moments = require_equal_snapshots(site.bootstrap, expected, prefix, deadline_s)
    require_equal_letters(site.bootstrap, expected, prefix)
    require_equal_sql(site, expected, moments, deadline_s)
    figures.equal()
    say(f"equal: {len(expected.runs):,} runs, {expected.refused.total():,} refused records")
    return expected


def require_equal_letters(bootstrap: str, expected: Expected, prefix: str, deadline_s: float = 60.0) -> None:
    """The sink refuses records too, in its own time; a letter too many is there to stay."""
    end = time.monotonic() + deadline_s
    while True:
        letters = Counter(record.key or b"" for record in asyncio.run(read(bootstrap, prefix + "dlq")))
        if letters == expected.refused or time.monotonic() > end:
            break
        time.sleep(0.5)
    assert letters == expected.refused


def require_equal_snapshots(
    bootstrap: str, expected: Expected, prefix: str, deadline_s: float = 400.0
) -> dict[str, int]:
    """Run id → `as_of` (ms) of the snapshot that was compared."""
    wanted = {run_id: dict(run.offsets) for run_id, run in expected.runs.items()}
    end = time.monotonic() + deadline_s
    while True:
        found = shown(bootstrap, prefix)
        differing = deep("source_offsets", wanted, {run_id: each.source_offsets for run_id, each in found.items()})
        if not differing:
            break
        assert time.monotonic() < end, differing[:20]
        time.sleep(0.5)
    wrong = {run_id: differences(run, found[run_id])[:20] for run_id, run in expected.runs.items()}
    assert not any(wrong.values()), wrong
    return {run_id: epoch_ms(found[run_id].as_of) for run_id in expected.runs}


def shown(bootstrap: str, prefix: str = PREFIX) -> dict[str, RunMetrics]:
    """The newest snapshot of each run."""
    newest = {record.key: record.value for record in asyncio.run(read(bootstrap, prefix + "metrics"))}
    return {key.decode(): msgspec.json.decode(value, type=RunMetrics) for key, value in newest.items()}


def reader(site: Site) -> Client:
    url = site.clickhouse.reader
    user, password = url.split("//")[1].split("@")[0].split(":")
    host, port = url.rpartition("@")[2].split(":")
    return clickhouse_connect.get_client(
        host=host, port=int(port), username=user, password=password, database="imageledger"
    )


def require_equal_sql(site: Site, expected: Expected, moments: dict[str, int], deadline_s: float) -> None:
    with reader(site) as client:

        def rows(view: str, leave_out: Collection[str] = ()) -> list[dict[str, Any]]:
            query = f"SELECT * FROM {view} WHERE run_id NOT IN {{runs:Array(String)}}"
            return list(client.query(query, {"runs": [*leave_out]}).named_results())

        stored = {
            "results": sum(kind == "results" for run in expected.runs.values() for kind, *_ in run.ids),
            "feedback": expected.feedback,
        }
        for table, count in stored.items():
            query = f"SELECT count() FROM {table} FINAL"
            eventually(lambda q=query, n=count: client.query(q).result_rows[0][0] >= n, f"{count} rows", deadline_s)
            assert (table, client.query(query).result_rows[0][0]) == (table, count)
        wanted_by = {run_id: run.expected(moments[run_id]) for run_id, run in expected.runs.items()}
        totals = {row["run_id"]: _nested(row) for row in rows("run_totals")}
        wanted = {run_id: _comparable(found["totals"]) for run_id, found in wanted_by.items()}
        assert deep("SQL totals", wanted, totals)[:20] == []
        for label in LABELS:
            groups: dict[str, dict[str, Any]] = {}
            truncated = {run_id for run_id, run in expected.runs.items() if label in run.truncated}
            for row in rows(f"run_by_{label}", truncated):
                groups.setdefault(row["run_id"], {})[str(row[label])] = _nested(row)
            for run_id in expected.runs.keys() - truncated:  # of those parity is asked of the sum
                by = {value: _comparable(counters) for value, counters in wanted_by[run_id][f"by_{label}"].items()}
                by = {value: counters for value, counters in by.items() if counters}
                assert deep(f"SQL {run_id} by {label}", by, groups.get(run_id, {}))[:20] == []


def require_all_named(site: Site, run_id: str, label: str, names: int, results: int) -> None:
    """However many names: the snapshot has some and a rest, ClickHouse has each by its name and loses no result."""
    by: dict[str, dict[str, Any]] = getattr(shown(site.bootstrap)[run_id], f"by_{label}")
    assert len(by) == NAMED_PER_SNAPSHOT + 1
    assert "__other__" in by
    assert sum(counters["results"] for counters in by.values()) == results
    with reader(site) as client:
        query = f"SELECT count(), sum(results) FROM run_by_{label} WHERE run_id = {{run:String}}"
        assert client.query(query, {"run": run_id}).result_rows == [(names, results)]


def _comparable(counters: dict[str, Any]) -> dict[str, Any]:
    """What SQL says of these: NULL of a sum of money that no Int64 holds (docs/decisions/0091), and of no other."""
    told = {name: value for name, value in counters.items() if name not in LIVE_ONLY}
    if told.get("cost_nano_usd", 0) > MOST_IN_SQL:
        told["cost_nano_usd"] = None
    if costs := told.get("stage_costs"):
        told["stage_costs"] = {
            stage: one | {"nano_usd_sum": None} if one["nano_usd_sum"] > MOST_IN_SQL else one
            for stage, one in costs.items()
        }
    return told


def _nested(row: dict[str, Any]) -> dict[str, Any]:
    """A row of a view in the form of a snapshot."""
    counters: dict[str, Any] = {name: row[name] for name in SQL_COUNTERS if row.get(name, 0) != 0}
    counters |= {family: row[family] for family in ("findings", "records") if row.get(family)}
    for family, unit in (("scores", "sum_micro"), ("stages", "ms_sum"), ("stage_costs", "nano_usd_sum")):
        if row.get(f"{family}_count"):
            counters[family] = {
                name: {unit: row[f"{family}_{unit}"].get(name, 0), "count": n}
                for name, n in row[f"{family}_count"].items()
            }
    return counters
