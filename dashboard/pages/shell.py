"""The frame of every page: head, navigation, run picker, filters, state and freshness, banners."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from html import escape

from dashboard.bodies.live import RunRow
from dashboard.pages.formats import STATES, written
from dashboard.pages.page import Asked, FilterName, Page
from dashboard.pages.sheet import Sheet

BRAND = "imageledger"
MARK = (
    '<svg class="mark" viewBox="0 0 24 24" aria-hidden="true"><rect x="2" y="4" width="20" height="3.4" rx="1.2"/>'
    '<rect x="2" y="10.3" width="14" height="3.4" rx="1.2"/>'
    '<rect x="2" y="16.6" width="8" height="3.4" rx="1.2"/></svg>'
)
HALF_MOON = (
    '<svg viewBox="0 0 24 24" aria-hidden="true"><circle cx="12" cy="12" r="8.5" class="ring"/>'
    '<path d="M12 3.5a8.5 8.5 0 0 1 0 17z"/></svg>'
)
SCRIPTS = ("bind", "explain", "filters", "formats", "freshness", "live", "sources")
"""What app.js needs: fetched at once, not one after the other."""
RANGES = {"1h": "Last hour", "24h": "Last 24 hours", "7d": "Last 7 days", "30d": "Last 30 days"}
LABELS: Mapping[FilterName, tuple[str, str]] = {
    "model": ("Model", "All models"),
    "tier": ("Tier", "All tiers"),
    "component_type": ("Component type", "All component types"),
    "provider": ("Provider", "All providers"),
}


def document(page: Page, *, title: str, header: str, main: str, run_id: str | None) -> str:
    """A whole page. Nothing in it is fetched from elsewhere, no script or style stands in it."""
    run = f' data-run="{escape(run_id)}"' if run_id is not None else ""
    style = f'<link rel="stylesheet" href="/static/{page.style}">' if page.style else ""
    script = f'<script type="module" src="/static/{page.script}"></script>' if page.script else ""
    preloads = "\n".join(f'<link rel="modulepreload" href="/static/{name}.js">' for name in SCRIPTS)
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
<link rel="stylesheet" href="/static/base.css">
{style}
<script src="/static/vendor/uPlot.iife.min.js" defer></script>
{preloads}
<script type="module" src="/static/app.js"></script>
{script}
</head>
<body{run}>
<a class="skip" href="#main">Skip to the figures</a>
{header}
<main id="main" tabindex="-1">
{main}
</main>
<p class="sr-only" role="status" aria-live="polite" data-announce></p>
<dialog class="explain" aria-labelledby="h-explain" data-explain></dialog>
</body>
</html>
"""


def header(
    page: Page,
    pages: Sequence[Page],
    asked: Asked,
    runs: Sequence[RunRow],
    sheet: Sheet | None,
    options: Mapping[FilterName, Sequence[str]],
    now: datetime,
) -> str:
    """Title, run picker, state and freshness where a run is shown, navigation, filters, and room for banners."""
    run_id = sheet.value("runId") if sheet else asked.run
    vital = _vital(sheet, now) if sheet else ""
    return f"""<header class="top">
<div class="bar-top">
<a class="brand" href="{escape(asked.href("/", run=run_id))}" aria-label="{BRAND}: command centre">{MARK}</a>
<h1>{escape(page.title)}</h1>
<div class="controls">
{_picker(page, asked, runs, run_id)}
{vital}
<button type="button" class="icon-button" data-explain-all aria-label="What do these figures mean?">?</button>
<button type="button" class="icon-button theme" data-theme-toggle aria-label="Switch between dark and light">
{HALF_MOON}
</button>
</div>
</div>
<nav aria-label="Pages"><ul>{_navigation(page, pages, asked, run_id)}</ul></nav>
{_filters(page, asked, options, run_id)}
<div class="banners" data-banners aria-live="polite"></div>
</header>"""


def _navigation(page: Page, pages: Sequence[Page], asked: Asked, run_id: str | None) -> str:
    return "".join(
        f'<li><a href="{escape(other.link(asked, run_id))}"{current(other == page)}>{escape(other.name)}</a></li>'
        for other in pages
    )


