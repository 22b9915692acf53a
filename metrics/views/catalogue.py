"""Every view of the database (DESIGN.md 4.4)."""

import re
from textwrap import indent

from . import calls, feedback, images, kpis, lineage, models, plans, ratios, runs, snapshots
from .view import View

# Each after those that it reads.
VIEWS: tuple[View, ...] = (
    *feedback.views(),
    *runs.views(),
    *plans.views(),
    *ratios.views(),
    *images.views(),
    *lineage.views(),
    *calls.views(),
    *models.views(),
    *snapshots.views(),
    *kpis.views(),
)


_READ = re.compile(r"\b(FROM|JOIN) (\w+)\b(?: AS (\w+))?")


def statements() -> dict[str, str]:
    """View name → the statement that makes it.

    A view that reads another has its query, not its name: of a view that is named the engine makes a plan by itself,
    with every column, which costs a third of the time of a statement over empty tables (docs/decisions/0099). Not one
    with parameters, whose own text the engine analyses twice.
    """
    queries: dict[str, str] = {}

    def whole(read: re.Match[str]) -> str:
        before, name, alias = read.groups()
        if name not in queries:
            return read[0]
        line = read.string[read.string.rfind("\n", 0, read.start()) + 1 :]
        margin = " " * (len(line) - len(line.lstrip()))
        return f"{before} (\n{indent(queries[name], margin + '    ')}\n{margin}) AS {alias or name}"

    for view in VIEWS:
        queries[view.name] = view.query() if view.parameters else _READ.sub(whole, view.query())
    return {view.name: view.statement(queries[view.name]) for view in VIEWS}
