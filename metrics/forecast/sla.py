"""What the plan promises, and whether it is kept (S0, SLA compliance)."""

from datetime import datetime

from events.runs import RunDeclared
from events.snapshots import Sla
from metrics.figures.formula import Figures, n

_WITHIN = n("within_sla") / n("latency_count")
_ERRORS = n("failed") / n("results")


def sla(plan: RunDeclared | None, figures: Figures, end: datetime | None) -> Sla:
    """`end`: when the run ended, or is expected to; None where nobody can tell."""
    promised = plan.sla if plan else None
    if promised is None:
        return Sla()
    errors = _ERRORS.value(figures)
    return Sla(
        latency_ms=promised.latency_ms,
        within_latency=None if promised.latency_ms is None else _WITHIN.value(figures),
        error_rate=promised.error_rate,
        error_rate_met=None if promised.error_rate is None or errors is None else errors <= promised.error_rate,
        deadline=promised.deadline,
        deadline_met=None if promised.deadline is None or end is None else end <= promised.deadline,
    )
