"""How often the true end lies in the ETA's range, and how far its middle is off, on simulated runs of eight shapes.

    python -m benchmarks.eta_backtest [--runs N] [--seed N] [--write]

Prints one JSON document; `--write` puts it into benchmarks/results/eta_backtest.json too. A run is simulated image by
image, put into registers as the run stage would have it, and asked at a quarter, at half and at three quarters of its
time by the real `snapshot`. Beside the middle's error stands that of total / percent: what it took so far, scaled up.
"""

import argparse
import json
import statistics
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from events.partials import TOTAL, PartialRow, Partials
from events.runs import RunDeclared, TierPlan
from metrics.fold.buckets import BUCKET_MS, MINUTE_MS, moment
from metrics.fold.counters import FIRST_MS, LAST_MS
from metrics.fold.lifecycle import Stamp
from metrics.registers import RunRegisters
from metrics.snapshot import snapshot

RESULTS = Path(__file__).parent / "results" / "eta_backtest.json"
BEGIN_MS = 1_795_000_000_000
SHARES = (0.25, 0.5, 0.75)
RANGE = (0.7, 0.9)
"""So often must the true end lie in the range that is meant to hold it in 80 of 100 cases."""
Seconds = npt.NDArray[np.float64]
Random = np.random.Generator


class Simulated(NamedTuple):
    """A run's plan, and when (s) each image of each tier was complete."""

    plan: RunDeclared
    done_s: dict[int, Seconds]

    @property
    def end_s(self) -> float:
        """When the last image was complete."""
        return max(float(done[-1]) for done in self.done_s.values())


class Asked(NamedTuple):
    """A question: true time left, the range's ends and middle, and total / percent, all in seconds."""

    shape: str
    share: float
    left_s: float
    low_s: float
    high_s: float
    middle_s: float
    by_percent_s: float


def arrivals(draw: Random, images: int, rate: Callable[[float], float]) -> Seconds:
    """Completion times of a Poisson process whose rate (images a second) at a time (s) is given."""
    times, now = [], 0.0
    for gap in draw.exponential(size=images):
        now += gap / max(1e-3, rate(now))
        times.append(now)
    return np.array(times)


def steady(draw: Random, images: int, pace: float) -> Seconds:
    """One rate all along."""
    return arrivals(draw, images, lambda _: pace)


def ramping(draw: Random, images: int, pace: float) -> Seconds:
    """From a fifth of the rate up to all of it, within a fifth to two fifths of the time."""
    up_s = draw.uniform(0.2, 0.4) * images / pace
    return arrivals(draw, images, lambda now: pace * min(1.0, 0.2 + 0.8 * now / up_s))


