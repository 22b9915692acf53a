"""How a figure is written, once more in `static/formats.js`: the page that arrives and the page that moves read alike.

Each takes the raw value of the API's body. Numbers are rounded half up, as JavaScript's toFixed does; progress is cut,
so that nothing is 100 % before it is done.
"""

import math
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from events.numbers import NANO_PER_USD

UNKNOWN = "–"  # noqa: RUF001  (the dash that tables use)
MINUS = "−"  # noqa: RUF001  (as wide as a digit)
STATES = {
    "warming_up": "Warming up",
    "running": "Running",
    "stalled": "Stalled",
    "paused": "Paused",
    "finished": "Finished",
}
VELOCITIES = {"up": "↗ speeding up", "steady": "→ steady", "down": "↘ slowing down"}
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
WORDS = {
    "on_target": "✓ on target",
    "near_target": "≈ near target",
    "off_target": "✗ off target",
    "up": "↗ up",
    "steady": "→ steady",
    "down": "↘ down",
    "roi_percentage": "ROI",
    "sla_latency": "SLA latency",
    "sla_latency_ms": "SLA latency",
    "model_latency_ms": "model latency",
    "budget_runway_s": "budget runway",
    "sla_error_rate": "SLA error rate",
    "sla_deadline": "SLA deadline",
    "user_experience": "user experience",
    "system_health": "system health",
}
MARKS = {"red": "Alert", "yellow": "Warning", "green": "Met", "blue": "Information"}
BANDS = {"rich": "Rich (60+)", "good": "Good (30-60)", "medium": "Med (10-30)", "poor": "Poor (<10)"}


def _fixed(value: float, decimals: int) -> str:
    rounded = Decimal(abs(value)).quantize(Decimal(1).scaleb(-decimals), ROUND_HALF_UP)
    return f"{MINUS if value < 0 and rounded else ''}{rounded:,f}"


def _small(value: float, decimals: int, significant: int) -> str:
    """At least `decimals`, and under 1 so many that `significant` digits show; trailing zeros beyond are cut."""
    size, limit, places = abs(value), 1.0, significant - 1
    while size < limit and places < 12:
        limit /= 10
        places += 1
    text = _fixed(value, max(places, decimals))
    whole, _, fraction = text.partition(".")
    return f"{whole}.{fraction[:decimals]}{fraction[decimals:].rstrip('0')}"


def _money(value: float, significant: int) -> str:
    size = abs(value)
    text = _fixed(size, 0 if size >= 10_000 else 2) if size >= 1 or size == 0 else _small(size, 2, significant)
    return f"{MINUS if value < 0 else ''}${text}"


def usd(value: float) -> str:
    """$4.23, $0.15, $0.00008, $12,345."""
    return _money(value, 2)


def unit_usd(value: float) -> str:
    """A price: $0.015, $0.0123, $0.00008."""
    return _money(value, 3)


def count(value: float) -> str:
    """1,872."""
    return _fixed(value, 0)


def rate(value: float) -> str:
    """18.5, from 100 on without decimals."""
    return _fixed(value, 0 if value >= 100 else 1)


def percent(value: float) -> str:
    """87.3%."""
    return f"{_fixed(value, 1)}%"


def share(value: float) -> str:
    """44%; something is never 0%."""
    return "<1%" if 0 < value < 0.5 else f"{_fixed(value, 0)}%"


def done(value: float) -> str:
    """68.3%, cut; a beginning is never 0.0%."""
    if 0 < value < 0.1:
        return "<0.1%"
    return f"{math.floor(value * 10) / 10:.1f}%"


def done_whole(value: float) -> str:
    """95%, cut; a beginning is never 0%."""
    return "<1%" if 0 < value < 1 else f"{math.floor(value)}%"


def duration(value: float) -> str:
    """Seconds as 40s, 47m, 2h 15m, 3d 4h."""
    seconds = math.floor(value)
    if seconds < 60:
        return f"{seconds}s"
    minutes, hours, days = seconds // 60, seconds // 3_600, seconds // 86_400
    if hours < 1:
        return f"{minutes}m"
    return f"{hours}h {minutes % 60}m" if days < 1 else f"{days}d {hours % 24}h"


def ms(value: float) -> str:
    """Milliseconds as 812 ms, 2.15 s, 10.2 s."""
    size = abs(value)
    return f"{_fixed(value, 0)} ms" if size < 1_000 else f"{_fixed(value / 1_000, 2 if size < 10_000 else 1)} s"


def moment(value: str) -> str:
    """An RFC 3339 moment as 21 Nov 15:53 UTC."""
    at = datetime.fromisoformat(value).astimezone(UTC)
    return f"{at.day} {MONTHS[at.month - 1]} {at:%H:%M} UTC"


def ratio(value: float) -> str:
    """0-1 as 87.3%."""
    return percent(value * 100)


def short(value: float) -> str:
    """A bare number as a price is written, whole ones without decimals: 0.05, 1.50, 300."""
    return unit_usd(value).replace("$", "").removesuffix(".00")


FORMATS: dict[str, Callable[[Any], str]] = {
    "usd": usd,
    "unitUsd": unit_usd,
    "count": count,
    "rate": rate,
    "percent": percent,
    "share": share,
    "done": done,
    "doneWhole": done_whole,
    "duration": duration,
    "nanoUsd": lambda value: usd(value / NANO_PER_USD),
    "unitNanoUsd": lambda value: unit_usd(value / NANO_PER_USD),
    "ratio": ratio,
    "fraction": ratio,
    "score": short,
    "s": duration,
    "short": short,
    "stars": lambda value: f"{_fixed(value, 1)} / 5",
    "ms": ms,
    "moment": moment,
    "tier": lambda value: f"T{value}",
    "state": lambda value: STATES.get(value, value),
    "velocity": lambda value: VELOCITIES.get(value, value),
    "band": lambda value: BANDS.get(value, value),
    "words": lambda value: WORDS.get(value, str(value).replace("_", " ")),
    "mark": lambda value: MARKS.get(value, value),
    "plain": str,
}


def written(value: Any, format_name: str) -> str:
    """The value as the page writes it; unknown is a dash."""
    return UNKNOWN if value is None else FORMATS[format_name](value)
