"""`GET /api/kpis`: S3's fifteen indicators as a snapshot has them, with the scores of their categories. Pure."""

from dashboard.bodies.live import Body
from events.snapshots import Attained, RunMetrics, Velocity


class CategoryScore(Body, frozen=True, kw_only=True):
    """0-100: the mean attainment of the category's indicators; null where none has both value and target."""

    category: str
    score: float | None


class KpiRow(Body, frozen=True, kw_only=True):
    """An indicator: value and target in its `unit` (ratio, usd or stars), `attainment` 0-1."""

    name: str
    category: str
    value: float | None
    unit: str
    target: float | None
    attainment: float | None
    status: Attained | None
    trend: Velocity | None


class KpisBody(Body, frozen=True, kw_only=True):
    """`overallScore` 0-100: the mean of the categories."""

    overall_score: float | None
    categories: list[CategoryScore]
    kpis: list[KpiRow]


def kpis_body(event: RunMetrics) -> KpisBody:
    """The body of a snapshot."""
    return KpisBody(
        overall_score=event.kpi_scores.overall,
        categories=[
            CategoryScore(category=category, score=score) for category, score in event.kpi_scores.categories.items()
        ],
        kpis=[
            KpiRow(
                name=kpi.name,
                category=kpi.category,
                value=kpi.value,
                unit=kpi.unit,
                target=kpi.target,
                attainment=kpi.attainment,
                status=kpi.status,
                trend=kpi.trend,
            )
            for kpi in event.kpis
        ],
    )
