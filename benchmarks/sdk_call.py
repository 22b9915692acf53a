"""What an SDK call costs the program that makes it: microseconds in the caller's thread, beside a bare msgspec encode.

`python -m benchmarks.sdk_call [--bootstrap HOST:PORT]` prints JSON. Without a bootstrap it starts a Kafka of its own,
so that the delivery thread does its real work beside the caller. `burst` calls as fast as it can; `paced` a thousand
times a second, where every call finds cold caches: its ratio is to an encode that is paced alike.
Target (DESIGN.md 7): a median under 20 µs in a burst, with or without a broker.
"""

import argparse
import asyncio
import contextlib
import json
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

from events.codec import encode
from events.results import Answer, ImageResult
from events.sdk.ids import uuid7
from events.sdk.publisher import Publisher
from servers.kafka import server as kafka
from servers.topics import migrate

BURST, PACED, PACE_S = 20_000, 3_000, 0.001
TARGET_US = 20.0


def event() -> ImageResult:
    """A result as a processor writes it, some 500 bytes."""
    return ImageResult(
        event_id=uuid7(),
        event_time=datetime.now(UTC),
        run_id="benchmark",
        image_id="img-000001",
        vehicle_id="vehicle-17",
        status="success",
        tier=2,
        task_type="vehicle_identification",
        model="claude-haiku",
        provider="anthropic",
        latency_ms=812.5,
        input_tokens=1_240,
        output_tokens=310,
        cost_usd=0.0004,
        confidence=0.93,
        answers=[Answer(question="make", answer="Volvo", confidence=0.97, table="vehicles")],
        questions_asked=1,
    )


def timed(call: Callable[[], object], count: int, pace_s: float = 0.0) -> dict[str, float]:
    """Median and 99th percentile of `count` calls, in microseconds."""
    took: list[int] = []
    for _ in range(count):
        begin = time.perf_counter_ns()
        call()
        took.append(time.perf_counter_ns() - begin)
        if pace_s:
            time.sleep(pace_s)
    took.sort()
    return {"median_us": took[count // 2] / 1e3, "p99_us": took[count * 99 // 100] / 1e3}


def measure(bootstrap: str, spool: Path | None = None) -> dict[str, dict[str, float]]:
    """Every figure of one publisher."""
    publisher = Publisher(bootstrap, source="benchmark", spool=spool)
    one = event()

    def track() -> None:
        with publisher.track(
            image_id="img-000001", run_id="benchmark", model="claude-haiku", provider="anthropic"
        ) as call:
            call.tokens(input=1_240, output=310)
            call.cost(0.0004)
            call.answer("make", "Volvo", confidence=0.97, table="vehicles")

    def publish() -> bool:
        return publisher.publish(one)

    figures = {}
    for name, call in {"publish": publish, "track": track}.items():
        figures[f"{name}_burst"] = timed(call, BURST)
        publisher.flush(0.5)
        figures[f"{name}_paced"] = timed(call, PACED, PACE_S)
    figures["events"] = {name: float(count) for name, count in publisher.statistics()._asdict().items()}
    publisher.close(0)
    return figures


@contextlib.contextmanager
def broker(bootstrap: str | None) -> Iterator[str]:
    """The given one, or one of our own with its topics."""
    if bootstrap:
        yield bootstrap
        return
    with tempfile.TemporaryDirectory() as folder, kafka.start(Path(folder)) as own:
        asyncio.run(migrate(own.bootstrap))
        yield own.bootstrap


def main() -> int:
    """Measure and print; exits 1 where a median misses the target."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.sdk_call", description=__doc__)
    parser.add_argument("--bootstrap", help="a broker with the topics of imageledger")
    bootstrap = parser.parse_args().bootstrap
    one = event()
    bare = {"burst": timed(lambda: encode(one), BURST), "paced": timed(lambda: encode(one), PACED, PACE_S)}
    with broker(bootstrap) as address:
        figures = {"broker": measure(address)}
    with tempfile.TemporaryDirectory() as spool:
        figures |= {"no_broker": measure("127.0.0.1:1"), "no_broker_spool": measure("127.0.0.1:1", Path(spool))}
    medians = {
        f"{where}.{what}": figure["median_us"]
        for where, found in figures.items()
        for what, figure in found.items()
        if "median_us" in figure
    }
    ratios = {name: round(us / bare[name.rpartition("_")[2]]["median_us"], 1) for name, us in medians.items()}
    report = {
        "bytes": len(encode(one)),
        "encode": bare,
        **figures,
        "ratio_to_encode": ratios,
        "target_us": TARGET_US,
        "met": all(us < TARGET_US for name, us in medians.items() if name.endswith("_burst")),
    }
    print(json.dumps(report, indent=2))
    return 0 if report["met"] else 1


if __name__ == "__main__":
    sys.exit(main())
