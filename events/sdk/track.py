"""Instrument a model call in five lines: time it, and publish how it went."""

import functools
from collections.abc import Callable
from datetime import datetime
from types import TracebackType
from typing import Any, Self

import msgspec

from .. import inspection
from ..codec import encode
from ..envelope import Event
from ..refusals import Refused
from ..results import ComponentResult, ImageResult, MessageResult, Result
from .clock import Clock
from .ids import uuid7
from .tally import Tally

MAX_OUTPUT_BYTES = 512 << 10
MAX_MESSAGE = 10_000
MAX_LABEL = 200

_TYPES: dict[str, type[Result]] = {
    "image_id": ImageResult,
    "component_id": ComponentResult,
    "message_id": MessageResult,
}


class Track:
    """One model call. On leaving, its result is published: success, or failed where an exception leaves (it goes on).

        with publisher.track(image_id="img-1", model="haiku", provider="anthropic", tier=1, run_id="may") as call:
            reply = model(image)
            call.tokens(input=reply.input_tokens, output=reply.output_tokens)
            call.cost(0.0004)
            call.answer("make", reply.make, confidence=0.93)

    The keywords are the fields of the result (`events/results.py`): `image_id` makes it an image.result, `component_id`
    a component.result, `message_id` a message.result. `latency_ms` is timed unless given; `started_at` and `event_time`
    are read from the clock. Works with `with` and with `async with`.

    Nothing here raises. A field that results do not have, or that cannot hold its value, is left out (counted in
    `mended`, logged); without a subject's id there is nothing to publish (`dropped`).
    """

    def __init__(self, publish: Callable[[Event], bool], tally: Tally, clock: Clock, fields: dict[str, Any]) -> None:
        self._publish = publish
        self._tally = tally
        self._clock = clock
        self._fields = fields
        self._answers: list[dict[str, Any]] = []
        self._failure: dict[str, Any] | None = None
        self._started_at: datetime | None = None
        self._started_s = 0.0

    def tokens(self, *, input: int = 0, output: int = 0, cached: int = 0) -> None:  # noqa: A002 - the field's own name
        """What the provider counted; of the input, `cached` came from its cache."""
        self._fields.update({"input_tokens": input, "output_tokens": output, "cached_tokens": cached})

    def cost(self, usd: float) -> None:
        """What the call cost, in US dollars. Not said, and not in the publisher's prices, it is unknown: not zero."""
        self._fields["cost_usd"] = usd

    def confidence(self, fraction: float) -> None:
        """How sure the model is of the whole result, 0-1."""
        self._fields["confidence"] = fraction

    def answer(self, question: str, answer: Any, **details: Any) -> None:
        """A question and what the model said to it; `details` are further fields of `results.Answer`.

        Said at least once, these are the result's `answers`, whatever `fields` says.
        """
        self._answers.append({"question": question, "answer": answer, **details})

    def fields(self, **more: Any) -> None:
        """Any field of the result, as `events/results.py` names it; the last word holds."""
        self._fields.update(more)

    def fail(self, type: str, message: str | None = None, *, timeout: bool = False) -> None:  # noqa: A002 - the field's
        """Say that the call failed although no exception leaves."""
        self._failure = {"type": _text(type, MAX_LABEL), "timeout": timeout}
        if message is not None:
            self._failure["message"] = _text(message, MAX_MESSAGE)

    def __enter__(self) -> Self:
        self._started_at = self._clock.now()
        self._started_s = self._clock.monotonic()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        took_ms = (self._clock.monotonic() - self._started_s) * 1_000
        try:
            if error is not None:
                self.fail(type(error).__name__, str(error) or None, timeout=isinstance(error, TimeoutError))
            self._publish_result(took_ms)
        except Exception as problem:  # noqa: BLE001 - the caller's work goes on, whatever it told us
            self._tally.drop(f"a tracked call: {problem!r}")

    async def __aenter__(self) -> Self:
        return self.__enter__()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.__exit__(kind, error, trace)

    def _publish_result(self, took_ms: float) -> None:
        for name, kind in _TYPES.items():
            if self._fields.get(name) is not None:
                result = self._result(kind, self._own_fields(took_ms))
                if result is not None:
                    self._publish(result)
                return
        self._tally.drop("a tracked call names no image_id, component_id or message_id")

    def _own_fields(self, took_ms: float) -> dict[str, Any]:
        own: dict[str, Any] = {
            "event_id": uuid7(),
            "event_time": self._clock.now(),
            "status": "success" if self._failure is None else "failed",
            "started_at": self._started_at,
            "latency_ms": took_ms,
        }
        if self._failure is not None:
            self._fields["status"] = "failed"
            own["error"] = self._failure
        return own

    def _result(self, kind: type[Result], own: dict[str, Any]) -> Result | None:
        fields = own | {name: value for name, value in self._fields.items() if value is not None}
        if self._answers:
            fields["answers"] = self._answers
        output = fields.pop("output", None)
        if not _names(kind).issuperset(fields):
            for name in fields.keys() - _names(kind):
                self._tally.mend(f"{kind.__name__} has no field {name}")
        while True:
            try:
                result = msgspec.convert(fields, kind)
            except msgspec.ValidationError as error:
                name = _named(error)
                if name not in fields or name in _TYPES:
                    self._tally.drop(f"a tracked call: {error}")
                    return None
                if name in own:
                    fields[name] = own.pop(name)
                else:
                    del fields[name]
                self._tally.mend(str(error))
            else:
                return result if output is None else self._with_output(result, output)

    def _with_output(self, result: Result, output: Any) -> Result:
        try:
            raw = output if isinstance(output, msgspec.Raw) else msgspec.Raw(encode(output))
            if len(bytes(raw)) > MAX_OUTPUT_BYTES:
                self._tally.mend(f"output: {len(bytes(raw))} bytes; the limit here is {MAX_OUTPUT_BYTES}")
                return result
            inspection.require_shape(b'{"output":' + bytes(raw) + b"}")
            inspection.require_finite(bytes(raw))
        except (TypeError, ValueError, RecursionError, Refused) as error:
            self._tally.mend(f"output: {error}")
            return result
        return msgspec.structs.replace(result, output=raw)


@functools.cache
def _names(kind: type[Result]) -> frozenset[str]:
    return frozenset(kind.__struct_fields__)


def _named(error: msgspec.ValidationError) -> str:
    """The event's field that an error is about: `answers` of "… - at `$.answers[0].confidence`"."""
    return str(error).rpartition("`$.")[2].partition(".")[0].partition("[")[0].rstrip("`")


def _text(value: object, limit: int) -> str:
    return str(value)[:limit].encode("utf-8", "replace").decode()
