"""The mapping file: which column becomes which field of an event, in which unit, and what is the same in every row."""

import tomllib
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec

from events.refusals import Refused
from processors.errors import MappingError
from processors.importing.fields import STRUCTS, Kind, as_kind, in_unit, kind_of, moment, units_of
from processors.importing.files import Format

_SHORT = {"cost": "cost_usd", "latency": "latency_ms"}
_LEAF = {"column", "unit", "format", "zone", "values", "default"}


class Column(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where a field's value comes from.

    `column`: its name, or a path into JSON (`usage.prompt_tokens`). `unit`: of the source. `format`: strptime's, and
    `zone` of times that name none. `values`: source text → the field's. `default`: where the source says nothing.
    """

    column: str
    unit: str | None = None
    format: str | None = None
    zone: str = "UTC"
    values: dict[str, Any] | None = None
    default: Any = None


class Source(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How the file is read, where its name does not say it; `pattern`: a log's regular expression with named groups."""

    format: Format | None = None
    delimiter: str | None = None
    pattern: str | None = None


class Field(NamedTuple):
    """One field to fill. `factor`: from the source's unit to the field's."""

    path: str
    kind: Kind
    column: Column
    factor: Decimal | None


class Mapping:
    """A mapping file, checked: every field exists, every unit fits."""

    def __init__(self, document: dict[str, Any], name: str) -> None:
        self._name = name
        unknown = set(document) - {"source", "constants", "fields"}
        if unknown:
            raise MappingError(f"{name}: unknown table {min(unknown)!r}; there are [source], [constants] and [fields]")
        for table, value in document.items():
            if not isinstance(value, dict):
                raise MappingError(f"{name}: {table!r} is to be a table: [{table}], and a line for each field below it")
        try:
            self.source = msgspec.convert(document.get("source", {}), Source)
        except msgspec.ValidationError as error:
            raise MappingError(f"{name}, [source]: {error}") from error
        constants = dict(_leaves(document.get("constants", {}), ""))
        self._event_type = str(constants.pop("event_type", "image.result"))
        if self._event_type not in STRUCTS:
            raise MappingError(f"{name}: event_type {self._event_type!r} is none; one of {', '.join(STRUCTS)}")
        self._constants = {path: self._constant(path, value) for path, value in constants.items()}
        self._fields = [self._field(path, value) for path, value in _leaves(document.get("fields", {}), "")]

    def document(self, values: dict[str, Any]) -> dict[str, Any]:
        """The row as an event's JSON document. Raises Refused with the field's path."""
        document: dict[str, Any] = {"event_type": self._event_type}
        for path, value in self._constants.items():
            put(document, path, value)
        for field in self._fields:
            value = _value(field, find(values, field.column.column))
            if value is not None:
                put(document, field.path, value)
        return document

    def needed(self) -> dict[str, str]:
        """Column → field, of the fields without a default."""
        return {field.column.column: field.path for field in self._fields if field.column.default is None}

    def _constant(self, path: str, value: Any) -> Any:
        full = _SHORT.get(path, path)
        return as_kind(self._kind(full), value, full)

    def _field(self, path: str, value: Any) -> Field:
        path = _SHORT.get(path, path)
        kind = self._kind(path)
        try:
            column = msgspec.convert({"column": value} if isinstance(value, str) else value, Column)
            ZoneInfo(column.zone)
        except (msgspec.ValidationError, ZoneInfoNotFoundError, ValueError) as error:
            raise MappingError(f"{self._name}, [fields] {path}: {error}") from error
        units = units_of(path)
        if column.unit is not None and column.unit not in units:
            known = f"one of {', '.join(units)}" if units else "it has none"
            raise MappingError(f"{self._name}, [fields] {path}: unit {column.unit!r} is not known; {known}")
        return Field(path, kind, column, units[column.unit] if column.unit else None)

    def _kind(self, path: str) -> Kind:
        kind = kind_of(self._event_type, path)
        if kind is None:
            raise MappingError(f"{self._name}: {self._event_type} has no field {path!r}; docs/importing.md lists them")
        return kind


def load(path: Path) -> Mapping:
    """The mapping in a TOML file. Raises MappingError."""
    try:
        return Mapping(tomllib.loads(path.read_text()), str(path))
    except OSError as error:
        raise MappingError(f"{path} cannot be read: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise MappingError(f"{path} is no TOML: {error}") from error


def find(values: dict[str, Any], column: str) -> Any:
    """The value of a column, or at a dotted path into nested ones; None where there is none."""
    if column in values:
        return values[column]
    head, _, rest = column.partition(".")
    inner = values.get(head)
    return find(inner, rest) if rest and isinstance(inner, dict) else None


def put(document: dict[str, Any], path: str, value: Any) -> None:
    """Set a field, `error.type` within `error`. A map's own key may have dots: only the first one parts."""
    head, dot, rest = path.partition(".")
    if not dot:
        document[head] = value
    else:
        inner = document.setdefault(head, {})
        inner[rest] = value


def _leaves(table: Any, prefix: str) -> list[tuple[str, Any]]:
    """`error.type = …` is a table in a table; one with a `column` is where a value comes from."""
    found = []
    for name, value in table.items():
        if isinstance(value, dict) and not (_LEAF & set(value)):
            found += _leaves(value, f"{prefix}{name}.")
        else:
            found.append((prefix + name, value))
    return found


def _value(field: Field, value: Any) -> Any:
    column = field.column
    if column.values is not None and value is not None:
        text = str(value).lower() if isinstance(value, bool) else str(value)
        if text not in column.values:
            known = ", ".join(column.values)
            raise Refused("wrong_type", f"$.{field.path}: {text[:100]!r} is not in the mapping's values ({known})")
        value = column.values[text]
    known_value = as_kind("any" if field.kind == "time" or field.factor else field.kind, value, field.path)
    if known_value is None:
        return column.default
    if field.kind == "time":
        return moment(known_value, field.path, format=column.format, zone=column.zone, factor=field.factor)
    return in_unit(known_value, field.factor, field.path) if field.factor is not None else known_value
