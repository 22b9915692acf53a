"""How a reader turns a record's bytes into what it was asked for."""

from collections.abc import Callable
from typing import Any, Final

import msgspec

from .. import codec, inspection
from ..codec import Headers, Kind
from ..refusals import Refused

SKIPPED: Final = object()
"""The answer about a record of another run."""

Decode = Callable[[bytes | None, Headers], Any]
"""(value, headers) → the event, or SKIPPED. Raises Refused."""


class _Named(msgspec.Struct):
    """The least that tells whose record it is."""

    run_id: str | None = None


def decoder(kind: Kind, shape: type[Any] | None, run_id: str | None) -> Decode:
    """The decoder of a topic: into its events, or into `shape`; with `run_id`, other runs' records are SKIPPED."""
    if shape is not None:
        read = _into(shape)
        return read if run_id is None else lambda value, headers: _of_run(run_id, read(value, headers))
    if run_id is None:
        return lambda value, headers: codec.decode(kind, value, headers)
    named = _into(_Named)

    def decode(value: bytes | None, headers: Headers) -> Any:
        if _of_run(run_id, named(value, headers)) is SKIPPED:
            return SKIPPED
        return codec.decode(kind, value, headers)

    return decode


def _of_run(run_id: str, event: Any) -> Any:
    return event if event.run_id == run_id else SKIPPED


def _into(shape: type[Any]) -> Decode:
    typed = msgspec.json.Decoder(shape)

    def decode(value: bytes | None, headers: Headers) -> Any:
        if not value:
            raise Refused("not_json", "the record is empty")
        if headers:
            value = inspection.unwrap(value, headers)
        try:
            return typed.decode(value)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            without_nulls = inspection.drop_nulls(value, error)
            if without_nulls is None:
                raise inspection.refusal(value, error) from error
            return decode(without_nulls, ())

    return decode
