"""The bridge, to a real HTTP receiver, off a real topic."""

import asyncio
import hashlib
import hmac
import json
import uuid
from contextlib import asynccontextmanager
from typing import Any

import pytest
from receiving import Receiver
from serving import Served, wait_for
from test_alerts_api import firing, resolved

from dashboard.alerts.bridge import Bridge
from dashboard.alerts.targets import SIGNATURE, Messenger, Webhook, payload, signature, words
from dashboard.errors import Undelivered
from events.alerts import Alert

URL = "http://127.0.0.1:8400"


@asynccontextmanager
async def running(dashboard: Served, *targets: Any) -> Any:
    ready = asyncio.Event()
    bridge = Bridge(dashboard.bootstrap, dashboard.prefix, targets, pauses_s=(0.01, 0.01), ready=ready.set)
    task = asyncio.create_task(bridge.run())
    try:
        await asyncio.wait_for(ready.wait(), 60)
        yield
    finally:
        task.cancel()
        await asyncio.wait([task])


async def alerts_of(receiver: Receiver, count: int) -> list[tuple[str, str]]:
    """(status, fingerprint) of everything that came, once there are so many."""

    def came() -> list[tuple[str, str]]:
        return [(one["status"], one["fingerprint"]) for body in receiver.bodies for one in json.loads(body)["alerts"]]

    await asyncio.to_thread(wait_for, lambda: len(came()) >= count)
    return came()


def told(dashboard: Served, *events: Alert) -> None:
    for event in events:
        dashboard.publish("alerts", event.fingerprint, event)


async def test_alerts_come_once_signed_and_go_on_after_a_restart(dashboard: Served, receiver: Receiver) -> None:
    name = uuid.uuid4().hex
    old, first, second = (firing(name, f"{name}-{nth}") for nth in ("old", "first", "second"))
    told(dashboard, old)  # before anybody listened
    target = Webhook(receiver.url, URL, "key")
    async with running(dashboard, target):
        told(dashboard, first, resolved(first))
        assert await alerts_of(receiver, 2) == [("firing", first.fingerprint), ("resolved", first.fingerprint)]
    told(dashboard, second)  # while nobody listens
    async with running(dashboard, target):
        assert (await alerts_of(receiver, 3))[2:] == [("firing", second.fingerprint)]
    seconds = receiver.headers[0][SIGNATURE].partition(",")[0].removeprefix("t=")
    digest = hmac.new(b"key", seconds.encode() + b"." + receiver.bodies[0], hashlib.sha256).hexdigest()
    assert receiver.headers[0][SIGNATURE] == f"t={seconds},v1={digest}"


async def test_a_receiver_that_fails_is_asked_again_and_one_that_goes_on_failing_costs_a_letter(
    dashboard: Served, receiver: Receiver
) -> None:
    name = uuid.uuid4().hex
    first, second, third = (firing(name, f"{name}-{nth}") for nth in range(3))
    receiver.answers = [500, 503]
    async with running(dashboard, Webhook(receiver.url, URL)):
        told(dashboard, first)
        await alerts_of(receiver, 3)  # the third try
        receiver.answers = [500, 500, 500]
        told(dashboard, second)
        await alerts_of(receiver, 6)
        receiver.answers = [400]
        told(dashboard, third)  # a refusal is not tried again
        await alerts_of(receiver, 7)
        told(dashboard, resolved(third))
        await alerts_of(receiver, 8)
    assert [one["fingerprint"] for body in receiver.bodies for one in json.loads(body)["alerts"]] == (
        [first.fingerprint] * 3 + [second.fingerprint] * 3 + [third.fingerprint] * 2
    )
    letters = await dead(dashboard, name)
    assert {fingerprint: reason for fingerprint, reason, _ in letters} == {
        second.fingerprint: b"undeliverable", third.fingerprint: b"undeliverable",
    }  # fmt: skip
    assert all(b"try " in detail for _, _, detail in letters)


