"""A run's course in a bounded number of points, for the chart."""

from array import array
from collections.abc import Iterable, Iterator
from datetime import datetime

import msgspec

from events.envelope import epoch_ms
from events.numbers import NANO_PER_USD
from sinks.reading.history import Point

MAX_POINTS = 600


class _Window(msgspec.Struct, frozen=True):
    images_per_minute: float = 0.0


class _Projection(msgspec.Struct, frozen=True):
    spent_nano_usd: int = 0


class Glance(msgspec.Struct, frozen=True):
    """The few fields of a `run.metrics` that a point needs: ten times cheaper to decode than the whole."""

    as_of: datetime
    state: str = "running"
    last_event_at: datetime | None = None
    window_60s: _Window | None = None
    projection: _Projection = _Projection()


class SeriesBody(msgspec.Struct, rename="camel", frozen=True):
    """Columns of equal length: seconds since 1970, images a minute (last 60 s), dollars spent so far."""

    at: list[float]
    images_per_minute: list[float]
    total_spent: list[float]


class Series:
    """Points at an even distance that doubles whenever there are more than `MAX_POINTS`: the whole run always fits."""

    def __init__(self) -> None:
        self._at_ms = array("q")
        self._rate = array("d")
        self._spent = array("d")  # a sum of nano-dollars may pass 64 bits
        self.step_ms = 1_000

    def take(self, glance: Glance) -> None:
        """Keep the snapshot's point if it is due. The course of a finished run ends with its last result."""
        ended = glance.last_event_at if glance.state == "finished" else None
        rate = glance.window_60s.images_per_minute if glance.window_60s else 0.0
        self.add(Point(epoch_ms(ended or glance.as_of), rate, glance.projection.spent_nano_usd))

    def add(self, point: Point) -> None:
        """Keep a point if it is due."""
        if self._at_ms and point.at_ms < self._at_ms[-1] + self.step_ms:
            return
        self._at_ms.append(point.at_ms)
        self._rate.append(point.images_per_minute)
        self._spent.append(point.spent_nano_usd)
        if len(self._at_ms) > MAX_POINTS:
            self._at_ms, self._rate, self._spent = self._at_ms[::2], self._rate[::2], self._spent[::2]
            self.step_ms *= 2

    def since(self, at_ms: int) -> bool:
        """Whether it goes back to that moment."""
        return bool(self._at_ms) and self._at_ms[0] <= at_ms

    def points(self) -> Iterator[Point]:
        """Oldest first."""
        return map(Point, self._at_ms, self._rate, self._spent)

    def after(self, earlier: Iterable[Point]) -> "Series":
        """The same course with what was before its first point."""
        whole = Series()
        for point in earlier:
            if not self._at_ms or point.at_ms < self._at_ms[0]:
                whole.add(point)
        for point in self.points():
            whole.add(point)
        return whole

    def body(self) -> SeriesBody:
        """The points, oldest first."""
        spent = [nano / NANO_PER_USD for nano in self._spent]
        return SeriesBody([at / 1_000 for at in self._at_ms], list(self._rate), spent)
