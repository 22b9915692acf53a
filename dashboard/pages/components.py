"""What pages are made of. Every function returns HTML; what comes from data is escaped here or by `Sheet`.

panel     a section with a heading            stat      a labelled figure, ≥ 32 px
table     columns over a bound list           tile      a small panel with one big figure and a bar
chart     a place for uPlot (static/plots.js) source    a part that asks the API by itself (static/sources.js)
empty     nothing to show, and what to do     problem   something is wrong, and what to do
"""

from collections.abc import Callable, Sequence
from html import escape
from typing import Any, NamedTuple
from urllib.parse import quote

from dashboard.live.runs import Snapshot
from dashboard.pages.sheet import Sheet


def panel(name: str, heading: str, html: str, *, aside: str = "", css: str = "") -> str:
    """A section. `name`: its id in this page, also a CSS class; `aside`: quiet words beside the heading."""
    aside = f'<span class="aside">{aside}</span>' if aside else ""
    return f"""<section class="panel {name} {css}" aria-labelledby="h-{name}">
<h2 id="h-{name}">{escape(heading)}{aside}</h2>
{html}
</section>"""


def stats(*figures: str, css: str = "") -> str:
    """A row of `stat`."""
    return f'<dl class="figures {css}">{"".join(figures)}</dl>'


def stat(label: str, value: str, note: str = "", css: str = "") -> str:
    """A labelled figure. `value` and `note` are HTML, mostly `Sheet.text`."""
    note = f'<div class="note">{note}</div>' if note else ""
    return f'<div class="figure {css}"><dt>{label}</dt><dd>{value}{note}</dd></div>'


def tile(heading: str, big: str, html: str = "", css: str = "") -> str:
    """A small panel: heading, one big figure, then whatever else."""
    return f'<article class="panel tile {css}"><h3>{heading}</h3><div class="big">{big}</div>{html}</article>'


class Column(NamedTuple):
    """A table's column: `cell` draws it from its row. `number` puts it right; `wide` lets it take what is left."""

    heading: str
    cell: Callable[[Sheet], str]
    number: bool = False
    css: str = ""


def text(path: str, format_name: str = "plain", *, tick: bool = False) -> Callable[[Sheet], str]:
    """The cell that holds one bound value."""
    return lambda row: row.text(path, format_name, tick=tick)


def table(
    sheet: Sheet, path: str, key: str, columns: Sequence[Column], *, caption: str, css: str = "", seen: bool = True
) -> str:
    """A table over the list at `path`, whose rows are known by `key`; the first column heads its row.

    `caption` names it for who hears it; `seen` False hides the head from the eye as well. Wide tables scroll by
    themselves, never the page.
    """
    heads = "".join(f'<th scope="col" class="{_css(column)}">{column.heading}</th>' for column in columns)
    first, *others = columns

    def row(sheet: Sheet) -> str:
        cells = "".join(f'<td class="{_css(column)}">{column.cell(sheet)}</td>' for column in others)
        return f'<th scope="row" class="{_css(first)}">{first.cell(sheet)}</th>{cells}'

    body = sheet.rows(path, key, row, tag="tbody", css="rows", row_tag="tr")
    hidden = "" if seen else ' class="sr-only"'
    return (
        f'<div class="scroll" tabindex="0" role="group" aria-label="{escape(caption)}"><table class="{css}">'
        f'<caption class="sr-only">{escape(caption)}</caption><thead{hidden}><tr>{heads}</tr></thead>{body}'
        "</table></div>"
    )


def _css(column: Column) -> str:
    return f"{'n ' if column.number else ''}{column.css}".strip()


def chart(name: str, label: str, *, legend: Sequence[tuple[str, str]] = (), css: str = "") -> str:
    """A place for a plot of static/plots.js, found by `[data-plot="name"]`; `legend`: (colour name, words)."""
    keys = "".join(f'<span class="key {colour}">{escape(words)}</span>' for colour, words in legend)
    keys = f'<p class="legend">{keys}</p>' if keys else ""
    return f'{keys}<div class="plot {css}" data-plot="{name}" role="img" aria-label="{escape(label)}"></div>'


def source(
    url: str,
    html: str,
    *,
    name: str = "",
    refresh_s: int = 0,
    empty_when: str = "",
    nothing: str = "",
    filled: bool = False,
) -> str:
    """A part whose bound places are filled from `url` by static/sources.js, with the filters of the address.

    `html` is drawn from an empty Sheet, or (`filled`) from the answer as it is now. While it loads it is faint;
    where the answer is an error its `detail`
    stands there instead; where the list at `empty_when` is empty, `nothing` does. `refresh_s` asks again while the page
    is seen. Each answer also fires a `filled` event on the element (`detail`: the body), for plots and what else a
    script draws.
    """
    again = f' data-refresh="{refresh_s}"' if refresh_s else ""
    empty_path = f' data-empty="{escape(empty_when)}"' if empty_when else ""
    known = f'data-source="{escape(url)}" data-name="{escape(name)}"{again}{empty_path}'
    return f"""<div class="source" {known} data-state="{"ready" if filled else "loading"}">
<p class="said" role="status" data-said hidden></p>
<div class="nothing" data-nothing hidden>{nothing or "Nothing yet."}</div>
<div class="content" data-content>{html}</div>
</div>"""


def of_snapshot(snapshot: Snapshot, draw: Callable[[Sheet], str], *, name: str = "run") -> str:
    """A source over the run's `run.metrics` event, with its figures already in it, asked again every 2 s."""
    url = f"/api/runs/{quote(snapshot.body.run_id, safe='')}/metrics"
    return source(url, draw(Sheet(snapshot.fields, f"{name}:")), name=name, refresh_s=2, filled=True)


def blank(name: str = "") -> Sheet:
    """The Sheet of the source of that name: nothing is known before the API has answered."""
    return Sheet({}, f"{name}:" if name else "")


def empty(heading: str, *paragraphs: str, mark: str = "") -> str:
    """Nothing to show. `paragraphs` are HTML and say what makes it appear; `mark`: an attribute for scripts."""
    lines = "".join(f"<p>{line}</p>" for line in paragraphs)
    return f'<section class="panel empty" {mark}><h2>{escape(heading)}</h2>{lines}</section>'


def problem(heading: str, detail: str, *paragraphs: str) -> str:
    """Something is wrong: `detail` is the error's own text."""
    return empty(heading, *paragraphs, f"<code>{escape(detail)}</code>")


def button(words: str, *, css: str = "", **data: Any) -> str:
    """A button for a script; `data` become data attributes."""
    attributes = "".join(f' data-{name.replace("_", "-")}="{escape(str(value))}"' for name, value in data.items())
    return f'<button type="button" class="button {css}"{attributes}>{escape(words)}</button>'


def link_button(words: str, href: str, css: str = "") -> str:
    """A link that looks as a button."""
    return f'<a class="button {css}" href="{escape(href)}">{escape(words)}</a>'
