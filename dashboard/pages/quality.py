"""How well generated components turn out, how fast, and for how much (S1)."""

from dashboard.pages import components
from dashboard.pages.components import chart, panel, stat
from dashboard.pages.page import View

HEATS = {"latency": "Mean latency, ms", "errorRate": "Failed", "results": "Results"}


async def draw(view: View) -> str:  # noqa: ARG001  (every page takes it)
    """The page; every figure comes from `/api/quality` and follows the filters."""
    nothing = (
        "No component in this time. Publish a <code>component.result</code> with <code>scores</code>, "
        "<code>stages</code> and <code>stage_costs</code>, or clear a filter."
    )
    parts = f"""<div class="stack">{_summary()}
{panel("scores", "Quality over time", _scores())}
<div class="columns even">
{panel("latency", "Latency over time, ms", chart("latency", "Latency percentiles over time", legend=_PERCENTILES))}
{panel("rates", "Success and cache hits", chart("rates", "Success and cache hit rates over time", legend=_RATES))}
</div>
{panel("types", "By component type", '<div data-part="types"></div>')}
{panel("heat", "By hour of the day, UTC", _HEAT, aside=_heats())}
<div class="columns even">
{panel("stages", "Where the time goes", _stages())}
{panel("spent", "Cost over time", _cost())}
</div>
<div class="columns even">
{panel("changes", "What changed", '<div data-part="changes"></div>', aside="the later half against the earlier")}
{panel("opportunities", "Where money could be saved", _SAVINGS, aside="of the cost shown here")}
</div>
{panel("by-model", "By model", '<div data-part="by-model"></div>', aside=_exports())}
</div>"""
    return components.source("/api/quality", parts, name="quality", empty_when="points", nothing=nothing)


_SAVINGS = '<ul data-part="opportunities" class="insights"></ul>'
_HEAT = '<div data-plot="heat" class="heat scroll" tabindex="0"></div>'
_PERCENTILES = (("s1", "p50"), ("s2", "p95"), ("s3", "p99"))
_RATES = (("s6", "Success"), ("s3", "Cache hits"))
_STAGES = (("s1", "Mean time, ms"),)
_COSTS = (("s2", "Cost"), ("s5", "Cost a component (right axis)"))


def _summary() -> str:
    sheet = components.blank("quality")
    return panel(
        "summary",
        "At a glance",
        components.stats(
            stat("Components", sheet.text("totals.components", "count")),
            stat("Success", sheet.text("totals.successRate", "percent")),
            stat("Latency", f"{sheet.text('totals.p95', 'count')} <small>ms</small>", "95 % take less"),
            stat("Cache hits", sheet.text("totals.cacheHitRate", "percent")),
            stat("Cost", f'<span class="money">{sheet.text("totals.cost", "usd")}</span>'),
            stat("Cost a component", f'<span class="money">{sheet.text("totals.costPerComponent", "unitUsd")}</span>'),
            stat("Cost a month", f'<span class="money">{sheet.text("spending.monthly", "usd")}</span>', "at this pace"),
            stat(
                "Runway",
                '<span data-part="runway" data-means="quality:spending.runwayDays"></span>',
                "until the run's budget is spent",
            ),
        ),
    )


def _scores() -> str:
    plot = chart("scores", "Scores over time")
    return f'<dl class="figures small" data-part="scores"></dl><p class="legend" data-part="score-legend"></p>{plot}'


def _stages() -> str:
    return chart("stages", "Mean time of each stage", legend=_STAGES) + '<div data-part="stages"></div>'


def _cost() -> str:
    plot = chart("spent", "Cost over time", legend=_COSTS)
    return f'{plot}<h3>Cost a result, by stage</h3><div data-part="stage-costs"></div>'


def _heats() -> str:
    options = "".join(f'<option value="{kind}">{words}</option>' for kind, words in HEATS.items())
    name = '<span class="sr-only">What the heatmap shows</span>'
    return f'<label>{name}<select data-part="heat-kind">{options}</select></label>'


def _exports() -> str:
    return "".join(
        f'<a class="button small" data-export="{name}" href="/api/export/run_results?format={name}">{name.upper()}</a> '
        for name in ("csv", "json")
    )
