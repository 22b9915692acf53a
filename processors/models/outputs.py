"""The tiers' JSON as S2 shows it, with the questions, answers and table rows that stand behind it; simulated."""

import random
from typing import Any, NamedTuple

from events.results import Answer, Gap, Validator
from processors.backfill.context import Context, band
from processors.identity import row_id
from processors.models.base import Request
from processors.models.scenes import Scene

CONFIDENCE = {"rich": (0.93, 0.99), "good": (0.88, 0.97), "medium": (0.78, 0.94), "poor": (0.74, 0.9)}
"""More context, surer answers."""
ORGANIZE_CONFIDENCE = (0.86, 0.99)

MISSING = (
    ("has_spid", 20, Gap(
        item="Paint code",
        value="Would enable paint matching and authenticity check",
        how_to_get="Photograph door jamb sticker or SPID sheet",
    )),
    ("receipt_count", 25, Gap(
        item="Receipts for visible modifications",
        value="Would confirm part numbers and installation quality",
        how_to_get="Upload any receipts for aftermarket parts",
    )),
    ("has_factory_manual", 15, Gap(
        item="Factory manual",
        value="Would tell original parts from replacements",
        how_to_get="Upload the manual's pages for this model year",
    )),
    ("timeline_event_count", 15, Gap(
        item="Service history",
        value="Would date repairs and explain wear",
        how_to_get="Add timeline events with dates",
    )),
    ("user_tag_count", 10, Gap(
        item="Tags on the photographs",
        value="Would confirm what is shown",
        how_to_get="Tag the parts that are visible",
    )),
)  # fmt: skip
"""What a profile may lack: its field, the points it would bring at most, the gap (S2's example has the first two)."""
SWITCHED = {"rich": "$0.0001", "good": "$0.0005", "medium": "$0.005", "poor": "$0.02"}
"""The price that the band leads to (S2, Routing)."""


class Said(NamedTuple):
    """What a simulated model says: the tier's JSON, the answers behind it, what else it found."""

    output: dict[str, Any]
    answers: list[Answer]
    findings: dict[str, int]
    insights: int = 0
    gaps: list[Gap] | None = None


class _Desk:
    """Writes the answers of one request: confidence by context, validation by what the vehicle's owner gave."""

    def __init__(self, request: Request, rng: random.Random, confidence: tuple[float, float]) -> None:
        self._image_id = request.image.image_id
        self._profile = request.context.profile
        self._rng = rng
        self._confidence = confidence

    def answer(self, question: str, said: str | bool | int, table: str, *, asked_models: int | None = None) -> Answer:
        low, high = self._confidence
        agreeing = None if asked_models is None else asked_models - (self._rng.random() < 0.08) * (asked_models - 1)
        return Answer(
            question=question,
            answer=said,
            confidence=round(self._rng.uniform(low, high), 4),
            table=table,
            record_id=row_id(self._image_id, table, question),
            asked_models=asked_models,
            agreeing_models=agreeing,
            validated_by=self._validator(),
        )

    def _validator(self) -> Validator | None:
        draw, profile = self._rng.random(), self._profile
        if profile is None:
            return None
        if profile.receipt_count and draw < 0.3:
            return "receipt"
        return "user" if profile.user_tag_count and draw > 0.82 else None


def organized(request: Request, scene: Scene, rng: random.Random) -> Said:
    """Tier 1: angle, category, what is visible, quality."""
    desk = _Desk(request, rng, ORGANIZE_CONFIDENCE)
    score = rng.randint(7, 10) if scene.sufficient else rng.randint(2, 5)
    quality = {
        "lighting": "good" if scene.sufficient else rng.choice(("dark", "good", "harsh")),
        "focus": "sharp" if scene.sufficient else rng.choice(("blurred", "soft")),
        "sufficient_for_detail": scene.sufficient,
        "suitable_for_expert": scene.sufficient and score == 10,
        "overall_score": score,
    }
    output = {
        "tier": 1,
        "angle": scene.angle,
        "category": scene.category,
        "components_visible": list(scene.components),
        "condition_glance": scene.condition,
        "image_quality": quality,
    }
    answers = [
        desk.answer("angle", scene.angle, "image_tags"),
        desk.answer("category", scene.category, "image_tags"),
        desk.answer("condition_glance", scene.condition, "image_tags"),
        desk.answer("image_quality", score, "image_tags"),
        *(desk.answer(f"visible:{name}", True, "image_tags") for name in scene.components),
    ]
    return Said(output, answers, {})


