"""Where alerts leave the house to: webhooks (Alertmanager's payload) and people (apprise)."""

import hashlib
import hmac
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Protocol
from urllib.parse import quote, urlsplit

import httpx
import msgspec

from dashboard.errors import Undelivered
from events.alerts import Alert, AlertFiring
from events.envelope import Severity

ANSWER_S = 10.0
SIGNATURE = "x-imageledger-signature"
_NOT_ENDED = "0001-01-01T00:00:00Z"


class Target(Protocol):
    """Where alerts go."""

    name: str
    """Names its consumer group; holds no secret."""

    async def deliver(self, alerts: Sequence[Alert]) -> None:
        """Hands over alerts of one run. Raises Undelivered; `lasting` where another try would change nothing."""


class Webhook:
    """A receiver of Alertmanager's webhooks.

    With a `secret` each request carries `x-imageledger-signature: t=SECONDS,v1=HEX`: HMAC-SHA256 of `SECONDS.BODY`.
    """

    def __init__(self, url: str, external_url: str, secret: str | None = None) -> None:
        self.name = _name(url)
        self._url = url
        self._external_url = external_url
        self._secret = secret

    async def deliver(self, alerts: Sequence[Alert]) -> None:
        """One POST. Raises Undelivered."""
        body = msgspec.json.encode(payload(alerts, self.name, self._external_url))
        headers = {"content-type": "application/json", "user-agent": "imageledger"}
        if self._secret is not None:
            headers[SIGNATURE] = signature(body, self._secret, int(time.time()))
        try:
            async with httpx.AsyncClient(timeout=ANSWER_S) as client:
                answer = await client.post(self._url, content=body, headers=headers)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise Undelivered(f"{self.name} does not answer: {error or type(error).__name__}") from error
        if not answer.is_success:
            lasting = answer.status_code < 500 and answer.status_code not in {408, 425, 429}
            raise Undelivered(f"{self.name} answers HTTP {answer.status_code}", lasting=lasting)


class Messenger:
    """Slack, e-mail, PagerDuty and whatever else apprise knows by its URL. Raises Undelivered for one it does not."""

    def __init__(self, url: str, external_url: str) -> None:
        from apprise import Apprise

        self.name = _name(url)
        self._external_url = external_url
        self._apprise = Apprise()
        if not self._apprise.add(url):
            raise Undelivered(
                f"apprise does not know what to do with the target {url.partition(':')[0]}://…: "
                "slack://, mailto://, pagerduty://… see its list of services",
                lasting=True,
            )

    async def deliver(self, alerts: Sequence[Alert]) -> None:
        """One message an alert. Raises Undelivered."""
        kinds: dict[Severity, str] = {"info": "info", "warning": "warning", "error": "failure", "critical": "failure"}
        for alert in alerts:
            is_firing = isinstance(alert, AlertFiring)
            title = f"{'FIRING' if is_firing else 'RESOLVED'} {alert.severity}: {alert.message}"
            sent = await self._apprise.async_notify(
                title=title,
                body=words(alert, self._external_url),
                notify_type=kinds[alert.severity] if is_firing else "success",
            )
            if not sent:
                raise Undelivered(f"{self.name} did not take the message")


def payload(alerts: Sequence[Alert], receiver: str, external_url: str) -> dict[str, Any]:
    """Alertmanager's webhook body, version 4, of alerts of one run."""
    shown = [_shown(alert, external_url) for alert in alerts]
    run_id = alerts[0].run_id
    group = {} if run_id is None else {"run_id": run_id}
    labels = "".join(f'{name}="{value}"' for name, value in group.items())
    return {
        "version": "4",
        "groupKey": f"{{}}:{{{labels}}}",
        "truncatedAlerts": 0,
        "status": "firing" if any(isinstance(alert, AlertFiring) for alert in alerts) else "resolved",
        "receiver": receiver,
        "groupLabels": group,
        "commonLabels": _common([one["labels"] for one in shown]),
        "commonAnnotations": _common([one["annotations"] for one in shown]),
        "externalURL": external_url,
        "alerts": shown,
    }


def _shown(alert: Alert, external_url: str) -> dict[str, Any]:
    labels = {"alertname": alert.type, "severity": alert.severity, **(alert.labels or {})}
    annotations = {"summary": alert.message, "description": alert.action, "metric": alert.metric}
    for name in ("value", "threshold"):
        if (number := getattr(alert, name)) is not None:
            annotations[name] = f"{number:g}"
    return {
        "status": "firing" if isinstance(alert, AlertFiring) else "resolved",
        "labels": labels if alert.run_id is None else labels | {"run_id": alert.run_id},
        "annotations": annotations,
        "startsAt": _moment(alert.started_at),
        "endsAt": _NOT_ENDED if alert.ended_at is None else _moment(alert.ended_at),
        "generatorURL": _page(alert, external_url),
        "fingerprint": alert.fingerprint,
    }


def words(alert: Alert, external_url: str) -> str:
    """An alert for people."""
    lines = [f"Run {alert.run_id}" if alert.run_id else "All runs"]
    lines += [f"{name}: {value}" for name, value in (alert.labels or {}).items()]
    if alert.value is not None and alert.threshold is not None:
        lines.append(f"{alert.metric} {alert.value:g}, threshold {alert.threshold:g}")
    until = "" if alert.ended_at is None else f" until {_moment(alert.ended_at)}"
    return "\n".join([*lines, f"since {_moment(alert.started_at)}{until}", alert.action, _page(alert, external_url)])


def signature(body: bytes, secret: str, seconds: int) -> str:
    """The header's value: when it was signed, and HMAC-SHA256 of `SECONDS.BODY`."""
    digest = hmac.new(secret.encode(), b"%d." % seconds + body, hashlib.sha256).hexdigest()
    return f"t={seconds},v1={digest}"


def _page(alert: Alert, external_url: str) -> str:
    return f"{external_url}/?run={quote(alert.run_id or '', safe='')}"


def _common(maps: Sequence[Mapping[str, str]]) -> dict[str, str]:
    first, *others = maps
    return {name: value for name, value in first.items() if all(other.get(name) == value for other in others)}


def _moment(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _name(url: str) -> str:
    """A target's name: its kind, or its host, and a hash of the rest, which may be a secret."""
    parts = urlsplit(url)
    digest = hashlib.sha256(url.encode()).hexdigest()[:8]
    return f"{parts.hostname if parts.scheme in {'http', 'https'} else parts.scheme}-{digest}"
