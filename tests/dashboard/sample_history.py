"""Rows of the store as the sink would write them, few and of every kind, for the pages of history."""

import itertools
import json
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

import httpx

START_MS = 1_793_613_600_000
"""2026-11-02T10:00:00Z: when the first of these results counts."""
_OFFSETS = itertools.count()


def result(number: int, run: str = "history", **changes: Any) -> dict[str, Any]:
    """A row of `results`: an image's, a minute after that of `number` − 1."""
    at = START_MS + number * 60_000
    row = {
        "event_id": f"event-{number}", "event_type": "image.result", "event_time": written(at), "run_id": run,
        "subject_kind": "image", "subject_id": f"image-{number}", "status": "success", "tier": 1,
        "model": "gpt-4o-mini", "provider": "openai", "task_type": "classification", "latency_ms": 800 + number,
        "cost_usd": 0.0005, "cost_nano_usd": 500_000 + number, "confidence": 0.9, "confidence_ppm": 900_000,
        "recorded_at": written(at),
        "effective_ms": at, "source_topic": "imageledger.results", "source_partition": number % 2,
        "source_offset": next(_OFFSETS),
    }  # fmt: skip
    return row | changes


def component(number: int, run: str = "components", **changes: Any) -> dict[str, Any]:
    """A generated component's (S1)."""
    scores = {
        "classification_accuracy": 0.9, "semantic_confidence": 0.8, "visual_similarity_pixel": 0.7,
        "visual_similarity_semantic": 0.85, "code_quality": 0.6,
    }  # fmt: skip
    fields = {
        "event_type": "component.result", "subject_kind": "component", "subject_id": f"component-{number}",
        "component_type": "Button", "task_type": "coding", "model": "claude-sonnet-4-5", "provider": "anthropic",
        "stages": {"embedding": 100.0, "generation": 700.0, "validation": 200.0},
        "stage_costs": {"generation": 0.0004, "validation": 0.0001}, "scores": scores,
        "scores_micro": {name: round(value * 1e6) for name, value in scores.items()},
    }  # fmt: skip
    return result(number, run) | fields | changes


def insert(writer: str, table: str, rows: Iterable[dict[str, Any]]) -> None:
    """Write rows as the role that may."""
    lines = "\n".join(json.dumps(row) for row in rows)
    answer = httpx.post(writer, content=f"INSERT INTO imageledger.{table} FORMAT JSONEachRow\n{lines}", timeout=60)
    assert answer.status_code == 200, answer.text


def written(at_ms: int) -> str:
    """A time as ClickHouse reads it."""
    return datetime.fromtimestamp(at_ms / 1_000, UTC).strftime("%Y-%m-%d %H:%M:%S.%f")
