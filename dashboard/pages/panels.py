"""The command centre's panels, each a section of S0's drawing, bound to the body of `/api/metrics/dashboard`."""

from urllib.parse import quote

from dashboard.pages.components import blank, button, link_button, panel, source, stat
from dashboard.pages.sheet import Sheet

MOST_ADVICE = 4
"""Recommendations beside the alerts; the API gives all."""


def _unseen_head(*names: str) -> str:
    """Column names for those who hear the table; the eye does not need them."""
    return f'<thead class="sr-only"><tr>{"".join(f"<th>{name}</th>" for name in names)}</tr></thead>'


def progress(sheet: Sheet) -> str:
    """How far, when, how fast, for how much."""
    of_total = sheet.shown("progress.total", f" / {sheet.text('progress.total', 'count')}", tag="span", css="of")
    velocity = sheet.shown("current.velocity", sheet.text("current.velocity", "velocity"), tag="span", css="velocity")
    eta_range = sheet.shown("progress.etaRange", sheet.text("progress.etaRange"), tag="span")
    count = f"<b>{sheet.text('progress.processed', 'count', tick=True)}{of_total}</b> images"
    unplanned = f"{sheet.text('progress.processed', 'count', tick=True)} <small>images done, no plan</small>"
    percent = sheet.shown(
        "progress.total", sheet.text("progress.percentComplete", "done", tick=True), tag="span"
    ) + sheet.shown("progress.total", unplanned, tag="span", when_empty=True)
    per_image = f"{sheet.text('costs.avgCostPerImage', 'unitUsd')} an image"
    return f"""<section class="panel hero" aria-labelledby="h-progress">
<h2 id="h-progress">Overall progress</h2>
<div class="percent">{percent}</div>
<dl class="figures">
{stat("ETA", sheet.text("progress.eta"), eta_range)}
{stat("Rate", sheet.text("current.imagesPerMinute", "rate", tick=True) + "<small> img/min</small>", velocity)}
{stat("Cost", sheet.text("costs.totalSpent", "usd", tick=True, css="money"), per_image)}
</dl>
{sheet.shown("progress.total", sheet.bar("progress.percentComplete", "Overall progress", "thick"), css="track")}
<p class="count">{sheet.shown("progress.total", count, tag="span")}
{sheet.shown("name", sheet.text("name"), tag="span", css="run-name")}</p>
</section>"""


def notices(sheet: Sheet) -> str:
    """What the figures say in a sentence, gravest first, and what the history recommends."""
    mine = sheet.rows("notices", "key", _notice, tag="ul", css="notices", row_tag="li")
    quiet = sheet.shown("notices", "Nothing to report: no alert is firing.", tag="p", css="note", when_empty=True)
    known = blank("recommendations")
    advice = known.rows("recommendations", "action", _advice, tag="ul", css="notices advice", row_tag="li")
    asked = source(
        f"/api/recommendations?limit={MOST_ADVICE}",
        advice + '<p class="note"><a href="/vehicles">What each vehicle lacks</a></p>',
        name="recommendations",
        refresh_s=60,
        empty_when="recommendations",
    )
    return panel("alerts", "Alerts & recommendations", f"{mine}{quiet}{asked}", css="notice-panel")


def _notice(row: Sheet) -> str:
    return f"""<span class="mark-dot" {row.attributes(mark="mark")} aria-hidden="true"></span>
<span class="sr-only">{row.text("mark", "mark")}: </span>{row.text("text")}"""


def _advice(row: Sheet) -> str:
    saves = row.shown("costSavings", f" · saves {row.text('costSavings', 'usd')}", tag="span", css="good")
    return f"""<span class="mark-dot blue" aria-hidden="true"></span>
<span>{row.text("action")}<span class="note wrap">{row.text("impact")}{saves}</span></span>"""


def tables(sheet: Sheet) -> str:
    """DATABASE TABLES POPULATED: what came of it all; only where results write to tables."""
    rows = sheet.rows("tables", "table", _table, tag="tbody", css="filled", row_tag="tr")
    head = _unseen_head("Table", "Records added", "Share of all records", "Records an image")
    return sheet.shown("tables", panel("tables", "Database tables populated", f"<table>{head}{rows}</table>"))


def _table(row: Sheet) -> str:
    return f"""<th scope="row" class="mono">{row.text("table")}</th>
<td class="n"><b>{row.text("records", "count", tick=True)}</b> <span class="unit">added</span></td>
<td class="share">{row.bar("percent", "Share of all records")}<span class="n">{row.text("percent", "share")}</span></td>
<td class="n each">{row.text("perImage", "rate")} <span class="unit">an image</span></td>"""


def commands(sheet: Sheet) -> str:
    """What an operator can ask of the run's processor (S0, the buttons); without a script there is the command line."""
    paused = sheet.value("state") == "paused"
    return f"""<section class="commands" aria-label="Commands" data-commands hidden>
{button("Resume" if paused else "Pause", css="command", command="resume" if paused else "pause")}
{button("Speed up", css="command", command="set_concurrency")}
{button("Reprocess failed", css="command", command="reprocess")}
{link_button("Export report", f"/api/report?format=pdf&run={quote(sheet.value('runId'), safe='')}")}
<p aria-live="polite" data-command-said></p>
</section>"""