def identified(request: Request, scene: Scene, rng: random.Random) -> Said:
    """Tier 2: specific parts, their condition and originality, damage, modifications."""
    desk = _Desk(request, rng, CONFIDENCE[request.context.band])
    parts = _parts(scene, rng)
    items = [{"type": d.kind, "location": d.location, "severity": d.severity} for d in scene.damages]
    output = {
        "tier": 2,
        "specific_parts": parts,
        "damage_assessment": {"items": items},
        "modifications": [{"name": name} for name in scene.modifications],
    }
    answers = [
        desk.answer(
            f"part:{part['name']}",
            part["condition"],
            "part_identifications",
            asked_models=2 if rng.random() < 0.35 else None,
        )
        for part in parts
    ]
    answers += [desk.answer(f"modification:{m}", True, "vehicle_modifications") for m in scene.modifications]
    answers += [desk.answer(f"damage:{d.location}", d.kind, "maintenance_alerts") for d in scene.damages]
    findings = {
        "parts": len(parts),
        "modifications": len(scene.modifications),
        "maintenance_alerts": len(scene.damages),
        "authenticity": sum(bool(part.get("original")) for part in parts) > 1 and rng.random() < 0.3,
        "value_items": rng.random() < 0.08,
    }
    insights = len(scene.damages) + len(scene.modifications)
    return Said(output, answers, {kind: int(count) for kind, count in findings.items() if count}, insights)


def _parts(scene: Scene, rng: random.Random) -> list[dict[str, Any]]:
    hurt = {damage.location: damage for damage in scene.damages}
    parts: list[dict[str, Any]] = []
    for name in scene.components:
        part: dict[str, Any] = {"name": name, "condition": rng.choice(("good", "average"))}
        if name in hurt:
            part["condition"] = "damaged"
            if hurt[name].kind == "rust":
                part["rust"] = hurt[name].severity
        else:
            part["original"] = rng.random() < 0.8
        parts.append(part)
    return parts


def gaps_found(request: Request, _scene: Scene, rng: random.Random) -> Said:
    """Tier 3: what is missing, what it would be worth, and how to get it."""
    desk = _Desk(request, rng, CONFIDENCE["poor"])
    score, gaps = request.context.score, missing(request.context)
    after = score + sum(points for field, points, _ in MISSING if _lacks(request.context, field))
    output = {
        "tier": "gap_finder",
        "current_context_score": score,
        "missing_items": [{"item": gap.item, "value": gap.value, "how_to_get": gap.how_to_get} for gap in gaps],
        "estimated_improvement": {
            "current_completeness": _completeness(score),
            "with_additions": _completeness(after),
            "cost_reduction": f"Can switch to {SWITCHED[band(after)]} model after",
        },
    }
    answers = [desk.answer("missing_documentation", ", ".join(gap.item for gap in gaps), "missing_context_reports")]
    return Said(output, answers, {}, insights=1, gaps=gaps)


def missing(context: Context) -> list[Gap]:
    """What the vehicle's profile lacks, most valuable first."""
    return [gap for field, _, gap in MISSING if _lacks(context, field)]


def _lacks(context: Context, field: str) -> bool:
    return not getattr(context.profile, field, None)


def _completeness(score: int) -> str:
    """The line through S2's example: 35 % at a context score of 8, 85 % at the 68 that its additions lead to."""
    return f"{min(100, round(35 + (score - 8) * 50 / 60))}%"
