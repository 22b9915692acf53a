"""How well a vehicle is documented, and what follows: score, price, what a document would save (S2).

`processors.backfill.context` computes score and band for routing, because processors know events alone; a test
compares them.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import msgspec

from events.numbers import NANO_PER_USD
from events.profiles import VehicleProfiled
from metrics.fold.bands import BandName, band

LIST_PRICES_NANO_USD: dict[BandName, int] = {
    "rich": 100_000,
    "good": 500_000,
    "medium": 5_000_000,
    "poor": 20_000_000,
}
"""What an image costs past tier 1 by its vehicle's band (S2, Routing)."""
PARTS_NAMED = 3


class Document(NamedTuple):
    """Something known about a vehicle: what one brings, and how many count. `name`: None for what no owner can add."""

    field: str
    points: int
    most: int
    name: str | None
    key: str


DOCUMENTS = (
    Document("has_spid", 20, 1, "SPID photo", "spid"),
    Document("has_factory_manual", 15, 1, "factory manual", "factoryManual"),
    Document("receipt_count", 5, 5, "receipt", "receipts"),
    Document("timeline_event_count", 3, 5, "timeline event", "timelineEvents"),
    Document("user_tag_count", 2, 5, "user tag", "userTags"),
    Document("previously_analyzed", 10, 1, None, "previousAnalysis"),
    Document("well_documented", 5, 1, None, "wellDocumented"),
)
"""S2, Context scoring system."""


def counted(profile: VehicleProfiled, document: Document) -> int:
    """How many of a document the vehicle has."""
    return int(getattr(profile, document.field))


def points(profile: VehicleProfiled, document: Document) -> int:
    """What they bring."""
    return document.points * min(document.most, counted(profile, document))


def context_score(profile: VehicleProfiled) -> int:
    """0-100."""
    return sum(points(profile, document) for document in DOCUMENTS)


class Addition(NamedTuple):
    """What adding `how_many` of a document changes for each image asked about past tier 1."""

    document: str
    how_many: int
    score_before: int
    score_after: int
    saved_nano_usd: int

    @property
    def lifts(self) -> bool:
        """Whether the band becomes a better one."""
        return band(self.score_before) != band(self.score_after)


def additions(profile: VehicleProfiled, prices_nano_usd: Mapping[BandName, int]) -> list[Addition]:
    """For each document that an owner can add: the fewest that reach a better band, else one.

    The largest saving first, then the fewest, then the most points.
    """
    tried = [list(_tried(profile, document, prices_nano_usd)) for document in DOCUMENTS if document.name]
    found = [next((one for one in counts if one.lifts), counts[0]) for counts in tried if counts]
    return sorted(found, key=lambda one: (-one.saved_nano_usd, one.how_many, -one.score_after))


def _tried(profile: VehicleProfiled, document: Document, prices: Mapping[BandName, int]) -> Iterator[Addition]:
    """One of the document more, two, and so on, as long as it counts."""
    before, has = context_score(profile), counted(profile, document)
    for count in range(1, document.most - has + 1):
        value = True if document.most == 1 else has + count
        after = context_score(msgspec.structs.replace(profile, **{document.field: value}))
        saved = prices[band(before)] - prices[band(after)]
        yield Addition(document.name or "", count, before, after, saved)


def request(document: str, how_many: int, parts: Sequence[str] = ()) -> str:
    """What to ask an owner for: "Add SPID photo", "Upload receipt for grille" (S2, User actions enabled).

    `parts`: to be seen on the vehicle's photographs, those first that a receipt is wanted for.
    """
    match document:
        case "receipt":
            many = "receipt" if how_many == 1 else f"{how_many} receipts"
            about = ", ".join(parts[: min(how_many, PARTS_NAMED)])
            return f"Upload {many} for {about}" if about else f"Upload {many}"
        case "timeline event":
            return f"Add {how_many} timeline events" if how_many > 1 else "Add a timeline event"
        case "user tag":
            return f"Tag {how_many} parts on the photographs" if how_many > 1 else "Tag a part on a photograph"
        case _:
            return f"Add {document}"


def promise(
    before: float, after: int, prices_nano_usd: Mapping[BandName, int], confidence: Mapping[BandName, float]
) -> str:
    """What it brings: "to unlock 95% confidence", as measured at the better band; else its price, or the score."""
    if band(before) == band(after):
        return f"to raise the context score from {before:.0f} to {after}"
    now, then = confidence.get(band(before)), confidence.get(band(after))
    if then is not None and (now is None or then > now):
        return f"to unlock {then:.0%} confidence"
    return f"to unlock ${prices_nano_usd[band(after)] / NANO_PER_USD:g} an image"
