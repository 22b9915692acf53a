"""From an image to the rows that came of it, and from a row back to its images and every model that touched them."""

from html import escape
from urllib.parse import quote

from dashboard.pages import components
from dashboard.pages.page import View


async def draw(view: View) -> str:
    """The drawing and the table of one image, or of one row of a table; without either, what to ask for."""
    image, table, record = (view.asked.get(name) for name in ("image", "table", "record"))
    if image:
        return _forms(view) + _found(f"/api/lineage/image/{quote(image, safe='')}", "An image", image)
    if table and record:
        names = f"{quote(table, safe='')}/{quote(record, safe='')}"
        return _forms(view) + _found(f"/api/lineage/record/{names}", "A row", f"{table}/{record}")
    return _forms(view) + components.empty(
        "Which image, or which row?",
        "Give an image to see its calls, answers and the rows that came of them; or a row of a table to see where it "
        "comes from.",
        'Every result names its image: <a href="/results">look among the results</a>.',
    )


def _forms(view: View) -> str:
    def field(label: str, name: str) -> str:
        value = escape(view.asked.get(name) or "")
        return f'<label>{label}<input name="{name}" value="{value}" required maxlength="200"></label>'

    return f"""<div class="forms">
<form method="get" action="/lineage" class="filters" aria-label="Lineage of an image">{field("Image id", "image")}
<button class="button primary">Show what became of it</button></form>
<form method="get" action="/lineage" class="filters" aria-label="Lineage of a row">{field("Table", "table")}
{field("Row id", "record")}<button class="button primary">Show where it comes from</button></form></div>"""


def _found(address: str, heading: str, name: str) -> str:
    drawing = '<p class="note wrap" data-more></p><div class="scroll" data-graph></div>'
    html = f"""<div class="stack">
{components.panel("drawing", heading, drawing, aside=f'<bdi class="mono">{escape(name)}</bdi>')}
<section class="panel" data-chosen aria-live="polite" aria-label="What is known of the chosen box"></section>
{components.panel("steps", "Step by step", '<div data-steps></div><p class="note wrap" data-all></p>')}
</div>"""
    return components.source(address, html, name="lineage")
