"""What a field of an event holds, and other programs' values made so: text to numbers, units, times."""

import functools
import math
import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any, Literal
from zoneinfo import ZoneInfo

import msgspec
from msgspec import inspect

from events.codec import EVENT_TYPES
from events.envelope import EPOCH, event_type
from events.refusals import Refused

Kind = Literal["text", "integer", "number", "boolean", "time", "structure", "raw", "any"]

_TRUE, _FALSE = {"true", "t", "yes", "y", "1"}, {"false", "f", "no", "n", "0"}
_INTEGER = re.compile(r"[+-]?\d{1,100}(\.0*)?")
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
_NOT_FINITE = {"nan", "inf", "infinity"}
_MOST_DIGITS = 100  # before the point: more is no time, no sum and no number of anything

MONEY = {"usd": Decimal(1), "cents": Decimal("1e-2"), "micro_usd": Decimal("1e-6"), "nano_usd": Decimal("1e-9")}
DURATIONS = {
    "ns": Decimal("1e-6"), "us": Decimal("1e-3"), "ms": Decimal(1), "s": Decimal(1000), "min": Decimal(60_000),
}  # fmt: skip
FRACTIONS = {"fraction": Decimal(1), "percent": Decimal("1e-2")}
EPOCHS = {"s": Decimal(10**6), "ms": Decimal(10**3), "us": Decimal(1), "ns": Decimal("1e-3")}
"""Unit of a time since 1970 → microseconds."""
_UNITS: dict[str, Mapping[str, Decimal]] = {
    "cost_usd": MONEY, "stage_costs": MONEY, "latency_ms": DURATIONS, "stages": DURATIONS, "confidence": FRACTIONS,
    "scores": FRACTIONS, "event_time": EPOCHS, "started_at": EPOCHS,
}  # fmt: skip

STRUCTS: dict[str, type[Any]] = {event_type(kind): kind for kinds in EVENT_TYPES.values() for kind in kinds}


def units_of(path: str) -> Mapping[str, Decimal]:
    """The units that a field can be given in, as factors of its own; none for most."""
    return _UNITS.get(path.partition(".")[0], {})


@functools.cache
def kind_of(type_name: str, path: str) -> Kind | None:
    """What the field `path` (`error.type`, `scores.quality`) of that event type holds; None where there is none."""
    struct = inspect.type_info(STRUCTS[type_name])
    current: Any = struct
    for name in path.split("."):
        current = _inside(current, name)
        if current is None:
            return None
    return _kind(current)


def _bare(info: Any) -> Any:
    """The type without None and without its bounds."""
    if isinstance(info, inspect.Metadata):
        return _bare(info.type)
    if isinstance(info, inspect.UnionType):
        known = [_bare(one) for one in info.types if not isinstance(one, inspect.NoneType)]
        return known[0] if len(known) == 1 else inspect.AnyType()
    return info


def _inside(info: Any, name: str) -> Any:
    info = _bare(info)
    if isinstance(info, inspect.StructType):
        return next((field.type for field in info.fields if field.encode_name == name), None)
    return info.value_type if isinstance(info, inspect.DictType) else None


def _kind(info: Any) -> Kind:
    match _bare(info):
        case inspect.IntType():
            return "integer"
        case inspect.FloatType():
            return "number"
        case inspect.BoolType():
            return "boolean"
        case inspect.DateTimeType():
            return "time"
        case inspect.RawType():
            return "raw"
        case inspect.StructType() | inspect.DictType() | inspect.ListType():
            return "structure"
        case inspect.StrType() | inspect.LiteralType():
            return "text"
        case _:
            return "any"


def as_kind(kind: Kind, value: Any, path: str) -> Any:
    """A value as the field wants it, None for what is unknown: None, an empty text, Parquet's NaN.

    What does not fit stays as it is: the codec says then what is wrong with it. Raises Refused for what JSON cannot
    hold.
    """
    if value is None or value == "" or (isinstance(value, float) and math.isnan(value)):
        return None
    if isinstance(value, bytes):
        value = value.decode("utf-8", "replace")
    if isinstance(value, float | Decimal) and not math.isfinite(value):
        raise Refused("not_finite", f"$.{path}: {value}")
    if kind == "time":
        return moment(value, path)
    return _AS[kind](value, path) if kind in _AS else value


