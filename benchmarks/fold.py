"""Events a second of the combine stage's fold on one core: `apply` alone, and with the decode of each record.

    python benchmarks/fold.py [--events N] [--chunk N] [--rounds N]

Prints one JSON object; rates are CPU time, medians of the rounds. `decode` is the same records' typed decode alone, so
that a ratio means the same on any machine.
"""

import argparse
import gc
import json
import random
import statistics
import time
import uuid
from datetime import UTC, datetime, timedelta

from events import codec
from events.results import Answer, ImageResult
from metrics.fold.partition import Fold, Record

BEGIN = datetime(2026, 11, 1, tzinfo=UTC)


def log(events: int) -> list[bytes]:
    """A backfill's results: 100 a second, three tiers, four models, about 530 bytes each."""
    draw = random.Random(1)  # noqa: S311 - it makes examples
    return [codec.encode(_result(n, draw)) for n in range(events)]


def _result(n: int, draw: random.Random) -> ImageResult:
    tier = draw.choices([1, 2, 3], [70, 20, 10])[0]
    return ImageResult(
        event_id=str(uuid.UUID(int=draw.getrandbits(128))),
        event_time=BEGIN + timedelta(milliseconds=10 * n),
        run_id="backfill",
        source="benchmark",
        image_id=f"image-{draw.randrange(1 + n)}",
        vehicle_id=f"vehicle-{n % 500}",
        tier=tier,
        task_type="parts",
        model=["gpt-4o-mini", "gpt-4o-mini-context", "gpt-4o"][tier - 1] if n % 50 else "claude-opus",
        provider="openai" if n % 50 else "anthropic",
        status=draw.choices(["success", "partial", "failed"], [94, 4, 2])[0],  # type: ignore[arg-type]
        latency_ms=round(draw.lognormvariate(6.5, 0.6), 2),
        input_tokens=draw.randrange(2_000),
        output_tokens=draw.randrange(500),
        cost_usd=round(draw.uniform(0.0001, 0.02), 6),
        confidence=round(draw.uniform(0.6, 1), 3),
        context_score=draw.choice([5, 20, 40, 70]),
        questions_asked=2,
        answers=[Answer(question="angle", answer="front", confidence=0.9, table="image_tags")],
        tables={"image_tags": 3},
        insights=1,
    )


def measure(values: list[bytes], chunk: int) -> tuple[float, float]:
    """CPU seconds of (decode, apply) over the whole log."""
    fold, decoding, applying = Fold(), 0.0, 0.0
    for begin in range(0, len(values), chunk):
        started = time.process_time()
        events = [codec.decode("results", value) for value in values[begin : begin + chunk]]
        decoded = time.process_time()
        first_ms = int(BEGIN.timestamp() * 1_000) + 100
        records = [Record("results", at, first_ms + 10 * at, event) for at, event in enumerate(events, begin)]
        folding = time.process_time()
        fold.apply(records)
        decoding, applying = decoding + decoded - started, applying + time.process_time() - folding
    return decoding, applying


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=100_000)
    parser.add_argument("--chunk", type=int, default=5_000)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    values = log(options.events)
    gc.freeze()
    rounds = [measure(values, options.chunk) for _ in range(options.rounds)]
    decode = statistics.median(decoding for decoding, _ in rounds)
    apply = statistics.median(applying for _, applying in rounds)
    both = statistics.median(decoding + applying for decoding, applying in rounds)
    figures = {
        "events": options.events,
        "chunk": options.chunk,
        "mean_bytes": round(statistics.mean(map(len, values))),
        "decode_events_per_s": round(options.events / decode),
        "apply_events_per_s": round(options.events / apply),
        "decode_and_apply_events_per_s": round(options.events / both),
        "apply_us_per_event": round(1e6 * apply / options.events, 2),
        "apply_to_decode": round(apply / decode, 2),
    }
    print(json.dumps(figures, indent=2))


if __name__ == "__main__":
    main()
