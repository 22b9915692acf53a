"""Millions of results made inside ClickHouse: what a year of backfills leaves behind, in the order it would arrive.

Runs follow one another, a run a day. A run goes over its images tier by tier (three tiers, then retries), and every
second run goes over the same images again. Event ids are UUIDv7, so they ascend with time, as the SDK's do.
"""

# ruff: noqa: S608 - numbers and this module's own constants

from dataclasses import dataclass
from datetime import UTC, datetime

from clickhouse_connect.driver.client import Client

BLOCK_ROWS = 500_000
PASSES = 4
EVENT_MS = 160
DAY_MS = 86_400_000
FIRST_MS = int(datetime(2026, 9, 25, tzinfo=UTC).timestamp() * 1_000)
REPEATED = 67
"""Of so many results one comes a second time, with a later offset: 1.5 %."""
_SETTINGS = {"async_insert": 0, "optimize_on_insert": 0}


@dataclass(frozen=True, slots=True)
class Shape:
    """How many `results` in how many `runs`; each run has its images four times."""

    results: int
    runs: int

    @property
    def images(self) -> int:
        """Images of a run."""
        return self.results // self.runs // PASSES

    @property
    def a_run(self) -> int:
        """Results of a run."""
        return self.images * PASSES


def fill(client: Client, shape: Shape) -> None:
    """Every table, through the server's own INSERT SELECT; parts are left as they come, repeats among them.

    Goes on where an earlier call was ended.
    """
    total = shape.a_run * shape.runs
    done = client.query(f"SELECT count(), max(source_offset) FROM results WHERE source_offset < {total}").result_rows[0]
    for first in range(done[1] // BLOCK_ROWS * BLOCK_ROWS if done[0] else 0, total, BLOCK_ROWS):
        _insert(client, _RESULTS, _numbers(shape, f"numbers({first}, {min(BLOCK_ROWS, total - first)})", 0))
        _insert(client, _RESULTS, _numbers(shape, _repeats(first, min(BLOCK_ROWS, total - first)), total))
    _insert(
        client, _FEEDBACK, _numbers(shape, f"(SELECT number * 97 AS number FROM numbers({total // 97}))", 2 * total)
    )
    _insert(client, _PROFILES, f"numbers({shape.runs // 2 * shape.images // 20 + 1})")
    _insert(client, _RUNS, f"numbers({shape.runs})")
    _insert(client, _SNAPSHOTS, f"numbers({shape.runs * (shape.a_run * EVENT_MS // 60_000)})", shape)


def fresh(client: Client, shape: Shape, parts: int, rows: int) -> None:
    """What a live run has just written: small parts of the newest run, not merged yet, every tenth row a repeat."""
    total = shape.a_run * shape.runs
    client.command("SYSTEM STOP MERGES results")
    for part in range(parts):
        first = total - (parts - part) * rows
        _insert(client, _RESULTS, _numbers(shape, _repeats(first, rows, 10), 3 * total + part))


def _numbers(shape: Shape, source: str, later: int) -> str:
    return f"""(
    SELECT number, {later} + number AS place, intDiv(number, {shape.a_run}) AS run, number % {shape.a_run} AS step,
        intDiv(step, {shape.images}) AS pass, {FIRST_MS} + run * {DAY_MS} + step * {EVENT_MS} AS ms,
        intDiv(run, 2) * {shape.images} + step % {shape.images} AS image, intDiv(image, 20) AS vehicle,
        sipHash64(number) AS dice, sipHash64(number, 1) AS more, least(3, [1, 2, 3, 2][pass + 1]) AS level,
        leftPad(lower(hex(ms)), 16, '0') AS clock, lower(hex(sipHash128(number))) AS chance,
        (level - 1) * 3 + dice % 3 AS which
    FROM {source}
)"""


def _repeats(first: int, rows: int, one_of: int = REPEATED) -> str:
    return f"(SELECT number FROM numbers({first}, {rows}) WHERE number % {one_of} = 0)"


def _insert(client: Client, statement: str, source: str, shape: Shape | None = None) -> None:
    minutes = shape.a_run * EVENT_MS // 60_000 if shape else 1
    text = statement.replace("SOURCE", source).replace("MINUTES", str(minutes))
    client.command(text, settings=_SETTINGS)


_MODELS = "['gemini-1.5-flash', 'gpt-4o-mini', 'claude-3-haiku', 'gemini-1.5-pro', 'gpt-4o', 'claude-3-5-sonnet', 'gpt-4-turbo', 'claude-3-opus', 'gemini-ultra']"  # noqa: E501
_PROVIDERS = "['google', 'openai', 'anthropic', 'google', 'openai', 'anthropic', 'openai', 'anthropic', 'google']"

_RESULTS = f"""
INSERT INTO results (
    event_id, event_type, event_time, run_id, source, subject_kind, subject_id, vehicle_id, vehicle_type, image_uri,
    status, error_type, error_message, error_timeout, attempt, will_retry, tier, task_type, strategy, batch_id,
    processor_id, prompt_version, model, model_version, provider, latency_ms, stages, input_tokens, output_tokens,
    cached_tokens, tokens_saved, cache_hit, cost_usd, cost_nano_usd, confidence, confidence_ppm, scores, scores_micro,
    context_score, context_items, answers, questions_asked, tables, insights, gaps, findings, output, output_bytes,
    recorded_at, effective_ms, source_topic, source_partition, source_offset)
SELECT
    concat(substring(clock, 5, 8), '-', substring(clock, 13, 4), '-7', substring(chance, 1, 3), '-a',
        substring(chance, 4, 3), '-', substring(chance, 7, 12)),
    'image.result', fromUnixTimestamp64Milli(toInt64(ms)), concat('backfill-', toString(run)), 'processor',
    'image', concat('image-', toString(image)), concat('vehicle-', toString(vehicle)),
    ['sedan', 'suv', 'truck', 'van'][vehicle % 4 + 1], concat('s3://images/', toString(image), '.jpg'),
    multiIf(dice % 100 < 4, 'failed', dice % 100 < 7, 'partial', 'success') AS status,
    if(status = 'failed', 'rate_limit', NULL), if(status = 'failed', '429 too many requests', NULL),
    if(status = 'failed', dice % 3 = 0, NULL), if(pass = 3, 2, 1), status = 'failed',
    level, ['part_identification', 'image_analysis', 'damage_assessment', 'general'][more % 4 + 1], 'progressive',
    concat('batch-', toString(intDiv(step, 20))), concat('processor-', toString(dice % 4)),
    concat('v', toString(level)),
    {_MODELS}[which + 1], concat('2026-0', toString(1 + run % 9)), {_PROVIDERS}[which + 1],
    if(more % 50 = 0, NULL, 200 * level + intDiv(dice, 7) % 1500 + if(more % 20 = 0, 4000, 0)),
    map('queue', more % 90, 'model', 150 + dice % 1000),
    300 + dice % 1700, 50 + more % 450, if(more % 3 = 0, 256, 0), dice % 200, more % 3 = 0,
    if(more % 80 = 0, NULL, (more % 30000) / 1e7) AS usd, toInt64(roundBankers(usd * 1e9)),
    (500 + dice % 500) / 1000 AS sure, toInt64(roundBankers(sure * 1e6)),
    map('classification_accuracy', (more % 1000) / 1000), map('classification_accuracy', toInt64(more % 1000 * 1000)),
    [5, 20, 45, 80][vehicle % 4 + 1], if(vehicle % 4 > 1, ['spid', 'manual', 'receipts'], ['timeline']),
    arrayMap(n -> (concat('part:', ['hood', 'door', 'wheel', 'roof', 'seat'][(dice + n) % 5 + 1]), 'seen',
        (400 + (more + n) % 600) / 1000, if(n = 1, 'part_identifications', ''),
        if(n = 1, concat('row-', toString(number)), ''), toUInt32(1 + (dice + n) % 3), toUInt32(1 + (dice + n) % 3),
        if((more + n) % 9 = 0, 'receipt', NULL)), range(toUInt64(level))),
    level + 1, map('part_identifications', 1), more % 4,
    if(more % 10 = 0, [('service history', 'high', 'ask the owner')], []), map('parts', level),
    concat('{{"category": "exterior", "angle": "front", "image_quality": {{"lighting": "good", "focus": "sharp", ',
        '"overall_score": ', toString(dice % 10), '}}, "notes": "', chance, '"}}'), 160,
    fromUnixTimestamp64Milli(toInt64(ms + 40 + dice % 300)), ms, 'imageledger.results', sipHash64(image) % 4, place
FROM SOURCE
"""

_FEEDBACK = """
INSERT INTO feedback (event_id, event_type, event_time, run_id, subject_kind, subject_id, question, rating, validator,
    verdict, recorded_at, effective_ms, source_topic, source_partition, source_offset)
SELECT concat('word-', toString(number)), 'feedback.recorded', fromUnixTimestamp64Milli(toInt64(ms + 60000)),
    concat('backfill-', toString(run)), 'image', concat('image-', toString(image)),
    if(more % 2 = 0, 'part:hood', NULL), if(more % 2 = 0, NULL, toInt8(dice % 3) - 1), 'user',
    if(more % 2 = 0, ['confirmed', 'rejected', 'overridden'][dice % 3 + 1], NULL),
    fromUnixTimestamp64Milli(toInt64(ms + 60100)), ms + 60000, 'imageledger.feedback', sipHash64(image) % 4, place
FROM SOURCE
"""

_PROFILES = f"""
INSERT INTO profiles (vehicle_id, event_id, event_time, has_spid, has_factory_manual, receipt_count,
    timeline_event_count, recorded_at, source_topic, source_partition, source_offset, deleted)
SELECT concat('vehicle-', toString(number)), concat('profile-', toString(number)), toDateTime64({FIRST_MS // 1_000}, 6),
    number % 2, number % 3 = 0, number % 6, number % 4, toDateTime64({FIRST_MS // 1_000}, 3), 'imageledger.profiles',
    number % 4, number, 0
FROM SOURCE
"""

_RUNS = f"""
INSERT INTO runs (event_id, event_type, event_time, run_id, name, strategy, started_at, total_images, tiers, budget_usd,
    baseline_name, baseline_unit_cost_usd, cheap_models, value_weights_usd, raw, recorded_at, source_topic,
    source_partition, source_offset)
SELECT concat('declared-', toString(number)), 'run.declared',
    fromUnixTimestamp64Milli(toInt64({FIRST_MS} + number * {DAY_MS}) AS at_ms), concat('backfill-', toString(number)),
    concat('Backfill ', toString(number)), 'progressive', fromUnixTimestamp64Milli(at_ms), 62500,
    [(1, 'glance', 62500, 'gemini-1.5-flash', 0.0001, 20, 1.5), (2, 'parts', 62500, 'gpt-4o', 0.001, 20, 3.0),
        (3, 'expert', 62500, 'claude-3-opus', 0.002, 20, 6.0)],
    400, 'gpt-4-turbo', 0.01, ['gemini-1.5-flash', 'gpt-4o-mini'], map('part_identifications', 0.05),
    '{{"tiers": [], "baseline": {{}}, "cheap_models": [], "value_weights_usd": {{}}}}',
    fromUnixTimestamp64Milli(at_ms), 'imageledger.runs', number % 4, number
FROM SOURCE
"""

_SNAPSHOTS = f"""
INSERT INTO snapshots (run_id, minute, as_of, state, source_offsets, metrics, recorded_at, source_topic,
    source_partition, source_offset)
SELECT concat('backfill-', toString(intDiv(number, MINUTES))), toDateTime(at, 'UTC'),
    toDateTime64({FIRST_MS // 1_000} + intDiv(number, MINUTES) * 86400 + number % MINUTES * 60 AS at, 6, 'UTC'),
    'running', map('results', map(0, number)),
    concat('{{"event_type": "run.metrics", "event_id": "s-', toString(number), '", "event_time": "',
        formatDateTime(toDateTime(at, 'UTC'), '%FT%TZ') AS as_written, '", "as_of": "', as_written,
        '", "run_id": "backfill-', toString(intDiv(number, MINUTES)), '", "state": "running", ',
        '"source_offsets": {{}}, "totals": {{"results": ', toString(number % MINUTES * 375),
        ', "failed": 3, "subjects": 100, "processed_subjects": 90, "cost_nano_usd": 1000000, "input_tokens": 900, ',
        '"output_tokens": 90, "confidence_sum_ppm": 900000, "confidence_count": 1, "answers": 20, "cache_hits": 7}}, ',
        '"by_model": {{"gpt-4o": {{"results": 10, "failed": 1}}}}, "by_provider": {{"openai": {{"results": 10, ',
        '"failed": 1}}}}, "window_60s": {{"span_ms": 60000, "counters": {{"cost_nano_usd": 5}}, ',
        '"results_per_minute": 375, "images_per_minute": 93.75, "cost_nano_usd_per_minute": 5}}, ',
        '"window_10m": {{"span_ms": 600000, "counters": {{"cost_nano_usd": 50}}, "results_per_minute": 375, ',
        '"images_per_minute": 93.75, "cost_nano_usd_per_minute": 5}}, ',
        '"operations": {{"queue_depth": 5, "active_requests": 8}}, ',
        '"progress": {{"percent": 12.5}}, "projection": {{"projected_nano_usd": 400000000000}}, "padding": "',
        repeat(lower(hex(sipHash64(number))), 90), '"}}'),
    toDateTime64(at, 3, 'UTC'), 'imageledger.metrics', intDiv(number, MINUTES) % 4, number
FROM SOURCE
"""
