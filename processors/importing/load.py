"""Results of other programs, out of their files: rows become events, published as any processor's are.

An event's id comes of its row's place and content, or is mapped; so an import may be begun again at any time, and each
row counts once in its run.
"""

import hashlib
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import msgspec

from events import codec
from events.codec import EVENT_TYPES, Kind
from events.envelope import Event, event_type
from events.refusals import Refused
from processors.errors import ImportFileError
from processors.importing import names as names
from processors.importing import native as native
from processors.importing.columns import Columns
from processors.importing.files import Row, Rows
from processors.importing.mapping import Mapping
from processors.importing.rejects import Rejects

PUBLISHED: tuple[Kind, ...] = ("results", "runs", "heartbeats", "feedback", "profiles")
"""Topics that a producer writes; snapshots, alerts and commands have their one writer."""
TOPIC_OF: dict[str, Kind] = {event_type(kind): topic for topic in PUBLISHED for kind in EVENT_TYPES[topic]}
SOURCE = "imageledger.import"

WINDOW_EVENTS = 10_000
WINDOW_BYTES = 32 << 20
"""So much is on its way to Kafka at most; more waits, and nothing is ever dropped."""
PATIENCE_S = 0.5
_PROGRESS_ROWS = 500
_DIGEST = 16

Progress = Callable[[int, int, bool], None]
"""Told how much of how much is read, and whether Kafka is waited for."""


class Publisher(Protocol):
    """What an import needs of the SDK's publisher (events/sdk/publisher.py)."""

    def publish(self, event: Event) -> bool:
        """Takes the event without blocking; False means not taken."""

    def flush(self, timeout_s: float) -> int:
        """Waits; the number of events taken but not yet confirmed by Kafka."""


class Imported(msgspec.Struct, kw_only=True):
    """What became of a file. `rows` = those that gave an event + `skipped` (no row, no model's call) + `rejected`.

    `confirmed`: events that Kafka has, of `events` that were made. `rejects`: the file with reasons, None without any.
    `stopped`: asked to end before the file's end. `without_value`: column → field, of the mapping's columns
    that no row had a value of.
    """

    file: str
    rows: int = 0
    events: int = 0
    confirmed: int = 0
    skipped: int = 0
    rejected: int = 0
    rejects: str | None = None
    stopped: bool = False
    without_value: dict[str, str] = {}

    @property
    def complete(self) -> bool:
        """Whether every event that was made is in Kafka, and the file was read to its end."""
        return self.confirmed == self.events and not self.stopped


class Made(NamedTuple):
    """An event and its size on the way."""

    event: Event
    size: int


def import_file(
    path: Path,
    publisher: Publisher | None,
    *,
    mapping: Mapping | None = None,
    run_id: str | None = None,
    stop: threading.Event | None = None,
    progress: Progress = lambda _done, _total, _waiting: None,
) -> Imported:
    """Publish every row of the file; returns when Kafka has confirmed them, or `stop` is set.

    `publisher` None: a dry run, which reads and checks alone. `run_id` replaces the rows' own. Rows that the codec
    refuses go to `FILE.rejects.jsonl`. Blocks for as long as Kafka is away; memory is bounded.

    Raises:
        ImportFileError: the file, or the file for rejects, cannot be used, lacks a column of the mapping, or has no row
            that is understood.
    """
    source = mapping.source if mapping else None
    rows = Rows(path, source.format, delimiter=source.delimiter, pattern=source.pattern) if source else Rows(path)
    stop = stop or threading.Event()
    report = Imported(file=str(path))
    columns = Columns(path, mapping, declared=rows.has_fixed_columns)
    events = _Events(mapping, run_id)
    way_out = _WayOut(publisher, report, stop, lambda: progress(rows.position, rows.size, True))
    with Rejects(path.with_name(path.name + ".rejects.jsonl")) as rejects:
        for row in rows:
            if stop.is_set():
                break
            report.rows += 1
            if isinstance(row.values, dict):
                columns.see(row.values)
            _take(row, events, way_out, rejects, report)
            if report.rows % _PROGRESS_ROWS == 0:
                progress(rows.position, rows.size, False)
        way_out.drain()
        report.stopped = stop.is_set()
        report.rejects = rejects.written
        report.without_value = columns.without_value if report.rows else {}
    progress(rows.position, rows.size, False)
    if report.rows and not report.events and not report.stopped:
        raise ImportFileError(_nothing(report, mapping, rejects))
    return report


