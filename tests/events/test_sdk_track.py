"""Tracking a call: right or wrong, the caller's work goes on."""

import asyncio
import logging
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from events.codec import decode, encode
from events.envelope import Event
from events.results import Answer, ImageResult
from events.sdk.clock import Clock
from events.sdk.complaints import Complaints
from events.sdk.tally import Tally
from events.sdk.track import MAX_OUTPUT_BYTES, Track


class Ticking:
    """A clock of a test's own: each look at it takes a second, or 250 ms."""

    def __init__(self) -> None:
        self.moment = datetime(2026, 5, 4, 10, tzinfo=UTC)
        self.seconds = 5.0

    def now(self) -> datetime:
        self.moment += timedelta(seconds=1)
        return self.moment

    def monotonic(self) -> float:
        self.seconds += 0.25
        return self.seconds


class Outbox(list[Any]):
    """Stands where the publisher is: what it takes must survive the wire."""

    def __init__(self) -> None:
        super().__init__()
        self.tally = Tally(Complaints(logging.getLogger("events"), time.monotonic))
        ticking = Ticking()
        self.clock = Clock(ticking.now, ticking.monotonic)

    def publish(self, event: Event) -> bool:
        self.append(decode("results", encode(event)))
        return True

    def track(self, **fields: Any) -> Track:
        return Track(self.publish, self.tally, self.clock, fields)


@pytest.fixture
def outbox() -> Outbox:
    return Outbox()


def test_a_call_that_succeeds(outbox: Outbox) -> None:
    with outbox.track(image_id="i", model="haiku", provider="anthropic", tier=2, run_id="r") as call:
        call.tokens(input=1200, output=300, cached=1000)
        call.cost(0.0004)
        call.confidence(0.9)
        call.answer("make", "Volvo", confidence=0.95, table="vehicles")
        call.answer("damaged", False)
        call.fields(vehicle_id="v", output={"make": "Volvo", "none": None})
    (event,) = outbox
    assert event == msgspec.structs.replace(
        ImageResult(
            event_id=event.event_id,
            event_time=datetime(2026, 5, 4, 10, 0, 2, tzinfo=UTC),
            started_at=datetime(2026, 5, 4, 10, 0, 1, tzinfo=UTC),
            status="success",
            image_id="i",
            vehicle_id="v",
            run_id="r",
            model="haiku",
            provider="anthropic",
            tier=2,
            latency_ms=250.0,
            input_tokens=1200,
            output_tokens=300,
            cached_tokens=1000,
            cost_usd=0.0004,
            confidence=0.9,
            answers=[
                Answer(question="make", answer="Volvo", confidence=0.95, table="vehicles"),
                Answer(question="damaged", answer=False),
            ],
        ),
        output=event.output,
    )
    assert bytes(event.output) == b'{"make":"Volvo","none":null}'
    assert (outbox.tally.dropped, outbox.tally.mended) == (0, 0)


@pytest.mark.parametrize(
    ("field", "name"),
    [("image_id", "ImageResult"), ("component_id", "ComponentResult"), ("message_id", "MessageResult")],
)
def test_the_id_picks_the_type(outbox: Outbox, field: str, name: str) -> None:
    with outbox.track(**{field: "x"}):
        pass
    assert type(outbox[0]).__name__ == name
    assert outbox[0].subject_id == "x"


def test_an_exception_makes_it_failed_and_goes_on(outbox: Outbox) -> None:
    with pytest.raises(ValueError, match="no such"), outbox.track(image_id="i", will_retry=True):
        raise ValueError("no such model")
    (event,) = outbox
    assert (event.status, event.will_retry, event.latency_ms) == ("failed", True, 250.0)
    assert (event.error.type, event.error.message, event.error.timeout) == ("ValueError", "no such model", False)


@pytest.mark.parametrize("error", [TimeoutError, asyncio.TimeoutError])
def test_a_timeout_is_said(outbox: Outbox, error: type[Exception]) -> None:
    with pytest.raises(error), outbox.track(image_id="i"):
        raise error
    assert (outbox[0].error.type, outbox[0].error.message, outbox[0].error.timeout) == ("TimeoutError", None, True)


async def test_asyncios_own_timeout_and_cancelling(outbox: Outbox) -> None:
    async def never() -> None:
        async with outbox.track(image_id="a"):
            await asyncio.Event().wait()

    with pytest.raises(TimeoutError):
        await asyncio.wait_for(never(), 0.01)
    task = asyncio.create_task(never())
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert [event.error.type for event in outbox] == ["CancelledError", "CancelledError"]


def test_a_failure_without_an_exception(outbox: Outbox) -> None:
    with outbox.track(image_id="i") as call:
        call.fail("rate_limited", "429", timeout=False)
    assert (outbox[0].status, outbox[0].error.type, outbox[0].error.message) == ("failed", "rate_limited", "429")


def test_the_callers_word_holds(outbox: Outbox) -> None:
    with outbox.track(image_id="i", latency_ms=7.5, status="partial", event_id="mine", model=None):
        pass
    (event,) = outbox
    assert (event.latency_ms, event.status, event.event_id, event.model) == (7.5, "partial", "mine", "unknown")


@pytest.mark.parametrize(
    "fields",
    [
        {"confidence": 1.5},
        {"confidence": "high"},
        {"colour": "red"},
        {"cost_usd": -1},
        {"cost_usd": float("nan")},
        {"tier": 99},
        {"answers": [{"question": 1}]},
        {"answers": 3},
        {"tables": {"a": -1}},
        {"model": "x" * 201},
        {"model": object()},
        {"output": object()},
        {"output": "x" * (MAX_OUTPUT_BYTES + 1)},
        {"output": [[[[[[[[1]]]]]]]]},
        {"output": list(range(2_000))},
        {"output": msgspec.Raw(b'{"a":1e999}')},
        {"latency_ms": -1},
        {"event_time": datetime(2026, 1, 1)},  # noqa: DTZ001 - the mistake under test
        {"event_id": ""},
        {"error": "broken"},
        {"status": "done"},
        {"confidence": 2, "tier": 99, "colour": "red"},
    ],
    ids=lambda fields: ",".join(fields),
)
def test_a_wrong_field_is_left_out_and_the_work_goes_on(outbox: Outbox, fields: dict[str, Any]) -> None:
    with outbox.track(image_id="i", provider="p", **fields) as call:
        call.tokens(input=5)
    (event,) = outbox
    assert (event.provider, event.input_tokens) == ("p", 5)
    assert (outbox.tally.dropped, outbox.tally.mended) == (0, len(fields))


def test_without_an_id_there_is_nothing_to_publish(outbox: Outbox) -> None:
    with outbox.track(model="m"):
        pass
    with outbox.track(image_id=7):
        pass
    assert (len(outbox), outbox.tally.dropped) == (0, 2)


class UnsayableError(Exception):
    def __str__(self) -> str:
        raise RuntimeError("not even that")


@pytest.mark.parametrize(
    "error", [UnsayableError(), ValueError("x" * 20_000), ValueError("\ud800"), KeyboardInterrupt()]
)
def test_no_exception_is_too_strange(outbox: Outbox, error: BaseException) -> None:
    with pytest.raises(type(error)) as caught, outbox.track(image_id="i"):
        raise error
    assert caught.value is error
    assert len(outbox) + outbox.tally.dropped == 1
