"""`imageledger process DIR`: every image file of a folder, measured, each with exactly one result.

Started again in the same run, it goes on where the results in the log leave it: a file whose content has a result is
not measured again. A file that changed is another fact and another event (event ids are made of run, image, content and
model version): it is measured again, and so is one that could not be read.
"""

import asyncio
import hashlib
from collections import deque
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import NamedTuple

import msgspec

from events.results import ImageResult
from events.runs import RunDeclared, TierPlan
from processors.clock import Clock, WallClock
from processors.commands import Desk
from processors.errors import CallError
from processors.folder.commands import NothingTwice, obeying
from processors.folder.duplicates import HashIndex
from processors.folder.files import image_files
from processors.gate import Gate
from processors.identity import event_id
from processors.lifecycle import Life
from processors.log import EMPTY, Log
from processors.logged import LoggedResult
from processors.models import local
from processors.models.base import Image, Model, Outcome, Request, looked
from processors.publishing import Outbox, Publisher
from processors.pulse import Load, State, pulse
from processors.records import SOURCE, Author, Moment, image_result
from processors.summary import Duplicate, Summary

TIER = 1
TASK = "image_quality"
STRATEGY = "local"
AHEAD = 4
"""Images begun ahead of the one that is published next, times the concurrency: results leave in the files' order."""

Progress = Callable[[int, int, ImageResult | LoggedResult], None]
"""Called after each image: images done, images in all, its result, just made or read from the log."""


async def process_folder(
    path: Path,
    publisher: Publisher,
    run_id: str,
    *,
    log: Log = EMPTY,
    model: Model | None = None,
    clock: Clock | None = None,
    stop: asyncio.Event | None = None,
    concurrency: int = 4,
    progress: Progress | None = None,
    processor_id: str = "folder-1",
) -> Summary:
    """Declares the run, measures `concurrency` files at a time, publishes a result for each and finishes the run.

    A subfolder is a vehicle. Near-duplicates (perceptual hash) of earlier files are said in `findings`, in the output
    and in the summary. When `stop` is set, no further file is measured, those begun are published; the run pauses.
    It obeys pause, resume and set_concurrency, also those from before it was started again.

    Raises FolderError when there is nothing to process, ResumeError when it cannot be known what is done, and
    what `log` raises.
    """
    clock = clock or WallClock()
    images, skipped = await asyncio.to_thread(image_files, path)
    summary = Summary(run_id=run_id, images=len(images), skipped=skipped)
    outbox = Outbox(publisher)
    author = Author(run_id=run_id, processor_id=processor_id, strategy=STRATEGY)
    life = Life(run_id, outbox, clock)
    gate = Gate(concurrency)
    desk = Desk(author, outbox, clock, gate, NothingTwice(), life, lambda: None)
    waiting = desk.remember(await life.catch_up(log))
    done = {result.image_id or "": result async for result in log.results(run_id)}
    work = _Folder(model or local.LocalModel(), clock, gate, desk.settle, author, summary, done)
    await life.begin(_declared(run_id, path, len(images), clock), paused=gate.paused)
    for command in waiting:
        await desk.take(command)
    await desk.settle()
    async with (
        pulse(outbox, clock, run_id, processor_id, work.load),
        obeying(log, run_id, desk, gate, stop or asyncio.Event()),
    ):
        await work.run(images, outbox, progress)
    summary.stopped = summary.ended < len(images)
    if summary.stopped:
        if life.phase != "paused":
            await life.pause("the processor was stopped")
    else:
        await outbox.flush()
        await life.finish()
    summary.unpublished = await outbox.close()
    summary.unpublished_images = outbox.refused_images
    summary.seconds = life.seconds
    return summary


class _Looked(NamedTuple):
    """A call that was made just now."""

    request: Request
    said: Outcome | CallError
    moment: Moment


