"""How each model does: S4's six views and its two functions (S4, Database schema). Calls of all runs count."""

# ruff: noqa: S608 - these texts are made of this package's own constants; no input reaches them

from metrics.intelligence.models import FEWEST_CALLS, WINDOW_DAYS
from metrics.intelligence.models import Z_95 as _Z

from .calls import KEYS
from .view import Column, View, listed

_DAY_MS = 86_400_000

_CALLS = Column("total_calls", "count()", "Calls, each once.")
_SUCCESS = (
    Column("successful_calls", "countIf(status != 'failed')", "Calls that did not fail."),
    Column("success_rate", "successful_calls / total_calls", "Not failed / calls.", "0-1"),
)
_MEAN_MS = Column(
    "avg_response_time_ms",
    "if(count(latency_ms) = 0, NULL, sum(ifNull(latency_ms, 0)) / count(latency_ms))",
    "Mean of the calls that said their time.",
    "ms",
)
_P50, _P95, _P99 = (
    Column(
        name,
        f"if(count(latency_ms) = 0, NULL, quantilesExactInclusive(0.5, 0.95, 0.99)(latency_ms)[{position}])",
        f"{words} of the calls that said their time, exact (interpolated).",
        "ms",
    )
    for position, (name, words) in enumerate(
        (
            ("median_response_time_ms", "Median"),
            ("p95_response_time_ms", "95th percentile"),
            ("p99_response_time_ms", "99th percentile"),
        ),
        1,
    )
)
_TOKENS = Column("avg_tokens", "sum(input_tokens + output_tokens) / total_calls", "Sent and received a call.", "tokens")
_COST = (
    Column("total_cost_usd", "sum(ifNull(cost_nano_usd, 0)) / 1e9", "What the calls cost, where known.", "USD"),
    Column("unpriced_calls", "countIf(isNull(cost_nano_usd))", "Calls without a cost."),
)
_THUMBS = (
    Column("thumbs_up", "countIf(user_rating = 1)", "Calls rated up."),
    Column("thumbs_down", "countIf(user_rating = -1)", "Calls rated down."),
)
_SATISFACTION = Column(
    "satisfaction_rate",
    "if(thumbs_up + thumbs_down = 0, NULL, thumbs_up / (thumbs_up + thumbs_down))",
    "Up / (up + down); NULL where nobody rated.",
    "0-1",
)
_SPEED = "if(isNull(avg_response_time_ms), NULL, greatest(0, 100 - least(100, avg_response_time_ms / 100)))"
_QUALITY = (
    "(0.4 * 100 * success_rate + 0.4 * 100 * ifNull(satisfaction_rate, 0) + 0.2 * ifNull(speed_score, 0))"
    " / (0.4 + 0.4 * isNotNull(satisfaction_rate) + 0.2 * isNotNull(speed_score))"
)


def _wilson_width(rate: str, n: str) -> str:
    """Width of the 95 % Wilson interval of a rate out of n."""
    return f"2 * {_Z} * sqrt({rate} * (1 - {rate}) / {n} + {_Z**2 / 4} / ({n} * {n})) / (1 + {_Z**2} / {n})"


_SCORES = (
    Column("speed_score", _SPEED, "max(0, 100 - min(100, mean ms / 100)); NULL where no call said its time.", "0-100"),
    Column(
        "quality_score",
        _QUALITY,
        "40 % success, 40 % satisfaction, 20 % speed; what is unknown leaves its weight to the others.",
        "0-100",
    ),
    Column(
        "confidence",
        "100 * (0.5 * least(1, total_calls / 100)"
        f" + 0.3 * (1 - {_wilson_width('success_rate', 'total_calls')})"
        " + 0.2 * if(isNull(satisfaction_rate), 0,"
        f" 1 - {_wilson_width('ifNull(satisfaction_rate, 0)', 'greatest(1, thumbs_up + thumbs_down)')}))",
        "How sure the score is: calls, and the widths of the Wilson intervals of success and satisfaction.",
        "0-100",
    ),
)
_OF_CALLS = (_CALLS, *_SUCCESS, _MEAN_MS, _TOKENS, *_COST)


