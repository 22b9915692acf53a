"""`imageledger alerts`: what fires, the rules, and what is decided about them; the bridge to whoever is to be told."""

import asyncio
import logging
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime

from dashboard.alerts.bridge import Bridge
from dashboard.alerts.decisions import RulesBody, effective, rules_changed, rules_of
from dashboard.alerts.state import LiveAlerts, Wanted
from dashboard.alerts.targets import Messenger, Target, Webhook
from dashboard.bodies.alerts import AlertsBody
from events.envelope import Event
from events.runs import AlertingEvent, RuleChange
from imageledger.errors import SettingsError, UnreachableError
from imageledger.kafka import cluster_of, publisher_of, reader_of, require_kafka
from imageledger.settings import Settings
from metrics.alerts.backtest import Backtest, Episode
from metrics.alerts.rules import BUILT_IN, armed, changed, parse
from metrics.errors import BadRule
from streams.offline.arrivals import arrivals

log = logging.getLogger(__name__)

SOURCE = "imageledger.alerts"
CONFIRM_S = 20.0


async def listed(settings: Settings, wanted: Wanted, limit: int) -> AlertsBody:
    """Alerts by the topics, as `/api/alerts` shows them. Raises UnreachableError and SdkError."""
    await require_kafka(settings)
    alerts = LiveAlerts(lambda _: None)
    snapshots = {}
    async with reader_of(settings, "alerts", "metrics") as reader:
        async for entry in reader.to_now():
            if entry.kind == "alerts" and entry.event is not None:
                alerts.tell(entry.event, entry.position.partition, entry.position.offset)
            elif entry.kind == "metrics" and entry.event is not None:
                snapshots[entry.event.run_id] = entry.event
    return alerts.body(wanted, snapshots.values(), limit)


async def change(
    settings: Settings, run_id: str | None, rules: Mapping[str, RuleChange], reason: str | None, issued_by: str
) -> None:
    """Put changed rules into the log, if they can be used. Raises BadRule, UnreachableError, SdkError."""
    await require_kafka(settings)
    now = datetime.now(UTC)
    event = rules_changed(run_id, dict(rules), reason, issued_by, now, SOURCE)
    async with reader_of(settings, "runs") as reader:
        entries = [entry async for entry in reader.to_now() if isinstance(entry.event, AlertingEvent)]
    before, _ = effective(entries, run_id)
    _, problems = changed(before, rules)
    if problems:
        raise BadRule("; ".join(problems))
    await publish(settings, event)


async def publish(settings: Settings, event: Event) -> None:
    """One event into the log, confirmed. Raises UnreachableError."""
    await require_kafka(settings)
    await asyncio.to_thread(_publish, settings, event)


def _publish(settings: Settings, event: Event) -> None:
    with publisher_of(settings, SOURCE) as publisher:
        if not publisher.publish(event) or publisher.flush(CONFIRM_S):
            raise UnreachableError(f"the event did not reach Kafka at {settings.kafka_address()}: try again")


async def rules(settings: Settings, run_id: str | None) -> RulesBody:
    """The rules and silences in force. Raises UnreachableError and SdkError."""
    await require_kafka(settings)
    return await rules_of(
        settings.kafka_address(), settings.prefix, run_id, datetime.now(UTC), settings.kafka_security()
    )


async def backtest(
    settings: Settings,
    text: str,
    where: str,
    since: datetime,
    run_id: str | None,
    step_s: float,
    moved: Callable[[int], None] = lambda _: None,
) -> list[Episode]:
    """When the rules of a TOML text would have fired. `moved` is told how many records are behind.

    Raises BadRule, StreamError.
    """
    rules = parse(text, where, BUILT_IN)
    test = Backtest(armed(rules), round(since.timestamp() * 1000), run_id, max(1, round(step_s * 1000)))
    count = 0
    async for records in arrivals(cluster_of(settings)):
        await asyncio.to_thread(test.take, records)
        count += len(records)
        moved(count)
    return await asyncio.to_thread(test.finish, time.time_ns() // 1_000_000)


def targets(settings: Settings) -> list[Target]:
    """Where alerts are to go. Raises SettingsError, and Undelivered for a URL that nobody understands."""
    external_url = f"http://{settings.host}:{settings.port}"
    found: list[Target] = [
        Webhook(url, external_url, settings.alert_webhook_secret) for url in (settings.alert_webhooks or "").split()
    ]
    found += [Messenger(url, external_url) for url in (settings.alert_notify or "").split()]
    if not found:
        raise SettingsError("alerts go nowhere: set IMAGELEDGER_ALERT_WEBHOOKS or IMAGELEDGER_ALERT_NOTIFY")
    return found


async def forward(settings: Settings) -> None:
    """Tell every target of every alert, until cancelled. Raises SettingsError, Undelivered."""
    found = targets(settings)
    names = ", ".join(target.name for target in found)
    bridge = Bridge(
        settings.kafka_address(),
        settings.prefix,
        found,
        security=settings.kafka_security(),
        ready=lambda: log.info("alerts are forwarded to %s", names),
    )
    await bridge.run()