def tiles(sheet: Sheet) -> str:
    """A tile for each tier, and the failures."""
    failed_of = sheet.shown("progress.total", f" / {sheet.text('progress.total', 'count')}", tag="span", css="of")
    tiers = sheet.rows("progress.tiers", "tier", _tile, tag="div", css="tiers", row_tag="article", row_css="panel tile")
    return f"""<section class="tiles" aria-label="Tiers and failures">
{tiers}
<article class="panel tile failed" data-failed>
<h3>Failed</h3>
<div class="big">{sheet.text("progress.failedPercent", "share", tick=True)}</div>
{sheet.bar("progress.failedPercent", "Failed images", "bad")}
<p class="count"><b>{sheet.text("progress.failed", "count", tick=True)}{failed_of}</b></p>
<p class="note">{sheet.text("doubts.retries", "count")} retries</p>
</article>
</section>"""


def _tile(row: Sheet) -> str:
    of_total = f'<span class="of"> / {row.text("total", "count")}</span>'
    count = f'<p class="count"><b>{row.text("complete", "count", tick=True)}{of_total}</b></p>'
    percent = row.shown("total", row.text("percent", "doneWhole", tick=True), tag="span")
    percent += row.shown("total", row.text("complete", "count", tick=True), tag="span", when_empty=True)
    name = row.shown("name", row.text("name"), tag="span", css="tier-name")
    left = row.shown("etaSeconds", f" · {row.text('etaSeconds', 'duration')} left", tag="span")
    batches = f"{row.text('batchesComplete', 'count')} of {row.text('batches', 'count')} batches · "
    batches = row.shown("batches", batches, tag="span")
    return f"""<h3><span>Tier {row.text("tier")}</span>{name}</h3>
<div class="big">{percent}</div>
{row.shown("total", row.bar("percent", "Tier complete") + count)}
<p class="note">{row.text("imagesPerMinute", "rate")} img/min{left}</p>
<p class="note">{batches}{row.text("requestsPerSecond", "rate")} req/s</p>"""


def costs(sheet: Sheet) -> str:
    """Spent, projected, the baseline, the budget, and each model's part."""
    save = sheet.shown(
        "costs.savings", f"→ Save {sheet.text('costs.savings', 'usd', tick=True)}", tag="span", css="save"
    )
    versus = f"vs {sheet.text('costs.baselineName')}"
    baseline = sheet.shown(
        "costs.baselineTotal",
        f'<dt>{versus}</dt><dd>{sheet.text("costs.baselineTotal", "usd")}<div class="note">{save}</div></dd>',
        css="figure versus",
    )
    a_minute = f"{sheet.text('current.costPerMinute', 'unitUsd')} a minute"
    models = sheet.rows("costs.byModel", "model", _model, tag="tbody", css="models", row_tag="tr")
    return f"""<section class="panel costs" aria-labelledby="h-costs">
<h2 id="h-costs">Cost breakdown</h2>
<dl class="figures">
{stat("Spent", sheet.text("costs.totalSpent", "usd", tick=True, css="money"), a_minute)}
{stat("Projected", sheet.text("costs.projectedTotal", "usd", tick=True), "when all is done")}
{baseline}
</dl>
{_budget(sheet)}
<table><caption>By model</caption>
{_unseen_head("Model", "Images", "Price of one", "Cost", "Share of images")}
{models}</table>
</section>"""


def _budget(sheet: Sheet) -> str:
    bar = sheet.bar("costs.budgetSpentPercent", "Budget spent", "money-bar")
    text = (
        f"<b>{sheet.text('costs.budgetRemaining', 'usd')}</b> left of {sheet.text('costs.budgetTotal', 'usd')} "
        f"({sheet.text('costs.budgetSpentPercent', 'share')} spent)"
    )
    return sheet.shown(
        "costs.budgetTotal", f'<span class="label">Budget</span>{bar}<span class="count">{text}</span>', css="budget"
    )


def _model(row: Sheet) -> str:
    unpriced = row.shown("unpriced", f"{row.text('unpriced', 'count')} unpriced", tag="span", css="warn")
    return f"""<th scope="row">{row.text("model")}</th>
<td class="n">{row.text("images", "count", tick=True)} <span class="unit imgs">imgs</span></td>
<td class="n price"><span class="unit">&times;</span> {row.text("unitCost", "unitUsd")}</td>
<td class="n cost"><span class="unit">=</span> <b>{row.text("cost", "usd", tick=True)}</b> {unpriced}</td>
<td class="share">{row.bar("percent", "Share of images")}<span class="n">{row.text("percent", "share")}</span></td>"""


