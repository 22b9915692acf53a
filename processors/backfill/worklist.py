"""How far each image is, and which call comes next: the same fold of results, whether read from the log or just made.

A *pass* takes an image through the tiers to its final result: the plan's own pass first, then one for each `reprocess`
command that means it. The plan's tiers run in series: a tier begins when nothing of an earlier one waits or is open.
What is done again by command goes before.
"""

from collections import Counter, deque
from collections.abc import Callable
from datetime import datetime
from typing import NamedTuple

import msgspec

from processors.backfill.batches import Batches
from processors.backfill.context import Context
from processors.backfill.plan import FIND_GAPS, ORGANIZE, Plan, Step, next_tier, sufficient_for_detail
from processors.backfill.selection import Selection
from processors.logged import LoggedResult
from processors.models.base import Image
from processors.summary import Summary


class Standing(msgspec.Struct, kw_only=True):
    """How far an image is. Its next call is number `attempt` at `tier`, in `batch_id` if it was begun there.

    `after`: the tier whose result sent it there; None at the first tier of a pass. `command_id`: the pass it is in,
    None for the plan's. Of the newest results: the `models` by tier, the context `score`, the `error` type if it
    failed; `sufficient` is tier 1's word on the photograph. `judged`: how many reprocess commands were asked for it.
    """

    image: Image
    tier: int
    after: int | None = None
    attempt: int = 1
    batch_id: str | None = None
    command_id: str | None = None
    ended: bool = False
    models: dict[int, str] = {}
    score: float | None = None
    error: str | None = None
    sufficient: bool = False
    judged: int = 0


class Again(NamedTuple):
    """A reprocess command that was accepted: which images, as they stood at `at`."""

    command_id: str
    selection: Selection
    at: datetime


class Job(NamedTuple):
    """One image to take through one tier, from its present attempt on."""

    standing: Standing
    step: Step
    batch_id: str
    command_id: str | None


