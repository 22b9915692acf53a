"""A run's figures at a moment: a pure function of its registers and `as_of` (DESIGN.md 5.6)."""

from collections.abc import Mapping
from datetime import datetime

from events.snapshots import Latency, Operations, Percentiles, RunMetrics, Window
from metrics.figures.throughput import Recent
from metrics.fold.groups import OTHER, TOTALS, Group
from metrics.fold.identity import identity

from .figures import confidence, derived, generation, health, kpis, operations, ratios, shifts, throughput
from .fold import buckets, histogram, wire
from .forecast import eta, hindrance, phases, progress, projection, sla
from .registers import RunRegisters

SOURCE = "imageledger"


def snapshot(registers: RunRegisters, as_of_ms: int) -> RunMetrics:
    """The run as it stands at `as_of`: the same for live agents, `verify` and the time machine.

    Of a finished run windows end with its last result, and no processor works for it: its figures stand still.
    """
    whole_run = registers.whole_run()
    plan, first_ms, last_ms = registers.lifecycle.plan, registers.first_event_ms, registers.last_event_ms
    finished = registers.finished
    until_ms = min(as_of_ms, last_ms) if finished and last_ms is not None else as_of_ms
    day, minutes = throughput.last_day(registers, until_ms)
    totals = whole_run[TOTALS, ""] | minutes
    labels = wire.by_label(whole_run)
    tiers = {int(value): counters for value, counters in labels["tier"].items() if value != OTHER}
    last_minute = throughput.recent(registers, until_ms, throughput.WINDOW_60S_MS)
    window = throughput.recent(registers, until_ms, throughput.WINDOW_10M_MS)
    far = progress.progress(plan, totals, tiers, window, until_ms)
    doing = eta.state(registers.lifecycle.phase, far.left, totals.get("results", 0), last_ms, as_of_ms)
    busy = operations.operations(registers, as_of_ms)
    engaged = Operations() if finished else busy
    known = derived.derived(whole_run, plan, far, engaged, day)
    figures = derived.figures(totals, known)
    indicators = kpis.kpis(figures, window.counters, plan)
    projected = projection.projection(plan, far, totals, tiers, window, day, finished=finished)
    so_far = Recent(0 if first_ms is None else max(0, as_of_ms - first_ms), totals, tiers)
    minute_by_minute = throughput.minutes(registers, as_of_ms)
    expected = eta.eta(doing, plan, far, window, so_far, minute_by_minute, as_of_ms)
    promised = sla.sla(plan, figures, _moment(last_ms) if finished else expected.completion)
    names = wire.known_names(totals)
    shown = wire.nested(totals, names)
    groups = {
        label: {value: wire.nested(counters, names) for value, counters in values.items()}
        for label, values in labels.items()
    }
    return RunMetrics(
        event_id=identity(f"{registers.run_id}\n{as_of_ms}\n{registers.source_offsets}").hex(),
        event_time=buckets.moment(as_of_ms),
        run_id=registers.run_id,
        source=SOURCE,
        as_of=buckets.moment(as_of_ms),
        source_offsets=registers.source_offsets,
        state=doing,
        name=plan.name if plan else None,
        strategy=plan.strategy if plan else None,
        started_at=plan.started_at if plan and plan.started_at else _moment(first_ms),
        last_event_at=_moment(last_ms),
        totals=shown,
        by_tier=groups["tier"],
        by_model=groups["model"],
        by_provider=groups["provider"],
        by_band=groups["band"],
        by_task_type=groups["task_type"],
        by_component_type=groups["component_type"],
        by_variant=groups["variant"],
        truncated=sorted({label for source in registers.sources.values() for label in source.truncated}),
        window_60s=_window(last_minute, names),
        window_10m=_window(window, names),
        velocity=throughput.velocity(registers, until_ms),
        latency=_latency(whole_run, labels),
        progress=far,
        eta=expected,
        projection=projected,
        phases=phases.phases(plan, far, tiers),
        budget=projection.budget(plan, projected, day, finished=finished),
        operations=busy,
        last_24h=day,
        derived=known,
        ratios=ratios.of_run(figures),
        ratios_by_tier={tier: ratios.of_group("tier", counters) for tier, counters in labels["tier"].items()},
        ratios_by_model={model: ratios.of_group("model", counters) for model, counters in labels["model"].items()},
        confidence=confidence.confidence(totals, plan),
        scores=generation.scores(shown),
        stages=generation.stages(shown),
        sla=promised,
        shifts=shifts.shifts(registers, until_ms),
        stalled=hindrance.stalled(registers, doing, far),
        bottleneck=hindrance.bottleneck(registers, doing, far, busy),
        health=health.health(figures, window.counters, engaged, promised, doing),
        kpis=indicators,
        kpi_scores=kpis.scores(indicators),
    )


def _window(recent: Recent, names: Mapping[str, set[str]]) -> Window:
    counters = recent.counters
    return Window(
        span_ms=recent.span_ms,
        counters=wire.nested(counters, names),
        results_per_minute=recent.per_minute(counters.get("results", 0)),
        images_per_minute=recent.per_minute(counters.get("processed_subjects", 0)),
        cost_nano_usd_per_minute=recent.per_minute(counters.get("cost_nano_usd", 0)),
    )


def _latency(
    whole_run: Mapping[Group, Mapping[str, int]], labels: Mapping[str, Mapping[str, Mapping[str, int]]]
) -> Latency:
    return Latency(
        totals=_percentiles(whole_run[TOTALS, ""]),
        by_model=_percentiles_of(labels["model"]),
        by_provider=_percentiles_of(labels["provider"]),
    )


def _percentiles_of(values: Mapping[str, Mapping[str, int]]) -> dict[str, Percentiles]:
    found = {value: _percentiles(counters) for value, counters in values.items()}
    return {value: percentiles for value, percentiles in found.items() if percentiles is not None}


def _percentiles(counters: Mapping[str, int]) -> Percentiles | None:
    bins = wire.latency_bins(counters)
    p50, p95, p99 = (histogram.percentile(bins, q) for q in (0.5, 0.95, 0.99))
    return None if p50 is None or p95 is None or p99 is None else Percentiles(p50=p50, p95=p95, p99=p99)


def _moment(epoch_ms: int | None) -> datetime | None:
    return None if epoch_ms is None else buckets.moment(epoch_ms)
