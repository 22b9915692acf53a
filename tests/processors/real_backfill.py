"""`imageledger backfill` as a process of its own on a real Kafka, and what is in the log after it."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from events.codec import Kind
from events.sdk.publisher import Publisher
from events.sdk.reader import Reader

SPEED = 3_000.0
TOTAL_NANO_USD = 13_672_400_000


class Backfill:
    """One run of the documented backfill, ended and started again as often as a test wants."""

    def __init__(self, kafka: str, prefix: str, data: Path, run_id: str) -> None:
        self.kafka, self.prefix, self.run_id = kafka, prefix, run_id
        self.process: subprocess.Popen[str] | None = None
        self._data = data
        ours = {name: value for name, value in os.environ.items() if not name.startswith("IMAGELEDGER_")}
        self._environment = ours | {"IMAGELEDGER_KAFKA": kafka, "IMAGELEDGER_PREFIX": prefix}

    def command(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Any command of the product, to its end."""
        return subprocess.run(
            [sys.executable, "-m", "imageledger", "--data", str(self._data), *words],
            env=self._environment,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    def start(self, *words: str, speed: float = SPEED) -> None:
        arguments = ["backfill", "--run", self.run_id, "--speed", str(speed), "--json", *words]
        self.process = subprocess.Popen(
            [sys.executable, "-m", "imageledger", "--data", str(self._data), *arguments],
            env=self._environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def kill(self) -> bool:
        """SIGKILL; whether it was still at work."""
        assert self.process is not None
        self.process.send_signal(signal.SIGKILL)
        self.process.communicate()
        return self.process.returncode == -signal.SIGKILL

    def stop(self) -> str:
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        return self.wait()[0]

    def wait(self) -> tuple[str, str]:
        assert self.process is not None
        out, err = self.process.communicate(timeout=120)
        assert self.process.returncode == 0, err
        return out, err

    def summary(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.wait()[0])
        return found

    def publish(self, *events: Any) -> None:
        with Publisher(self.kafka, prefix=self.prefix) as publisher:
            for event in events:
                assert publisher.publish(event)
            assert publisher.flush(60) == 0

    async def log(self, kind: Kind) -> list[Any]:
        """The run's events on a topic, each event id once: the first."""
        async with Reader(self.kafka, kind, run_id=self.run_id, prefix=self.prefix) as reader:
            entries = [entry async for entry in reader.to_now()]
        entries.sort(key=lambda entry: (entry.position.timestamp_ms, entry.position.offset))
        first: dict[str, Any] = {}
        for entry in entries:
            first.setdefault(entry.event.event_id, entry.event)
        return list(first.values())

    async def until(self, holds: Callable[[list[Any]], Any], kind: Kind, what: str, deadline_s: float = 120) -> Any:
        """Reads the topic until the answer is truthy, and returns it; rests for twice as long as reading takes."""
        end = time.monotonic() + deadline_s
        while True:
            asked = time.monotonic()
            if answer := holds(await self.log(kind)):
                return answer
            assert time.monotonic() < end, f"not within {deadline_s:.0f} s: {what}"
            assert self.process is None or self.process.poll() in {None, 0}, self.process.stderr
            await asyncio.sleep(2 * (time.monotonic() - asked))
