"""ALERTS & RECOMMENDATIONS: what the figures say in a sentence, with S0's marks (S0, Visual Dashboard Layout). Pure.

red: act now; yellow: look at this; green: a target is met; blue: good to know. What the alert rules decide stands
first; the others are read off the snapshot.
"""

from collections.abc import Iterator, Sequence

import msgspec

from dashboard.bodies.live import DashboardBody, Mark, Notice
from dashboard.pages import formats

ORDER: tuple[Mark, ...] = ("red", "yellow", "green", "blue")
MARKS: dict[str, Mark] = {"critical": "red", "error": "red", "warning": "yellow", "info": "blue"}
CHEAP_TARGET_PERCENT = 80.0
"""S0: "Cheap model usage: 85% (target: 80%+)"; decision 0001, A8."""
POOR_RED_PERCENT, POOR_YELLOW_PERCENT = 25.0, 10.0
EXCELLENT_PERCENT, GOOD_PERCENT = 90.0, 75.0


class Active(msgspec.Struct, frozen=True):
    """An alert of the snapshot, as far as a sentence needs it."""

    episode_id: str
    state: str
    severity: str
    message: str
    silenced_by: str | None = None


class Alerts(msgspec.Struct, frozen=True):
    """What of a `run.metrics` the rules decided: cheap to decode beside the whole."""

    alerts: list[Active] = []

    @property
    def firing(self) -> list[Active]:
        """Those that fire and that nobody silenced."""
        return [alert for alert in self.alerts if alert.state == "firing" and alert.silenced_by is None]


def notices(body: DashboardBody, firing: Sequence[Active] = ()) -> list[Notice]:
    """The sentences, gravest first; what fires before what is read off the figures."""
    found = [*_firing(firing), *_context(body), *_failures(body), *_budget(body), *_cheap(body), *_consensus(body)]
    return sorted(found, key=lambda notice: ORDER.index(notice.mark))


def _firing(firing: Sequence[Active]) -> Iterator[Notice]:
    """Each message once, by its gravest alert: a rule with levels fires at several."""
    gravest: dict[str, Active] = {}
    for alert in sorted(firing, key=lambda alert: ORDER.index(_mark(alert))):
        gravest.setdefault(alert.message, alert)
    for alert in gravest.values():
        yield Notice(alert.episode_id, _mark(alert), alert.message)


def _mark(alert: Active) -> Mark:
    return MARKS.get(alert.severity, "blue")


def _context(body: DashboardBody) -> Iterator[Notice]:
    poor, share = body.efficiency.context_score_distribution.poor, body.efficiency.poor_context_percent
    if share is not None and share >= POOR_YELLOW_PERCENT:
        mark: Mark = "red" if share >= POOR_RED_PERCENT else "yellow"
        yield Notice("context", mark, f"{formats.count(poor)} images have poor context (add docs to reduce costs)")


def _failures(body: DashboardBody) -> Iterator[Notice]:
    failed, retries = body.progress.failed, body.doubts.retries
    if not failed:
        return
    images = "1 image" if failed == 1 else f"{formats.count(failed)} images"
    if body.state == "finished":
        yield Notice("failed", "yellow", f"{images} failed for good: Reprocess failed tries them again")
    elif retries:
        yield Notice(
            "failed",
            "yellow",
            f"{images} failed - retrying with exponential backoff ({formats.count(retries)} retries so far)",
        )
    else:
        yield Notice("failed", "yellow", f"{images} failed, none was tried again yet")


def _budget(body: DashboardBody) -> Iterator[Notice]:
    spent, projected = body.costs.budget_spent_percent, body.costs.budget_projected_percent
    if spent is not None and spent > 100:
        yield Notice("budget", "red", f"The budget is passed: {formats.share(spent)} of it is spent")
    elif projected is not None and projected > 100:
        yield Notice("budget", "yellow", f"At this rate {formats.share(projected)} of the budget will be spent")


def _cheap(body: DashboardBody) -> Iterator[Notice]:
    usage = body.efficiency.cheap_model_usage
    if usage is None:
        return
    target = formats.share(CHEAP_TARGET_PERCENT)
    if usage >= CHEAP_TARGET_PERCENT:
        yield Notice("cheap", "green", f"Cheap model usage: {formats.share(usage)} (target: {target}+) ✓")
    else:
        yield Notice("cheap", "yellow", f"Cheap model usage: {formats.share(usage)}, below the target of {target}")


def _consensus(body: DashboardBody) -> Iterator[Notice]:
    rate = body.quality.consensus_rate
    if rate is None:
        return
    if rate >= EXCELLENT_PERCENT:
        yield Notice("consensus", "blue", f"Consensus rate: {formats.share(rate)} (excellent multi-model agreement)")
    elif rate >= GOOD_PERCENT:
        yield Notice("consensus", "blue", f"Consensus rate: {formats.share(rate)} (good multi-model agreement)")
    else:
        yield Notice("consensus", "yellow", f"Consensus rate: {formats.share(rate)}: models often disagree")
