"""The event that ends a processor's work on a run."""

from events.runs import RunFinished, RunPaused
from processors.clock import Clock
from processors.identity import event_id
from processors.records import SOURCE


def run_ended(run_id: str, clock: Clock, *, stopped: bool) -> RunFinished | RunPaused:
    """Finished; or paused, when the processor was stopped before every image had ended."""
    now = clock.now()
    if stopped:
        name = event_id("run.paused", run_id, now.isoformat())
        return RunPaused(
            event_id=name, event_time=now, run_id=run_id, source=SOURCE, reason="the processor was stopped"
        )
    name = event_id("run.finished", run_id, now.isoformat())
    return RunFinished(event_id=name, event_time=now, run_id=run_id, source=SOURCE)
