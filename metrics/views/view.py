"""What a view is: columns with their SQL, unit and meaning side by side, and the statement that is made of them."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from metrics.metric import Metric


class Column(NamedTuple):
    """A column: `sql` is what stands before AS. `unit` is empty for what has none (text, times, lists)."""

    name: str
    sql: str
    docs: str
    unit: str = ""


RUN_ID = Column("run_id", "run_id", "The run.")
ANSWER_COUNTS = (
    "answers_given", "validated_receipt", "validated_user", "validated_expert", "consensus_asked", "consensus_agreed",
)  # fmt: skip
"""Columns of `results` that ClickHouse makes of `answers` on arrival (0012): `*` leaves them out."""
WITH_COUNTS = f"*, {', '.join(ANSWER_COUNTS)}"


class View(NamedTuple):
    """A public contract of the database.

    `grain`: what a row is. `source`: the query from FROM on, or whatever else ends it. `example`: one whole statement.
    `parameters`: name → type, of a view that is called like a function.
    """

    name: str
    purpose: str
    grain: str
    columns: Sequence[Column]
    source: str
    example: str
    parameters: dict[str, str] = {}

    def statement(self, query: str) -> str:
        """What makes the view of its query, ended as a file."""
        return (
            f"-- {self.purpose}\n-- A row: {self.grain}. Generated from metrics/ by `make docs`.\n"
            f"CREATE OR REPLACE VIEW {self.name} AS\n{query}\n"
        )

    def query(self) -> str:
        """The view's SELECT, which may read other views."""
        return f"SELECT\n{listed(self.columns)}\n{self.source.strip()}"


def listed(columns: Iterable[Column], indent: str = "    ") -> str:
    """A SELECT's list."""
    return ",\n".join(indent + (c.name if c.sql == c.name else f"{c.sql} AS {quoted(c.name)}") for c in columns)


def quoted(name: str) -> str:
    """The name as SQL takes it."""
    return f"`{name}`" if name in {"table", "timestamp"} else name


def of_metrics(metrics: Iterable[Metric]) -> list[Column]:
    """The metrics that ClickHouse can know, as columns over the rows of `r`."""
    return [Column(m.name, m.sql, m.docs, UNITS[m.unit]) for m in metrics if m.sql is not None]


def taken(prefix: str, columns: Iterable[Column]) -> list[Column]:
    """The same columns as they come out of a subquery of that name."""
    return [column._replace(sql=f"{prefix}.{column.name}") for column in columns]


UNITS = {
    "count": "",
    "nano_usd": "nano-USD",
    "ms": "ms",
    "ppm": "millionths",
    "micro": "millionths",
    "tokens": "tokens",
    "minutes": "minutes",
}
