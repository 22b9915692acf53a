"""A report as rows of a table: what the CSV holds, and what PDF and HTML lay out. Pure."""

from collections.abc import Iterator
from typing import NamedTuple

from dashboard.pages.formats import written
from dashboard.reports.body import Part, ReportBody

Value = str | int | float | None


class Row(NamedTuple):
    """One figure: section, what it is of, its name, its raw value and the format in which a page writes it."""

    section: str
    item: str
    measure: str
    value: Value
    format: str

    @property
    def text(self) -> str:
        """The value as it is read."""
        return written(self.value, self.format)


class Table(NamedTuple):
    """A section laid out: `heads` over its columns, none where a line is but a name and a figure."""

    section: str
    heads: list[str]
    lines: list[list[str]]


def tables(report: ReportBody) -> list[Table]:
    """The sections to lay out; things of which the same figures are known stand under one another."""
    sections: dict[str, list[Row]] = {}
    for row in rows(report):
        if row.section not in {"report", "recommendations"}:
            sections.setdefault(row.section, []).append(row)
    return [_table(section, found) for section, found in sections.items()]


def _table(section: str, found: list[Row]) -> Table:
    of: dict[str, dict[str, str]] = {}
    for row in found:
        of.setdefault(row.item, {})[row.measure] = row.text
    first = next(iter(of.values()))
    if "" not in of and all(figures.keys() == first.keys() for figures in of.values()):
        names = {item: written(item, "words") if section == "indicators" else item for item in of}
        return Table(section, ["", *first], [[names[item], *figures.values()] for item, figures in of.items()])
    return Table(section, [], [[", ".join(filter(None, (row.item, row.measure))), row.text] for row in found])


def rows(report: ReportBody) -> Iterator[Row]:
    """Every figure of the report, section by section."""
    summary, quality, outcomes = report.summary, report.quality, report.outcomes
    yield Row("report", "", "run", report.run_id, "plain")
    yield Row("report", "", "name", report.name, "plain")
    yield Row("report", "", "state", report.state, "state")
    yield Row("report", "", "exported at", report.exported_at.isoformat(), "plain")
    yield Row("summary", "", "total images", summary.total_images, "count")
    yield Row("summary", "", "processed successfully", summary.processed_successfully, "count")
    yield Row("summary", "", "failed", summary.failed, "count")
    yield Row("summary", "", "total cost", summary.total_cost, "usd")
    yield Row("summary", "", "duration", summary.duration, "plain")
    yield Row("summary", "", "average cost an image", summary.avg_cost_per_image, "unitUsd")
    yield Row("summary", "", "projected total", report.projected_total, "usd")
    yield Row("summary", report.baseline_name or "", "saved", report.savings, "usd")
    yield from _parts("by tier", {f"tier {tier}": part for tier, part in report.breakdown.by_tier.items()})
    for model, part in report.breakdown.by_model.items():
        yield from _parts("by model", {model: part})
        yield Row("by model", model, "average confidence", part.avg_confidence, "percent")
    yield from _parts("by context", report.breakdown.by_context_score)
    for name, rate in (
        ("average confidence", quality.avg_confidence),
        ("validation rate", quality.validation_rate),
        ("consensus rate", quality.consensus_rate),
        ("error rate", quality.error_rate),
        ("reprocessing rate", quality.reprocessing_rate),
    ):
        yield Row("quality", "", name, rate, "percent")
    for table, records in outcomes.tables_populated.items():
        yield Row("outcomes", table, "records", records, "count")
    yield Row("outcomes", "", "insights", outcomes.insights_generated, "count")
    yield Row("outcomes", "", "gaps", outcomes.gaps_identified, "count")
    yield from _indicators(report)
    yield from _technical(report)
    for number, text in enumerate(report.recommendations, 1):
        yield Row("recommendations", str(number), "text", text, "plain")


def _parts(section: str, parts: dict[str, Part]) -> Iterator[Row]:
    for name, part in parts.items():
        yield Row(section, name, "count", part.count, "count")
        yield Row(section, name, "cost", part.cost, "usd")


def _indicators(report: ReportBody) -> Iterator[Row]:
    for kpi in report.kpis:
        unit = kpi.get("unit", "plain")
        yield Row("indicators", kpi["name"], "value", kpi.get("value"), unit)
        yield Row("indicators", kpi["name"], "target", kpi.get("target"), unit)
        yield Row("indicators", kpi["name"], "attainment", kpi.get("attainment"), "ratio")
        yield Row("indicators", kpi["name"], "status", kpi.get("status"), "words")


def _technical(report: ReportBody) -> Iterator[Row]:
    technical = report.technical
    for name in ("results", "retries", "timeouts", "input_tokens", "output_tokens"):
        yield Row("technical", "", name.replace("_", " "), getattr(technical, name), "count")
    for name in ("p50_ms", "p95_ms", "p99_ms"):
        yield Row("technical", "latency", name, getattr(technical, name), "ms")
    for name in ("unpriced", "untimed", "duplicates", "late_events", "clock_skewed_events", "after_seal"):
        yield Row("technical", "left out", name.replace("_", " "), getattr(technical, name), "count")
    yield from _parts("by provider", technical.providers)
