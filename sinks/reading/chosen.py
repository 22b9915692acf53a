"""Which results a question is about: the filters of every historical read, as conditions on `results`."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple

from events.envelope import epoch_ms

NAMED = 200
"""So many models, tasks, … are named in an answer, those with the most calls; the rest is OTHER."""
OTHER = "__other__"

_CONDITIONS = {
    "run": "results.run_id = {run:String}",
    "start": "results.effective_ms >= {start:Int64}",
    "end": "results.effective_ms < {end:Int64}",
    "model": "results.model = {model:String}",
    "tier": "results.tier = {tier:UInt8}",
    "provider": "results.provider = {provider:String}",
    "component_type": "results.component_type = {component_type:String}",
    "task_type": "results.task_type = {task_type:String}",
    "user_type": "results.user_type = {user_type:String}",
}


class Chosen(NamedTuple):
    """Results of a run, of [start, end), of a model, … None is all."""

    run: str | None = None
    start: datetime | None = None
    end: datetime | None = None
    model: str | None = None
    tier: int | None = None
    provider: str | None = None
    component_type: str | None = None
    task_type: str | None = None
    user_type: str | None = None

    def where(self, *also: str) -> str:
        """A WHERE clause over `results`, with conditions of the asker's own; empty for all."""
        conditions = [_CONDITIONS[name] for name, value in self._asdict().items() if value is not None]
        conditions += also
        return "WHERE " + " AND ".join(conditions) if conditions else ""

    def parameters(self) -> dict[str, Any]:
        """The values that the clause names."""
        given = {name: value for name, value in self._asdict().items() if value is not None}
        return {name: epoch_ms(value) if isinstance(value, datetime) else value for name, value in given.items()}


def named(columns: Mapping[str, str], where: str, over: str = "results") -> tuple[str, dict[str, str]]:
    """A WITH clause that finds the values to name, and each column's value: OTHER where it is not one of them.

    `columns`: name → SQL of a text over `results`; `over`: what that is called where the values are taken. One scan for
    all columns; topK is exact up to three times NAMED values, and near beyond.
    """
    picked = ", ".join(f"topK({NAMED})({sql})" for sql in columns.values())
    clause = f"WITH (SELECT tuple({picked}) FROM results {where}) AS named"  # noqa: S608 - constants
    values = {}
    for n, (name, sql) in enumerate(columns.items(), 1):
        value = sql.replace("results.", f"{over}.")
        values[name] = f"if(has(named.{n}, {value}), {value}, '{OTHER}')"
    return clause, values