def views() -> list[View]:
    """The views of this family."""
    return [
        _by_model(
            "model_avg_response_time",
            "How fast each model answers: mean, extremes, exact percentiles.",
            (
                _CALLS,
                Column("timed_calls", "count(latency_ms)", "Calls that said their time."),
                _MEAN_MS,
                Column("min_response_time_ms", "min(latency_ms)", "The fastest.", "ms"),
                Column("max_response_time_ms", "max(latency_ms)", "The slowest.", "ms"),
                *(_P50, _P95, _P99),
            ),
            "avg_response_time_ms",
        ),
        _by_model(
            "model_success_rate",
            "How reliable each model is.",
            (
                _CALLS,
                *_SUCCESS,
                Column("failed_calls", "countIf(status = 'failed')", "Calls that failed."),
                Column("timeout_calls", "countIf(status = 'failed' AND error_timeout = 1)", "Of these, timed out."),
                Column("success_percentage", "round(100 * success_rate, 2)", "The rate in percent.", "%"),
            ),
            "success_rate DESC",
        ),
        _model_user_satisfaction(),
        _best_model_by_task(),
        _by_model(
            "model_token_efficiency",
            "What each model makes of its tokens.",
            (
                _CALLS,
                _TOKENS,
                Column("avg_input_tokens", "sum(input_tokens) / total_calls", "Sent a call.", "tokens"),
                Column("avg_output_tokens", "sum(output_tokens) / total_calls", "Received a call.", "tokens"),
                Column("total_tokens", "sum(input_tokens + output_tokens)", "Sent and received.", "tokens"),
                Column("cached_tokens", "sum(results.cached_tokens)", "Of those sent, from the cache.", "tokens"),
                Column("tokens_saved", "sum(results.tokens_saved)", "That context made unnecessary.", "tokens"),
                Column("answers", "sum(length(results.answers))", "Answers given."),
                Column("tokens_per_answer", "if(answers = 0, NULL, total_tokens / answers)", "", "tokens"),
                *_COST,
                Column(
                    "usd_per_1k_tokens",
                    "if(total_tokens = 0, NULL, total_cost_usd / total_tokens * 1000)",
                    "Spent by a thousand tokens.",
                    "USD",
                ),
            ),
            "tokens_per_answer",
        ),
        _model_performance_trends(),
        _get_best_model_for_task(),
        _get_model_performance_summary(),
    ]


def _by_model(name: str, purpose: str, columns: tuple[Column, ...], best_first: str) -> View:
    return View(
        name,
        purpose,
        "a model and provider",
        (KEYS["model"], KEYS["provider"], *columns),
        "FROM results FINAL\nGROUP BY model, provider",
        f"SELECT * FROM {name} ORDER BY {best_first}, model, provider",
    )


def _model_user_satisfaction() -> View:
    return View(
        "model_user_satisfaction",
        "How people rated each model's calls.",
        "a model and provider with a rating",
        (
            KEYS["model"],
            KEYS["provider"],
            *_THUMBS,
            Column("total_ratings", "thumbs_up + thumbs_down", "Calls rated up or down."),
            _SATISFACTION,
            Column("satisfaction_percentage", "round(100 * satisfaction_rate, 2)", "The rate in percent.", "%"),
        ),
        "FROM result_ratings\nGROUP BY model, provider\nHAVING thumbs_up + thumbs_down > 0",
        "SELECT * FROM model_user_satisfaction ORDER BY satisfaction_rate DESC, model",
    )


def _model_performance_trends() -> View:
    return View(
        "model_performance_trends",
        "How each model did from day to day.",
        "a day (UTC), model and provider",
        (
            *(KEYS[name]._replace(sql=f"called.{name}") for name in ("day", "model", "provider")),
            *(c._replace(sql=f"called.{c.name}") for c in (*_OF_CALLS, _P50, _P95)),
            *(c._replace(sql=f"rated.{c.name}") for c in _THUMBS),
            _SATISFACTION,
        ),
        _called_and_rated(("day", "model", "provider"), more=(_P50, _P95)),
        "SELECT day, model, total_calls, success_rate, avg_response_time_ms FROM model_performance_trends\n"
        "ORDER BY day DESC, model, provider LIMIT 50",
    )


