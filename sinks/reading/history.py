"""The only reader of ClickHouse: what was stored, right before and after any merge."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec
from clickhouse_connect.driver.client import Client

from events.envelope import epoch_ms
from events.snapshots import RunMetrics, State
from sinks.client import address
from sinks.errors import SchemaMissing, translated

_SNAPSHOTS = msgspec.json.Decoder(RunMetrics)


class Run(msgspec.Struct, frozen=True, kw_only=True):
    """A run as the store knows it: declared, with results, or both.

    `started_at`: what its plan says, else its first event. `results`, `failed`, `cost_nano_usd`: each event once.
    `state`: of its newest snapshot; None before the first.
    """

    run_id: str
    name: str | None
    started_at: datetime | None
    last_event_at: datetime | None
    results: int
    failed: int
    cost_nano_usd: int
    state: State | None


class Totals(msgspec.Struct, frozen=True, kw_only=True):
    """What SQL says of a run, under the names of `run.metrics`; the distinct subjects as DESIGN.md 4.3 defines them."""

    results: int
    success: int
    partial: int
    failed: int
    subjects: int
    processed_subjects: int
    failed_subjects: int
    cost_nano_usd: int
    unpriced: int
    latency_ms_sum: int
    latency_count: int
    input_tokens: int
    output_tokens: int
    confidence_sum_ppm: int
    confidence_count: int


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """One answer on the way from an image to a table's row (S0, lineage), and where the record of it stands."""

    run_id: str
    event_id: str
    event_time: datetime
    subject_id: str
    tier: int
    model: str
    status: str
    question: str
    answer: str | None
    confidence: float | None
    table: str
    record_id: str
    validated_by: str | None
    source_partition: int
    source_offset: int


class History:
    """Questions about what is stored. The reader's client is enough; threads may share it.

    Every method blocks (call it in a thread) and raises ClickHouseError or one of its kinds.
    """

    def __init__(self, client: Client) -> None:
        self._client = client

    def rows(self, sql: str, parameters: Mapping[str, Any] | None = None) -> list[dict[str, Any]]:
        """A query's rows as dicts; `{name:Type}` in `sql` takes its value from `parameters`."""
        with translated(address(self._client)):
            return list(self._client.query(sql, parameters=dict(parameters or {}), tz_mode="aware").named_results())

    def newest_snapshot(self, run_id: str) -> RunMetrics | None:
        """The run's newest stored snapshot, up to ten seconds older than the topic's newest; None without one."""
        raw = self.newest_snapshot_json(run_id)
        return None if raw is None else _SNAPSHOTS.decode(raw)

    def newest_snapshot_json(self, run_id: str) -> bytes | None:
        """The same as the JSON that was published."""
        found = self.rows(
            "SELECT metrics FROM snapshots WHERE run_id = {run:String} ORDER BY source_offset DESC LIMIT 1",
            {"run": run_id},
        )
        return found[0]["metrics"].encode() if found else None

    def snapshots(self, run_id: str, start: datetime, end: datetime) -> list[RunMetrics]:
        """The run's last snapshot of each minute of [start, end), oldest first."""
        found = self.rows(
            "SELECT metrics FROM snapshots FINAL WHERE run_id = {run:String} "
            "AND as_of >= {start:DateTime64(6)} AND as_of < {end:DateTime64(6)} ORDER BY minute",
            {"run": run_id, "start": start, "end": end},
        )
        return [_SNAPSHOTS.decode(row["metrics"]) for row in found]

    def run_ids(self, limit: int = 1_000) -> list[str]:
        """Runs with a result, a plan or a snapshot, the one with the latest record first."""
        return [run.run_id for run in self.runs(limit)]

    def runs(self, limit: int = 1_000) -> list[Run]:
        """The same with their key figures."""
        return msgspec.convert(self.rows(_RUNS, {"limit": limit}), list[Run])

    def results(
        self, run_id: str, limit: int = 100, *, columns: Sequence[str] = (), before: datetime | None = None
    ) -> list[dict[str, Any]]:
        """A run's latest results by effective time, newest first; all columns but `output` where none are named.

        `before`: only those that happened earlier, for the next page.
        """
        chosen = ", ".join(f"`{name}`" for name in columns) or "* EXCEPT output"
        return self.rows(
            f"SELECT {chosen} FROM results FINAL WHERE run_id = {{run:String}} AND effective_ms < {{before:Int64}} "  # noqa: S608 - columns are named by our own code and quoted
            "ORDER BY effective_ms DESC, source_partition, source_offset DESC LIMIT {limit:UInt32}",
            {"run": run_id, "limit": limit, "before": _END_MS if before is None else epoch_ms(before)},
        )

    def totals(self, run_id: str) -> Totals:
        """A run's totals by SQL: of the view `run_totals` where it has these columns, else of the table."""
        try:
            found = self.rows("SELECT * FROM run_totals WHERE run_id = {run:String}", {"run": run_id})
            return msgspec.convert(found[0] if found else dict.fromkeys(Totals.__struct_fields__, 0), Totals)
        except (SchemaMissing, msgspec.ValidationError):
            return msgspec.convert(self.rows(_TOTALS, {"run": run_id})[0], Totals)

    def image_lineage(self, image_id: str) -> list[Step]:
        """What an image was asked in any run, what was answered, and which row of which table came of it."""
        chosen = "subject_kind = 'image' AND subject_id = {id:String}"
        return msgspec.convert(self.rows(_STEPS.format(chosen), {"id": image_id}), list[Step])

    def record_lineage(self, table: str, record_id: str) -> list[Step]:
        """Where a table's row comes from: the answers that wrote it, and the subjects that they were about."""
        with_index = "has(results.answers.record_id, {id:String})"
        chosen = with_index + " AND answer.record_id = {id:String} AND answer.table = {table:String}"
        return msgspec.convert(self.rows(_STEPS.format(chosen), {"id": record_id, "table": table}), list[Step])