def _take(row: Row, events: "_Events", way_out: "_WayOut", rejects: Rejects, report: Imported) -> None:
    try:
        made = events.of(row)
        for one in made:
            way_out.put(one)
    except Refused as refused:
        report.rejected += 1
        rejects.add(row, refused)
        return
    if not made:
        report.skipped += 1


def _nothing(report: Imported, mapping: Mapping | None, rejects: Rejects) -> str:
    if rejects.first:
        advice = "see the rejects" if mapping else "give a --mapping (docs/importing.md)"
        return f"none of the {report.rows} rows of {report.file} is an event: the first: {rejects.first}: {advice}"
    return f"none of the {report.rows} rows of {report.file} is a model's call: nothing is imported"


class _Events:
    """Rows → events."""

    def __init__(self, mapping: Mapping | None, run_id: str | None) -> None:
        self._mapping = mapping
        self._run_id = run_id
        self._file = b""

    def of(self, row: Row) -> list[Made]:
        """The row's events, none for what is no row. Raises Refused: the row gives all of its events or none."""
        if row.values is None:
            return []
        if not self._file:
            self._file = hashlib.sha256(row.raw).digest()  # tells files apart, whatever they are called
        if isinstance(row.values, Refused):
            raise row.values
        if self._mapping is None and row.raw[:1] == b"{" and native.is_event(row.values):
            return [self._as_it_is(row, row.values)]
        documents = self._documents(row.values)
        return [self._event(row, document, place) for place, document in enumerate(documents)]

    def _as_it_is(self, row: Row, values: dict[str, Any]) -> Made:
        """An event of ours, judged byte for byte as the worker would judge it."""
        event = codec.decode(_topic(values["event_type"]), row.raw)
        if self._run_id is not None:
            event = msgspec.structs.replace(event, run_id=self._run_id)
        return Made(event, len(row.raw))

    def _documents(self, values: dict[str, Any]) -> list[dict[str, Any]]:
        if self._mapping is not None:
            return [self._mapping.document(values)]
        if native.is_native(values):
            return [native.document(values)]
        if names.is_known(values):
            return names.documents(values)
        raise Refused("unknown_type", "$: no event of ours, and no name of OpenTelemetry or OpenInference: map it")

    def _event(self, row: Row, document: dict[str, Any], place: int) -> Made:
        document.setdefault("event_id", self._id(row, place))
        document.setdefault("source", SOURCE)
        if self._run_id is not None:
            document["run_id"] = self._run_id
        topic = _topic(document["event_type"])
        try:
            value = msgspec.json.encode(document)
        except (TypeError, ValueError, OverflowError) as error:
            raise Refused("wrong_type", f"$: {error}") from error
        return Made(codec.decode(topic, value), len(value))

    def _id(self, row: Row, place: int) -> str:
        said = hashlib.sha256(b"%b%d\n%b" % (self._file, row.number, row.raw)).hexdigest()[: 2 * _DIGEST]
        return f"import-{said}-{row.number}" + (f"-{place}" if place else "")


def _topic(type_name: str) -> Kind:
    if type_name not in TOPIC_OF:
        raise Refused("unknown_type", f"$.event_type: {type_name} is not taken from outside")
    return TOPIC_OF[type_name]


class _WayOut:
    """Publishes with a bounded window: what is not confirmed yet makes the reader wait."""

    def __init__(
        self, publisher: Publisher | None, report: Imported, stop: threading.Event, waiting: Callable[[], None]
    ) -> None:
        self._publisher, self._report, self._stop, self._waiting = publisher, report, stop, waiting
        self._events = self._bytes = 0

    def put(self, made: Made) -> None:
        """Publish; waits for room. After `stop` nothing is taken any more. Raises Refused for what never leaves."""
        if self._stop.is_set():
            return
        if self._publisher is not None and not self._publisher.publish(made.event):
            self.drain()  # the window is smaller than the publisher's queue, so it is not full of ours
            if not self._publisher.publish(made.event):
                raise Refused("too_large", f"$: the publisher does not take it ({made.size} bytes)")
        self._report.events += 1
        if self._publisher is None:
            return
        self._events += 1
        self._bytes += made.size
        if self._events >= WINDOW_EVENTS or self._bytes >= WINDOW_BYTES:
            self.drain()

    def drain(self) -> None:
        """Wait until Kafka has everything that was published, or `stop` is set."""
        if self._publisher is None:
            return
        left = self._publisher.flush(PATIENCE_S)
        while left and not self._stop.is_set():
            self._waiting()
            left = self._publisher.flush(PATIENCE_S)
        self._report.confirmed += self._events - min(left, self._events)
        self._events = self._bytes = 0
