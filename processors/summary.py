"""What a processor says at the end: how many images, what became of them, what it cost, what is missing."""

import msgspec

from events.numbers import NANO_PER_USD, nano_usd
from events.results import ImageResult
from processors.logged import LoggedResult

LISTED = 1_000
"""So many failures and duplicates are named; the counts are complete."""


class FailedImage(msgspec.Struct, frozen=True):
    """An image without a result to use, and why."""

    image_id: str
    reason: str
    message: str


class Duplicate(msgspec.Struct, frozen=True):
    """An image that looks like an earlier one; `distance` is in bits of 64."""

    image_id: str
    duplicate_of: str
    distance: int


class Summary(msgspec.Struct, kw_only=True):
    """Counts and `seconds` are of the whole run, with what earlier processes did of it.

    `cost_nano_usd` and `calls` are by tier, `failed` is by reason.

    `unpublished`: events that the publisher did not take or Kafka did not confirm; `unpublished_images` names those
    that were not taken. `skipped`: files that were seen and left alone.
    """

    run_id: str
    images: int
    processed: int = 0
    failed: dict[str, int] = {}
    failed_images: list[FailedImage] = []
    duplicates: int = 0
    duplicate_images: list[Duplicate] = []
    skipped: list[str] = []
    calls: dict[int, int] = {}
    retries: int = 0
    cost_nano_usd: dict[int, int] = {}
    unpublished: int = 0
    unpublished_images: list[str] = []
    stopped: bool = False
    seconds: float = 0.0

    @property
    def ended(self) -> int:
        """Images with a final result."""
        return self.processed + sum(self.failed.values())

    @property
    def complete(self) -> bool:
        """Whether every image ended and every event is in Kafka; a failed image has ended too."""
        return self.ended == self.images and not self.unpublished

    def add(self, result: ImageResult | LoggedResult) -> None:
        """Counts a result, published or not."""
        self.call(result)
        if result.final:
            self.end(result)

    def call(self, result: ImageResult | LoggedResult) -> None:
        """Counts a call and what it cost."""
        tier = result.tier
        self.calls[tier] = self.calls.get(tier, 0) + 1
        self.retries += result.attempt > 1
        self.cost_nano_usd[tier] = self.cost_nano_usd.get(tier, 0) + nano_usd(result.cost_usd or 0.0)

    def end(self, result: ImageResult | LoggedResult) -> None:
        """Counts an image by its final result."""
        if result.status != "failed":
            self.processed += 1
            return
        reason = result.error.type if result.error else "unknown"
        self.failed[reason] = self.failed.get(reason, 0) + 1
        if len(self.failed_images) < LISTED:
            message = (result.error.message if result.error else None) or ""
            self.failed_images.append(FailedImage(result.image_id or "", reason, message))

    def reopen(self, image_id: str, reason: str | None) -> None:
        """An image that had ended (failed for `reason`, or processed) is done again: it counts when it ends anew."""
        if reason is None:
            self.processed -= 1
            return
        self.failed[reason] -= 1
        if not self.failed[reason]:
            del self.failed[reason]
        self.failed_images = [one for one in self.failed_images if one.image_id != image_id]

    def add_duplicate(self, duplicate: Duplicate) -> None:
        """Counts and names a near-duplicate."""
        self.duplicates += 1
        if len(self.duplicate_images) < LISTED:
            self.duplicate_images.append(duplicate)

    def lines(self) -> list[str]:
        """COMPLETE, SUMMARY and TOTAL, as S2's log ends, each failure that is listed, and what was left alone."""
        failed = sum(self.failed.values())
        reasons = ", ".join(f"{count} {reason}" for reason, count in sorted(self.failed.items()))
        state = "STOPPED" if self.stopped else "COMPLETE" if self.complete else "INCOMPLETE"
        total = sum(self.cost_nano_usd.values()) / NANO_PER_USD
        found = [
            *(f"failed: {one.image_id}: {one.reason}: {one.message}" for one in self.failed_images),
            *(f"duplicate: {one.image_id} looks like {one.duplicate_of}" for one in self.duplicate_images),
            *(f"skipped: {name}" for name in self.skipped),
            f"{state} run {self.run_id}: {self.ended:,} of {self.images:,} images in {self.seconds:,.1f} s",
            f"SUMMARY {self.processed:,} processed, {failed:,} failed" + (f" ({reasons})" if reasons else ""),
            *(
                f"TOTAL tier {tier}: {calls:,} calls, ${self.cost_nano_usd.get(tier, 0) / NANO_PER_USD:,.4f}"
                for tier, calls in sorted(self.calls.items())
            ),
            f"TOTAL ${total:,.4f}",
        ]
        if self.unpublished:
            found.append(f"UNPUBLISHED {self.unpublished:,} events did not reach Kafka: run the same command again")
        return found