def _integer(value: Any, path: str) -> Any:  # noqa: ARG001 - as its siblings
    if isinstance(value, float | Decimal) and value == int(value):
        return int(value)
    if isinstance(value, str) and _INTEGER.fullmatch(value.strip()):
        return int(value.strip().partition(".")[0])
    return value


def _number(value: Any, path: str) -> Any:
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, str):
        text = value.strip()
        if text.lower().lstrip("+-") in _NOT_FINITE:
            raise Refused("not_finite", f"$.{path}: {text}")
        if _NUMBER.fullmatch(text):
            number = float(text)
            if not math.isfinite(number):
                raise Refused("not_finite", f"$.{path}: {text}")
            return number
    return value


def _boolean(value: Any, path: str) -> Any:  # noqa: ARG001 - as its siblings
    text = str(value).strip().lower()
    if isinstance(value, str | int) and text in _TRUE | _FALSE:
        return text in _TRUE
    return value


def _text(value: Any, path: str) -> Any:  # noqa: ARG001 - as its siblings
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, datetime):
        return value.isoformat()
    return str(value) if isinstance(value, int | float | Decimal) else value


def _structure(value: Any, path: str) -> Any:  # noqa: ARG001 - as its siblings
    if isinstance(value, str) and value.lstrip()[:1] in {"{", "["}:
        try:
            return msgspec.json.decode(value)
        except msgspec.DecodeError:
            return value
    return value


def _raw(value: Any, path: str) -> Any:  # noqa: ARG001 - as its siblings
    """JSON stays as it was written; any other text becomes a JSON text."""
    if isinstance(value, str):
        try:
            msgspec.json.decode(value)
        except msgspec.DecodeError:
            return value
        return msgspec.Raw(value.encode())
    return value


_AS = {
    "integer": _integer, "number": _number, "boolean": _boolean, "text": _text, "structure": _structure, "raw": _raw,
}  # fmt: skip


def in_unit(value: Any, factor: Decimal, path: str) -> float:
    """A number in the field's own unit, scaled in decimal: 12.3 cents are 0.123 dollars exactly. Raises Refused."""
    return float(_decimal(value, path) * factor)


def _decimal(value: Any, path: str) -> Decimal:
    try:
        number = Decimal(str(value).strip())
    except InvalidOperation:
        raise Refused("wrong_type", f"$.{path}: {str(value)[:100]!r} is no number") from None
    if not number.is_finite():
        raise Refused("not_finite", f"$.{path}: {value}")
    if number.adjusted() > _MOST_DIGITS:
        raise Refused("wrong_type", f"$.{path}: {str(value)[:100]!r} is out of every bound")
    return number


def moment(
    value: Any,
    path: str,
    *,
    format: str | None = None,  # noqa: A002 - strptime's word
    zone: str = "UTC",
    factor: Decimal | None = None,
) -> str:
    """A time as RFC 3339. `format` as strptime's; `factor` for a count since 1970; `zone` for a time that names none.

    Raises Refused.
    """
    try:
        found = _moment(value, path, format, factor)
        return (found if found.tzinfo else found.replace(tzinfo=ZoneInfo(zone))).isoformat()
    except (ValueError, OverflowError) as error:
        raise Refused("wrong_type", f"$.{path}: no time: {error}") from None


def _moment(value: Any, path: str, format: str | None, factor: Decimal | None) -> datetime:  # noqa: A002 - as above
    if isinstance(value, datetime):
        return value
    if factor is not None:
        return EPOCH + timedelta(microseconds=int(_decimal(value, path) * factor))
    if not isinstance(value, str):
        raise Refused("wrong_type", f"$.{path}: a number is a time only with a unit: s, ms, us or ns")
    text = value.strip()
    if format is not None:
        return datetime.strptime(text, format)  # noqa: DTZ007 - `moment` adds the zone
    return datetime.fromisoformat(text)
