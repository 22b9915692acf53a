"""Python values → Arrow arrays: whole columns at once, and quick where a column is empty."""

from collections.abc import Callable, Mapping, Sequence, Sized
from itertools import accumulate, chain
from typing import Any, TypeVar

import numpy as np
import pyarrow as pa

from events.envelope import EPOCH

TEXT = pa.string()
LABEL = pa.dictionary(pa.int32(), TEXT)
"""Text of few different values, each sent once: hardly slower to make than plain text, and less work for the server."""
MOMENT_US = pa.timestamp("us", "UTC")
MOMENT_MS = pa.timestamp("ms", "UTC")

_DAY_US = 86_400_000_000
_Sized = TypeVar("_Sized", bound=Sized)


def column(values: Sequence[Any], kind: pa.DataType) -> pa.Array:
    """One value a row, None for NULL."""
    if values.count(None) == len(values):
        return pa.nulls(len(values), kind)
    return pa.array(values, kind)


def repeated(value: Any, kind: pa.DataType, rows: int) -> pa.Array:
    """The same value in every row."""
    return pa.repeat(pa.scalar(value, kind), rows)


def epoch_us(moments: Sequence[Any]) -> np.ndarray[Any, np.dtype[np.int64]]:
    """Aware datetimes as microseconds since 1970, in integers."""
    since = [moment - EPOCH for moment in moments]
    return np.array([s.days * _DAY_US + s.seconds * 1_000_000 + s.microseconds for s in since], np.int64)


def moments(values: Sequence[Any]) -> pa.Array:
    """Aware datetimes, None for NULL."""
    if values.count(None) == len(values):
        return pa.nulls(len(values), MOMENT_US)
    known = epoch_us([EPOCH if value is None else value for value in values])
    return pa.array(known, mask=np.array([value is None for value in values])).cast(MOMENT_US)


def rounded(numbers: pa.Array, factor: int) -> pa.Array:
    """Doubles × factor as whole numbers, half to even (DETAILS.md, Numbers); NULL stays NULL."""
    if numbers.null_count == len(numbers):
        return pa.nulls(len(numbers), pa.int64())
    known = numbers.fill_null(0).to_numpy()
    return pa.array(
        np.rint(known * float(factor)).astype(np.int64), mask=numbers.is_null().to_numpy(zero_copy_only=False)
    )


def maps(values: Sequence[Mapping[str, Any] | None], item: pa.DataType) -> pa.Array:
    """Maps from text; None is an empty one."""
    ends, full = _ends(values)
    keys = list(chain.from_iterable(full))
    items = list(chain.from_iterable([one.values() for one in full]))
    return pa.MapArray.from_arrays(ends, pa.array(keys, TEXT), pa.array(items, item))


def texts(values: Sequence[Sequence[str] | None]) -> pa.Array:
    """Lists of text; None is an empty one."""
    ends, full = _ends(values)
    return pa.ListArray.from_arrays(ends, pa.array(list(chain.from_iterable(full)), TEXT))


def structs(
    values: Sequence[Sequence[Any] | None], fields: Mapping[str, tuple[pa.DataType, Callable[[Any], Any] | None]]
) -> pa.Array:
    """Lists of objects; None is an empty one. `fields`: attribute → its type and what is done with the value."""
    ends, full = _ends(values)
    items = list(chain.from_iterable(full))
    parts = []
    for name, (kind, change) in fields.items():
        found = [getattr(one, name) for one in items]
        parts.append(column(found if change is None else list(map(change, found)), kind))
    return pa.ListArray.from_arrays(ends, pa.StructArray.from_arrays(parts, names=list(fields)))


def _ends(values: Sequence[_Sized | None]) -> tuple[pa.Array, list[_Sized]]:
    """Where each row's items end in the flat list of all, after a leading 0; and the rows that have any."""
    if values.count(None) == len(values):
        return pa.array(np.zeros(len(values) + 1, np.int32)), []
    lengths = [len(value) if value else 0 for value in values]
    return pa.array(np.fromiter(accumulate(lengths, initial=0), np.int32, len(values) + 1)), [v for v in values if v]