def _called_and_rated(keys: tuple[str, ...], more: tuple[Column, ...] = (), days: str = "") -> str:
    """Figures of the calls, as `called`, and of their ratings, as `rated`, by the same keys; of the last days."""
    by = ", ".join(keys)
    since = f"effective_ms >= toUnixTimestamp64Milli(now64(3)) - {_DAY_MS} * {days}"
    where = f"\n    WHERE {since}" if days else ""
    keyed = tuple(KEYS[key] for key in keys)
    return f"""
FROM (
    SELECT
{listed((*keyed, *_OF_CALLS, *more), "        ")}
    FROM results FINAL{where}
    GROUP BY {by}
) AS called
LEFT JOIN (
    SELECT
{listed((*keyed, *_THUMBS), "        ")}
    FROM result_ratings{where}
    GROUP BY {by}
) AS rated USING ({by})
"""


def _scored(keys: tuple[str, ...], days: str) -> tuple[tuple[Column, ...], str]:
    """Columns of a scored model, and where they come from."""
    columns = (
        *(KEYS[key]._replace(sql=f"called.{key}") for key in keys),
        *(c._replace(sql=f"called.{c.name}") for c in _OF_CALLS),
        *(c._replace(sql=f"rated.{c.name}") for c in _THUMBS),
        _SATISFACTION,
        *_SCORES,
    )
    return columns, _called_and_rated(keys, days=days).strip()


def _best_of(keys: tuple[str, ...], rest: str) -> tuple[list[Column], str]:
    """The scored models with calls enough, of which `rest` chooses."""
    columns, source = _scored(keys, str(WINDOW_DAYS))
    inner = f"SELECT\n{listed(columns)}\n{source}"
    return [c._replace(sql=c.name) for c in columns], f"FROM (\n{inner}\n)\nWHERE total_calls >= {FEWEST_CALLS}{rest}"


def _best_model_by_task() -> View:
    columns, source = _best_of(
        ("task_type", "model", "provider"),
        "\nORDER BY task_type, quality_score DESC, total_calls DESC, model, provider\nLIMIT 1 BY task_type",
    )
    return View(
        "best_model_by_task",
        f"The model with the best quality score for each task: last {WINDOW_DAYS} days, all runs, "
        f"of those with {FEWEST_CALLS} calls or more.",
        "a task",
        columns,
        source,
        "SELECT task_type, model, quality_score, confidence, total_calls FROM best_model_by_task ORDER BY task_type",
    )


def _get_best_model_for_task() -> View:
    priority = """multiIf(
    {priority:String} = 'speed', -ifNull(avg_response_time_ms, inf),
    {priority:String} = 'quality', (success_rate + ifNull(satisfaction_rate, 0)) / (1 + isNotNull(satisfaction_rate)),
    {priority:String} = 'cost', -avg_tokens,
    quality_score)"""
    columns, source = _best_of(
        ("task_type", "model", "provider"),
        f" AND task_type = {{task_type:String}}\nORDER BY {priority} DESC, quality_score DESC, total_calls DESC, "
        "model, provider\nLIMIT 1",
    )
    return View(
        "get_best_model_for_task",
        "The best model for a task by `speed` (time), `quality` (success and satisfaction), `cost` (tokens) or "
        f"`balanced` (quality score, as any other word): last {WINDOW_DAYS} days, {FEWEST_CALLS} calls or more.",
        "the best model, or none",
        columns,
        source,
        "SELECT model, provider, confidence, quality_score, total_calls\n"
        "FROM get_best_model_for_task(task_type = 'part_identification', priority = 'quality')",
        {"task_type": "String", "priority": "String"},
    )


def _get_model_performance_summary() -> View:
    columns, source = _scored(("model", "provider"), "{days:UInt32}")
    return View(
        "get_model_performance_summary",
        "Each model over the last days, all runs.",
        "a model and provider with calls in that time",
        columns,
        source,
        "SELECT model, total_calls, success_rate, avg_response_time_ms, quality_score\n"
        "FROM get_model_performance_summary(days = 30) ORDER BY total_calls DESC, model",
        {"days": "UInt32"},
    )
