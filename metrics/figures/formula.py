"""Arithmetic over named figures, written once: evaluated in Python, and said in SQL.

`n("failed") / n("results")` is a formula. What is not known (None, NULL) and what is divided by 0 makes all of it
unknown, in both. So a ratio's SQL cannot differ from what is shown live.
"""

import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

Figures = Mapping[str, float | None]
"""Name → figure; None where it is not known. A name that is missing counts 0: counters leave zeros out."""
Operation = Callable[[Any, Any], Any]


@dataclass(frozen=True, slots=True)
class Formula:
    """An expression; `+ - * /` with other formulas or numbers make larger ones.

    `value`: what it comes to. `sql`: the same in SQL, given what stands for a figure there. `names`: its figures.
    """

    value: Callable[[Figures], float | None]
    sql: Callable[[Callable[[str], str]], str]
    names: tuple[str, ...]

    def __add__(self, other: "Formula | float") -> "Formula":
        return _both(self, other, operator.add, "({} + {})")

    def __sub__(self, other: "Formula | float") -> "Formula":
        return _both(self, other, operator.sub, "({} - {})")

    def __rsub__(self, other: float) -> "Formula":
        return _both(other, self, operator.sub, "({} - {})")

    def __mul__(self, other: "Formula | float") -> "Formula":
        return _both(self, other, operator.mul, "({} * {})")

    def __truediv__(self, other: "Formula | float") -> "Formula":
        return _both(self, other, _divided, "({} / nullIf({}, 0))")


def n(name: str) -> Formula:
    """A figure by its name."""
    return Formula(lambda figures: figures.get(name, 0), lambda column: column(name), (name,))


def least(most: float, other: Formula) -> Formula:
    """At most that number; unknown where `other` is."""
    # ClickHouse's least() leaves NULLs out; here no comparison with NULL holds.
    return _both(most, other, min, "if({0} < {1}, {0}, {1})")


def _both(one: Formula | float, other: Formula | float, operation: Operation, template: str) -> Formula:
    left, right = _formula(one), _formula(other)

    def value(figures: Figures) -> float | None:
        a, b = left.value(figures), right.value(figures)
        return None if a is None or b is None else operation(a, b)

    return Formula(value, lambda column: template.format(left.sql(column), right.sql(column)), left.names + right.names)


def _formula(operand: Formula | float) -> Formula:
    if isinstance(operand, Formula):
        return operand
    return Formula(lambda _: operand, lambda _: repr(operand), ())


def _divided(part: float, whole: float) -> float | None:
    return part / whole if whole else None
