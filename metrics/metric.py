"""What a metric is: its name, its unit, its meaning in words and its SQL, side by side (DESIGN.md 6)."""

from typing import Literal, NamedTuple

Unit = Literal["count", "nano_usd", "ms", "ppm", "micro", "tokens", "minutes"]


class Metric(NamedTuple):
    """A counter of results: `sql` is its aggregate over `results`, read once per event (metrics.views).

    `sql` is None where ClickHouse cannot know the figure: repeats, which merges remove, and what live state alone sees.
    """

    name: str
    unit: Unit
    docs: str
    sql: str | None
