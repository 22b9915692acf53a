"""What people and documents said, whenever they said it: the latest word by position in the log holds."""

# ruff: noqa: S608 - these texts are made of this package's own constants; no input reaches them

from metrics.fold.counters import FEEDBACK_COUNTERS

from .view import RUN_ID, Column, View, of_metrics

WORDS = of_metrics(FEEDBACK_COUNTERS)
VALIDATED = [
    Column(
        f"validated_{validator}",
        f"countIf(verdict = 'confirmed' AND validator = '{validator}')",
        f"Answers that feedback confirmed by {validator}.",
    )
    for validator in ("receipt", "user", "expert")
]


def views() -> list[View]:
    """The views of this family."""
    return [_feedback_verdicts(), _feedback_ratings(), _run_feedback()]


_WORDS_ONCE = """
FROM (
    SELECT * FROM feedback FINAL
    ORDER BY source_offset
    LIMIT 1 BY run_id, source_partition, event_id
) AS words
"""
_SAID_OF = (
    RUN_ID,
    Column("source_partition", "source_partition", "The Kafka partition of the feedback."),
    Column("subject_kind", "subject_kind", "image, component, message or conversation."),
    Column("subject_id", "subject_id", "What the feedback is about."),
)
_SAID = (
    Column("user_id", "argMax(tuple(words.user_id), source_offset).1", "Who said it."),
    Column("comment", "argMax(tuple(words.comment), source_offset).1", "In their own words."),
    Column("effective_ms", "argMax(words.effective_ms, source_offset)", "When it was said, since 1970.", "ms"),
)


def _feedback_verdicts() -> View:
    return View(
        "feedback_verdicts",
        "What people and documents said about answers: the latest word holds.",
        "a run, a subject and a question",
        (
            *_SAID_OF,
            Column("question", "question", "The question that was answered."),
            Column("verdict", "argMax(words.verdict, source_offset)", "confirmed, rejected or overridden."),
            Column("validator", "argMax(words.validator, source_offset)", "receipt, user or expert."),
            *_SAID,
        ),
        f"""{_WORDS_ONCE.strip()}
WHERE isNotNull(question) AND isNotNull(words.verdict)
GROUP BY run_id, source_partition, subject_kind, subject_id, question""",
        "SELECT verdict, validator, count() AS answers FROM feedback_verdicts WHERE run_id = {run:String}\n"
        "GROUP BY verdict, validator ORDER BY answers DESC, verdict, validator",
    )


def verdicts_of(subjects: str) -> str:
    """A SELECT of `feedback_verdicts` for some subjects, and maybe others; `subjects`: a SELECT of their ids.

    Of every record of an event that speaks of one: a repeat is no newer word, of whomever it speaks.
    """
    event = "run_id, source_partition, event_id"
    spoken = f"feedback WHERE ({event}) IN (SELECT {event} FROM feedback WHERE subject_id IN ({subjects}))"
    return _feedback_verdicts().query().replace("feedback FINAL", spoken)


def _feedback_ratings() -> View:
    return View(
        "feedback_ratings",
        "Thumbs up and down: the latest rating of each subject holds.",
        "a run and a subject",
        (
            *_SAID_OF,
            Column("rating", "argMax(words.rating, source_offset)", "1 up, -1 down, 0 taken back."),
            *_SAID,
        ),
        f"""{_WORDS_ONCE.strip()}
WHERE isNull(question) AND isNotNull(words.rating)
GROUP BY run_id, source_partition, subject_kind, subject_id""",
        "SELECT rating, count() AS subjects FROM feedback_ratings GROUP BY rating ORDER BY rating",
    )


RATINGS = _feedback_ratings().query()


def _run_feedback() -> View:
    return View(
        "run_feedback",
        "The counters of a run's feedback.",
        "a run with feedback",
        (RUN_ID, *WORDS, *VALIDATED),
        """
FROM (
    SELECT run_id, verdict, validator, 0 AS rating FROM feedback_verdicts
    UNION ALL
    SELECT run_id, '', '', rating FROM feedback_ratings
)
GROUP BY run_id
""",
        "SELECT thumbs_up, thumbs_down, confirmed, overridden FROM run_feedback WHERE run_id = {run:String}",
    )
