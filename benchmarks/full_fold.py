"""What everything beside plain counters costs: the full fold against one of counters alone, on the same results.

    python -m benchmarks.full_fold [--events N] [--chunk N] [--rounds N] [--write]

Prints one JSON document; `--write` keeps it as benchmarks/results/full_fold.json too. Counters alone: each result adds
to the additive counters of its rows (whole run, groups, buckets), and that is all: no repeats told, no subjects, no
named families, no histograms, no spans. The two take turns in every round, so that their ratio means the same on a busy
machine. `with_decode` is what a worker sees: the results' typed decode is in both. Beside it stands what a snapshot of
that run costs, once a second.
"""

import argparse
import gc
import json
import os
import platform
import statistics
import time
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from benchmarks.fold import BEGIN, log
from events import codec
from events.envelope import epoch_ms
from metrics.fold.cells import Cells
from metrics.fold.segment import Segment
from metrics.fold.tally import Arrivals, Tally, _bands
from metrics.registers import RunRegisters
from metrics.snapshot import snapshot

RESULTS = Path(__file__).parent / "results" / "full_fold.json"
TARGET = 0.6
"""Of the rate of the counters-only fold (issue 7)."""


class CountersOnly(Tally):
    """Counters and nothing else."""

    def take(self, arrivals: Arrivals) -> Segment:
        """Adds every result to its rows."""
        everything = np.arange(len(arrivals.results))
        place, _ = self._pass_time(np.array(arrivals.effective_ms, dtype=np.int64), everything)
        labels, groups = self._labels(arrivals.results, _bands(arrivals.results))
        cells = Cells.of_results(labels, place)
        spread = cells.spread(groups)
        for key, columns in zip(spread.keys, spread.dense(cells.sums(arrivals.results, everything)), strict=True):
            self._rows.at(key).add(columns[: len(self._rows.at(key).fixed)])
        self._rows.expire(self.watermark_ms)
        return Segment(rows=self._rows.drain())


def measure(values: list[bytes], chunk: int) -> tuple[float, float, float]:
    """CPU seconds of (decode, counters alone, everything) over the log, the two folds chunk by chunk."""
    full, plain = Tally(), CountersOnly()
    spent = [0.0, 0.0, 0.0]
    for nth, begin in enumerate(range(0, len(values), chunk)):
        started = time.process_time()
        events = [codec.decode("results", value) for value in values[begin : begin + chunk]]
        spent[0] += time.process_time() - started
        arrivals = Arrivals(events, [epoch_ms(event.event_time) for event in events], [])  # type: ignore[arg-type]
        for which, tally in ((1, plain), (2, full)) if nth % 2 else ((2, full), (1, plain)):
            started = time.process_time()
            tally.take(arrivals)
            spent[which] += time.process_time() - started
    return spent[0], spent[1], spent[2]


def snapshot_ms(values: list[bytes]) -> float:
    """Processor time of one snapshot of the run, the median of ten."""
    events = [codec.decode("results", value) for value in values]
    moments_ms = [epoch_ms(event.event_time) for event in events]
    segment = Tally().take(Arrivals(events, moments_ms, []))  # type: ignore[arg-type]
    segment.recorded_ms, segment.first_event_ms = {"results": moments_ms[-1]}, int(BEGIN.timestamp() * 1_000)
    segment.watermark_ms = moments_ms[-1]
    registers = RunRegisters("backfill")
    registers.take_partials(segment.partials("backfill", 0, 1))
    taken = []
    for _ in range(10):
        started = time.process_time()
        snapshot(registers, moments_ms[-1])
        taken.append(time.process_time() - started)
    return 1e3 * statistics.median(taken)


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--events", type=int, default=60_000)
    parser.add_argument("--chunk", type=int, default=5_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    values = log(options.events)
    gc.freeze()
    rounds = [measure(values, options.chunk) for _ in range(options.rounds)]
    figures = {
        "events": options.events,
        "counters_only_us_per_event": round(1e6 * statistics.median(one[1] for one in rounds) / options.events, 2),
        "full_us_per_event": round(1e6 * statistics.median(one[2] for one in rounds) / options.events, 2),
        "full_of_counters_only": round(statistics.median(one[1] / one[2] for one in rounds), 3),
        "with_decode": round(statistics.median((one[0] + one[1]) / (one[0] + one[2]) for one in rounds), 3),
        "target": TARGET,
        "snapshot_ms": round(snapshot_ms(values), 2),
        "machine": {
            "cores": os.cpu_count(),
            "python": platform.python_version(),
            "load_average": round(os.getloadavg()[0], 1),
            "day": f"{datetime.now(UTC):%Y-%m-%d}",
        },
    }
    text = json.dumps(figures, indent=2)
    print(text)
    if options.write:
        RESULTS.write_text(text + "\n")


if __name__ == "__main__":
    main()
