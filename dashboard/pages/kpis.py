"""S3's indicators: overall score, score of each category, targets and trends, health, executive summary."""

from urllib.parse import quote

from dashboard.pages import components
from dashboard.pages.components import Column, panel, source, table, text, tile
from dashboard.pages.page import View
from dashboard.pages.sheet import Sheet

CATEGORIES = (
    ("performance", "Performance"),
    ("cost", "Cost"),
    ("quality", "Quality"),
    ("user_experience", "User experience"),
    ("system_health", "System health"),
)


async def draw(view: View) -> str:
    """Scores and indicators move with the run; the summary is the report's own."""
    run = quote(view.run.body.run_id, safe="")
    return "\n".join(
        [
            panel("executive", "Executive summary", _summary(run), aside=_links(run)),
            components.of_snapshot(view.run, _scores, name="kpis"),
            panel("trends", "Trends", _trends(), aside="each indicator over the run"),
        ]
    )


def _scores(sheet: Sheet) -> str:
    scores = _score(sheet, "Overall", "kpi_scores.overall", "of 100", css="lead")
    scores += _score(sheet, "Health", "health.score", sheet.text("health.status", "words"))
    for name, words in CATEGORIES:
        scores += _score(sheet, words, f"kpi_scores.categories.{name}")
    columns = [
        Column("Indicator", text("name", "words"), css="name"),
        Column("Category", text("category", "words"), css="less"),
        Column("Value", lambda row: f"<b>{row.text('value', '@unit')}</b>", number=True),
        Column("Target", text("target", "@unit"), number=True),
        Column("Attained", text("attainment", "ratio"), number=True),
        Column("Status", _status),
        Column("Trend", text("trend", "words")),
    ]
    rows = table(sheet, "kpis", "name", columns, caption="Indicators with their targets", css="kpis")
    none = sheet.shown(
        "kpis",
        "This run's snapshots carry no indicators yet: they come with the first results.",
        tag="p",
        css="note wrap",
        when_empty=True,
    )
    return f'<section class="tiles scores" aria-label="Scores, 0 to 100">{scores}</section>' + panel(
        "indicators", "Indicators and targets", rows + none
    )


def _score(sheet: Sheet, words: str, path: str, note: str = "", css: str = "") -> str:
    bar = sheet.bar(path, f"{words}, of 100")
    return tile(words, sheet.text(path, "rate", tick=True), f'{bar}<p class="note">{note}</p>', css=css)


def _status(row: Sheet) -> str:
    return f"<span {row.attributes(status='status')}>{row.text('status', 'words')}</span>"


def _summary(run: str) -> str:
    sheet = components.blank("report")
    lines = sheet.rows(
        "executiveSummary", "text", lambda row: row.text("text"), tag="ul", css="sentences", row_tag="li"
    )
    return source(f"/api/report?format=json&run={run}", lines, name="report", refresh_s=15)


def _links(run: str) -> str:
    return components.link_button("Whole report", f"/reports?run={run}", "small")


def _trends() -> str:
    chosen = '<label class="pick">Indicator <select data-indicator></select></label>'
    chart = components.chart("trend", "The indicator over the run", legend=(("s1", "Value"), ("s2", "Target")))
    minutes = "/api/export/kpi_results?format=json"
    return chosen + source(
        minutes, chart, name="trend", refresh_s=30, nothing="No minute is stored yet.", empty_when="items"
    )