def bursty(draw: Random, images: int, pace: float) -> Seconds:
    """Batches that come at once, each after a time of its own."""
    size = int(draw.integers(10, 60))
    gaps = draw.gamma(4, size / pace / 4, size=-(-images // size))
    return np.repeat(np.cumsum(gaps), size)[:images]


def stalling(draw: Random, images: int, pace: float) -> Seconds:
    """Steady, but for pauses of 1 to 4 min."""
    times = steady(draw, images, pace)
    for at in draw.integers(0, images, size=int(draw.integers(1, 6))):
        times[at:] += draw.uniform(60, 240)
    return times


def slowing(draw: Random, images: int, pace: float) -> Seconds:
    """At some moment the rate falls to 60-90 %."""
    when, to = draw.uniform(0.1, 0.9) * images / pace, draw.uniform(0.6, 0.9)
    return arrivals(draw, images, lambda now: pace if now < when else pace * to)


def drifting(draw: Random, images: int, pace: float) -> Seconds:
    """The rate wanders: each minute a little off the one before, drawn back to the mean."""
    logs, now = [], 0.0
    for step in draw.normal(0, 0.1, size=100_000):
        now = 0.95 * now + step
        logs.append(now)
    return arrivals(draw, images, lambda now: pace * float(np.exp(logs[min(len(logs) - 1, int(now // 60))])))


def one_tier(shape: Callable[[Random, int, float], Seconds], draw: Random) -> Simulated:
    """A run of one tier of that shape: 400 to 4,000 images in a quarter of an hour to three hours."""
    images, minutes = int(draw.integers(400, 4_000)), draw.uniform(15, 180)
    times = shape(draw, images, images / minutes / 60)
    return Simulated(_plan(images, [TierPlan(tier=1, images=images)]), {1: times})


def tiers(draw: Random, *, parallel: bool) -> Simulated:
    """Three tiers of different speed and their own plan of batches, which is off by a quarter as a rule."""
    images, minutes = int(draw.integers(800, 4_000)), draw.uniform(30, 150)
    planned, done = [], {}
    begin = 0.0
    for number, (share, slower) in enumerate(((1.0, 1.0), (0.55, 1.5), (0.12, 8.0)), start=1):
        mine = max(30, int(images * share))
        pace = images / minutes / 60 / slower * draw.uniform(0.7, 1.3)
        said = pace * float(np.exp(draw.normal(0, 0.25)))
        planned.append(TierPlan(tier=number, images=mine, batch_size=50, batch_seconds=50 / said))
        shape = (steady, bursty, drifting)[int(draw.integers(0, 3))]
        done[number] = begin + shape(draw, mine, pace)
        begin = 0.0 if parallel else float(done[number][-1])
    return Simulated(_plan(images, planned, parallel=parallel), done)


def _plan(images: int, planned: list[TierPlan], *, parallel: bool = False) -> RunDeclared:
    return RunDeclared(
        event_id="plan",
        event_time=moment(BEGIN_MS),
        run_id="r",
        total_images=images,
        tiers=planned,
        tier_order="parallel" if parallel else "series",
    )


SHAPES: dict[str, Callable[[Random], Simulated]] = {
    "steady": lambda draw: one_tier(steady, draw),
    "ramping": lambda draw: one_tier(ramping, draw),
    "bursty": lambda draw: one_tier(bursty, draw),
    "stalling": lambda draw: one_tier(stalling, draw),
    "slowing": lambda draw: one_tier(slowing, draw),
    "drifting": lambda draw: one_tier(drifting, draw),
    "series": lambda draw: tiers(draw, parallel=False),
    "parallel": lambda draw: tiers(draw, parallel=True),
}


def registers(run: Simulated, at_s: float) -> RunRegisters:
    """What the run stage would hold at that moment. An image is processed at the last tier that has it."""
    found = RunRegisters("r")
    found.take_run_event(run.plan, Stamp(BEGIN_MS, 0, 0))
    rows = [row for tier, done in run.done_s.items() for row in _rows(("tier", str(tier)), done[done <= at_s])]
    everything = np.sort(np.concatenate([done[done <= at_s] for done in run.done_s.values()]))
    rows += _rows(("totals", ""), everything, share=len(run.done_s[1]) / sum(map(len, run.done_s.values())))
    ends = (BEGIN_MS + round(float(everything[-1]) * 1e3), BEGIN_MS + round(float(everything[0]) * 1e3))
    found.take_partials(
        Partials(
            run_id="r",
            source_partition=0,
            sequence=1,
            source_offsets={"results": len(everything)},
            watermark_ms=ends[0],
            recorded_ms=ends[0],
            first_event_ms=ends[1],
            rows=rows,
        )
    )
    return found


def _rows(group: tuple[str, str], done_s: Seconds, share: float = 1.0) -> Iterator[PartialRow]:
    """Rows of the whole run and of its buckets; `share` of the results end an image's plan."""
    if not len(done_s):
        return
    moments_ms = BEGIN_MS + np.rint(done_s * 1e3).astype(np.int64)
    whole = {"results": len(done_s), "success": len(done_s), "processed_subjects": int(len(done_s) * share)}
    if group[0] == "tier":
        whole |= {FIRST_MS: int(moments_ms[0]), LAST_MS: int(moments_ms[-1])}
    yield PartialRow(TOTAL, 0, *group, whole)
    for width_ms in (BUCKET_MS, MINUTE_MS) if group[0] == "totals" else (BUCKET_MS,):
        for start, n in zip(*np.unique(moments_ms - moments_ms % width_ms, return_counts=True), strict=True):
            counters = {"results": int(n), "success": int(n), "processed_subjects": round(int(n) * share)}
            yield PartialRow(width_ms, int(start), *group, counters)


def backtest(runs: int, seed: int) -> list[Asked]:
    """Every question to every run; the shapes take turns. Moments at which no end is told (stalled) are left out."""
    asked = []
    for nth, child in enumerate(np.random.SeedSequence(seed).spawn(runs)):
        shape = list(SHAPES)[nth % len(SHAPES)]
        run = SHAPES[shape](np.random.default_rng(child))
        for share in SHARES:
            at_s = share * run.end_s
            shown = snapshot(registers(run, at_s), BEGIN_MS + round(at_s * 1e3))
            found = shown.eta
            if found.seconds is None or found.seconds_low is None or found.seconds_high is None:
                continue
            done = sum(int(np.count_nonzero(times <= at_s)) for times in run.done_s.values())
            by_percent_s = at_s * (sum(map(len, run.done_s.values())) / done - 1)
            left_s = run.end_s - at_s
            asked.append(
                Asked(shape, share, left_s, found.seconds_low, found.seconds_high, found.seconds, by_percent_s)
            )
    return asked


def figures(asked: list[Asked]) -> dict[str, Any]:
    """Coverage over all and by shape and moment; half-way errors of the middle, and of total / percent."""
    groups: defaultdict[str, list[Asked]] = defaultdict(list)
    for one in asked:
        groups[one.shape].append(one)
        groups[f"at {one.share:.0%}"].append(one)
    half = [one for one in asked if one.share == 0.5]
    return {
        "asked": len(asked),
        "coverage": round(coverage(asked), 3),
        "coverage_by": {name: round(coverage(group), 3) for name, group in groups.items()},
        "width_of_time_left": round(statistics.median((one.high_s - one.low_s) / one.left_s for one in asked), 3),
        "half_way_error": round(statistics.mean(abs(one.middle_s / one.left_s - 1) for one in half), 3),
        "half_way_error_of_percent": round(statistics.mean(abs(one.by_percent_s / one.left_s - 1) for one in half), 3),
        "target_coverage": RANGE,
    }


def coverage(asked: list[Asked]) -> float:
    """The share of the questions whose range holds the truth."""
    return statistics.mean(one.low_s <= one.left_s <= one.high_s for one in asked)


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--runs", type=int, default=240)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    found = {"runs": options.runs, "seed": options.seed} | figures(backtest(options.runs, options.seed))
    text = json.dumps(found, indent=2)
    if options.write:
        RESULTS.parent.mkdir(exist_ok=True)
        RESULTS.write_text(text + "\n")
    print(text)


if __name__ == "__main__":
    main()
