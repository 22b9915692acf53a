"""The executive summary (S3): a run in a few sentences, for those who read no tables. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from dashboard.bodies.live import DashboardBody
from dashboard.pages import formats


def executive_summary(body: DashboardBody, kpis: Sequence[Mapping[str, Any]], scores: Mapping[str, Any]) -> list[str]:
    """At most seven sentences: how far, for how much, how well, against which targets, and what to look at."""
    return [*_progress(body), *_money(body), *_quality(body), *_targets(kpis, scores), *_attention(body)]


def _progress(body: DashboardBody) -> Iterator[str]:
    progress, name = body.progress, body.name or body.run_id
    state = formats.STATES[body.state].lower()
    if progress.total:
        done = formats.written(progress.percent_complete, "done")
        images = f"{formats.count(progress.processed)} of {formats.count(progress.total)} images"
        yield f"{name} is {state}: {images} are done ({done})."
    else:
        yield f"{name} is {state}: {formats.count(progress.processed)} images are done; no plan says of how many."
    if body.state not in {"finished", "warming_up"} and progress.eta:
        rate = formats.rate(body.current.images_per_minute)
        reach = f" ({progress.eta_range})" if progress.eta_range else ""
        yield f"It does {rate} images a minute and needs {progress.eta} more{reach}."


def _money(body: DashboardBody) -> Iterator[str]:
    costs = body.costs
    each = formats.written(costs.avg_cost_per_image, "unitUsd")
    spent = f"{formats.usd(costs.total_spent)} is spent, {each} an image"
    if costs.budget_total is not None:
        share = formats.written(costs.budget_spent_percent, "share")
        spent += f", {share} of the budget of {formats.usd(costs.budget_total)}"
    yield spent + "."
    if costs.savings is not None and costs.projected_total is not None and costs.baseline_total:
        verb = "saves" if costs.savings >= 0 else "costs more than the baseline by"
        share = formats.share(100 * abs(costs.savings) / costs.baseline_total)
        baseline = f"{costs.baseline_name or 'the baseline'} ({formats.usd(costs.baseline_total)})"
        begins = "A" if body.state == "finished" else f"It will have cost {formats.usd(costs.projected_total)}; a"
        yield f"{begins}gainst {baseline} it {verb} {formats.usd(abs(costs.savings))} ({share})."


def _quality(body: DashboardBody) -> Iterator[str]:
    quality = body.quality
    known = [
        f"{words} {formats.percent(value)}"
        for words, value in (
            ("mean confidence", quality.avg_confidence),
            ("validated", quality.validation_rate),
            ("consensus", quality.consensus_rate),
            ("errors", quality.error_rate),
        )
        if value is not None
    ]
    if known:
        yield f"Quality: {', '.join(known)}."


def _targets(kpis: Sequence[Mapping[str, Any]], scores: Mapping[str, Any]) -> Iterator[str]:
    judged = [kpi for kpi in kpis if kpi.get("attainment") is not None]
    if not judged:
        return
    met = sum(kpi["attainment"] >= 1 for kpi in judged)
    weakest = min(judged, key=lambda kpi: (kpi["attainment"], kpi["name"]))
    overall = scores.get("overall")
    score = f" (overall score {formats.rate(overall)} of 100)" if overall is not None else ""
    sentence = f"{met} of {len(judged)} targets are met{score}"
    if weakest["attainment"] < 1:
        name = formats.written(weakest["name"], "words")
        sentence += f"; furthest away is {name} at {formats.share(100 * weakest['attainment'])} of its target"
    yield sentence + "."


def _attention(body: DashboardBody) -> Iterator[str]:
    grave = [notice.text for notice in body.notices if notice.mark == "red"]
    if grave:
        yield f"Needs attention: {'; '.join(grave)}."