_END_MS = 1 << 62

_RUNS = """
SELECT run_id, any(plan_name) AS name, any(newest) AS state,
    sum(n) AS results, sum(bad) AS failed, sum(cost) AS cost_nano_usd,
    coalesce(any(plan_start), fromUnixTimestamp64Milli(min(first_ms), 'UTC')) AS started_at,
    fromUnixTimestamp64Milli(max(last_ms), 'UTC') AS last_event_at
FROM (
    SELECT run_id, count() AS n, countIf(status = 'failed') AS bad, ifNull(sum(cost_nano_usd), 0) AS cost,
        min(effective_ms) AS first_ms, max(effective_ms) AS last_ms,
        NULL AS plan_name, NULL AS plan_start, NULL AS newest
    FROM results FINAL GROUP BY run_id
    UNION ALL
    SELECT run_id, 0, 0, 0, toUnixTimestamp64Milli(min(event_time)), toUnixTimestamp64Milli(max(event_time)),
        argMax(name, source_offset), argMax(started_at, source_offset), NULL
    FROM runs FINAL WHERE run_id != '' GROUP BY run_id
    UNION ALL
    SELECT run_id, 0, 0, 0, NULL, NULL, NULL, NULL, argMax(state, source_offset)
    FROM snapshots GROUP BY run_id)
GROUP BY run_id ORDER BY last_event_at DESC, run_id LIMIT {limit:UInt32}
"""

# A subject is one of its partition and kind (DETAILS.md, Identity and order).
_TOTALS = """
SELECT sum(n) AS results, sum(ok) AS success, sum(half) AS partial, sum(bad) AS failed, count() AS subjects,
    countIf(processed) AS processed_subjects, countIf(now_failed) AS failed_subjects,
    sum(cost) AS cost_nano_usd, sum(no_cost) AS unpriced,
    sum(ms) AS latency_ms_sum, sum(timed) AS latency_count,
    sum(tokens_in) AS input_tokens, sum(tokens_out) AS output_tokens,
    sum(ppm) AS confidence_sum_ppm, sum(sure) AS confidence_count
FROM (
    SELECT count() AS n, countIf(status = 'success') AS ok, countIf(status = 'partial') AS half,
        countIf(status = 'failed') AS bad,
        max(final AND status != 'failed') AS processed, argMax(status, source_offset) = 'failed' AS now_failed,
        ifNull(sum(cost_nano_usd), 0) AS cost, countIf(isNull(cost_nano_usd)) AS no_cost,
        ifNull(sum(latency_ms), 0) AS ms, count(latency_ms) AS timed,
        sum(input_tokens) AS tokens_in, sum(output_tokens) AS tokens_out,
        ifNull(sum(confidence_ppm), 0) AS ppm, count(confidence_ppm) AS sure
    FROM results FINAL WHERE run_id = {run:String}
    GROUP BY source_partition, event_type, subject_id)
"""

_STEPS = """
SELECT run_id, event_id, event_time, subject_id, tier, model, status,
    answer.question AS question, answer.answer AS answer, answer.confidence AS confidence,
    answer.table AS table, answer.record_id AS record_id, answer.validated_by AS validated_by,
    source_partition, source_offset
FROM results FINAL ARRAY JOIN results.answers AS answer WHERE {}
ORDER BY effective_ms, source_partition, source_offset
"""
