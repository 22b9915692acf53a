"""How each model does, and which one to take (S4, Analytics Dashboard)."""

from dashboard.pages import components
from dashboard.pages.components import panel, stat
from dashboard.pages.page import View

_SCORES = "0 to 100: speed, quality, and the confidence in them"


async def draw(view: View) -> str:
    """The page; every figure comes from `/api/analytics/models` and follows the filters."""
    days = "" if view.asked.get("range") or view.asked.get("from") else "?days=30"
    parts = f"""<div class="stack">{_summary()}
<div class="columns three">
{panel("response", "Response time by model, ms", components.chart("response", "Mean response time by model, ms"))}
{panel("success", "Success by model", components.chart("success", "Success rate by model"))}
{panel("satisfaction", "Satisfaction", '<div data-part="pie" class="pie-box"></div>')}
</div>
{panel("insights", "What stands out", '<ul data-part="insights" class="insights"></ul>')}
{panel("models", "Performance", '<div data-part="models"></div>', aside=_SCORES)}
{panel("best", "Best model for each task", '<ul data-part="best" class="cards"></ul>')}
{panel("tasks", "By task", '<div data-part="tasks"></div>')}
{panel("trends", "Day by day", _trends())}
{panel("providers", "By provider", '<div data-part="providers"></div>')}
</div>"""
    nothing = "No call in this time. Choose a longer one, or clear a filter."
    listed = components.source(
        f"/api/analytics/models{days}", parts, name="models", empty_when="byModel", nothing=nothing
    )
    return listed + panel("rate", "Rate a conversation", _rate(), aside="counts towards satisfaction")


def _summary() -> str:
    sheet = components.blank("models")
    return components.panel(
        "summary",
        "At a glance",
        components.stats(
            stat("Calls", sheet.text("summary.totalCalls", "count")),
            stat("Response", f"{sheet.text('summary.avgResponseTime', 'count')} <small>ms</small>", "mean"),
            stat("Success", sheet.text("summary.successRate", "percent")),
            stat("Satisfaction", sheet.text("summary.satisfactionRate", "share"), "of those rated"),
            stat("Tokens", sheet.text("summary.avgTokens", "count"), "a call"),
            stat("Quality", sheet.text("summary.qualityScore", "rate"), "0 to 100"),
            stat("Cost", f'<span class="money">{sheet.text("summary.totalCost", "usd")}</span>'),
        ),
    )


def _trends() -> str:
    return f"""<p class="legend" data-part="trend-legend"></p><div class="columns even">
<div><h3>Response time, ms</h3>{components.chart("response-trend", "Mean response time of each day, by model")}</div>
<div><h3>Success</h3>{components.chart("success-trend", "Success rate of each day, by model")}</div></div>"""


def _rate() -> str:
    return """<div class="filters"><label>Conversation id<input data-conversation maxlength="200"></label>
<div class="row" data-part="thumbs"></div></div>"""
