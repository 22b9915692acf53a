"""docs/metrics.md, made of the metrics themselves: counters, derived figures, ratios and indicators."""

from collections.abc import Iterable

from metrics.figures.derived import DERIVED
from metrics.figures.kpis import INDICATORS
from metrics.figures.ratios import RATIOS
from metrics.fold.counters import COUNTERS

from .views.ratios import told_by_sql

_INTRO = """# What the figures mean

Generated from metrics/ by `make docs`: make changes there. Fractions are 0-1, money is whole nano-dollars unless a unit
says otherwise; a ratio with nothing to divide by is null. Every figure is on `run.metrics`
(`/api/runs/{run}/metrics`, the topic `metrics`); where a SQL view has it too, it is the same number (`docs/sql.md`).
"""


def document() -> str:
    """The whole text."""
    counters = [(f"`{m.name}`", m.unit, m.docs, "run_totals" if m.sql else "") for m in COUNTERS]
    derived = [(f"`{figure.name}`", figure.docs) for figure in DERIVED]
    ratios = [
        (f"`{r.name}`", r.group, r.unit, r.docs, f"`{r.formula.sql(str)}`", "run_ratios" if told_by_sql(r) else "")
        for r in RATIOS
    ]
    indicators = [
        (f"`{one.name}`", one.category, one.unit, one.docs, "" if one.target is None else f"{one.target:g}", one.better)
        for one in INDICATORS
    ]
    return "\n".join(
        [
            _INTRO,
            "## Counters (`totals`, `by_…`, windows)",
            *_table(("counter", "unit", "meaning", "view"), counters),
            "## Derived (`derived`)",
            "Made of counters, the plan, heartbeats and histograms; what is unknown is left out.\n",
            *_table(("figure", "meaning"), derived),
            "## Ratios (`ratios`, `ratios_by_tier`, `ratios_by_model`)",
            *_table(("ratio", "group", "unit", "meaning", "formula", "view"), ratios),
            "## Indicators (`kpis`, `/api/kpis`, view `kpi_results`)",
            *_table(("indicator", "category", "unit", "meaning", "target", "better"), indicators),
        ]
    )


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> list[str]:
    lines = [head, tuple("---" for _ in head), *rows]
    return [f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |" for line in lines] + [""]
