"""`imageledger kpis target`: what a run's indicators are to reach, as an event in its log."""

from collections.abc import Mapping
from datetime import UTC, datetime

from events.runs import RunUpdated
from events.sdk.ids import uuid7
from imageledger.alerting import publish
from imageledger.errors import ImageledgerError
from imageledger.kafka import reader_of, require_kafka
from imageledger.settings import Settings
from metrics.figures.confidence import TARGET
from metrics.figures.kpis import INDICATORS
from metrics.fold.lifecycle import Lifecycle, Stamp

SOURCE = "imageledger.kpis"
_NAMES = (*(one.name for one in INDICATORS), TARGET)


class TargetError(ImageledgerError):
    """There is no such indicator, or no such run."""


def check(name: str) -> None:
    """Raises TargetError where nothing of that name has a target."""
    if name not in _NAMES:
        raise TargetError(f"there is no indicator {name!r}: {', '.join(_NAMES)}")


async def aim(
    settings: Settings, run_id: str, name: str, value: float, reason: str | None, issued_by: str
) -> dict[str, float]:
    """Gives an indicator of a run another target; the run's own targets as they are then.

    The event carries all of them, because a field of a plan changes as a whole: of two changes at the same moment the
    later holds. Raises TargetError, UnreachableError, SdkError.
    """
    check(name)
    await require_kafka(settings)
    life = Lifecycle()
    async with reader_of(settings, "runs", run_id=run_id) as reader:
        async for entry in reader.to_now():
            at = entry.position
            life = life.take(entry.event, Stamp(at.timestamp_ms, at.partition, at.offset))
    if life.plan is None:
        raise TargetError(f"no run {run_id} was ever declared: `imageledger status` shows the newest")
    targets: Mapping[str, float] = life.plan.targets or {}
    event = RunUpdated(
        event_id=uuid7(),
        event_time=datetime.now(UTC),
        source=SOURCE,
        run_id=run_id,
        reason=reason,
        issued_by=issued_by,
        targets={**targets, name: value},
    )
    await publish(settings, event)
    return dict(event.targets or {})
