"""The feed of single results, a view and no figure: the newest, at most 20 a second (DESIGN.md 5.9)."""

import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence

import msgspec
from aiokafka.structs import ConsumerRecord

from dashboard.bodies.live import Activity, RecentError
from events import codec
from events.envelope import epoch_ms
from events.refusals import Refused
from events.results import AnyResult
from metrics.fold.buckets import effective_ms, effective_run

ROWS_A_SECOND = 20
KEPT_S = 30.0
_UUID_LENGTH = 36
_SHORT = 8


class ActivityFeed:
    """The last 30 seconds of arrivals; `changed` gets each new batch of rows, oldest first.

    `clock` gives monotonic seconds.
    """

    def __init__(self, changed: Callable[[list[Activity]], None], clock: Callable[[], float] = time.monotonic) -> None:
        self._changed = changed
        self._clock = clock
        self._kept: deque[tuple[float, Activity, RecentError | None]] = deque(maxlen=int(ROWS_A_SECOND * KEPT_S))
        self._allowance = float(ROWS_A_SECOND)
        self._refilled_at = clock()

    def take(self, records: Sequence[ConsumerRecord]) -> None:
        """Takes records of the `results` topic as they come; decodes only those it will show."""
        now = self._clock()
        self._allowance = min(ROWS_A_SECOND, self._allowance + (now - self._refilled_at) * ROWS_A_SECOND)
        self._refilled_at = now
        rows = []
        for record in records[len(records) - min(len(records), int(self._allowance)) :]:
            try:
                event: AnyResult = codec.decode("results", record.value, record.headers)
            except Refused:
                continue  # the worker puts it on the dead-letter topic
            row = activity(event, record.timestamp)
            self._kept.append((now, row, _error(event, row)))
            rows.append(row)
        self._allowance -= len(rows)
        if rows:
            self._changed(rows)

    def rows(self, run_id: str, tier: int | None = None, model: str | None = None) -> list[Activity]:
        """The run's rows of the last 30 seconds, newest first; of a tier, of a model."""
        return [row for row, _ in self._recent(run_id, tier, model)]

    def errors(self, run_id: str, tier: int | None = None, model: str | None = None) -> list[RecentError]:
        """The failures among the rows, newest first; resolved where a later row of the same image is none."""
        chosen = {id(row) for row, _ in self._recent(run_id, tier, model)}
        found: list[RecentError] = []
        done: set[str] = set()
        for row, error in self._recent(run_id):
            if error is None:
                done.add(row.image_id)
            elif id(row) in chosen:
                found.append(msgspec.structs.replace(error, resolved=row.image_id in done))
        return found

    def _recent(
        self, run_id: str, tier: int | None = None, model: str | None = None
    ) -> Iterator[tuple[Activity, RecentError | None]]:
        oldest = self._clock() - KEPT_S
        for at, row, error in reversed(self._kept):
            if at >= oldest and row.run_id == run_id and tier in (None, row.tier) and model in (None, row.model):
                yield row, error


def activity(event: AnyResult, arrived_ms: int) -> Activity:
    """The result as a row. `arrived_ms` is the record's time; it decides the default run of a result without one."""
    return Activity(
        timestamp=event.event_time,
        run_id=effective_run(event, effective_ms(epoch_ms(event.event_time), arrived_ms)),
        image_id=event.subject_id,
        short_id=short_id(event.subject_id),
        vehicle_id=getattr(event, "vehicle_id", None),
        tier=event.tier,
        model=event.model,
        status=event.status,
        result=summary(event),
        confidence=None if event.confidence is None else 100 * event.confidence,
        cost=event.cost_usd,
        context_score=event.context_score,
        questions_answered=len(event.answers or ()),
    )


def short_id(subject_id: str) -> str:
    """Eight characters that tell a subject from its neighbours: a UUID's random end, the end of anything long."""
    if len(subject_id) <= _SHORT + 4:
        return subject_id
    if len(subject_id) == _UUID_LENGTH and subject_id[8] == subject_id[13] == subject_id[18] == subject_id[23] == "-":
        # Version 7 begins with the time, which neighbours share.
        return subject_id[-_SHORT:] if subject_id[14] == "7" else subject_id[:_SHORT]
    return "…" + subject_id[-_SHORT:]


def summary(event: AnyResult) -> str:
    """What came of it, in a few words: "8 parts", "angle", "failed: timeout"."""
    if event.status == "failed":
        return f"failed: {event.error.type}" if event.error else "failed"
    findings = {kind: count for kind, count in (event.findings or {}).items() if count}
    if findings:
        kind = "parts" if "parts" in findings else max(findings, key=findings.__getitem__)
        return _counted(findings[kind], kind.replace("_", " "))
    if event.task_type not in {"other", ""}:
        return event.task_type.replace("_", " ")
    if event.answers:
        return _counted(len(event.answers), "answers")
    return event.status


def _counted(count: int, plural: str) -> str:
    return f"{count} {plural[:-1] if count == 1 and plural.endswith('s') else plural}"


def _error(event: AnyResult, row: Activity) -> RecentError | None:
    if event.status != "failed":
        return None
    failure = event.error
    return RecentError(
        timestamp=row.timestamp,
        image_id=row.image_id,
        error=(failure.message or failure.type) if failure else "failed",
        tier=row.tier,
        retry_count=event.attempt - 1,
        resolved=False,
    )
