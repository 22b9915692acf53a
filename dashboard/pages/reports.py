"""Reports: the run as a document, to read here or to download."""

from urllib.parse import quote

from dashboard.pages import components
from dashboard.pages.components import Column, link_button, panel, source, stat, stats, table, text
from dashboard.pages.page import View
from dashboard.pages.sheet import Sheet

FORMATS = (("pdf", "PDF with charts"), ("html", "HTML, one file"), ("csv", "CSV"), ("json", "JSON"))


async def draw(view: View) -> str:
    """What `/api/report` says, and its four files."""
    run = quote(view.run.body.run_id, safe="")
    files = "".join(
        link_button(words, f"/api/report?format={form}&run={run}", "primary" if form == "pdf" else "")
        for form, words in FORMATS
    )
    every = '<p class="note wrap">On a schedule: <code>imageledger report --every day --format pdf --to DIR</code></p>'
    return "\n".join(
        [
            panel("files", "Download", f'<div class="commands">{files}</div>{every}'),
            source(f"/api/report?run={run}", _report(), name="report", refresh_s=15),
        ]
    )


def _report() -> str:
    sheet = components.blank("report")
    lines = sheet.rows(
        "executiveSummary", "text", lambda row: row.text("text"), tag="ul", css="sentences", row_tag="li"
    )
    summary = stats(
        stat("Images", sheet.text("summary.totalImages", "count")),
        stat("Done", sheet.text("summary.processedSuccessfully", "count"), css="good"),
        stat("Failed", sheet.text("summary.failed", "count")),
        stat("Total cost", sheet.text("summary.totalCost", "usd"), css="money"),
        stat("Cost an image", sheet.text("summary.avgCostPerImage", "unitUsd")),
        stat("Duration", sheet.text("summary.duration")),
    )
    quality = stats(
        stat("Avg confidence", sheet.text("quality.avgConfidence", "percent")),
        stat("Validated", sheet.text("quality.validationRate", "percent")),
        stat("Consensus", sheet.text("quality.consensusRate", "percent")),
        stat("Errors", sheet.text("quality.errorRate", "percent")),
        stat("Insights", sheet.text("outcomes.insightsGenerated", "count")),
        stat("Gaps", sheet.text("outcomes.gapsIdentified", "count")),
        css="small",
    )
    advice = sheet.rows("advice", "text", lambda row: row.text("text"), tag="ul", css="sentences", row_tag="li")
    none = sheet.shown("advice", "None.", tag="p", css="note", when_empty=True)
    return "\n".join(
        [
            panel("executive", "Executive summary", lines, aside=sheet.text("exportedAt", "moment")),
            panel("in-figures", "In figures", summary),
            '<div class="columns even">',
            panel("quality", "Quality and outcomes", quality),
            panel("advice", "Recommendations", advice + none),
            "</div>",
            '<div class="columns three">',
            panel("by-tier", "By tier", _parts(sheet, "tiers", "Tier")),
            panel("by-model", "By model", _parts(sheet, "models", "Model")),
            panel("by-context", "By context", _parts(sheet, "bands", "Context", "Images")),
            "</div>",
        ]
    )


def _parts(sheet: Sheet, path: str, heading: str, counted: str = "Calls") -> str:
    columns = [
        Column(heading, text("name"), css="text"),
        Column(counted, text("count", "count"), number=True),
        Column("Cost", text("cost", "usd"), number=True),
    ]
    return table(sheet, path, "name", columns, caption=f"{heading}: {counted.lower()} and cost")
