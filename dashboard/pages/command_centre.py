"""The command centre, as S0 draws it ("Visual Dashboard Layout")."""

import msgspec

from dashboard.pages import panels
from dashboard.pages.page import View
from dashboard.pages.sheet import Sheet

MAX_ROWS = 12
"""Rows of the feed that fit without scrolling."""


async def draw(view: View) -> str:
    """The page with its figures in it: it reads right before, and without, any script."""
    feed = view.parts.feed.rows(view.run.body.run_id)[:MAX_ROWS]
    sheet = Sheet(view.run.values | {"activity": msgspec.to_builtins(feed)})
    return "\n".join(
        [
            panels.progress(sheet),
            panels.commands(sheet),
            panels.tiles(sheet),
            panels.quality(sheet),
            '<div class="columns"><div class="wide">',
            panels.costs(sheet),
            panels.activity(sheet),
            panels.tables(sheet),
            '</div><div class="narrow">',
            panels.notices(sheet),
            panels.chart(sheet),
            panels.context(sheet),
            "</div></div>",
            panels.doubts(sheet),
        ]
    )
