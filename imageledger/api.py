"""A client of the dashboard's API, as any program may be one: what `status` and `watch` say is what the page says."""

import asyncio
import re
from collections.abc import AsyncIterator, Mapping
from typing import Any, NamedTuple
from urllib.parse import quote

import httpx
import msgspec

from dashboard.bodies.live import Activity, DashboardBody, RealtimeBody
from events.snapshots import RunMetrics
from imageledger.errors import UnreachableError

ANSWER_S = 10.0
SILENCE_S = 10.0
"""The stream says something every 3 s; one that is silent for so long is dead."""
BACKOFF_S = (0.5, 1.0, 2.0)


class Message(NamedTuple):
    """One server-sent event: `snapshot`, `activity`, `runs` or `status`; `lost` is ours: the stream broke off."""

    name: str
    data: bytes


class Api:
    """The API at `base`, http://host:port. Every method raises UnreachableError where it gives no answer."""

    def __init__(self, base: str) -> None:
        self.base = base
        self._over_tls = base.startswith("https:")  # reading the certificates takes 45 ms, most answers less

    def active_run(self) -> str:
        """The run that a page shows when none is named: the newest that is not finished, else the newest."""
        answer = self._get(
            "/api/metrics/dashboard",
            none="no run has a figure yet: start one, for instance with `imageledger process DIR`",
        )
        return msgspec.json.decode(answer, type=DashboardBody).run_id

    def metrics_json(self, run: str) -> bytes:
        """The run's newest `run.metrics` event, byte for byte."""
        return self._get(f"/api/runs/{_quoted(run)}/metrics", none=_unknown(run))

    def metrics(self, run: str) -> RunMetrics:
        """The same, read."""
        return msgspec.json.decode(self.metrics_json(run), type=RunMetrics)

    def dashboard(self, run: str) -> DashboardBody:
        """What the page shows of the run."""
        body = self._get(f"/api/metrics/dashboard?run={_quoted(run)}", none=_unknown(run))
        return msgspec.json.decode(body, type=DashboardBody)

    def report(self, run: str, form: str) -> tuple[bytes, str]:
        """The run's report as json, csv, pdf or html, and a file name that says which run and moment it is of."""
        answer = self._ask(f"/api/report?format={form}&run={_quoted(run)}", none=_unknown(run))
        of = re.sub(r"[^A-Za-z0-9._-]", "_", run)[:80]
        return answer.content, f"report-{of}-{answer.headers['imageledger-as-of']}.{form}"

    def activity(self, run: str) -> list[Activity]:
        """The run's results of the last 30 seconds, a sample, newest first."""
        body = self._get(f"/api/metrics/realtime?run={_quoted(run)}", none=_unknown(run))
        return msgspec.json.decode(body, type=RealtimeBody).recent_activity

    def answer(self, path: str, **parameters: str | int | list[str] | None) -> bytes:
        """The JSON of any address; parameters that are None are left out."""
        given = {name: value for name, value in parameters.items() if value is not None}
        return self._get(path, none=f"{self.base}{path} is not there: is the dashboard of this version?", given=given)

    def _get(self, path: str, none: str, given: Mapping[str, str | int | list[str]] | None = None) -> bytes:
        return self._ask(path, none, given).content

    def _ask(self, path: str, none: str, given: Mapping[str, str | int | list[str]] | None = None) -> httpx.Response:
        try:
            answer = httpx.get(self.base + path, params=given or None, timeout=ANSWER_S, verify=self._over_tls)
        except httpx.HTTPError as error:
            raise UnreachableError(
                f"no dashboard answers at {self.base} ({error}): is `imageledger up` running?"
            ) from error
        if answer.status_code == httpx.codes.NOT_FOUND:
            raise UnreachableError(none)
        if answer.is_error:
            raise UnreachableError(f"{self.base}{path} answered {answer.status_code}: {_detail(answer)}")
        return answer

    async def stream(self, run: str) -> AsyncIterator[Message]:
        """The run's server-sent events for ever; an absence of the server is a `lost` with its reason."""
        failures = 0
        async with httpx.AsyncClient(timeout=httpx.Timeout(ANSWER_S, read=SILENCE_S), verify=self._over_tls) as client:
            while True:
                try:
                    async with client.stream("GET", f"{self.base}/api/stream?run={_quoted(run)}") as answer:
                        answer.raise_for_status()
                        async for message in messages(answer.aiter_bytes()):
                            failures = 0
                            yield message
                    reason = "the stream ended"
                except httpx.HTTPError as error:
                    reason = str(error) or type(error).__name__
                yield Message("lost", reason.encode())
                await asyncio.sleep(BACKOFF_S[min(failures, len(BACKOFF_S) - 1)])
                failures += 1


async def messages(chunks: AsyncIterator[bytes]) -> AsyncIterator[Message]:
    """Server-sent events out of a stream's bytes.

    Our server ends lines with a newline alone, and its JSON may hold other line separators of Unicode.
    """
    waiting = b""
    async for chunk in chunks:
        *whole, waiting = (waiting + chunk).split(b"\n\n")
        for block in whole:
            fields: dict[bytes, bytes] = {}
            for line in block.split(b"\n"):
                name, _, value = line.partition(b":")
                fields[name] = value.removeprefix(b" ")
            if b"event" in fields:
                yield Message(fields[b"event"].decode(), fields.get(b"data", b""))


def _quoted(run: str) -> str:
    return quote(run, safe="")


def _unknown(run: str) -> str:
    return f"no run {run!r} is known: `imageledger status` shows the newest, the dashboard lists all"


def _detail(answer: httpx.Response) -> str:
    try:
        problem: dict[str, Any] = msgspec.json.decode(answer.content, type=dict[str, Any])
    except msgspec.DecodeError:
        return answer.text[:200]
    return str(problem.get("detail", ""))[:200]
