"""Results of about 550 bytes and 26 fields, as performance.md measured with."""

import json
import random
from datetime import UTC, datetime, timedelta

_MODELS = (
    ("gemini-1.5-flash", "google"),
    ("gpt-4o-mini", "openai"),
    ("claude-3-haiku", "anthropic"),
    ("gpt-4o", "openai"),
)
_START = datetime(2026, 11, 1, tzinfo=UTC)


def events(count: int, seed: int = 1) -> list[bytes]:
    """So many records' values, the same for the same seed."""
    chance = random.Random(seed)  # noqa: S311 - test data
    return [_event(chance, number, count) for number in range(count)]


def _event(chance: random.Random, number: int, count: int) -> bytes:
    model, provider = chance.choice(_MODELS)
    status = chance.choices(("success", "partial", "failed"), (92, 3, 5))[0]
    document = {
        "event_id": f"{chance.getrandbits(128):032x}",
        "event_type": "image.result",
        "event_time": (_START + timedelta(milliseconds=number * 7 + chance.random() * 5)).isoformat(),
        "run_id": f"backfill-{number % 4}",
        "source": "bench",
        "image_id": f"img-{number % (count * 3 // 4 + 1)}",
        "vehicle_id": f"vehicle-{number % 500}",
        "status": status,
        "tier": chance.randint(1, 3),
        "task_type": "image_analysis",
        "model": model,
        "provider": provider,
        "batch_id": f"batch-{number // 20}",
        "processor_id": f"processor-{number % 4}",
        "latency_ms": round(chance.lognormvariate(7, 0.5), 3),
        "input_tokens": chance.randint(300, 2_000),
        "output_tokens": chance.randint(50, 500),
        "cached_tokens": chance.choice((0, 0, 256)),
        "cost_usd": round(chance.random() * 0.003, 9),
        "confidence": round(chance.random(), 4),
        "scores": {"classification_accuracy": round(chance.random(), 3)},
        "context_score": chance.choice((5, 20, 45, 80)),
        "questions_asked": 3,
        "insights": chance.randint(0, 3),
        "tables": {"parts": chance.randint(1, 4)},
    }
    if status == "failed":
        document["error"] = {"type": "rate_limit", "message": "429 too many requests"}
    return json.dumps(document, separators=(",", ":")).encode()
