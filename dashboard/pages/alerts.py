"""Alerts: what fires, what is about to, what fired and why; silence; the rules that decide it."""

from dashboard.pages import components
from dashboard.pages.components import Column, panel, source, table, text
from dashboard.pages.page import View
from dashboard.pages.sheet import Sheet


async def draw(view: View) -> str:  # noqa: ARG001  (every page takes it)
    """All of it is asked of the API: the alerts topic first, history from the same place."""
    sheet = components.blank("alerts")
    firing = sheet.rows("firing", "episodeId", _card, tag="div", css="cards", row_tag="article", row_css="panel card")
    calm = sheet.shown("firing", "No alert is firing.", tag="p", css="calm", when_empty=True)
    pending = sheet.shown(
        "pending", panel("pending", "About to fire", _table(sheet, "pending", "Conditions that hold"))
    )
    history = panel(
        "history",
        "History",
        sheet.shown("history", _table(sheet, "history", "Resolved alerts, newest first"))
        + sheet.shown("history", "No alert has been resolved yet.", tag="p", css="note", when_empty=True),
    )
    alerts = source("/api/alerts?limit=200", firing + calm + pending + history, name="alerts", refresh_s=10)
    return "\n".join(
        [
            f'<section aria-label="Firing">{alerts}</section>',
            panel("silences", "Silences", _silences()),
            panel("rules", "Rules", _rules(), aside="what makes an alert fire"),
            _dialog(),
        ]
    )


def _card(row: Sheet) -> str:
    silenced = row.shown("silencedBy", "silenced", tag="span", css="chip")
    evidence = row.rows("evidence", "offset", _evidence, tag="ul", css="evidence", row_tag="li")
    return f"""<h3><span class="mark-dot" {row.attributes(mark="severity")} aria-hidden="true"></span>
<span>{row.text("severity", "words")} · {row.text("type", "words")}</span>{silenced}</h3>
<p class="message">{row.text("message")}</p>
<p class="note wrap"><b>What to do:</b> {row.text("action")}</p>
<p class="note wrap">{row.text("metric", "words")} is <b>{row.text("value", "@unit")}</b>, the limit is
<b>{row.text("threshold", "@unit")}</b> · since {row.text("startedAt", "moment")} · run {row.text("runId")}</p>
<details><summary>Evidence</summary>{evidence}</details>
<button type="button" class="button small" data-silence
{row.attributes(fingerprint="fingerprint", run="runId")}>Silence</button>"""


def _evidence(row: Sheet) -> str:
    where = f"{row.text('topic')}-{row.text('partition')}@{row.text('offset')}"
    return f'<span class="mono">{row.text("eventId")}</span> <span class="unit">{where}</span>'


def _table(sheet: Sheet, path: str, caption: str) -> str:
    columns = [
        Column("Severity", lambda row: f'<span class="mark-dot" {row.attributes(mark="severity")}></span> '
               f"{row.text('severity', 'words')}"),
        Column("Alert", text("message"), css="text"),
        Column("Run", text("runId")),
        Column("Began", text("startedAt", "moment")),
        Column("Ended", text("endedAt", "moment")),
        Column("Value", text("value", "@unit"), number=True),
        Column("Limit", text("threshold", "@unit"), number=True),
    ]  # fmt: skip
    return table(sheet, path, "episodeId", columns, caption=caption)


def _silences() -> str:
    columns = [
        Column("Rule", text("rule", "words")),
        Column("Run", text("runId")),
        Column("Until", text("until", "moment")),
        Column("Reason", text("reason"), css="text"),
        Column("By", text("issuedBy")),
        Column("", lambda row: f'<button type="button" class="button small" data-unsilence '
               f"{row.attributes(id='silenceId', run='runId')}>End</button>"),
    ]  # fmt: skip
    rows = table(components.blank("silences"), "silences", "silenceId", columns, caption="Silences that hold")
    return source(
        "/api/alerts/rules", rows, name="silences", refresh_s=15, empty_when="silences", nothing="Nothing is silenced."
    )


def _rules() -> str:
    columns = [
        Column("Rule", text("name", "words"), css="name"),
        Column("Metric", lambda row: f"{row.text('metric', 'words')} <small>{row.text('about')}</small>", css="text"),
        Column("Limit", text("limit"), css="text"),
        Column("For", text("forS", "duration"), number=True),
        Column("Severity", _severity),
        Column("On", _is_on),
        Column("What to do", text("action"), css="text"),
    ]
    rows = table(components.blank("rules"), "rules", "name", columns, caption="Rules")
    return source("/api/alerts/rules", rows, name="rules", refresh_s=60, empty_when="rules")


def _severity(row: Sheet) -> str:
    return row.shown("levels", "by level", tag="span") + row.shown(
        "levels", row.text("severity", "words"), tag="span", when_empty=True
    )


def _is_on(row: Sheet) -> str:
    off = row.shown("enabled", "off", tag="span", css="warn", when_empty=True)
    return row.shown("enabled", "on", tag="span") + off


def _dialog() -> str:
    return """<dialog aria-labelledby="h-silence" data-silence-dialog><form method="dialog" class="silence">
<h2 id="h-silence">Silence this alert</h2>
<label>For <select name="minutes"><option value="30">30 minutes</option><option value="120" selected>2 hours</option>
<option value="1440">a day</option></select></label>
<label>Reason <input name="reason" maxlength="200" placeholder="what is known, who is on it"></label>
<p class="warn" role="status" data-silence-said></p>
<div class="row"><button class="button" value="cancel">Cancel</button>
<button class="button primary" value="silence">Silence</button></div></form></dialog>"""
