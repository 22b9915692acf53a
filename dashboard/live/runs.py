"""The newest snapshot of each run, as the `metrics` topic tells it (DESIGN.md 5.9)."""

import logging
from collections import OrderedDict
from collections.abc import Callable, Sequence
from datetime import datetime
from functools import cached_property
from typing import Any

import msgspec
from aiokafka.structs import ConsumerRecord

from dashboard.bodies.live import DashboardBody
from dashboard.errors import RunUnknown
from dashboard.live import sse
from dashboard.live.figures import dashboard_body
from dashboard.live.notices import Alerts, notices
from dashboard.live.series import Glance, Series
from events.snapshots import RunMetrics

log = logging.getLogger(__name__)

MAX_RUNS = 1_000
_EVENT = msgspec.json.Decoder(RunMetrics)
_ALERTS = msgspec.json.Decoder(Alerts)
_GLANCE = msgspec.json.Decoder(Glance)
_ENCODER = msgspec.json.Encoder()


class Snapshot:
    """One `run.metrics` record: its bytes at once, everything else when somebody asks, and then only once."""

    def __init__(self, value: bytes, version: str) -> None:
        self.value = value
        self.version = version
        """Its place in the log: differs for every snapshot of a run, so it serves as ETag."""

    @cached_property
    def event(self) -> RunMetrics:
        """The event. Raises msgspec.DecodeError where the record is none."""
        return _EVENT.decode(self.value)

    @cached_property
    def body(self) -> DashboardBody:
        """S0's DashboardMetrics."""
        body = dashboard_body(self.event)
        firing = _ALERTS.decode(self.value).firing
        return msgspec.structs.replace(body, notices=notices(body, firing), firing=len(firing))

    @cached_property
    def fields(self) -> dict[str, Any]:
        """The event's own fields, as `/api/runs/{run}/metrics` gives them."""
        fields: dict[str, Any] = msgspec.json.decode(self.value)
        return fields

    @cached_property
    def values(self) -> dict[str, Any]:
        """The body as the page reads it: names in camelCase, times as text."""
        values: dict[str, Any] = msgspec.to_builtins(self.body)
        return values

    @cached_property
    def body_json(self) -> bytes:
        """The body as JSON, encoded once for all who ask."""
        return _ENCODER.encode(self.body)

    @cached_property
    def message(self) -> bytes:
        """The same as an event of the stream, for all who watch."""
        return sse.message("snapshot", self.body_json)


class LiveRuns:
    """The newest snapshots of the last 1,000 runs; `changed` is told the run whose snapshot is new."""

    def __init__(self, changed: Callable[[str], None]) -> None:
        self._snapshots: OrderedDict[str, Snapshot] = OrderedDict()  # the one updated longest ago first
        self._series: dict[str, Series] = {}
        self._changed = changed
        self.unreadable = 0

    def __len__(self) -> int:
        return len(self._snapshots)

    def take(self, records: Sequence[ConsumerRecord]) -> None:
        """Takes records of the `metrics` topic, in offset order; a null value forgets its run."""
        touched: dict[str, None] = {}
        for record in records:
            run_id = (record.key or b"").decode("utf-8", "replace")
            if record.value is None:
                self._snapshots.pop(run_id, None)
                self._series.pop(run_id, None)
            elif self._see(run_id, record):
                touched[run_id] = None
        for run_id in touched:
            self._changed(run_id)

    def _see(self, run_id: str, record: ConsumerRecord) -> bool:
        series = self._series.setdefault(run_id, Series())
        try:
            series.take(_GLANCE.decode(record.value))
        except msgspec.DecodeError as error:
            self.unreadable += 1
            log.warning("the snapshot of run %s at offset %d is unreadable: %s", run_id, record.offset, error)
            return False
        self._snapshots[run_id] = Snapshot(record.value, f"{record.partition}-{record.offset}")
        self._snapshots.move_to_end(run_id)
        if len(self._snapshots) > MAX_RUNS:
            oldest, _ = self._snapshots.popitem(last=False)
            self._series.pop(oldest, None)
        return True

    def get(self, run_id: str) -> Snapshot:
        """The run's newest snapshot. Raises RunUnknown."""
        snapshot = self._snapshots.get(run_id)
        if snapshot is None or not _readable(snapshot):
            raise RunUnknown(f"no snapshot of run {run_id!r} on the metrics topic: /api/runs lists the runs")
        return snapshot

    def series(self, run_id: str) -> Series:
        """The run's course as far as it was seen; empty of a run that is not live."""
        return self._series.get(run_id, Series())

    def newest_first(self) -> list[Snapshot]:
        """All runs, by when they began."""
        return sorted(filter(_readable, self._snapshots.values()), key=_began, reverse=True)

    def active(self) -> str | None:
        """The run that a page shows when none is named: the newest that is not finished, else the newest."""
        runs = self.newest_first()
        chosen = next((run for run in runs if run.event.state != "finished"), runs[0] if runs else None)
        return chosen.event.run_id if chosen else None


def _began(snapshot: Snapshot) -> datetime:
    return snapshot.event.started_at or snapshot.event.as_of


def _readable(snapshot: Snapshot) -> bool:
    try:
        return snapshot.event.run_id is not None
    except msgspec.DecodeError:
        return False