class Worklist:
    """Every image of the plan. `context` gives an image's context as it is known now."""

    def __init__(self, plan: Plan, context: Callable[[Image], Context], summary: Summary) -> None:
        self.summary = summary
        self._context = context
        self._steps = {step.tier: step for step in plan.steps}
        first = plan.steps[0].tier
        self._standings = {image.image_id: Standing(image=image, tier=first) for image in plan.images}
        self._passes: list[Again] = []
        self._left: Counter[str] = Counter()
        self._batches: dict[tuple[str | None, int], Batches] = {}
        self._waiting: dict[int, deque[Standing]] = {tier: deque() for tier in sorted(self._steps)}
        self._again: deque[Standing] = deque()
        self._open: Counter[int] = Counter()
        self.open = 0

    def __contains__(self, image_id: str | None) -> bool:
        return image_id in self._standings

    @property
    def left(self) -> int:
        """Images that have not ended."""
        return self.summary.images - self.summary.ended

    def left_of(self, command_id: str) -> int:
        """Images that a reprocess command has still to do."""
        return self._left[command_id]

    def onward(self, image: Image, tier: int, *, sufficient: bool) -> int | None:
        """The tier that follows `tier` for an image, None when it is done."""
        following = next_tier(tier, self._context(image), sufficient=sufficient)
        return following if following in self._steps else None

    def take(self, result: LoggedResult) -> None:
        """Folds a result of an image of the plan."""
        standing = self._standings[result.image_id or ""]
        self.summary.call(result)
        if result.command_id != standing.command_id:
            if self._place(result.command_id) <= self._place(standing.command_id):
                return  # of a pass that is over
            self._begin(standing, result.command_id or "", result.tier)
        was_ended, was_error = standing.ended, standing.error
        if result.final:
            _learn(standing, result)
            if was_ended:  # another producer's word on it: the newest counts
                self.summary.reopen(standing.image.image_id, was_error)
            else:
                self._left[standing.command_id or ""] -= 1
            standing.ended, standing.tier = True, result.tier
            self.summary.end(result)
        elif not was_ended and result.tier in self._steps:
            _learn(standing, result)
            _move_on(standing, result)

    def replay(self, result: LoggedResult) -> None:
        """Folds a result from the log, after the reprocess commands that were accepted before it was made."""
        self._judge(self._standings[result.image_id or ""], before=result.event_time)
        if result.batch_id is not None and result.attempt == 1 and result.tier in self._steps:
            self._batch(result.command_id, result.tier).remember(result.batch_id)
        self.take(result)

    def accepted_before(self, again: Again) -> None:
        """A reprocess command that an earlier process accepted: in their order, before any `replay`."""
        self._passes.append(again)

    def start(self) -> None:
        """Everything was replayed: queue what has not ended."""
        for standing in self._standings.values():
            self._judge(standing)
            if not standing.ended:
                self._queue(standing)

    def reprocess(self, again: Again) -> int:
        """Queues the images that a new command means; how many it has to do, with those that an earlier process began.

        Zero: it means no image, and is forgotten.
        """
        self._passes.append(again)
        meant = [standing for standing in self._standings.values() if self._judge(standing)]
        if not self._left[again.command_id]:
            self._passes.pop()
            for standing in self._standings.values():
                standing.judged = len(self._passes)
        self._again.extend(meant)
        return self._left[again.command_id]

    def next(self) -> Job | None:
        """The next image to take through a tier, open until `close`. None: nothing, or nothing until one is closed."""
        standing = self._again.popleft() if self._again else self._next_of_plan()
        if standing is None:
            return None
        self._settle(standing)
        if standing.batch_id is None:
            standing.batch_id = self._batch(standing.command_id, standing.tier).take()
        self.open += 1
        self._open[standing.tier] += standing.command_id is None
        return Job(standing, self._steps[standing.tier], standing.batch_id, standing.command_id)

    def close(self, job: Job) -> None:
        """The image is through the tier, or its call is given up: it is queued for what comes next."""
        self.open -= 1
        self._open[job.step.tier] -= job.command_id is None
        # A command may have begun another pass since its last result, and queued it for that.
        if not job.standing.ended and job.standing.command_id == job.command_id:
            self._queue(job.standing)

    def _next_of_plan(self) -> Standing | None:
        for tier, waiting in self._waiting.items():
            while waiting:
                standing = waiting.popleft()
                self._settle(standing)
                if standing.tier == tier:
                    return standing
                self._queue(standing)
            if self._open[tier]:
                return None
        return None

    def _settle(self, standing: Standing) -> None:
        """Where an image goes is decided when it goes: by then its vehicle's profile may be another."""
        if standing.after is not None and standing.batch_id is None:
            following = self.onward(standing.image, standing.after, sufficient=standing.sufficient)
            # The plan goes on with it, whatever is known by now: at the least it is told what is missing.
            standing.tier = following or FIND_GAPS

    def _queue(self, standing: Standing) -> None:
        self._settle(standing)
        if standing.command_id is not None:
            self._again.append(standing)
        else:
            self._waiting[standing.tier].append(standing)

    def _judge(self, standing: Standing, before: datetime | None = None) -> bool:
        """Asks the commands accepted before a moment whether they mean an image; True if the last one begins a pass."""
        began = False
        while standing.judged < len(self._passes):
            again = self._passes[standing.judged]
            if before is not None and again.at >= before:
                break
            standing.judged += 1
            began = standing.ended and standing.command_id != again.command_id and self._admit(standing, again)
        return began

    def _admit(self, standing: Standing, again: Again) -> bool:
        tier = again.selection.first_tier(standing, self._context(standing.image))
        if tier not in self._steps:
            return False
        self._begin(standing, again.command_id, tier)
        return True

    def _begin(self, standing: Standing, command_id: str, tier: int) -> None:
        """Another pass over an image."""
        if standing.ended:
            self.summary.reopen(standing.image.image_id, standing.error)
        standing.command_id, standing.ended = command_id, False
        standing.tier, standing.attempt, standing.batch_id, standing.after = tier, 1, None, None
        self._left[command_id] += 1

    def _place(self, command_id: str | None) -> int:
        """A pass's place among the others; one that nobody has acknowledged is the last."""
        if command_id is None:
            return -1
        known = [again.command_id for again in self._passes]
        return known.index(command_id) if command_id in known else len(known)

    def _batch(self, command_id: str | None, tier: int) -> Batches:
        name = f"tier{tier}" if command_id is None else f"again-{command_id[:8]}-tier{tier}"
        key = command_id, tier
        if key not in self._batches:
            self._batches[key] = Batches(name, self._steps[tier].batch_size)
        return self._batches[key]


def _learn(standing: Standing, result: LoggedResult) -> None:
    standing.models[result.tier] = result.model
    standing.error = None if result.status != "failed" else result.error.type if result.error else "unknown"
    if result.context_score is not None:
        standing.score = result.context_score
    if result.tier == ORGANIZE and result.status != "failed":
        standing.sufficient = sufficient_for_detail(result.read_output())


def _move_on(standing: Standing, result: LoggedResult) -> None:
    """What follows a result that is not final: the same call again, or the next tier."""
    if result.status == "failed":
        standing.tier, standing.attempt, standing.batch_id = result.tier, result.attempt + 1, result.batch_id
    else:
        standing.after, standing.attempt, standing.batch_id = result.tier, 1, None
