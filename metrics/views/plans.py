"""What was planned and what came of it: a run's plan as it stands, tier by tier against the results, and its money."""

from .view import RUN_ID, Column, View

_AT = "(recorded_at, source_partition, source_offset)"
_DECLARED = "event_type = 'run.declared'"


def views() -> list[View]:
    """The views of this family."""
    return [_run_plans(), _plan_against_actual(), _cost_tracking()]


def _newest(sql: str, given: str) -> str:
    """The register of a field: a declaration speaks of every field, an update of those that it gives."""
    return f"argMaxIf(tuple({sql}), {_AT}, {_DECLARED} OR ({given})).1"


def _plain(name: str, docs: str, unit: str = "") -> Column:
    return Column(name, _newest(f"said.{name}", f"isNotNull(said.{name})"), docs, unit)


def _part_of(field: str, name: str, docs: str, unit: str = "") -> Column:
    """A column whose field of the plan is a list, a map or an object: given where the event's JSON has it."""
    return Column(name, _newest(f"said.{name}", f"JSONType(raw, '{field}') != 'Null'"), docs, unit)


def _map_of(field: str, docs: str) -> Column:
    """A map that the table has only in the event's JSON."""
    values = f"JSONExtract(raw, '{field}', 'Map(String, Float64)')"
    return Column(field, _newest(values, f"JSONType(raw, '{field}') != 'Null'"), docs)


def _run_plans() -> View:
    """`metrics.fold.lifecycle` by SQL: the newest event that speaks of a field holds, each event id once."""
    phase = (
        "transform(argMaxIf(event_type, "
        f"{_AT}, event_type IN ('run.declared', 'run.paused', 'run.resumed', 'run.finished')), "
        "['run.paused', 'run.finished'], ['paused', 'finished'], 'open')"
    )
    return View(
        "run_plans",
        "The plan of each run as it stands, and whether the run goes on.",
        "a run with an event of its life",
        (
            RUN_ID,
            Column("declared", f"countIf({_DECLARED}) > 0", "1: somebody declared it."),
            Column("phase", phase, "open, paused or finished, as its processor said."),
            _plain("name", "The run's name."),
            _plain("strategy", "How it goes about it."),
            _plain("started_at", "When it began, as planned or said."),
            _plain("total_images", "Images planned."),
            _part_of("tiers", "tiers", "Steps of the plan: tier, name, images, model, price, batches."),
            _plain("tier_order", "series or parallel; NULL is series."),
            _plain("budget_usd", "What may be spent.", "USD"),
            _part_of("baseline", "baseline_name", "What the run is compared with."),
            _part_of("baseline", "baseline_unit_cost_usd", "Its price of an image.", "USD"),
            _part_of("baseline", "baseline_latency_ms", "Its time for an image.", "ms"),
            _part_of("cheap_models", "cheap_models", "Models that count as cheap."),
            _part_of("sla", "sla_latency_ms", "The latency that was promised.", "ms"),
            _part_of("sla", "sla_error_rate", "The share of failed results that was promised.", "0-1"),
            _part_of("sla", "sla_deadline", "The end that was promised."),
            _part_of("value_weights_usd", "value_weights_usd", "What a record of each table is worth.", "USD"),
            _map_of("targets", "Targets of indicators, where the run has its own."),
            _map_of("baselines", "Indicators as they were measured before."),
        ),
        """
FROM (
    SELECT * FROM runs FINAL
    WHERE event_type IN ('run.declared', 'run.updated', 'run.paused', 'run.resumed', 'run.finished')
    ORDER BY recorded_at, source_partition, source_offset
    LIMIT 1 BY run_id, event_id
) AS said
GROUP BY run_id
""",
        "SELECT name, strategy, total_images, budget_usd, phase FROM run_plans WHERE run_id = {run:String}",
    )


def _plan_against_actual() -> View:
    """A tier that is planned or has results; batches are the plan's, and the processors' own."""
    batches = "if(plan.batch_size > 0, ceil(plan.images / plan.batch_size), NULL)"
    return View(
        "plan_against_actual",
        "What was planned for each tier (phase), and what came of it.",
        "a run and a tier that is planned or has results",
        (
            RUN_ID,
            Column("tier", "tier", "The tier, 0-15."),
            Column("name", "plan.name", "The tier's name in the plan."),
            Column("planned_images", "plan.images", "Images planned."),
            Column("actual_images", "actual.complete", "Images complete at this tier."),
            Column("planned_batches", batches, "Images by batch size, rounded up."),
            Column("actual_batches", "actual.batches", "Batches that processors named."),
            Column("planned_minutes", "planned_batches * plan.batch_seconds / 60", "Batches by their time.", "minutes"),
            Column(
                "actual_minutes",
                "if(actual.results = 0, NULL, (actual.last_ms - actual.first_ms) / 60000)",
                "From the tier's first result to its last.",
                "minutes",
            ),
            Column("planned_usd", "plan.images * plan.unit_cost_usd", "Images by the planned price.", "USD"),
            Column("actual_usd", "actual.cost_nano_usd / 1e9", "What its results cost, retries too.", "USD"),
            Column("planned_unit_cost_usd", "plan.unit_cost_usd", "The planned price of an image.", "USD"),
            Column(
                "actual_unit_cost_usd",
                "if(actual.complete = 0, NULL, actual.cost_nano_usd / actual.complete / 1e9)",
                "Spent / images complete.",
                "USD",
            ),
        ),
        """
FROM (
    SELECT run_id, toUInt8(step.tier) AS tier FROM run_plans ARRAY JOIN tiers AS step
    UNION DISTINCT
    SELECT run_id, tier FROM results FINAL
) AS steps
LEFT JOIN (
    SELECT run_id, toUInt8(step.tier) AS tier,
        any(step.name) AS name, any(step.images) AS images, any(step.unit_cost_usd) AS unit_cost_usd,
        any(step.batch_size) AS batch_size, any(step.batch_seconds) AS batch_seconds
    FROM run_plans ARRAY JOIN tiers AS step
    GROUP BY run_id, tier
) AS plan USING (run_id, tier)
LEFT JOIN (
    SELECT run_id, tier, counted.results AS results, counted.cost_nano_usd AS cost_nano_usd,
        counted.batches AS batches, counted.first_ms AS first_ms, counted.last_ms AS last_ms,
        subjects.complete AS complete
    FROM (
        SELECT run_id, tier, count() AS results, sum(ifNull(cost_nano_usd, 0)) AS cost_nano_usd,
            uniqExact(batch_id) AS batches, min(effective_ms) AS first_ms, max(effective_ms) AS last_ms
        FROM results FINAL GROUP BY run_id, tier
    ) AS counted
    INNER JOIN (
        SELECT run_id, tier, sum(processed) AS complete FROM run_subject_tiers GROUP BY run_id, tier
    ) AS subjects USING (run_id, tier)
) AS actual USING (run_id, tier)
""",
        "SELECT tier, name, planned_images, actual_images, planned_minutes, actual_minutes, planned_usd, actual_usd\n"
        "FROM plan_against_actual WHERE run_id = {run:String} ORDER BY tier",
    )


