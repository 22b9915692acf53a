"""One run: plan against actual, ETA and its range, budget, what holds it up, cost by user and environment, commands."""

from urllib.parse import quote

from dashboard.pages import components
from dashboard.pages.components import Column, panel, source, stat, stats, table, text
from dashboard.pages.page import View
from dashboard.pages.sheet import Sheet

COSTS_BY = (("environment", "environment"), ("user_id", "user"), ("vehicle_type", "vehicle type"))
_COURSE = (("s1", "Images a minute"), ("s2", "Dollars spent (right axis)"))


async def draw(view: View) -> str:
    """Live figures are the run's own snapshot; who and where it was spent for comes from ClickHouse."""
    run = view.run
    asked = quote(run.body.run_id, safe="")
    costs = "".join(_costs(asked, column, words) for column, words in COSTS_BY)
    return "\n".join(
        [
            components.of_snapshot(run, _live),
            panel(
                "course",
                "Throughput and cost",
                components.chart("course", "Images a minute and dollars spent", legend=_COURSE),
            ),
            f'<section class="panel"><div class="columns three">{costs}</div></section>',
            panel("commands-asked", "Commands", _commands(asked), aside="what was asked of its processors"),
        ]
    )


def _live(sheet: Sheet) -> str:
    return "\n".join(
        [
            _summary(sheet),
            _held_up(sheet),
            _phases(sheet),
            '<div class="columns even">',
            _budget(sheet),
            _speed(sheet),
            "</div>",
        ]
    )


def _summary(sheet: Sheet) -> str:
    percent = sheet.shown("progress.total", sheet.text("progress.percent", "done", tick=True), tag="span")
    percent += sheet.shown("progress.total", "no plan", tag="span", when_empty=True)
    images = f"{sheet.text('progress.processed', 'count')} of {sheet.text('progress.total', 'count')} images"
    return panel(
        "summary",
        "How far",
        stats(
            stat("Progress", percent, images),
            stat(
                "Time left",
                sheet.text("eta.text"),
                sheet.shown("eta.range_text", sheet.text("eta.range_text"), tag="span"),
            ),
            stat(
                _end(sheet, "Expected end", "Last result"),
                _end(sheet, sheet.text("eta.completion", "moment"), sheet.text("last_event_at", "moment")),
                f"began {sheet.text('started_at', 'moment')}",
            ),
            stat(
                "Failed",
                sheet.text("progress.failed", "count"),
                sheet.shown("totals.retries", f"{sheet.text('totals.retries', 'count')} retries", tag="span"),
            ),
        ),
        aside=sheet.shown("strategy", sheet.text("strategy"), tag="span"),
    )


def _end(sheet: Sheet, expected: str, past: str) -> str:
    """The one while the run's end is foreseen, the other before and after."""
    return sheet.shown("eta.completion", expected, tag="span") + sheet.shown(
        "eta.completion", past, tag="span", when_empty=True
    )


def _held_up(sheet: Sheet) -> str:
    """Why it stands still, or what it waits for; nothing where nothing does."""
    stalled = sheet.shown("stalled", f"<span>Stalled: {sheet.text('stalled.text')}</span>", tag="p", css="banner bad")
    return stalled + sheet.shown(
        "bottleneck", f"<span>What limits it: {sheet.text('bottleneck.text')}</span>", tag="p", css="banner"
    )


