"""Is it alive, is it ready, and what would Prometheus like to know."""

import time
from collections.abc import Mapping

import msgspec
import psutil
from litestar import Response, get
from litestar.di import NamedDependency

from dashboard.parts import Parts
from dashboard.readiness import Readiness, readiness

NAMED_RUNS = 10
"""Runs that `/metrics` names: a label must not grow without bound."""
_PROCESS = psutil.Process()
COUNTERS = ("results", "failed", "processed_subjects", "cost_nano_usd")


@get("/livez", media_type="text/plain", sync_to_thread=False, tags=["probes"])
def livez() -> str:
    """200 while the process answers at all."""
    return "ok\n"


@get("/readyz", tags=["probes"])
async def readyz(parts: NamedDependency[Parts]) -> Response[Readiness]:
    """200 when the figures are up to date: both tails read to the end, ClickHouse and the worker answer; else 503."""
    tails = {"live": parts.metrics_tail, "activity": parts.results_tail}
    found = await readiness(tails, parts.stored, parts.config.worker_ready)
    return Response(found, status_code=200 if found.ready else 503)


@get("/metrics", media_type="text/plain; version=0.0.4; charset=utf-8", sync_to_thread=False, tags=["probes"])
def prometheus(parts: NamedDependency[Parts]) -> str:
    """Prometheus text: this process, dead letters of each stage, the sink's lag, the totals of the ten newest runs."""
    tail, memory, cpu = parts.metrics_tail, _PROCESS.memory_info(), _PROCESS.cpu_times()
    lines = [
        *_metric("process_resident_memory_bytes", "gauge", memory.rss),
        *_metric("process_cpu_seconds_total", "counter", cpu.user + cpu.system),
        *_metric("process_start_time_seconds", "gauge", _PROCESS.create_time()),
        *_metric("process_open_fds", "gauge", _PROCESS.num_fds()),
        *_metric("imageledger_dashboard_live", "gauge", int(tail.state == "live")),
        *_metric("imageledger_dashboard_lag_records", "gauge", tail.lag),
        *_metric("imageledger_dashboard_streams", "gauge", len(parts.broadcast)),
        *_metric("imageledger_dashboard_runs", "gauge", len(parts.live)),
        *_metric("imageledger_dashboard_unreadable_snapshots_total", "counter", parts.live.unreadable),
    ]
    lines.append("# TYPE imageledger_dead_letters_total counter")
    refused = parts.config.refused()
    lines += [f'imageledger_dead_letters_total{{stage="{stage}"}} {count}' for stage, count in refused.items()]
    lines += sink_lines(parts.config.sink_lag())
    events = [snapshot.event for snapshot in parts.live.newest_first()[:NAMED_RUNS]]
    for counter in COUNTERS:
        name = f"imageledger_run_{counter}_total"
        lines.append(f"# TYPE {name} counter")
        lines += [f'{name}{{run="{_label(event.run_id or "")}"}} {event.totals.get(counter, 0)}' for event in events]
    lines.append("# TYPE imageledger_run_snapshot_age_seconds gauge")
    ages = [(event.run_id or "", time.time() - event.as_of.timestamp()) for event in events]
    lines += [f'imageledger_run_snapshot_age_seconds{{run="{_label(run)}"}} {age:.3f}' for run, age in ages]
    return "\n".join(lines) + "\n"


def sink_lines(lag: Mapping[str, int] | None) -> list[str]:
    """The sink's lag by topic; None: it has said nothing of late."""
    lines = _metric("imageledger_sink_up", "gauge", int(lag is not None))
    if lag:
        lines.append("# TYPE imageledger_sink_lag_records gauge")
        lines += [f'imageledger_sink_lag_records{{topic="{_label(topic)}"}} {lag[topic]}' for topic in sorted(lag)]
    return lines


def _metric(name: str, kind: str, value: float) -> list[str]:
    return [f"# TYPE {name} {kind}", f"{name} {value}"]


def _label(text: str) -> str:
    return msgspec.json.encode(text.replace("\x7f", "")).decode()[1:-1]
