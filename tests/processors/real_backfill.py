"""`imageledger backfill` as a process of its own on a real Kafka, and what is in the log after it."""

import asyncio
import json
import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import forked
from forked import Forked

from events.codec import Kind
from events.sdk.publisher import Publisher
from events.sdk.reader import Reader
from imageledger.cli.main import main

SPEED = 3_000.0
TOTAL_NANO_USD = 13_672_400_000


class Backfill:
    """One run of the documented backfill, ended and started again as often as a test wants."""

    def __init__(self, kafka: str, prefix: str, data: Path, run_id: str) -> None:
        self.kafka, self.prefix, self.run_id = kafka, prefix, run_id
        self.process: Forked | None = None
        self._data = data
        ours = {name: value for name, value in os.environ.items() if not name.startswith("IMAGELEDGER_")}
        self._environment = ours | {"IMAGELEDGER_KAFKA": kafka, "IMAGELEDGER_PREFIX": prefix}
        self._out, self._err = data / f"{run_id}.out", data / f"{run_id}.err"

    def command(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Any command of the product, to its end."""
        return forked.run(main, ["--data", str(self._data), *words], self._environment)

    def start(self, *words: str, speed: float = SPEED) -> None:
        arguments = ["backfill", "--run", self.run_id, "--speed", str(speed), "--json", *words]
        for file in (self._out, self._err):
            file.write_text("")
        self.process = Forked(main, ["--data", str(self._data), *arguments], self._environment, self._out, self._err)

    def kill(self) -> bool:
        """SIGKILL; whether it was still at work."""
        assert self.process is not None
        self.process.kill()
        return self.process.wait() == -signal.SIGKILL

    def stop(self) -> str:
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        return self.wait()

    def wait(self) -> str:
        """What it said."""
        assert self.process is not None
        assert self.process.wait() == 0, self._err.read_text()
        return self._out.read_text()

    def summary(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.wait())
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
            assert self.process is None or self.process.poll() in {None, 0}, self._err.read_text()
            await asyncio.sleep(2 * (time.monotonic() - asked))
