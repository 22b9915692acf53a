"""A backfill's plan: which images, through which tiers, by which model, at what price (S2, What's happening)."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec

from events.profiles import VehicleProfiled
from events.runs import Baseline, RunDeclared, Sla, TierPlan
from processors.backfill.context import Band, Context
from processors.identity import event_id
from processors.models.base import Image, Request
from processors.records import SOURCE

ORGANIZE, IDENTIFY, FIND_GAPS = 1, 2, 3
"""The tiers of the context-driven strategy."""


class ModelChoice(msgspec.Struct, frozen=True):
    """A model and who provides it."""

    model: str
    provider: str


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """One tier of the plan. `images` is what is expected; which images really come is decided by what tier 1 sees.

    `unit_cost_usd` is the flat price of a call by the band of the vehicle's context, `mean_cost_usd` the price of the
    mix that is expected. A retry goes to the `fallback` model, where there is one. `batch_seconds` is the pace: None
    for as fast as the concurrency allows.
    """

    tier: int
    name: str
    task_type: str
    task_complexity: str
    choice: ModelChoice
    fallback: ModelChoice | None = None
    prompt_version: str
    unit_cost_usd: dict[Band, float]
    mean_cost_usd: float
    images: int
    batch_size: int
    batch_seconds: float | None = None

    @property
    def spacing_s(self) -> float:
        """Seconds from the start of one call to the next: a batch's time spread evenly over its images."""
        return (self.batch_seconds or 0.0) / self.batch_size

    def request(self, image: Image, context: Context, attempt: int) -> Request:
        """The call for one image."""
        choice = self.fallback if self.fallback is not None and attempt > 1 else self.choice
        return Request(
            image=image,
            tier=self.tier,
            task_type=self.task_type,
            task_complexity=self.task_complexity,
            model=choice.model,
            provider=choice.provider,
            prompt_version=self.prompt_version,
            unit_cost_usd=self.unit_cost_usd[context.band],
            context=context,
            attempt=attempt,
        )


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """The whole of it. The tiers run in series, as S2's phases do; every image goes through the first step."""

    name: str
    strategy: str
    environment: str | None = None
    images: tuple[Image, ...]
    profiles: tuple[VehicleProfiled, ...]
    steps: tuple[Step, ...]
    budget_usd: float | None = None
    baseline: Baseline | None = None
    cheap_models: tuple[str, ...] = ()
    sla: Sla | None = None
    value_weights_usd: dict[str, float] | None = None
    concurrency: int = 6
    max_attempts: int = 4

    def declared(self, run_id: str, now: datetime, speed: float = 1.0) -> RunDeclared:
        """The event that begins the run; at `speed` a batch takes so much less of the time that an ETA is told in."""
        return RunDeclared(
            event_id=event_id("run.declared", run_id, now.isoformat()),
            event_time=now,
            run_id=run_id,
            source=SOURCE,
            name=self.name,
            strategy=self.strategy,
            started_at=now,
            total_images=len(self.images),
            tiers=[_tier_plan(step, speed) for step in self.steps],
            tier_order="series",
            budget_usd=self.budget_usd,
            baseline=self.baseline,
            cheap_models=list(self.cheap_models),
            sla=self.sla,
            value_weights_usd=self.value_weights_usd,
        )


def next_tier(tier: int, context: Context, *, sufficient: bool) -> int | None:
    """The tier that an image goes to after `tier`, None when it is done (S2, Routing).

    Below a context score of 10 the gap finder says which documents are missing, whatever the photograph is like; with
    more context, parts are identified on photographs that tier 1 found `sufficient` for detail.
    """
    if tier != ORGANIZE:
        return None
    if context.band == "poor":
        return FIND_GAPS
    return IDENTIFY if sufficient else None


def sufficient_for_detail(output: Mapping[str, Any]) -> bool:
    """Whether a tier 1 output says that the photograph shows enough for parts to be identified."""
    quality = output.get("image_quality")
    return isinstance(quality, Mapping) and bool(quality.get("sufficient_for_detail"))


def _tier_plan(step: Step, speed: float) -> TierPlan:
    return TierPlan(
        tier=step.tier,
        name=step.name,
        images=step.images,
        model=step.choice.model,
        unit_cost_usd=step.mean_cost_usd,
        batch_size=step.batch_size,
        batch_seconds=None if step.batch_seconds is None else step.batch_seconds / speed,
    )
