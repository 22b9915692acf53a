"""Vehicles: how well documented, what they cost, and what one more document would save."""

from html import escape
from urllib.parse import quote

from dashboard.pages import components
from dashboard.pages.components import panel, stat
from dashboard.pages.formats import BANDS
from dashboard.pages.page import View


async def draw(view: View) -> str:
    """All vehicles; or one, where the address names it."""
    vehicle = view.asked.get("vehicle")
    return _one(view, vehicle) if vehicle else _list(view)


def _list(view: View) -> str:
    chosen = view.asked.get("band") or ""
    options = "".join(
        f'<option value="{band}"{" selected" if band == chosen else ""}>{escape(words)}</option>'
        for band, words in {"": "All profiles", **BANDS}.items()
    )
    choice = f"""<div class="filters"><label>Profile<select data-band name="band">{options}</select></label>
<form method="get" action="/vehicles" class="filters">
<label>Vehicle id<input name="vehicle" required maxlength="200"></label>
<button class="button primary">Open</button></form></div>"""
    pager = """<p class="pager"><button type="button" class="button" data-first hidden>Back to the first</button>
<button type="button" class="button" data-older hidden>Next page</button></p>"""
    nothing = (
        "No vehicle yet: results name theirs in <code>vehicle_id</code>, "
        "profiles come as <code>vehicle.profiled</code>."
    )
    address = f"/api/metrics/vehicles?limit=50{f'&tier={quote(chosen)}' if chosen else ''}"
    html = '<div data-part="vehicles"></div>' + pager
    listed = components.source(address, html, name="vehicles", empty_when="vehicles", nothing=nothing)
    return choice + panel("vehicles", "Vehicles", listed, aside="over all runs, the costliest first")


def _one(view: View, vehicle: str) -> str:
    sheet = components.blank("vehicle")
    figures = components.stats(
        stat("Profile", f"{sheet.text('completeness.score', 'count')} <small>of 100</small>"),
        stat("Context when asked", sheet.text("processing.avgContextScore", "count"), "mean of its images"),
        stat("Images", sheet.text("processing.imagesProcessed", "count"), "processed"),
        stat("Cost", f'<span class="money">{sheet.text("processing.totalCost", "usd")}</span>'),
        stat("Cost an image", f'<span class="money">{sheet.text("processing.avgCostPerImage", "unitUsd")}</span>'),
        stat("Validated", sheet.text("quality.validatedItems", "count"), "answers"),
        stat("Consensus", sheet.text("quality.consensusItems", "count"), "answers"),
    )
    html = f"""<div class="stack"><p><a href="{escape(view.asked.href("/vehicles"))}">All vehicles</a></p>
<h2 class="title" data-title>Vehicle</h2>
{
        panel(
            "summary",
            "Over all runs",
            figures + '<p class="note wrap">Last processed <span data-part="last"></span>. '
            '<a data-part="results" href="/results">Its results</a></p>',
        )
    }
<div class="columns even">
{panel("advice", "What would help", '<ul data-part="advice" class="cards"></ul>')}
{panel("breakdown", "What makes up the profile", '<div data-part="breakdown"></div>')}
</div>
{panel("outcomes", "What was found", '<dl class="figures small" data-part="outcomes"></dl>')}
</div>"""
    return components.source(f"/api/metrics/vehicle/{quote(vehicle, safe='')}", html, name="vehicle")