async def dead(dashboard: Served, run: str) -> list[tuple[str, bytes, bytes]]:
    """(fingerprint, reason, detail) of the run's dead letters."""
    from aiokafka import AIOKafkaConsumer

    found = []
    consumer = AIOKafkaConsumer(
        dashboard.prefix + "dlq", bootstrap_servers=dashboard.bootstrap, auto_offset_reset="earliest"
    )
    await consumer.start()
    try:
        async with asyncio.timeout(60):
            while len(found) < 2:
                for records in (await consumer.getmany(timeout_ms=200)).values():
                    for record in records:
                        letter = json.loads(record.value)
                        notes = dict(record.headers)
                        if letter.get("run_id") == run:
                            found.append((letter["fingerprint"], notes["dlq.reason"], notes["dlq.detail"]))
    finally:
        await consumer.stop()
    return found


async def test_a_target_that_is_away_keeps_no_other_waiting(dashboard: Served, receiver: Receiver) -> None:
    name = uuid.uuid4().hex
    asked = asyncio.Event()

    class Stuck:
        name = f"stuck-{uuid.uuid4().hex}"

        async def deliver(self, alerts: Any) -> None:
            asked.set()
            await asyncio.Event().wait()

    async with running(dashboard, Stuck(), Webhook(receiver.url, URL)):
        told(dashboard, firing(name, f"{name}-1"))
        await alerts_of(receiver, 1)
        await asyncio.wait_for(asked.wait(), 60)


async def test_people_are_told_through_apprise(receiver: Receiver) -> None:
    fired = firing("may", "f", labels={"model": "opus"})
    target = Messenger(receiver.url.replace("http://", "json://"), URL)
    await target.deliver([fired, resolved(fired)])
    said = [json.loads(body) for body in receiver.bodies]
    assert [one["title"] for one in said] == [
        "FIRING warning: Error rate elevated", "RESOLVED warning: Error rate elevated",
    ]  # fmt: skip
    assert [one["type"] for one in said] == ["warning", "success"]
    assert "model: opus" in said[0]["message"]
    assert "error_rate 0.09, threshold 0.05" in words(fired, URL)
    receiver.answers = [500]
    with pytest.raises(Undelivered):
        await target.deliver([fired])


@pytest.mark.parametrize("url", ["slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ", "mailto://u:pw@example.com"])
def test_targets_that_apprise_knows_are_named_without_their_secrets(url: str) -> None:
    name = Messenger(url, URL).name
    assert name.startswith(url.partition(":")[0] + "-")
    assert not any(part in name for part in ("T1JJ3T3L2", "pw"))


def test_a_target_that_apprise_does_not_know() -> None:
    with pytest.raises(Undelivered, match="apprise does not know"):
        Messenger("pigeon://post", URL)


def test_the_payload_is_alertmanagers() -> None:
    first = firing("may/ä", "f1", severity="critical")
    over = resolved(firing("may/ä", "f2", labels={"model": "opus"}))
    body = payload([first, over], "me", URL)
    assert body.keys() == {
        "version", "groupKey", "truncatedAlerts", "status", "receiver", "groupLabels", "commonLabels",
        "commonAnnotations", "externalURL", "alerts",
    }  # fmt: skip
    assert (body["version"], body["status"], body["groupKey"]) == ("4", "firing", '{}:{run_id="may/ä"}')
    assert body["commonLabels"] == {"alertname": "error_rate", "run_id": "may/ä"}
    assert [one["status"] for one in body["alerts"]] == ["firing", "resolved"]
    assert body["alerts"][0]["endsAt"] == "0001-01-01T00:00:00Z"
    assert body["alerts"][1]["endsAt"] == "2026-11-21T12:00:00Z"
    assert body["alerts"][0]["generatorURL"] == f"{URL}/?run=may%2F%C3%A4"
    assert payload([over], "me", URL)["status"] == "resolved"


def test_a_signature_that_others_compute_alike() -> None:
    assert signature(b"{}", "key", 7) == "t=7,v1=" + hmac.new(b"key", b"7.{}", hashlib.sha256).hexdigest()
