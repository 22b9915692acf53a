"""Every result: filter, sort, open one."""

from html import escape
from urllib.parse import quote, urlencode

from dashboard.pages import components
from dashboard.pages.page import View

STATUSES = {"": "All", "success": "Success", "partial": "Partial", "failed": "Failed"}

OWN = ("status", "task_type", "vehicle", "text", "sort")
"""What of the address the list takes beside the filters that all pages share; static/results.js knows them too."""


async def draw(view: View) -> str:
    """The list; or one result, where the address names its `event` and `run`."""
    run, event = view.asked.get("run"), view.asked.get("event")
    return _one(view, run, event) if run and event else _list(view)


def _list(view: View) -> str:
    def value(name: str) -> str:
        return escape(view.asked.get(name) or "")

    options = "".join(
        f'<option value="{status}"{" selected" if status == value("status") else ""}>{words}</option>'
        for status, words in STATUSES.items()
    )
    search = f"""<form class="filters search" data-search role="search" aria-label="Search results">
<label>Part of an id<input type="search" name="text" value="{value("text")}" maxlength="200"></label>
<label>Status<select name="status">{options}</select></label>
<label>Task type<input name="task_type" value="{value("task_type")}" list="task-types"></label>
<label>Vehicle id<input name="vehicle" value="{value("vehicle")}"></label>
<datalist id="task-types"></datalist>
<button class="button primary">Search</button></form>"""
    pager = """<p class="pager"><button type="button" class="button" data-first hidden>Back to the first</button>
<button type="button" class="button" data-older hidden>Next page</button></p>"""
    own = urlencode([(name, view.asked.get(name)) for name in OWN if view.asked.get(name)])
    listed = components.source(
        f"/api/results?{own}", '<div data-results class="results"></div>' + pager, name="results"
    )
    choices = components.source("/api/results/choices", "", name="choices")
    return search + components.panel("results", "Results", listed) + f"<div hidden>{choices}</div>"


def _one(view: View, run: str, event: str) -> str:
    partition = view.asked.get("partition") or ""
    own = f"?partition={quote(partition, safe='')}" if partition else ""
    parts = {name: f'<div data-part="{name}"></div>' for name in ("outcome", "cost", "source", "answers", "history")}
    output = """<div data-part="output"></div>
<p class="note wrap" data-part="cut" hidden>The store keeps its first 64 KiB; the log holds all of it.</p>"""
    words = '<section class="panel" data-part="feedback" hidden><h2>Feedback</h2><ul></ul></section>'
    html = f"""<p><a href="{escape(view.asked.href("/results"))}">All results</a></p>
<h2 class="title" data-title>Result</h2>
<div class="columns"><div class="wide">
{components.panel("outcome", "Outcome", parts["outcome"])}
{components.panel("answers", "Answers", parts["answers"])}
{components.panel("output", "Raw output", output)}
</div><div class="narrow">
<div data-part="picture"></div>
{components.panel("cost", "Cost and time", parts["cost"])}
{components.panel("origin", "Where it comes from", parts["source"])}
{words}
</div></div>
{components.panel("history", "Every time it was processed", parts["history"])}"""
    address = f"/api/results/{quote(run, safe='')}/{quote(event, safe='')}{own}"
    return components.source(address, f'<div class="stack">{html}</div>', name="result")
