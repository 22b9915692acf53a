"""Runs that come, end and are sealed, for a long time: memory, files and ledger stay as they are."""

import asyncio
import random
import time
from pathlib import Path
from statistics import linear_regression
from typing import Any

import figures
import pytest
from judge import read
from load import Load
from site_under_test import PREFIX, Site, eventually, say
from verdict import Expected, require_equal_snapshots
from worker_process import SEAL_MS, WorkerProcess

pytestmark = [pytest.mark.faults]

RUN_S = 5
LASTING = "the one that lasts"
LASTING_SHARE = 0.001
"""Of the records: its rows of 10 s are kept for an hour, and with more would outgrow all that is ended."""
PACKED_KB = 60
"""What a run came to is kept, packed (decision 0032): 52 kB of these, which have hundreds of results of every label."""
KEPT_KB = 100
"""That, 3 kB of it in each of the other places, and what the allocator loses on the way."""
NOISE_MB = 5
SETTLED_MINUTES = 4.0
_SAMPLES_S = 15.0


@pytest.mark.timeout(2_400)
def test_a_soak_with_runs_sealed_after_20_s(site: Site, chance: random.Random, rate: int, minutes: float) -> None:
    site.migrate()
    worker = WorkerProcess(site.bootstrap, site.folder, PREFIX, stages="sealing")
    worker.start()
    load = RunAfterRun(site.bootstrap, PREFIX, chance, rate // 8, repeats=0.005, judged=500_000).start()
    samples: list[dict[str, Any]] = []
    try:
        begin = time.monotonic()
        while time.monotonic() < begin + 60 * minutes:
            time.sleep(_SAMPLES_S)
            worker.keep_running()  # as its supervisor would: on a machine that is starved the watchdog may end it
            eventually(worker.ready, "the worker")
            samples.append(sample(site, worker, time.monotonic() - begin))
            say(str(samples[-1]))
    finally:
        load.stop()
        figures.keep("soak", seal_after_s=SEAL_MS // 1000, samples=samples)
        figures.plot("soak", samples, "minute")
    try:
        expected = Expected(site.bootstrap, PREFIX, seal_after_ms=SEAL_MS)
        require_equal_snapshots(site.bootstrap, expected, PREFIX)
        figures.equal()
    finally:
        worker.kill()
    # By then everything that is kept for a while is there; what grows from then on grows for ever.
    begun = min(max(minutes / 3, SETTLED_MINUTES), 2 * minutes / 3)
    samples = [one for one in samples if one["minute"] >= begun]
    settled, last = samples[0], samples[-1]
    for name in ("ledger_kb", "open_files"):
        assert last[name] < 1.5 * settled[name] + 20, (name, settled, last)
    ended = (last["minute"] - settled["minute"]) * 60 / RUN_S
    # Beside those at rest the ledger has 10 MB of runs that are awake, now more, now less.
    noted_kb = last["registers_kb"] - settled["registers_kb"]
    assert noted_kb < PACKED_KB * ended + 1000 * NOISE_MB, (settled, last)
    grown_mb = a_minute(samples, "worker_mb") * (last["minute"] - settled["minute"])
    assert grown_mb < KEPT_KB / 1000 * ended + NOISE_MB, (grown_mb, settled, last)


class RunAfterRun(Load):
    """Every 5 s a new run; the one before gets nothing more but repeats. Beside them one that lasts, with little."""

    def _one(self) -> None:
        lasts = self._chance.random() < LASTING_SHARE
        self._runs = [LASTING if lasts else f"run {int(time.time()) // RUN_S}"]
        super()._one()


def sample(site: Site, worker: WorkerProcess, at_s: float) -> dict[str, Any]:
    assert worker.process is not None
    folder = Path(f"/proc/{worker.process.pid}")
    status = dict(line.split(":", 1) for line in (folder / "status").read_text().splitlines())
    ledger, registers = (ledger_kb(site, name) for name in ("ledger.combine", "ledger.run"))
    return {
        "minute": round(at_s / 60, 2),
        "worker_mb": round(int(status["VmRSS"].split()[0]) / 1000, 1),
        "open_files": len(list((folder / "fd").iterdir())),
        "ledger_kb": ledger,
        "registers_kb": registers,
    }


def a_minute(samples: list[dict[str, Any]], name: str) -> float:
    """The slope of the straight line that fits best: one sample says little of a heap that breathes."""
    return linear_regression([one["minute"] for one in samples], [one[name] for one in samples]).slope


def ledger_kb(site: Site, name: str) -> float:
    """What a ledger holds of the runs that end, once the log's cleaner has been through.

    Rows of the one that lasts are kept for an hour: a shorter soak would see nothing but these.
    """
    records = asyncio.run(read(site.bootstrap, PREFIX + name))
    newest = {(record.partition, record.key): len(record.value or b"") for record in records}
    lasting = f'["{LASTING}"'.encode()
    return round(sum(size for (_, key), size in newest.items() if not key.startswith(lasting)) / 1000, 1)
