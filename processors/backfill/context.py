"""What is known about a vehicle decides which model is enough (S2, Context scoring system).

The score and its bands are the contract of DESIGN.md 4.3; `metrics` computes the same for what-if questions.
"""

from typing import Literal

import msgspec

from events.profiles import VehicleProfiled

Band = Literal["rich", "good", "medium", "poor"]

RICH, GOOD, MEDIUM = 60, 30, 10
"""The lowest score of each band; below MEDIUM is poor (S2, Routing)."""

BAND_RANK: dict[Band, int] = {"poor": 0, "medium": 1, "good": 2, "rich": 3}
"""The higher, the more is known, and the cheaper is a call."""


class Context(msgspec.Struct, frozen=True):
    """A vehicle's context: its score 0-100 and, in words, what makes it up."""

    score: int = 0
    items: tuple[str, ...] = ()
    profile: VehicleProfiled | None = None

    @property
    def band(self) -> Band:
        """The band of the score."""
        return band(self.score)


NO_CONTEXT = Context()


def context_score(profile: VehicleProfiled) -> int:
    """+20 SPID, +15 manual, +5 a receipt (max 25), +3 a timeline event (max 15), +2 a tag (max 10), +10, +5: S2."""
    return (
        20 * profile.has_spid
        + 15 * profile.has_factory_manual
        + min(25, 5 * profile.receipt_count)
        + min(15, 3 * profile.timeline_event_count)
        + min(10, 2 * profile.user_tag_count)
        + 10 * profile.previously_analyzed
        + 5 * profile.well_documented
    )


def band(score: float) -> Band:
    """The band that a score lies in: each begins at its lowest score."""
    if score >= RICH:
        return "rich"
    if score >= GOOD:
        return "good"
    return "medium" if score >= MEDIUM else "poor"


def context_of(profile: VehicleProfiled) -> Context:
    """A profile's score, with what was available."""
    counted = (
        (profile.receipt_count, "receipts"),
        (profile.timeline_event_count, "timeline events"),
        (profile.user_tag_count, "user tags"),
    )
    said = (
        (profile.has_spid, "SPID"),
        (profile.has_factory_manual, "factory manual"),
        (profile.previously_analyzed, "previous analysis"),
        (profile.well_documented, "well documented"),
    )
    items = [name for has, name in said if has] + [f"{count} {name}" for count, name in counted if count]
    return Context(context_score(profile), tuple(items), profile)
