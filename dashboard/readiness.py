"""Is everything there that the figures need? Each part says for itself (checked by `/readyz`)."""

import asyncio
from collections.abc import Awaitable, Callable

import msgspec

from dashboard.history.results import StoredRuns
from dashboard.live.tail import Tail

ASK_S = 3.0


class Part(msgspec.Struct, frozen=True):
    """One part: `ready`, and in words how it does."""

    ready: bool
    detail: str


class Readiness(msgspec.Struct, frozen=True):
    """`ready` if every part is."""

    ready: bool
    parts: dict[str, Part]


async def readiness(
    tails: dict[str, Tail], stored: StoredRuns | None, worker_ready: Callable[[], Awaitable[bool]] | None
) -> Readiness:
    """Asks each part, at most 3 s. What is not configured is left out."""
    parts = {
        name: Part(ready=tail.state == "live", detail=f"{tail.state}: {tail.detail}") for name, tail in tails.items()
    }
    if stored is not None:
        parts["clickhouse"] = await _ask(lambda: _pinged(stored), "answers", "does not answer")
    if worker_ready is not None:
        parts["worker"] = await _ask(worker_ready, "ready", "recovering, or not there")
    return Readiness(all(part.ready for part in parts.values()), parts)


async def _pinged(stored: StoredRuns) -> bool:
    await stored.ping()
    return True


async def _ask(question: Callable[[], Awaitable[bool]], yes: str, no: str) -> Part:
    try:
        async with asyncio.timeout(ASK_S):
            answer = await question()
    except Exception as error:  # noqa: BLE001  (whatever it is, it is the answer)
        return Part(ready=False, detail=f"{no}: {error or type(error).__name__}")
    return Part(ready=answer, detail=yes if answer else no)
