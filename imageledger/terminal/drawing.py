"""The command centre as lines of a terminal: a pure function of what is known of a run (S0, "Visual Dashboard Layout").

Figures are written as the page writes them (dashboard/pages/formats.py). Names come from events of anybody, so control
characters, which a terminal would obey, are taken out of them.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from rich.text import Text

from dashboard.bodies.live import Activity, Band, DashboardBody, ModelCost, Tier
from dashboard.pages.formats import written
from events.snapshots import RunMetrics
from imageledger.terminal.cells import bar, clean, ends, flowed, padded
from processors.summary import Summary

TITLE = "IMAGE PROCESSING COMMAND CENTER"
FEED_ROWS = 5
"""Rows of activity that a panel which need not be there leaves room for."""
WIDE = 72
"""Columns from which on a tier's name and pace are written beside its bar."""
STATES = {
    "running": "green",
    "warming_up": "yellow",
    "stalled": "bold red",
    "paused": "yellow",
    "finished": "bold green",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What is known of a run: the body of `/api/metrics/dashboard`, the newest results first, how old the figures are.

    `trouble`: why nothing newer comes, None while the stream is well.
    """

    body: DashboardBody
    activity: Sequence[Activity] = ()
    age_s: float = 0.0
    trouble: str | None = None


def drawing(seen: Seen, width: int, height: int | None = None) -> list[Text]:
    """The command centre in `width` columns, in `height` rows at most; without a height, all there is."""
    body = seen.body
    fixed = [
        *_head(seen, width),
        *_progress(body, width),
        *_costs(body, width),
        *_tiers(body, width),
        *_quality(body, width),
    ]
    feed = [_activity(row) for row in seen.activity] or [Text("nothing in the last 30 seconds", "dim")]
    if body.state == "finished":
        feed = []
    for panel in (_models(body), _bands(body)):
        if height is None or len(fixed) + len(panel) + FEED_ROWS < height:
            fixed += panel
    if feed:
        fixed += [Text("RECENT ACTIVITY", "bold"), *feed]
    for line in fixed:
        line.truncate(width, overflow="ellipsis")
    shown = fixed if height is None else fixed[:height]
    if seen.trouble is None:
        return shown
    banner = Text(f"RECONNECTING, the last figures stand: {clean(seen.trouble)}", "bold yellow", no_wrap=True)
    banner.truncate(width, overflow="ellipsis")
    # Grey by an attribute that NO_COLOR leaves; the banner takes the empty line under the run's name.
    greyed = [Text(line.plain, "dim") for line in shown]
    greyed[min(_BANNER_ROW, len(greyed) - 1)] = banner
    return greyed


def plain(seen: Seen) -> str:
    """The same in one line, for a log."""
    body, progress, costs = seen.body, seen.body.progress, seen.body.costs
    percent = f" ({written(progress.percent_complete, 'done')})" if progress.total else ""
    parts = [
        f"{body.as_of:%H:%M:%S} {written(body.state, 'state').lower()}",
        f"{_of(progress.processed, progress.total)} images{percent}",
        f"ETA {_eta(body)}",
        f"{written(body.current.images_per_minute, 'rate')} img/min",
        f"spent {written(costs.total_spent, 'usd')}, projected {written(costs.projected_total, 'usd')}",
        f"{written(progress.failed, 'count')} failed",
    ]
    if seen.trouble is not None:
        parts.append(f"RECONNECTING, {written(seen.age_s, 'duration')} old: {clean(seen.trouble)}")
    return ", ".join(parts)


def closing(metrics: RunMetrics) -> list[str]:
    """COMPLETE, SUMMARY and TOTAL of a finished run, in its processor's own words, from the log's figures."""
    progress = metrics.progress
    ended = progress.processed + progress.failed
    began, last = metrics.started_at, metrics.last_event_at
    return Summary(
        run_id=clean(metrics.run_id or ""),
        images=ended if progress.total is None else progress.total,
        processed=progress.processed,
        failed={"for good": progress.failed} if progress.failed else {},
        calls={int(tier): group.get("results", 0) for tier, group in metrics.by_tier.items()},
        cost_nano_usd={int(tier): group.get("cost_nano_usd", 0) for tier, group in metrics.by_tier.items()},
        seconds=max(0.0, (last - began).total_seconds()) if began and last else 0.0,
    ).lines()


_BANNER_ROW = 2


def _head(seen: Seen, width: int) -> list[Text]:
    body = seen.body
    updated = f"Updated: {written(max(0.0, seen.age_s), 'duration')} ago"
    state = written(body.state, "state")
    name = clean(body.name or body.run_id)
    if body.name and body.name != body.run_id:
        name += f" · {clean(body.run_id)}"
    return [
        ends(Text(TITLE, "bold"), Text(updated, "dim"), width),
        ends(Text(name, "cyan"), Text(f"● {state}", STATES[body.state]), width),
        Text(""),
    ]


def _progress(body: DashboardBody, width: int) -> list[Text]:
    progress, current = body.progress, body.current
    lines = []
    if progress.total:
        percent = written(progress.percent_complete, "done")
        done = bar(progress.percent_complete, width - len(percent) - 1, "green")
        lines.append(done.append(f" {percent}", "bold"))
    pace = f"Rate: {written(current.images_per_minute, 'rate')} img/min"
    if current.velocity is not None:
        pace += f" {written(current.velocity, 'velocity').partition(' ')[0]}"  # its arrow
    figures = [
        Text(f"{_of(progress.processed, progress.total)} images", "bold"),
        Text(f"ETA: {_eta(body)}"),
        Text(pace),
    ]
    return [*lines, *flowed(figures, width), Text("")]


def _costs(body: DashboardBody, width: int) -> list[Text]:
    costs = body.costs
    figures = [
        Text("Spent: ").append(written(costs.total_spent, "usd"), "bold"),
        Text("Projected: ").append(written(costs.projected_total, "usd"), "bold"),
    ]
    if costs.baseline_total is not None:
        versus = Text(f"vs {clean(costs.baseline_name or 'baseline')}: {written(costs.baseline_total, 'usd')}")
        figures.append(versus.append(f" → Save {written(costs.savings, 'usd')}", "green"))
    rest = [Text(f"{written(costs.avg_cost_per_image, 'unitUsd')} an image", "dim")]
    if costs.budget_total is not None:
        left = written(costs.budget_remaining, "usd")
        rest.append(Text(f"budget: {left} left of {written(costs.budget_total, 'usd')}", "dim"))
    if body.doubts.unpriced:
        rest.append(Text(f"{written(body.doubts.unpriced, 'count')} results without a price", "yellow"))
    return [*flowed(figures, width), *flowed(rest, width), Text("")]


def _tiers(body: DashboardBody, width: int) -> list[Text]:
    failed = body.progress.failed
    lines = [_tier(tier, width) for tier in body.progress.tiers]
    share = written(body.progress.failed_percent, "share")
    row = Text(f"{'FAILED':<7}").append_text(bar(body.progress.failed_percent, _bar_width(width), "red"))
    row.append(f" {share:>4}  {_of(failed, body.progress.total)}", "red" if failed else "")
    retries = f"  {written(body.doubts.retries, 'count')} retries"
    return [*lines, row.append(retries, "dim"), Text("")]


def _tier(tier: Tier, width: int) -> Text:
    row = Text(f"{f'TIER {tier.tier}':<7}").append_text(bar(tier.percent, _bar_width(width), "cyan"))
    row.append(f" {written(tier.percent, 'doneWhole'):>4}  {_of(tier.complete, tier.total)}")
    if width >= WIDE:
        row.append(f"  {clean(tier.name)}" if tier.name else "")
        row.append(f"  {written(tier.images_per_minute, 'rate')} img/min", "dim")
    return row


def _quality(body: DashboardBody, width: int) -> list[Text]:
    quality, current = body.quality, body.current
    figures = [
        Text(f"Avg confidence: {written(quality.avg_confidence, 'percent')}"),
        Text(f"Errors: {written(quality.error_rate, 'percent')}"),
    ]
    if current.processors:
        figures.append(Text(f"{written(current.active_requests, 'count')} in progress"))
        figures.append(Text(f"{written(current.queue_depth, 'count')} waiting"))
    return [*flowed(figures, width), Text("")]


def _models(body: DashboardBody) -> list[Text]:
    rows = [_model(model) for model in body.costs.by_model]
    return [Text("BY MODEL", "bold"), *rows, Text("")] if rows else []


def _model(model: ModelCost) -> Text:
    name = padded(clean(model.model), 22)
    price = f"{written(model.images, 'count'):>7} × {written(model.unit_cost, 'unitUsd')}"  # noqa: RUF001 - a times sign
    return Text(f"{name} {price} = {written(model.cost, 'usd')}  ({written(model.percent, 'share')})")


def _bands(body: DashboardBody) -> list[Text]:
    rows = [_band(band) for band in body.context]
    return [Text("CONTEXT QUALITY", "bold"), *rows, Text("")] if rows else []


def _band(band: Band) -> Text:
    row = Text(f"{written(band.band, 'band'):<13}").append_text(bar(band.percent, 20, "cyan"))
    count = f"{written(band.images, 'count'):>7} ({written(band.percent, 'share')})"
    return row.append(f" {count} → {written(band.unit_cost, 'unitUsd')}")


def _activity(row: Activity) -> Text:
    line = Text(f"{padded(clean(row.short_id), 9)} T{row.tier:<2} {padded(clean(row.model), 20)} ")
    line.append(padded(clean(row.result), 22), "red" if row.status == "failed" else "")
    return line.append(f" {written(row.confidence, 'share'):>4} {written(row.cost, 'unitUsd'):>8}")


def _eta(body: DashboardBody) -> str:
    spread = body.progress.eta_range
    return written(body.progress.eta, "plain") + (f" ({spread})" if spread else "")


def _of(part: int, total: int | None) -> str:
    return written(part, "count") + ("" if total is None else f" / {written(total, 'count')}")


def _bar_width(width: int) -> int:
    return max(5, width // 5)
