"""What the scenarios measure, for people to read: times and memory are no assertions, they depend on the machine."""

import json
import statistics
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil

FOLDER = Path(__file__).parents[2] / "benchmarks" / "results" / "faults"
_TABLE = FOLDER / "summary.json"


_told: dict[str, Any] = {}
"""Of the scenario that runs: its figures, and how often its judge found all equal."""


def begin() -> None:
    """Another scenario."""
    _told.clear()


def equal() -> None:
    """The judge has found every counter equal."""
    _told["equal"] = _told.get("equal", 0) + 1


def enter(scenario: str, took_s: float, seed: Any, scale: float, failure: str) -> None:
    """Its row of the table, in the place of what an earlier run of it said. `failure`: empty where it passed."""
    rows = json.loads(_TABLE.read_text()) if _TABLE.exists() else {}
    told = {name: value for name, value in _told.items() if name != "equal"}
    rows[scenario] = {
        "outcome": failure or "passed",
        "equal": "yes" if _told.get("equal") else "not shown",
        "seconds": round(took_s),
        "seed": seed,
        "scale": scale,
        "day": f"{datetime.now(UTC):%d %B %Y %H:%M}",
        "figures": told,
    }
    _TABLE.parent.mkdir(parents=True, exist_ok=True)
    _TABLE.write_text(json.dumps(rows, indent=2) + "\n")
    lines = [
        "| fault | outcome | equal? | seconds | seed | scale | run (UTC) | figures |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for name, row in rows.items():
        short = {key: value for key, value in row["figures"].items() if key != "samples"}
        cells = [name, row["outcome"][:200], row["equal"], row["seconds"], row["seed"], row["scale"], row["day"]]
        lines.append(" | ".join(["", *(str(cell).replace("|", "/") for cell in cells), json.dumps(short), ""]).strip())
    _TABLE.with_suffix(".md").write_text("\n".join(["# Faults: the last run of each scenario", "", *lines, ""]))


def keep(scenario: str, **figures: Any) -> None:
    """Write `scenario.json` anew."""
    _told.update(figures)
    FOLDER.mkdir(parents=True, exist_ok=True)
    (FOLDER / f"{scenario}.json").write_text(json.dumps(figures, indent=2) + "\n")


def spread(values_s: Sequence[float]) -> dict[str, float]:
    """Count, median and the extremes."""
    return {
        "count": len(values_s),
        "least_s": round(min(values_s), 2),
        "median_s": round(statistics.median(values_s), 2),
        "most_s": round(max(values_s), 2),
    }


def peak_mb(pid: int) -> float:
    """The most memory that a living process has held (resident, MB)."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM"):
            return round(int(line.split()[1]) / 1000, 1)
    raise AssertionError(f"process {pid} says nothing of its memory")


def together_mb(pid: int) -> float:
    """What a process and its children hold now (resident, MB)."""
    total = 0
    try:
        process = psutil.Process(pid)
        for one in (process, *process.children(recursive=True)):
            total += one.memory_info().rss
    except psutil.NoSuchProcess:
        return 0.0
    return round(total / 1e6, 1)


def plot(scenario: str, samples: Sequence[dict[str, Any]], across: str) -> None:
    """Every number of the samples as a line of its own, each against its own largest value, as `scenario.svg`."""
    names = [name for name, value in samples[-1].items() if name != across and not isinstance(value, bool)]
    width, height, least = 720, 260, 40
    last = samples[-1][across] or 1
    lines = []
    for place, name in enumerate(names):
        color = ("#2563eb", "#dc2626", "#16a34a", "#9333ea", "#d97706")[place % 5]
        most = max(sample[name] for sample in samples) or 1
        points = " ".join(
            f"{least + (width - least) * sample[across] / last:.1f},{height - 220 * sample[name] / most:.1f}"
            for sample in samples
        )
        lines.append(f'<polyline fill="none" stroke="{color}" stroke-width="2" points="{points}"/>')
        lines.append(f'<text x="{least + 150 * place}" y="20" fill="{color}">{name} (most {most:,})</text>')
    axis = f'<text x="{least}" y="{height + 20}">0 to {last} ({across})</text>'
    (FOLDER / f"{scenario}.svg").write_text(
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width + 20} {height + 30}" font-family="sans-serif" '
        f'font-size="12">{"".join(lines)}{axis}</svg>\n'
    )