def current(is_so: bool) -> str:
    """The mark of the page that one is on."""
    return ' aria-current="page"' if is_so else ""


def _vital(sheet: Sheet, now: datetime) -> str:
    as_of = datetime.fromisoformat(sheet.value("asOf"))
    age = written(max(0.0, (now - as_of).total_seconds()), "duration")
    state = sheet.value("state")
    moment = f'data-as-of="{sheet.value("asOf")}" data-now="{now.isoformat()}"'
    return f"""<p class="state" data-state="{state}"><span class="dot" aria-hidden="true"></span>
{sheet.text("state", "state")}</p>
<p class="fresh" data-fresh {moment}>Updated: <b data-age>{age}</b> ago</p>"""


def _picker(page: Page, asked: Asked, runs: Sequence[RunRow], chosen: str | None) -> str:
    """The run is a link's part (`/runs/x`) on the run's own page, a parameter elsewhere; app.js goes there."""
    if not runs and chosen is None:
        return ""
    known = [(run.run_id, _label(run)) for run in runs]
    if chosen is not None and chosen not in {run_id for run_id, _ in known}:
        known.insert(0, (chosen, escape(chosen)))
    if not page.of_run:
        known.insert(0, ("", "All runs"))
    options = "".join(
        f'<option value="{escape(run_id)}"{" selected" if run_id == (chosen or "") else ""}>{label}</option>'
        for run_id, label in known
    )
    kept = "".join(
        f'<input type="hidden" name="{name}" value="{escape(value)}">'
        for name in (*page.filters, "from", "to")
        if (value := asked.get(name)) and (page.filters or name not in {"from", "to"})
    )
    in_path = " data-in-path" if page.run_in_path else ""
    return f"""<form method="get" action="{page.path}" class="runs"{in_path}>{kept}
<label><span class="sr-only">Run</span>
<select name="run" data-runs>{options}</select></label><noscript><button>Show</button></noscript></form>"""


def _label(run: RunRow) -> str:
    state = f" · {STATES[run.state].lower()}" if run.state else ""
    return escape(f"{run.name or run.run_id}{state}")


def _filters(page: Page, asked: Asked, options: Mapping[FilterName, Sequence[str]], run_id: str | None) -> str:
    if not page.filters:
        return ""
    run = f'<input type="hidden" name="run" value="{escape(run_id)}">' if run_id else ""
    parts = [
        _ranges(page, asked) if name == "range" else _choice(name, asked, options.get(name, ()))
        for name in page.filters
    ]
    return f"""<form method="get" action="{page.path}" class="filters" data-filters aria-label="Filters" role="search">
{run}
{"".join(parts)}
<button type="reset" class="button quiet" data-clear>Clear filters</button>
<noscript><button>Show</button></noscript></form>"""


def _ranges(page: Page, asked: Asked) -> str:
    chosen = asked.get("range") or ("custom" if asked.get("from") or asked.get("to") else "")
    listed = {"": page.whole, **RANGES, "custom": "From … to …"}
    hidden = "" if chosen == "custom" else " hidden"
    moments = "".join(
        f"<label data-custom{hidden}>{label}"
        f'<input type="datetime-local" name="{name}" value="{escape(asked.get(name) or "")}"></label>'
        for name, label in (("from", "From, UTC"), ("to", "To, UTC"))
    )
    return f'<label>Time<select name="range">{_options(listed, chosen)}</select></label>{moments}'


def _choice(name: FilterName, asked: Asked, options: Sequence[str]) -> str:
    label, everything = LABELS[name]
    chosen = asked.get(name) or ""
    known = {"": everything, **{option: option for option in options}, **({chosen: chosen} if chosen else {})}
    return f'<label>{label}<select name="{name}">{_options(known, chosen)}</select></label>'


def _options(known: Mapping[str, str], chosen: str) -> str:
    return "".join(
        f'<option value="{escape(value)}"{" selected" if value == chosen else ""}>{escape(words)}</option>'
        for value, words in known.items()
    )
