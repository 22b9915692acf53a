"""The frame of every page: head, header with run, state and freshness, and the empty states."""

from collections.abc import Sequence
from datetime import datetime
from html import escape

from dashboard.bodies import RunRow
from dashboard.pages.formats import STATES, written
from dashboard.pages.sheet import Sheet

TITLE = "IMAGE PROCESSING COMMAND CENTER"
MARK = (
    '<svg class="mark" viewBox="0 0 24 24" aria-hidden="true"><rect x="2" y="4" width="20" height="3.4" rx="1.2"/>'
    '<rect x="2" y="10.3" width="14" height="3.4" rx="1.2"/>'
    '<rect x="2" y="16.6" width="8" height="3.4" rx="1.2"/></svg>'
)
HALF_MOON = (
    '<svg viewBox="0 0 24 24" aria-hidden="true"><circle cx="12" cy="12" r="8.5" class="ring"/>'
    '<path d="M12 3.5a8.5 8.5 0 0 1 0 17z"/></svg>'
)


def document(*, title: str, header: str, main: str, run_id: str | None) -> str:
    """A whole page. Nothing in it is fetched from elsewhere, no script or style stands in it."""
    run = f' data-run="{escape(run_id)}"' if run_id is not None else ""
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="dark light">
<title>{escape(title)}</title>
<link rel="icon" href="/static/icon.svg" type="image/svg+xml">
<link rel="preload" href="/static/vendor/inter-latin-wght-normal.woff2" as="font" type="font/woff2" crossorigin>
<script src="/static/theme.js"></script>
<link rel="stylesheet" href="/static/vendor/uPlot.min.css">
<link rel="stylesheet" href="/static/page.css">
<script src="/static/vendor/uPlot.iife.min.js" defer></script>
<script type="module" src="/static/app.js"></script>
</head>
<body{run}>
<a class="skip" href="#main">Skip to the figures</a>
{header}
<main id="main">
{main}
</main>
<p class="sr-only" role="status" aria-live="polite" data-announce></p>
</body>
</html>
"""


def header(runs: Sequence[RunRow], sheet: Sheet | None, now: datetime) -> str:
    """Title, run selector, state and freshness; the last two only where there is a run."""
    chosen = sheet.value("runId") if sheet else None
    vital = _vital(sheet, now) if sheet else ""
    return f"""<header class="top">
<h1>{MARK}<span>{TITLE}</span></h1>
<div class="controls">
{_selector(runs, chosen)}
{vital}
<button type="button" class="theme" data-theme-toggle aria-label="Switch between dark and light">
{HALF_MOON}
</button>
</div>
</header>"""


def _vital(sheet: Sheet, now: datetime) -> str:
    as_of = datetime.fromisoformat(sheet.value("asOf"))
    age = written(max(0.0, (now - as_of).total_seconds()), "duration")
    state = sheet.value("state")
    moment = f'data-as-of="{sheet.value("asOf")}" data-now="{now.isoformat()}"'
    return f"""<p class="state" data-state="{state}"><span class="dot" aria-hidden="true"></span>
{sheet.text("state", "state")}</p>
<p class="fresh" data-fresh {moment}>Updated: <b data-age>{age}</b> ago</p>"""


def _selector(runs: Sequence[RunRow], chosen: str | None) -> str:
    if not runs:
        return ""
    options = "".join(
        f'<option value="{escape(run.run_id)}"{" selected" if run.run_id == chosen else ""}>{_label(run)}</option>'
        for run in runs
    )
    return f"""<form method="get" action="/" class="runs"><label><span class="sr-only">Run</span>
<select name="run" data-runs>{options}</select></label><noscript><button>Show</button></noscript></form>"""


def _label(run: RunRow) -> str:
    state = f" · {STATES[run.state].lower()}" if run.state else ""
    return escape(f"{run.name or run.run_id}{state}")


def no_run_yet(reading: bool) -> str:
    """What stands where no run is known."""
    text = (
        "The log is being read; runs appear here as they are found."
        if reading
        else "A run appears here by itself as soon as its first result is in the log."
    )
    return f"""<section class="panel empty"><h2>No run yet</h2>
<p>{text}</p>
<p>To see one at work, run <code>imageledger demo</code>. To see yours, publish a result: with the SDK, as a Kafka
record, or with <code>POST /api/events</code>.</p></section>"""


def unknown_run(run_id: str) -> str:
    """What stands where the run that was asked for is not known."""
    return f"""<section class="panel empty"><h2>No such run</h2>
<p>Nothing is known of <code>{escape(run_id)}</code>. Choose a run above, or go to
<a href="/">the newest</a>.</p></section>"""


def history_away(why: str) -> str:
    """What stands where only ClickHouse could know the run."""
    return f"""<section class="panel empty"><h2>History is not available</h2>
<p>This run is not live, and ClickHouse, which holds the others, does not answer. Live runs are not concerned.</p>
<p><code>{escape(why)}</code></p></section>"""