def _phases(sheet: Sheet) -> str:
    def against(planned: str, actual: str, format_name: str) -> str:
        """Two columns in one cell: what is, over what was planned."""
        return f"planned.{planned}|actual.{actual}|{format_name}"

    def pair(spec: str) -> Column:
        planned, actual, format_name = spec.split("|")
        heading = {"images": "Images", "seconds": "Time", "cost_nano_usd": "Cost",
                   "unit_cost_nano_usd": "Cost an image",
                   "images_per_minute": "Images/min"}[planned.partition(".")[2]]  # fmt: skip
        return Column(
            f"{heading} <small>actual / plan</small>",
            lambda row: (
                f'<b>{row.text(actual, format_name)}</b> <span class="of">/ {row.text(planned, format_name)}</span>'
            ),
            number=True,
        )

    columns = [
        Column("Phase", lambda row: f"Tier {row.text('tier')} {row.shown('name', row.text('name'), tag='span')}"),
        pair(against("images", "images", "count")),
        pair(against("seconds", "seconds", "duration")),
        pair(against("cost_nano_usd", "cost_nano_usd", "nanoUsd")),
        pair(against("unit_cost_nano_usd", "unit_cost_nano_usd", "unitNanoUsd")),
        pair(against("images_per_minute", "images_per_minute", "rate")),
    ]
    rows = table(sheet, "phases", "tier", columns, caption="Plan against actual, phase by phase")
    none = sheet.shown(
        "phases", "No plan was declared: there is nothing to compare with.", tag="p", css="note wrap", when_empty=True
    )
    return panel("phases", "Plan against actual", rows + none)


def _budget(sheet: Sheet) -> str:
    saved = sheet.text("projection.savings_nano_usd", "nanoUsd")
    saved += f'<div class="note">vs {sheet.text("projection.baseline_name")}</div>'
    figures = stats(
        stat("Spent", sheet.text("projection.spent_nano_usd", "nanoUsd", tick=True), css="money"),
        stat("Projected", sheet.text("projection.projected_nano_usd", "nanoUsd"), "when all is done"),
        stat("Budget left", sheet.text("budget.remaining_nano_usd", "nanoUsd"),
             f"of {sheet.text('budget.allocated_nano_usd', 'nanoUsd')}"),
        stat("Runway", sheet.text("budget.runway_seconds", "duration"), "at the last 24 h's spending"),
        sheet.shown("projection.savings_nano_usd", f"<dt>Saved</dt><dd>{saved}</dd>", css="figure good"),
    )  # fmt: skip
    none = sheet.shown(
        "budget.allocated_nano_usd", "The plan has no budget.", tag="p", css="note wrap", when_empty=True
    )
    return panel("budget", "Budget", figures + none)


def _speed(sheet: Sheet) -> str:
    latency = stats(
        stat("p50", sheet.text("latency.totals.p50", "ms")),
        stat("p95", sheet.text("latency.totals.p95", "ms")),
        stat("p99", sheet.text("latency.totals.p99", "ms")),
        stat("In progress", sheet.text("operations.active_requests", "count"),
             f"of {sheet.text('operations.capacity', 'count')} calls"),
        stat("Waiting", sheet.text("operations.queue_depth", "count"), "images"),
    )  # fmt: skip
    return panel("speed", "Response time and load", latency, aside="within 1 %")


def _costs(run: str, column: str, words: str) -> str:
    sheet = components.blank("costs")
    rows = table(
        sheet,
        "rows",
        "value",
        [
            Column(words.capitalize(), text("value"), css="text"),
            Column("Results", text("results", "count"), number=True),
            Column("Cost", text("cost", "usd"), number=True),
            Column("Share", text("percent", "share"), number=True),
        ],
        caption=f"Cost by {words}",
    )
    nothing = f"No result names its {words}."
    listed = source(
        f"/api/runs/{run}/costs?by={column}", rows, name="costs", refresh_s=20, empty_when="rows", nothing=nothing
    )
    return f'<section aria-labelledby="h-by-{column}"><h2 id="h-by-{column}">Cost by {words}</h2>{listed}</section>'


def _commands(run: str) -> str:
    rows = table(
        components.blank("commands"),
        "items",
        "commandId",
        [
            Column("When", text("issuedAt", "moment")),
            Column("Action", text("action", "words")),
            Column("By", text("issuedBy")),
            Column("State", text("state", "words")),
            Column("Answer", text("answer"), css="text"),
        ],
        caption="Commands, the oldest first",
    )
    return source(
        f"/api/commands?run={run}", rows, name="commands", refresh_s=10, empty_when="items", nothing="None yet."
    )
