"""A run that is told second by second, and what is decided of its alerts."""

from collections.abc import Mapping
from typing import Any

from events.alerts import AlertFiring, AlertResolved
from events.heartbeats import ProcessorHeartbeat
from events.results import Failure, ImageResult
from events.runs import RunDeclared, RunEvent
from events.snapshots import ActiveAlert
from metrics.alerts.look import Look
from metrics.alerts.rules import BUILT_IN, Rules, armed
from metrics.alerts.states import decide
from metrics.episodes import AlertState
from metrics.fold.buckets import moment
from metrics.fold.lifecycle import Silence, Stamp
from metrics.fold.partition import Fold, Record
from metrics.registers import RunRegisters
from metrics.snapshot import snapshot

NOON = 1_795_000_000_000
RUN = "may"


class Scene:
    """Seconds are counted from NOON. Rules: the built-in ones of these names, or those given."""

    def __init__(self, *names: str, rules: Rules | None = None, **plan: Any) -> None:
        self.rules = {name: BUILT_IN[name] for name in names} if rules is None else rules
        self.silences: Mapping[str, Silence] = {}
        self.states: dict[str, AlertState] = {}
        self.events: list[AlertFiring | AlertResolved] = []
        self.active: list[ActiveAlert] = []
        self.registers = RunRegisters(RUN)
        self._fold = Fold()
        self._offset = 0
        if plan:
            self.told(RunDeclared(event_id="plan", event_time=moment(NOON), run_id=RUN, **plan))

    def told(self, event: RunEvent) -> None:
        """An event of the run's life."""
        self._offset += 1
        self.registers.take_run_event(event, Stamp(NOON + self._offset, 0, self._offset))

    def results(self, second: float, count: int, **fields: Any) -> None:
        """So many results at that second, each of an image of its own."""
        at_ms = NOON + round(second * 1000)
        if fields.get("status") == "failed":
            fields.setdefault("error", Failure(type="timeout"))
        records = []
        for _ in range(count):
            self._offset += 1
            given = {"status": "success", "model": "haiku", "provider": "anthropic"} | fields
            name = f"image-{self._offset}"
            event = ImageResult(event_id=name, event_time=moment(at_ms), run_id=RUN, image_id=name, **given)
            records.append(Record("results", self._offset, at_ms, event))
        self._offset += 1
        self.registers.take_partials(self._fold.apply(records)[RUN].partials(RUN, 0, self._offset))

    def heartbeat(self, second: float, **fields: Any) -> None:
        """A processor speaks."""
        at_ms = NOON + round(second * 1000)
        self._offset += 1
        event = ProcessorHeartbeat(
            event_id=f"beat-{self._offset}", event_time=moment(at_ms), run_id=RUN, **({"processor_id": "p"} | fields)
        )
        self.registers.take_heartbeat(event, Stamp(at_ms, 0, self._offset))

    def look(self, second: float, *, live: bool = True, quiet: bool = True) -> list[AlertFiring | AlertResolved]:
        """What is decided at that second."""
        as_of_ms = NOON + round(second * 1000)
        look = Look(self.registers, snapshot(self.registers, as_of_ms), as_of_ms, quiet=quiet)
        decision = decide(look, self.states, armed(self.rules), self.silences, live=live)
        self.states, self.active = decision.states, decision.active
        self.events += decision.events
        return decision.events

    def watch(self, first: int, last: int, step: int = 1) -> list[AlertFiring | AlertResolved]:
        """What is decided, second by second."""
        return [event for second in range(first, last + 1, step) for event in self.look(second)]
