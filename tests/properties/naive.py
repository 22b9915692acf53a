"""The judge: every figure of a run by the plainest fold that the documents allow, and its comparison with a snapshot.

Nothing of `metrics` is used. Facts are kept one by one in lists, and each figure is counted anew from them.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Literal, NamedTuple

from events.envelope import EPOCH
from events.feedback import FeedbackRecorded
from events.results import ComponentResult, Result
from events.snapshots import RunMetrics

SECOND, MINUTE, HOUR, DAY = 1_000, 60_000, 3_600_000, 86_400_000
LABELS = ("tier", "model", "provider", "band", "task_type", "component_type", "variant")
Key = tuple[Any, ...]


class Logged(NamedTuple):
    """A decoded, accepted record at its position; `topic` without prefix."""

    topic: Literal["results", "feedback"]
    partition: int
    offset: int
    timestamp_ms: int
    event: Any


@dataclass
class Fact:
    """One counted result, or a repeat (`moment_ms` None): what it adds, and to which labels."""

    partition: int
    moment_ms: int | None
    late: bool
    adds: Counter[str]
    labels: dict[str, str]
    subjects: Counter[str] = field(default_factory=Counter)  # became …, in the run
    tier_subjects: Counter[str] = field(default_factory=Counter)  # became …, at its tier
    latency_ms: int | None = None
    confidence: float | None = None


@dataclass
class Subject:
    seen: bool = False
    processed: bool = False
    failed: bool = False
    band: str | None = None
    tiers_seen: set[int] = field(default_factory=set)
    tiers_complete: set[int] = field(default_factory=set)
    tiers_failed: set[int] = field(default_factory=set)
    successes: Counter[int] = field(default_factory=Counter)


@dataclass
class NaiveRun:
    """Everything that the log says of a run. `expected(as_of_ms)` is what a snapshot at that moment must show."""

    facts: list[Fact] = field(default_factory=list)
    offsets: dict[str, dict[str, int]] = field(default_factory=lambda: defaultdict(dict))
    subjects: dict[Key, Subject] = field(default_factory=dict)
    opinions: dict[Key, FeedbackRecorded] = field(default_factory=dict)
    ids: set[Key] = field(default_factory=set)
    feedback_duplicates: int = 0
    after_seal: int = 0
    last_seen: dict[tuple[str, int], int] = field(default_factory=dict)
    sealed: set[tuple[str, int]] = field(default_factory=set)
    watermarks: dict[int, int] = field(default_factory=dict)
    named: dict[tuple[int, str], list[str]] = field(default_factory=lambda: defaultdict(list))
    truncated: set[str] = field(default_factory=set)

    def last_event_ms(self) -> int | None:
        return max(self.watermarks.values(), default=None)

    def first_event_ms(self) -> int | None:
        return min((fact.moment_ms for fact in self.facts if fact.moment_ms is not None), default=None)

    def confidences_below(self, threshold: float) -> int:
        return sum(round(f.confidence * 1e6) < threshold * 1e6 for f in self.facts if f.confidence is not None)

    def expected(self, as_of_ms: int) -> dict[str, Any]:
        counted = [fact for fact in self.facts if fact.moment_ms is not None]
        figures: dict[str, Any] = {
            "source_offsets": {topic: dict(ends) for topic, ends in self.offsets.items()},
            "totals": self._totals(as_of_ms),
            "truncated": sorted(self.truncated),
            "latencies": {("totals", ""): sorted(f.latency_ms for f in counted if f.latency_ms is not None)},
        }
        for label in LABELS:
            figures[f"by_{label}"] = self._by(label)
        for label in ("model", "provider"):
            for value in figures[f"by_{label}"]:
                found = [f.latency_ms for f in counted if f.labels.get(label) == value and f.latency_ms is not None]
                figures["latencies"][label, value] = sorted(found)
        for name, window_ms in (("window_60s", MINUTE), ("window_10m", 10 * MINUTE)):
            figures[name] = self._window(as_of_ms, window_ms)
        return figures

    def _totals(self, as_of_ms: int) -> dict[str, Any]:
        sums = _add(fact.adds for fact in self.facts)
        everyone = self.subjects.values()
        sums["subjects"] = len(everyone)
        sums["processed_subjects"] = sum(s.processed for s in everyone)
        sums["failed_subjects"] = sum(s.failed for s in everyone)
        sums["reprocessed_subjects"] = sum(max(s.successes.values(), default=0) > 1 for s in everyone)
        for said in self.opinions.values():
            if said.question is None:
                sums["thumbs_up"] += said.rating == 1
                sums["thumbs_down"] += said.rating == -1
            else:
                sums[str(said.verdict)] += 1
                if said.verdict == "confirmed":
                    sums[f"validated_{said.validator}"] += 1
        sums["duplicates"] += self.feedback_duplicates
        sums["after_seal"] = self.after_seal
        recent = [f for f in self._on_time() if as_of_ms - DAY < _start(f, MINUTE) <= as_of_ms]
        sums["minutes_with_result"] = len({_start(f, MINUTE) for f in recent})
        sums["minutes_with_success"] = len({_start(f, MINUTE) for f in recent if f.adds["success"]})
        return _nested(sums)

    def _by(self, label: str) -> dict[str, Any]:
        sums: dict[str, Counter[str]] = defaultdict(Counter)
        for fact in self.facts:
            if label in fact.labels:
                sums[fact.labels[label]].update(fact.adds)
        if label == "band":
            for subject in self.subjects.values():
                if subject.band is not None:
                    sums[subject.band]["subjects"] += 1
        if label == "tier":
            for value, counters in sums.items():
                tier = int(value)
                everyone = self.subjects.values()
                counters["subjects"] = sum(tier in s.tiers_seen for s in everyone)
                counters["processed_subjects"] = sum(tier in s.tiers_complete for s in everyone)
                counters["failed_subjects"] = sum(tier in s.tiers_failed for s in everyone)
                counters["reprocessed_subjects"] = sum(s.successes[tier] > 1 for s in everyone)
        named = sorted((v for v in sums if v != "__other__"), key=lambda v: (-sums[v]["results"], v))
        shown = {value: _nested(sums[value]) for value in named[:200]}
        rest = [sums[value] for value in (*named[200:], "__other__") if value in sums]
        return shown | ({"__other__": _nested(_add(rest))} if rest else {})

    def _window(self, as_of_ms: int, window_ms: int) -> dict[str, Any]:
        inside = [f for f in self._on_time() if as_of_ms - window_ms < _start(f, 10 * SECOND) <= as_of_ms]
        sums = _add([*(fact.adds for fact in inside), *(fact.subjects for fact in inside)])
        first = -(-(as_of_ms - window_ms + 1) // (10 * SECOND)) * 10 * SECOND
        begin = self.first_event_ms()
        span = as_of_ms - (first if begin is None else max(first, begin))
        return {"counters": _nested(sums), "span_ms": max(0, span)}

    def _on_time(self) -> Iterator[Fact]:
        return (fact for fact in self.facts if fact.moment_ms is not None and not fact.late)


def naive(records: Iterable[Logged], *, seal_after_ms: int = 90 * DAY) -> dict[str, NaiveRun]:
    """Folds a whole log: run id → what it says. Records of one partition and topic must come in order of offset."""
    runs: dict[str, NaiveRun] = defaultdict(NaiveRun)
    clocks: dict[tuple[str, int], int] = {}
    for topic, partition, offset, timestamp_ms, event in records:
        moment_ms = _floor_ms(event.event_time)
        skewed = moment_ms - timestamp_ms > 5 * MINUTE
        if skewed:
            moment_ms = timestamp_ms
        day = EPOCH + timedelta(milliseconds=moment_ms)
        run = runs[event.run_id or f"default-{day.year:04d}-{day.month:02d}"]
        run.offsets[topic][str(partition)] = offset + 1
        where = (topic, partition)
        clocks[where] = max(clocks.get(where, timestamp_ms), timestamp_ms)
        if where in run.last_seen and clocks[where] - run.last_seen[where] > seal_after_ms:
            run.sealed.add(where)
        run.last_seen[where] = max(run.last_seen.get(where, timestamp_ms), timestamp_ms)
        if where in run.sealed:
            run.after_seal += 1
        elif topic == "results":
            _take_result(run, partition, event, moment_ms, skewed)
        else:
            _take_feedback(run, partition, event)
    return dict(runs)


def _take_result(run: NaiveRun, partition: int, result: Result, moment_ms: int, skewed: bool) -> None:
    repeat = ("results", partition, result.event_id) in run.ids
    run.ids.add(("results", partition, result.event_id))
    labels = {label: _named(run, partition, label, value) for label, value in _labels(result).items()}
    if repeat:
        run.facts.append(Fact(partition, None, False, Counter(duplicates=1), labels))
        return
    late = moment_ms < run.watermarks.get(partition, moment_ms) - DAY
    run.watermarks[partition] = max(run.watermarks.get(partition, moment_ms), moment_ms)
    fact = Fact(partition, moment_ms, late, _adds(run, partition, result), labels)
    fact.adds["late_events"], fact.adds["clock_skewed_events"] = int(late), int(skewed)
    if result.latency_ms is not None:
        fact.latency_ms = round(result.latency_ms)
    fact.confidence = result.confidence
    subject = run.subjects.setdefault((partition, type(result).__name__, result.subject_id), Subject())
    fact.subjects = _move(subject, result)
    run.facts.append(fact)


def _move(subject: Subject, result: Result) -> Counter[str]:
    """Notes what became of a subject; what is new of it."""
    became: Counter[str] = Counter()
    reprocessed = max(subject.successes.values(), default=0) > 1
    became["subjects"] = not subject.seen
    subject.seen = True
    subject.tiers_seen.add(result.tier)
    if result.status != "failed":
        subject.tiers_complete.add(result.tier)
        if result.final:
            became["processed_subjects"] = not subject.processed
            subject.processed = True
    subject.failed = result.status == "failed"
    (subject.tiers_failed.add if subject.failed else subject.tiers_failed.discard)(result.tier)
    if result.status == "success":
        subject.successes[result.tier] += 1
        became["reprocessed_subjects"] = not reprocessed and subject.successes[result.tier] > 1
    if result.context_score is not None:
        subject.band = _labels(result)["band"]
    return Counter({name: int(n) for name, n in became.items()})


def _take_feedback(run: NaiveRun, partition: int, said: FeedbackRecorded) -> None:
    if ("feedback", partition, said.event_id) in run.ids:
        run.feedback_duplicates += 1
        return
    run.ids.add(("feedback", partition, said.event_id))
    if said.question is None and said.rating is not None:
        run.opinions[partition, said.subject] = said
    if said.question is not None and said.verdict is not None:
        run.opinions[partition, said.subject, said.question] = said


def _labels(result: Result) -> dict[str, str]:
    carried = {
        "tier": str(result.tier),
        "model": result.model,
        "provider": result.provider,
        "task_type": result.task_type,
        "variant": result.variant,
    }
    if isinstance(result, ComponentResult):
        carried["component_type"] = result.component_type
    score = result.context_score
    if score is not None:
        carried["band"] = "rich" if score >= 60 else "good" if score >= 30 else "medium" if score >= 10 else "poor"
    return {label: value for label, value in carried.items() if value}


def _named(run: NaiveRun, partition: int, label: str, value: str) -> str:
    named = run.named[partition, label]
    if value in named:
        return value
    if len(named) < 2_000:
        named.append(value)
        return value
    run.truncated.add(label)
    return "__other__"


def _adds(run: NaiveRun, partition: int, result: Result) -> Counter[str]:
    answers = result.answers or []
    asked = [answer for answer in answers if (answer.asked_models or 0) >= 2]
    adds = Counter(
        {
            "results": 1,
            result.status: 1,
            "timeouts": result.status == "failed" and bool(result.error and result.error.timeout),
            "retries": result.attempt > 1,
            "retrying": result.status == "failed" and result.will_retry,
            "cost_nano_usd": round((result.cost_usd or 0) * 1e9),
            "unpriced": result.cost_usd is None,
            "input_tokens": result.input_tokens,
            "output_tokens": result.output_tokens,
            "cached_tokens": result.cached_tokens,
            "tokens_saved": result.tokens_saved,
            "cache_hits": result.cache_hit,
            "latency_ms_sum": round(result.latency_ms or 0),
            "latency_count": result.latency_ms is not None,
            "untimed": result.latency_ms is None,
            "confidence_sum_ppm": round((result.confidence or 0) * 1e6),
            "confidence_count": result.confidence is not None,
            "questions_asked": result.questions_asked,
            "answers": len(answers),
            "consensus_asked": len(asked),
            "consensus_agreed": sum((a.agreeing_models or 0) / (a.asked_models or 1) > 0.5 for a in asked),
            "insights": result.insights,
            "gaps": len(result.gaps or []),
        }
    )
    for answer in answers:
        if answer.validated_by:
            adds[f"validated_{answer.validated_by}"] += 1
    for family, unit, scale, amounts in (
        ("scores", "sum_micro", 1e6, result.scores),
        ("stages", "ms_sum", 1, result.stages),
        ("stage_costs", "nano_usd_sum", 1e9, result.stage_costs),
    ):
        for name, amount in (amounts or {}).items():
            shown = _named(run, partition, family, name)
            adds[f"{family}|{shown}|{unit}"] += round(amount * scale)
            adds[f"{family}|{shown}|count"] += 1
    for family, amounts in (("findings", result.findings), ("records", result.tables)):
        for name, amount in (amounts or {}).items():
            if amount:
                adds[f"{family}|{_named(run, partition, family, name)}"] += amount
    return Counter({name: int(amount) for name, amount in adds.items()})


def _add(counters: Iterable[Counter[str]]) -> Counter[str]:
    """`Counter.__add__` drops what is not positive; a sum of scores may be that."""
    total: Counter[str] = Counter()
    for more in counters:
        total.update(more)
    return total


def _nested(counters: Counter[str]) -> dict[str, Any]:
    nested: dict[str, Any] = {}
    for name, amount in counters.items():
        *path, last = name.split("|")
        inner = nested
        for part in path:
            inner = inner.setdefault(part, {})
        if amount or (path and path[0] in {"scores", "stages", "stage_costs"}):
            inner[last] = amount
    return nested


def _floor_ms(moment: datetime) -> int:
    return (moment.astimezone(UTC) - EPOCH) // timedelta(milliseconds=1)


def _start(fact: Fact, width_ms: int) -> int:
    assert fact.moment_ms is not None
    return fact.moment_ms // width_ms * width_ms


def differences(run: NaiveRun, snapshot: RunMetrics) -> list[str]:
    """Every figure of a snapshot that is not what the log says, in words; empty if all agree."""
    expected = run.expected(_floor_ms(snapshot.as_of))
    found = []
    for name in ("source_offsets", "totals", "truncated", *(f"by_{label}" for label in LABELS)):
        actual = getattr(snapshot, name)
        if actual != expected[name]:
            found += deep(name, expected[name], actual)
    for name in ("window_60s", "window_10m"):
        window = getattr(snapshot, name)
        minutes = expected[name]["span_ms"] / MINUTE
        counters = expected[name]["counters"]
        found += deep(f"{name}.counters", counters, window.counters)
        found += deep(f"{name}.span_ms", expected[name]["span_ms"], window.span_ms)
        for rate, counter in (
            ("results", "results"),
            ("images", "processed_subjects"),
            ("cost_nano_usd", "cost_nano_usd"),
        ):
            wanted = counters.get(counter, 0) / minutes if minutes else 0.0
            actual = getattr(window, f"{rate}_per_minute")
            if abs(wanted - actual) > 1e-9 * max(1.0, wanted):
                found.append(f"{name}.{rate}_per_minute: {wanted} expected, {actual} found")
    for (label, value), latencies in expected["latencies"].items():
        percentiles = (
            snapshot.latency.totals if label == "totals" else getattr(snapshot.latency, f"by_{label}").get(value)
        )
        found += _percentiles(f"latency {label} {value}", latencies, percentiles)
    last = run.last_event_ms()
    found += deep("last_event_at", last, None if snapshot.last_event_at is None else _floor_ms(snapshot.last_event_at))
    return found


def _percentiles(name: str, latencies: list[int], percentiles: Any) -> list[str]:
    if not latencies or percentiles is None:
        return (
            [] if not latencies and percentiles is None else [f"{name}: {latencies[:3]}… expected, {percentiles} found"]
        )
    found = []
    for q, actual in ((0.5, percentiles.p50), (0.95, percentiles.p95), (0.99, percentiles.p99)):
        wanted = latencies[int(q * (len(latencies) - 1))]
        if abs(actual - wanted) > 0.010001 * wanted:
            found.append(f"{name} p{q * 100:.0f}: {wanted} expected, {actual} found")
    return found


def deep(path: str, expected: Any, actual: Any) -> list[str]:
    """Where two documents differ, in words."""
    if isinstance(expected, dict) and isinstance(actual, dict):
        found = []
        for key in sorted(expected.keys() | actual.keys()):
            found += deep(f"{path}.{key}", expected.get(key), actual.get(key))
        return found
    return [] if expected == actual else [f"{path}: {expected} expected, {actual} found"]
