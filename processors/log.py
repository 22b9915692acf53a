"""What a processor reads of the log: its own run so far, and what is asked of it while it runs."""

import asyncio
import functools
from collections.abc import AsyncIterator, Container
from contextlib import AsyncExitStack
from types import TracebackType
from typing import NamedTuple, Protocol, Self, TypeVar

from events.codec import Kind
from events.commands import CommandIssued
from events.profiles import VehicleProfiled
from events.refusals import Position
from events.runs import AnyRunEvent, RunDeclared, RunFinished, RunResumed
from events.sdk.reader import Reader
from events.sdk.security import Security
from events.topics import DEFAULT_PREFIX
from processors.logged import LoggedResult

T = TypeVar("T")


class Story(NamedTuple):
    """A run's events and commands in the order in which they were recorded, and the newest profiles of its vehicles."""

    life: list[AnyRunEvent]
    commands: list[CommandIssued]
    profiles: dict[str, VehicleProfiled]


class Log(Protocol):
    """The log, as far as a processor asks it."""

    async def story(self, run_id: str, vehicles: Container[str]) -> Story:
        """What was said about the run and its vehicles until now."""

    def results(self, run_id: str) -> AsyncIterator[LoggedResult]:
        """The run's image results until now, those of an image in their order; a repeat is repeated."""

    def coming(self, run_id: str, vehicles: Container[str]) -> AsyncIterator[CommandIssued | VehicleProfiled]:
        """What is said after the `story`, for ever."""


class KafkaLog:
    """The log itself. Its methods raise events.sdk.errors.SdkError; `coming` rides through every absence of Kafka."""

    def __init__(self, bootstrap: str, *, prefix: str = DEFAULT_PREFIX, security: Security | None = None) -> None:
        self._reader = functools.partial(Reader, bootstrap, prefix=prefix, security=security)
        self._asked = self._reader("commands", "profiles")
        self._open = AsyncExitStack()

    async def __aenter__(self) -> Self:
        await self._open.enter_async_context(self._asked)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._open.aclose()

    async def newest_open(self, name: str) -> str | None:
        """The run of this name that was declared last, of those that are not finished."""
        declared: dict[str, int] = {}
        finished: set[str] = set()
        async with self._reader("runs") as runs:
            async for entry in runs.to_now():
                run_id = entry.event.run_id
                match entry.event:
                    case RunDeclared() if entry.event.name == name:
                        declared[run_id] = entry.position.timestamp_ms
                        finished.discard(run_id)
                    case RunResumed():
                        finished.discard(run_id)
                    case RunFinished():
                        finished.add(run_id)
        return max(declared.keys() - finished, key=lambda run_id: declared[run_id], default=None)

    async def story(self, run_id: str, vehicles: Container[str]) -> Story:
        """As `Log.story`."""
        async with self._reader("runs", run_id=run_id) as runs:
            life = [(entry.position, entry.event) async for entry in runs.to_now()]
        commands = []
        profiles: dict[str, VehicleProfiled] = {}
        async for entry in self._asked.to_now():
            if entry.kind == "profiles":
                if entry.event is None:
                    profiles.pop(entry.key or "", None)
                elif entry.event.vehicle_id in vehicles:
                    profiles[entry.event.vehicle_id] = entry.event
            elif entry.event.run_id == run_id:
                commands.append((entry.position, entry.event))
        return Story(_in_order(life), _in_order(commands), profiles)

    async def results(self, run_id: str) -> AsyncIterator[LoggedResult]:
        """As `Log.results`."""
        shapes: dict[Kind, type[LoggedResult]] = {"results": LoggedResult}
        async with self._reader("results", run_id=run_id, shapes=shapes) as reader:
            async for entry in reader.to_now():
                if entry.event.image_id is not None:
                    yield entry.event

    async def coming(self, run_id: str, vehicles: Container[str]) -> AsyncIterator[CommandIssued | VehicleProfiled]:
        """As `Log.coming`."""
        async for entry in self._asked.follow():
            event = entry.event
            if isinstance(event, CommandIssued):
                if event.run_id == run_id:
                    yield event
            elif event is not None and event.vehicle_id in vehicles:
                yield event


class _Empty:
    """A log with nothing in it, to which nothing is added."""

    async def story(self, run_id: str, vehicles: Container[str]) -> Story:  # noqa: ARG002  as Log.story
        return EMPTY_STORY

    async def results(self, run_id: str) -> AsyncIterator[LoggedResult]:  # noqa: ARG002  as Log.results
        return
        yield

    async def coming(
        self,
        run_id: str,  # noqa: ARG002  as Log.coming
        vehicles: Container[str],  # noqa: ARG002  as Log.coming
    ) -> AsyncIterator[CommandIssued | VehicleProfiled]:
        await asyncio.Event().wait()
        return
        yield


EMPTY_STORY = Story([], [], {})
EMPTY: Log = _Empty()
"""For a run that is not continued and takes no commands."""


def _in_order(found: list[tuple[Position, T]]) -> list[T]:
    """By time of record: a run's events share a partition, unless a producer keyed them otherwise."""
    found.sort(key=lambda one: (one[0].timestamp_ms, one[0].partition, one[0].offset))
    return [event for _, event in found]
