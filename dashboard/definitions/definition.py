"""What a number on a page means: definition, unit, window, and the SQL over ClickHouse that gives the same.

A definition's key is the number's path in its body, `[]` for each item of a list: `costs.byModel[].cost`. Numbers of a
source (components.source) have the source's name in front: `models:summary.totalCalls`. The SQL of a list gives the
item's key and the value; `{run:String}` is the run, and empty where a page shows all runs. Where a counter stands
behind a number, its words and its SQL come from the metric registry (metrics.fold.counters), so the page, the docs and
the parity tests say one thing.
"""

# ruff: noqa: S608 - these texts are made of this package's own constants; no input reaches them

from typing import NamedTuple

ALL = "the whole run so far"
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


def of_totals(title: str, unit: str, means: str, expression: str) -> Definition:
    """Out of the run's totals."""
    return Definition(title, unit, ALL, means, f"SELECT {expression} AS value FROM run_totals {ONE_RUN}")


def of_group(view: str, key: str, title: str, unit: str, means: str, expression: str) -> Definition:
    """Of each value of a label, out of the view that has a row for each."""
    sql = f"SELECT toString({key}) AS {key}, {expression} AS value FROM {view} {ONE_RUN} ORDER BY {key}"
    return Definition(title, unit, ALL, means, sql)


def of_minute(title: str, unit: str, window: str, means: str, expression: str) -> Definition:
    """Out of the stored snapshots: the run's last of each minute."""
    sql = f"SELECT {expression} AS value FROM system_snapshots {NEWEST}"
    return Definition(title, unit, window, means, sql)


def in_snapshot(path: str, kind: str = "Nullable(Float64)") -> str:
    """The expression for a field of a stored snapshot."""
    names = ", ".join(f"'{name}'" for name in path.split("."))
    return f"JSONExtract(metrics, {names}, '{kind}')"
