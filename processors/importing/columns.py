"""The columns that a mapping names, held against those that a file has: a mistyped name is no unknown value."""

from pathlib import Path
from typing import Any

from processors.errors import ImportFileError
from processors.importing.mapping import Mapping, find

_MOST_NAMED = 30


class Columns:
    """What the rows of one file have of what the mapping names. A column with a `default` may be missing.

    `declared`: every row has the same columns, which the file says; else only all of its rows together tell.
    """

    def __init__(self, path: Path, mapping: Mapping | None, *, declared: bool) -> None:
        self._path = path
        self._declared = declared
        self.without_value = mapping.needed() if mapping else {}
        """Column → field, of those that no row had a value of so far."""

    def see(self, values: dict[str, Any]) -> None:
        """Take note of a row. Raises ImportFileError at the first one where the file cannot have a column."""
        if self._declared:
            self._declared = False
            self._require(values)
        for column in [name for name in self.without_value if find(values, name) is not None]:
            del self.without_value[column]

    def _require(self, values: dict[str, Any]) -> None:
        for column, field in self.without_value.items():
            if column not in values and column.partition(".")[0] not in values:
                there = ", ".join(list(values)[:_MOST_NAMED])
                raise ImportFileError(
                    f"{self._path} has no column {column!r}, of which the mapping makes {field}; it has {there}: "
                    "correct the mapping, or give the field a `default`"
                )
