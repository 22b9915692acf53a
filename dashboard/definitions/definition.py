"""What a number on a page means: definition, unit, window, and the SQL over ClickHouse that gives the same.

A definition's key is the number's path in its body, `[]` for each item of a list: `costs.byModel[].cost`. Numbers of a
source (components.source) have the source's name in front: `models:summary.totalCalls`. The SQL of a list gives the
item's key and the value; `{run:String}` is the run, and empty where a page shows all runs. Where a counter stands
behind a number, its words and its SQL come from the metric registry (metrics.fold.counters), so the page, the docs and
the parity tests say one thing.
"""

from typing import NamedTuple

ONE_RUN = "WHERE run_id = {run:String}"
NEWEST = f"{ONE_RUN} ORDER BY as_of DESC LIMIT 1"
ANY_RUN = "WHERE {run:String} IN ('', run_id)"


class Definition(NamedTuple):
    """`sql` is None where no table holds the figure; `means` then says where it comes from."""

    title: str
    unit: str
    window: str
    means: str
    sql: str | None = None
