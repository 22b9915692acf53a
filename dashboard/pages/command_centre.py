"""The command centre, as S0 draws it ("Visual Dashboard Layout"), phase 1 and what of phase 2 the snapshot holds."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec

from dashboard.bodies import Activity, DashboardBody, RunRow
from dashboard.pages import panels, shell
from dashboard.pages.sheet import Sheet

MAX_ROWS = 12
"""Rows of the feed that fit without scrolling."""


def page(body: DashboardBody, runs: Sequence[RunRow], activity: Sequence[Activity], now: datetime) -> str:
    """The page with its figures in it: it reads right before, and without, any script."""
    values: dict[str, Any] = msgspec.to_builtins(body)
    sheet = Sheet(values | {"activity": msgspec.to_builtins(list(activity))[:MAX_ROWS]})
    main = "\n".join(
        [
            panels.progress(sheet),
            panels.commands(sheet),
            panels.tiles(sheet),
            '<div class="columns"><div class="wide">',
            panels.costs(sheet),
            panels.activity(sheet),
            '</div><div class="narrow">',
            panels.chart(sheet),
            panels.context(sheet),
            panels.quality(sheet),
            "</div></div>",
            panels.doubts(sheet),
        ]
    )
    return shell.document(
        title=f"{body.name or body.run_id} · {shell.TITLE.title()}",
        header=shell.header(runs, sheet, now),
        main=main,
        run_id=body.run_id,
    )


def empty(runs: Sequence[RunRow], main: str, now: datetime) -> str:
    """The frame around an empty state."""
    return shell.document(title=shell.TITLE.title(), header=shell.header(runs, None, now), main=main, run_id=None)