def _in_usd(amounts: str) -> str:
    """JSON of a map of nano-dollars, in dollars."""
    return f"toJSONString(mapApply((name, nano) -> (name, nano / 1e9), {amounts}))"


def _cost_tracking() -> View:
    spent = "spent.cost_nano_usd"
    columns = (
        Column("id", "reinterpretAsUUID(sipHash128(run_id, day))", "Made of run and day."),
        RUN_ID,
        Column("period_start", "toDateTime(day, 'UTC')", "The day's begin, UTC."),
        Column("period_end", "toDateTime(day + 1, 'UTC')", "The day's end, UTC."),
        Column("budget_allocated", "plan.budget_usd", "The run's budget; NULL without one.", "USD"),
        Column("budget_spent", f"{spent} / 1e9", "Spent in the period.", "USD"),
        Column(
            "budget_remaining",
            "plan.budget_usd - sum(spent.cost_nano_usd) OVER (PARTITION BY run_id ORDER BY day) / 1e9",
            "Left of the budget at the period's end; below 0 where it was passed.",
            "USD",
        ),
        Column("cost_by_tier", _in_usd("spent.by_tier"), "JSON, tier to cost in the period.", "USD"),
        Column("cost_by_model", _in_usd("spent.by_model"), "JSON, model to cost.", "USD"),
        Column("cost_by_vehicle_type", _in_usd("spent.by_vehicle_type"), "JSON, vehicle type to cost.", "USD"),
        Column("tables_filled", "length(spent.records)", "Tables that got records."),
        Column("records_added", "arraySum(mapValues(spent.records))", "Records in them."),
        Column("insights_generated", "spent.insights", "Actionable insights."),
        Column(
            "value_delivered_score",
            "arraySum(arrayMap((name, n) -> n * plan.value_weights_usd[name],"
            " mapKeys(spent.records), mapValues(spent.records)))",
            "Records by their tables' weights in the plan.",
            "USD",
        ),
        Column(
            "value_per_dollar",
            f"if({spent} = 0, NULL, value_delivered_score / ({spent} / 1e9))",
            "Value delivered / spent.",
        ),
        Column("cost_per_insight", f"if(spent.insights = 0, NULL, {spent} / spent.insights / 1e9)", "", "USD"),
        Column("cost_per_table_filled", f"if(tables_filled = 0, NULL, {spent} / tables_filled / 1e9)", "", "USD"),
        Column("unpriced", "spent.unpriced", "Results without a cost: not in the sums."),
        Column("created_at", "spent.recorded_at", "Arrival of the period's last result."),
    )
    return View(
        "cost_tracking",
        "Budget, cost and return (S0, Cost tracking and budgeting).",
        "a run and a day (UTC) with results",
        columns,
        """
FROM (
    SELECT run_id, toDate(fromUnixTimestamp64Milli(effective_ms, 'UTC')) AS day,
        sum(ifNull(cost_nano_usd, 0)) AS cost_nano_usd, countIf(isNull(results.cost_nano_usd)) AS unpriced,
        sumMap(map(toString(tier), ifNull(results.cost_nano_usd, 0))) AS by_tier,
        sumMap(map(toString(model), ifNull(results.cost_nano_usd, 0))) AS by_model,
        sumMap(map(toString(ifNull(vehicle_type, 'unknown')), ifNull(results.cost_nano_usd, 0))) AS by_vehicle_type,
        sumMap(mapFilter((name, n) -> n > 0, tables)) AS records,
        sum(results.insights) AS insights, max(results.recorded_at) AS recorded_at
    FROM results FINAL
    GROUP BY run_id, day
) AS spent
LEFT JOIN run_plans AS plan USING (run_id)
""",
        "SELECT period_start, budget_spent, budget_remaining, cost_by_model, tables_filled, "
        "cost_per_insight\nFROM cost_tracking WHERE run_id = {run:String} ORDER BY period_start",
    )
