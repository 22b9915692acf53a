"""Every model call a row, and which call a rating is about (S4, model_performance_metrics).

A rating belongs to one call: of what it is about (a subject or a conversation) the newest call that did not fail by the
time of the rating, of the rating's own run where there is one. So each rating counts once, as in `run_totals`.
"""

# ruff: noqa: S608 - these texts are made of this package's own constants; no input reaches them

from collections.abc import Sequence

from .feedback import RATINGS
from .view import Column, View

_KEY = ("model", "provider", "task_type")
_OTHERS = ("tier", "component_type", "task_complexity", "variant")
KEYS = {
    "model": Column("model", "model", "The model."),
    "provider": Column("provider", "provider", "Its provider."),
    "task_type": Column("task_type", "task_type", "The task."),
    "day": Column("day", "toDate(fromUnixTimestamp64Milli(effective_ms, 'UTC'))", "The day, UTC."),
}


def views() -> list[View]:
    """The views of this family."""
    return [_result_ratings(), _model_performance_metrics()]


_ONCE = [("results FINAL", "1")]
_CALL = ("run_id", "source_partition", "event_id", *_KEY, "effective_ms", *_OTHERS, "user_type")
_BY_PLACE = tuple("source_offset" if name == "event_id" else name for name in _CALL)
"""The same, known by its place in the log: an event id is as wide as all the rest."""


def _result_ratings() -> View:
    """Each rating finds its call; a call that several ratings found has the latest.

    By what else calls are chosen and counted stands here too, so that nobody has to join the calls again.
    """
    return View(
        "result_ratings",
        "Which call each rating of a subject or a conversation is about.",
        "a rated call",
        (
            *(
                Column(name, _picked(name), f"The call's {name.replace('_', ' ')}.")
                for name in _CALL
                if name not in {"effective_ms", "user_type"}
            ),
            Column("effective_ms", _picked("effective_ms"), "When the call counts, since 1970.", "ms"),
            Column("user_type", _picked("user_type"), "What kind of user asked, where the producer says it."),
            Column("user_rating", _USER_RATING, "1 up, -1 down, 0 taken back."),
        ),
        _rated(""),
        "SELECT model, user_rating, count() AS calls FROM result_ratings GROUP BY model, user_rating\n"
        "ORDER BY model, user_rating",
    )


def ratings_within(runs: str, results: Sequence[tuple[str, str]] = _ONCE) -> str:
    """A SELECT of `result_ratings` where `runs`, a condition on `run_id`, holds of the ratings and of the calls.

    `results`: tables that have each call once between them, with what holds of their rows. A call has its
    `source_offset` in place of its event id. `astray`: the rating's own run has no such call, so that a call of yet
    another run may be its own.
    """
    named = ", ".join(f"{_picked(name, _BY_PLACE)} AS {name}" for name in _BY_PLACE)
    return (
        f"SELECT {named}, {_USER_RATING} AS user_rating, max(run_id != rated_at.1) AS astray "
        f"{_rated(runs, _BY_PLACE, results)}"
    )


def _picked(name: str, call: Sequence[str] = _CALL) -> str:
    return f"picked.{call.index(name) + 1}"


_USER_RATING = "argMax(rating, (rated_ms, rated_at))"
_FIRST_CHOICE = """bitOr(
                bitShiftLeft(toUInt256(bitOr(bitOr(4 * (call.run_id = word.run_id),
                    2 * (call.effective_ms <= word.effective_ms)), call.status != 'failed')), 160), bitOr(
                bitShiftLeft(toUInt256(call.effective_ms + 4611686018427387904), 96), bitOr(
                bitShiftLeft(toUInt256(call.source_offset), 32), toUInt256(call.source_partition))))"""
"""By which of its subject's calls a rating is about the one with the most: the rating's own run, no later than it, not
failed, the newest. One number, as `metrics.views.images` has it; 2^62 keeps times before 1970 positive."""


