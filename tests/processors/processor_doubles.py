"""A publisher that keeps what it is given, virtual time, and images drawn from a seed."""

import asyncio
import selectors
from collections.abc import AsyncIterator, Callable, Container, Coroutine
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

import numpy as np
from PIL import Image, ImageFilter

from events import codec
from events.commands import CommandIssued
from events.envelope import Event
from events.profiles import VehicleProfiled
from events.results import ImageResult
from events.runs import RunEvent
from processors.log import Story
from processors.logged import LoggedResult, logged

T = TypeVar("T")

NOON = datetime(2025, 11, 23, 12, tzinfo=UTC)


class Kept:
    """Takes events, unless `refuses` says no; `unconfirmed` of them never reach Kafka."""

    def __init__(self, refuses: Callable[[Event], bool] = lambda _: False, unconfirmed: int = 0) -> None:
        self.events: list[Event] = []
        self.flushes = 0
        self._refuses = refuses
        self._unconfirmed = unconfirmed

    def publish(self, event: Event) -> bool:
        if self._refuses(event):
            return False
        self.events.append(event)
        return True

    def flush(self, timeout_s: float) -> int:
        self.flushes += 1
        return self._unconfirmed

    def of(self, kind: type[T]) -> list[T]:
        return [event for event in self.events if isinstance(event, kind)]

    @property
    def results(self) -> list[ImageResult]:
        return self.of(ImageResult)


class KeptLog:
    """The log that a `Kept` publisher wrote, and commands and profiles that others write into it."""

    def __init__(self, kept: Kept) -> None:
        self.kept = kept
        self._others: list[CommandIssued | VehicleProfiled] = []
        self._told = 0
        self._news = asyncio.Event()

    def say(self, *events: CommandIssued | VehicleProfiled) -> None:
        self._others += events
        self._news.set()

    async def story(self, run_id: str, vehicles: Container[str]) -> Story:
        self._news = asyncio.Event()
        self._told = len(self._others)
        commands = [event for event in self._others if isinstance(event, CommandIssued) and event.run_id == run_id]
        known = [*self.kept.of(VehicleProfiled), *(e for e in self._others if isinstance(e, VehicleProfiled))]
        life = [event for event in self.kept.of(RunEvent) if event.run_id == run_id]
        return Story(life, commands, {profile.vehicle_id: profile for profile in known})  # type: ignore[arg-type]

    async def results(self, run_id: str) -> AsyncIterator[LoggedResult]:
        for result in list(self.kept.results):
            if result.run_id == run_id:
                yield logged(result)

    async def coming(self, run_id: str, vehicles: Container[str]) -> AsyncIterator[CommandIssued | VehicleProfiled]:
        while True:
            while self._told < len(self._others):
                self._told += 1
                yield self._others[self._told - 1]
            self._news.clear()
            await self._news.wait()


class _VirtualLoop(asyncio.SelectorEventLoop):
    """A loop whose time jumps to the next timer whenever nothing else is to be done."""

    def __init__(self) -> None:
        super().__init__(selectors.DefaultSelector())
        self._virtual = 0.0

    def time(self) -> float:
        return self._virtual

    def run_in_executor(self, executor: Any, func: Callable[..., T], *args: Any) -> asyncio.Future[T]:  # type: ignore[override]
        """At once: a thread would take real time, in which virtual time runs away."""
        future: asyncio.Future[T] = self.create_future()
        try:
            future.set_result(func(*args))
        except Exception as error:  # noqa: BLE001 - as an executor does
            future.set_exception(error)
        return future

    def _run_once(self) -> None:
        ready, scheduled = self._ready, self._scheduled  # type: ignore[attr-defined]
        if not ready and scheduled:
            self._virtual = max(self._virtual, scheduled[0].when())
        super()._run_once()  # type: ignore[misc]


class VirtualClock:
    """The virtual loop's time as the processors' clock; it began at `since`."""

    def __init__(self, since: datetime = NOON) -> None:
        self._since = since

    def now(self) -> datetime:
        return self._since + timedelta(seconds=self.monotonic())

    def monotonic(self) -> float:
        return asyncio.get_running_loop().time()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


def virtually(work: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """Runs `work` in virtual time: hours take as long as their computing."""
    loop = _VirtualLoop()
    try:
        return loop.run_until_complete(work())
    finally:
        loop.run_until_complete(loop.shutdown_default_executor())
        loop.close()


def decoded(event: Event) -> Event:
    """The event as it comes off the wire, every limit checked."""
    kind = "results" if isinstance(event, ImageResult) else _KINDS[type(event)]
    same: Event = codec.decode(kind, codec.encode(event))
    return same


_KINDS: dict[type[Event], codec.Kind] = {kind: name for name, kinds in codec.EVENT_TYPES.items() for kind in kinds}


def photograph(
    seed: int = 1, size: tuple[int, int] = (800, 600), *, blur: float = 0.0, gain: float = 1.0
) -> Image.Image:
    """A picture with the statistics of a photograph: structure on every scale, amplitude falling as 1/frequency."""
    width, height = size
    rng = np.random.default_rng(seed)
    frequency = np.hypot(np.fft.fftfreq(height)[:, None], np.fft.fftfreq(width)[None, :])
    frequency[0, 0] = 1
    planes = []
    for _ in range(3):
        spectrum = np.fft.fft2(rng.standard_normal((height, width))) / frequency
        plane = np.fft.ifft2(spectrum).real
        planes.append((plane - plane.mean()) / plane.std())
    shared = planes[0]
    picture = np.stack([128 + 50 * (0.8 * shared + 0.2 * plane) for plane in planes], axis=-1)
    image = Image.fromarray((picture * gain).clip(0, 255).astype(np.uint8))
    return image.filter(ImageFilter.GaussianBlur(blur)) if blur else image