def chart(sheet: Sheet) -> str:
    """The run's course, and how busy it is right now."""
    measures = [
        f"<li><b>{sheet.text('current.imagesPerHour', 'count', tick=True)}</b> img/hour</li>",
        f"<li><b>{sheet.text('current.resultsPerMinute', 'rate', tick=True)}</b> results/min</li>",
        sheet.shown(
            "current.processors", f"<b>{sheet.text('current.queueDepth', 'count', tick=True)}</b> waiting", tag="li"
        ),
        sheet.shown(
            "current.processors",
            f"<b>{sheet.text('current.activeRequests', 'count', tick=True)}</b> in progress",
            tag="li",
        ),
    ]
    return f"""<section class="panel chart" aria-labelledby="h-chart">
<h2 id="h-chart">Throughput and cost</h2>
<p class="legend"><span class="key">img/min</span><span class="key spent">spent</span></p>
<div class="plot" data-chart role="img" aria-label="Images a minute and dollars spent, over the run"></div>
<ul class="busy">{"".join(measures)}</ul>
</section>"""


def context(sheet: Sheet) -> str:
    """How well the images are documented; only where results say so."""
    bands = sheet.rows("context", "band", _band, tag="tbody", css="bands", row_tag="tr")
    poor = sheet.text("efficiency.poorContextPercent", "share")
    table = f"""<section class="panel context" aria-labelledby="h-context">
<h2 id="h-context">Context quality distribution</h2>
<table>{_unseen_head("Context", "Share", "Images", "Cost of one image")}{bands}</table>
<p class="note callout">→ <b>{poor}</b> of images need more documentation!</p></section>"""
    return sheet.shown("context", table)


def _band(row: Sheet) -> str:
    return f"""<th scope="row">{row.text("band", "band")}</th>
<td class="share">{row.bar("percent", "Share of images")}</td>
<td class="n">{row.text("images", "count")} <span class="unit">({row.text("percent", "share")})</span></td>
<td class="n price"><span class="unit">→</span> {row.text("unitCost", "unitUsd")} <span class="unit">each</span></td>"""


def quality(sheet: Sheet) -> str:
    """The five rates of quality, and tokens."""
    figures = "".join(
        stat(label, sheet.text(f"quality.{name}", "percent", tick=True))
        for label, name in (
            ("Avg confidence", "avgConfidence"),
            ("Validation rate", "validationRate"),
            ("Consensus rate", "consensusRate"),
            ("Errors", "errorRate"),
            ("Reprocess rate", "reprocessingRate"),
        )
    )
    tokens = stat("Tokens an image", sheet.text("efficiency.tokensPerImage", "count", tick=True))
    return f"""<section class="panel quality" aria-labelledby="h-quality"><h2 id="h-quality">Quality metrics</h2>
<dl class="figures small">{figures}{tokens}</dl></section>"""


def activity(sheet: Sheet) -> str:
    """Single results of the last 30 seconds."""
    run = quote(sheet.value("runId"), safe="")
    rows = sheet.rows("activity", "imageId", _activity_row, tag="tbody", css="feed", row_tag="tr")
    every = f'<a href="/results?run={run}">Every result of the run</a>'
    return f"""<section class="panel activity" aria-labelledby="h-activity">
<h2 id="h-activity">Recent activity <span class="aside">last 30 seconds</span></h2>
<table role="log" aria-live="off" tabindex="0" aria-labelledby="h-activity">
<thead><tr><th>Image</th><th class="tier">Tier</th><th class="model">Model</th><th class="result">Result</th>
<th class="n">Confidence</th><th class="n">Cost</th></tr></thead>
{rows}</table>
<p class="quiet" data-quiet{" hidden" if sheet.value("activity") else ""}>Nothing in the last 30 seconds. {every}</p>
</section>"""


def _activity_row(row: Sheet) -> str:
    return f"""<td class="id">{row.text("shortId")}</td>
<td class="tier">{row.text("tier", "tier")}</td>
<td class="model">{row.text("model")}</td>
<td class="result">{row.text("result")}</td>
<td class="n">{row.text("confidence", "share")}</td>
<td class="n">{row.text("cost", "unitUsd")}</td>"""


def doubts(sheet: Sheet) -> str:
    """What the figures leave out: unknown is not zero."""
    notes = (
        ("unpriced", "results came without a price: they are not in any dollar here"),
        ("untimed", "results came without a duration"),
        ("lateEvents", "events came more than a day late: in the totals, in no rate"),
        ("clockSkewedEvents", "events came from a clock ahead of ours and count at their arrival time"),
        ("duplicates", "repeats were recognised and not counted again"),
        ("afterSeal", "events came after the run was sealed (90 days without one): stored, but in no figure here"),
    )
    lines = "".join(
        sheet.shown(f"doubts.{name}", f"<b>{sheet.text(f'doubts.{name}', 'count')}</b> {text}", tag="li")
        for name, text in notes
    )
    return f'<ul class="doubts" aria-label="About these figures">{lines}</ul>'