class _Folder:
    """The state of one call of `process_folder`."""

    def __init__(
        self,
        model: Model,
        clock: Clock,
        gate: Gate,
        ended: Callable[[], Awaitable[None]],
        author: Author,
        summary: Summary,
        done: dict[str, LoggedResult],
    ) -> None:
        self._done = done
        self._model = model
        self._clock = clock
        self._gate = gate
        self._ended = ended
        self._author = author
        self._summary = summary
        self._hashes = HashIndex()

    async def run(self, images: list[Image], outbox: Outbox, progress: Progress | None) -> None:
        """Looks ahead with bounded concurrency, and publishes in the images' order."""
        remaining = iter(images)
        waiting: deque[asyncio.Task[_Looked | LoggedResult | None]] = deque()
        async with asyncio.TaskGroup() as group:
            while True:
                while len(waiting) < AHEAD * self._gate.capacity and not self._gate.closed:
                    image = next(remaining, None)
                    if image is None:
                        break
                    waiting.append(group.create_task(self._look(image)))
                if not waiting:
                    return
                one = await waiting.popleft()
                if one is None:
                    continue
                result = self._known(one) if isinstance(one, LoggedResult) else self._result(one)
                self._summary.add(result)
                if isinstance(result, ImageResult):
                    await outbox.put(result)
                if progress is not None:
                    progress(self._summary.ended, len(images), result)

    async def _look(self, image: Image) -> _Looked | LoggedResult | None:
        """What is known or seen of an image; None where no call may begin any more."""
        known = self._done.get(image.image_id)
        if known is not None and await asyncio.to_thread(_is_of, known, image):
            return known
        request = Request(image=image, tier=TIER, task_type=TASK, model=local.NAME, provider=local.PROVIDER)
        if not await self._gate.enter():
            return None
        started_at = self._clock.now()
        said = await looked(self._model, request)
        ended_at = self._clock.now()
        self._gate.leave()
        await self._ended()
        return _Looked(request, said, Moment(started_at=started_at, ended_at=ended_at))

    def load(self) -> Load:
        active = self._gate.active
        waiting = self._summary.images - self._summary.ended - active
        state: State = "draining" if self._gate.closed else "paused" if self._gate.paused else "running"
        return Load(max(0, waiting), active, self._gate.capacity, local.PROVIDER, state)

    def _result(self, one: _Looked) -> ImageResult:
        said, image_id = one.said, one.request.image.image_id
        what = "success"
        if isinstance(said, Outcome):
            said = self._with_duplicate(image_id, said)
        else:
            what = said.type
        name = event_id(self._author.run_id, image_id, said.content_hash, local.NAME, local.VERSION, what)
        return image_result(self._author, one.request, said, one.moment, event_id=name, final=True)

    def _known(self, result: LoggedResult) -> LoggedResult:
        """A result from the log: what it says of the image is known to those that follow."""
        output = result.read_output()
        if output.get("phash"):
            self._hashes.add(result.image_id or "", int(output["phash"], 16))
        if "duplicate_of" in output:
            near = Duplicate(result.image_id or "", output["duplicate_of"], output["duplicate_distance"])
            self._summary.add_duplicate(near)
        return result

    def _with_duplicate(self, image_id: str, outcome: Outcome) -> Outcome:
        phash = outcome.output.get("phash")
        near = self._hashes.add(image_id, int(phash, 16)) if phash else None
        if near is None:
            return outcome
        self._summary.add_duplicate(Duplicate(image_id, near.image_id, near.distance))
        output = {**outcome.output, "duplicate_of": near.image_id, "duplicate_distance": near.distance}
        return msgspec.structs.replace(outcome, output=output, findings={"near_duplicates": 1})


def _is_of(result: LoggedResult, image: Image) -> bool:
    """Whether a result is this model's word on the file as it is now."""
    if result.model != local.NAME or result.model_version not in {None, local.VERSION}:
        return False
    try:
        if result.content_hash is None or image.path is None or not image.path.is_file():
            return False
        with image.path.open("rb") as file:
            return result.content_hash == f"sha256:{hashlib.file_digest(file, 'sha256').hexdigest()}"
    except OSError:
        return False


def _declared(run_id: str, path: Path, images: int, clock: Clock) -> RunDeclared:
    now = clock.now()
    name = path.resolve().name.encode("utf-8", "replace").decode()[:200]
    return RunDeclared(
        event_id=event_id("run.declared", run_id, now.isoformat()),
        event_time=now,
        run_id=run_id,
        source=SOURCE,
        name=name or "folder",
        strategy=STRATEGY,
        started_at=now,
        total_images=images,
        tiers=[TierPlan(tier=TIER, name="Measured quality", images=images, model=local.NAME, unit_cost_usd=0.0)],
        tier_order="series",
    )