def _rated(runs: str, call: Sequence[str] = _CALL, results: Sequence[tuple[str, str]] = _ONCE) -> str:
    """The FROM clause; the sets only leave out calls that nobody can have rated, the join decides."""
    chosen = ", ".join(f"call.{name}" for name in call)
    words, said, of_runs = "feedback_ratings", "FROM feedback WHERE isNull(question) AND isNotNull(rating)", ""

    def rated(table: str) -> str:
        """Bloom filters spare FINAL most of all results; else four bytes are compared sooner than they are read."""
        if "FINAL" in table and not runs:
            return f"subject_id IN (SELECT subject_id {said})"
        return f"subject_hash IN (SELECT toUInt32(cityHash64(subject_id)) {said})"

    if runs:
        words, said, of_runs = f"(SELECT * FROM ({RATINGS}) WHERE {runs})", f"{said} AND {runs}", f"{runs} AND "
    order = "status" if "source_offset" in call else "status, source_offset"
    calls = " UNION ALL ".join(
        f"""
                SELECT {", ".join(call)}, {order},
                    arrayJoin(arrayConcat([(toString(results.subject_kind), results.subject_id)],
                        if(isNull(conversation_id), [], [('conversation', assumeNotNull(conversation_id))]))) AS about
                FROM {table}
                WHERE {"" if holds == "1" else f"{holds} AND "}{of_runs}({rated(table)}
                    OR conversation_id IN (SELECT subject_id {said} AND subject_kind = 'conversation'))"""
        for table, holds in results
    )
    return f"""
FROM (
        SELECT word.rating AS rating, word.effective_ms AS rated_ms,
            (word.run_id, word.source_partition, word.subject_kind, word.subject_id) AS rated_at,
            argMax(({chosen}), {_FIRST_CHOICE}) AS picked
        FROM (
            SELECT {", ".join(call)}, {order}, about.1 AS subject_kind, about.2 AS subject_id
            FROM ({calls}
            )
        ) AS call
        INNER JOIN {words} AS word
            ON call.subject_kind = toString(word.subject_kind) AND call.subject_id = word.subject_id
        GROUP BY rating, rated_ms, rated_at
)
GROUP BY picked
"""


def _model_performance_metrics() -> View:
    columns = (
        Column("id", "results.event_id", "The result's event id, unique in its run and partition."),
        Column("run_id", "results.run_id", "The run."),
        *(Column(c.name, f"results.{c.name}", c.docs) for c in (KEYS[name] for name in _KEY)),
        Column("model_version", "results.model_version", "The model's version."),
        Column("task_complexity", "results.task_complexity", "simple, medium or complex; NULL where not said."),
        Column("response_time_ms", "results.latency_ms", "NULL where not said: unknown is not zero.", "ms"),
        Column("tokens_used", "results.input_tokens + results.output_tokens", "Sent and received.", "tokens"),
        Column("input_tokens", "results.input_tokens", "Sent.", "tokens"),
        Column("output_tokens", "results.output_tokens", "Received.", "tokens"),
        Column("success", "results.status != 'failed'", "1: not failed."),
        Column("error_message", "ifNull(results.error_message, results.error_type)", "Why it failed."),
        Column(
            "user_rating", "toInt8(ifNull(rated.user_rating, 0))", "1 thumbs up, -1 down, 0 unrated (`result_ratings`)."
        ),
        Column("conversation_id", "results.conversation_id", "Of a message."),
        Column("user_id", "results.user_id", "Of a message."),
        Column("message_id", "results.message_id", "Of a message."),
        Column("metadata", "toJSONString(results.attributes)", "The producer's attributes as JSON."),
        Column("timestamp", "fromUnixTimestamp64Milli(results.effective_ms, 'UTC')", "When it counts, UTC."),
        Column("cost_usd", "results.cost_nano_usd / 1e9", "NULL where not said.", "USD"),
        Column("cost_nano_usd", "results.cost_nano_usd", "The same, exact.", "nano-USD"),
        Column("event_type", "results.event_type", "image.result, component.result or message.result."),
        Column("subject_id", "results.subject_id", "What it was about."),
        Column("tier", "results.tier", "The tier, 0-15."),
        Column("variant", "results.variant", "The variant of an A/B test."),
        Column("prompt_version", "results.prompt_version", "The prompt's version."),
        Column("attempt", "results.attempt", "1 for the first try."),
        Column("source_partition", "results.source_partition", "Where it stands in the log: partition"),
        Column("source_offset", "results.source_offset", "and offset."),
    )
    return View(
        "model_performance_metrics",
        "Every model call with its time, tokens, outcome and rating (S4).",
        "a result",
        columns,
        """
FROM (SELECT *, message_id FROM results FINAL) AS results
LEFT JOIN result_ratings AS rated USING (run_id, source_partition, event_id)
""",
        "SELECT model, count() AS calls FROM model_performance_metrics\n"
        "WHERE timestamp >= now() - INTERVAL 7 DAY GROUP BY model ORDER BY calls DESC, model",
    )
