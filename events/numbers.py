"""The one rounding of money, confidence and time, so that sums are integers and equal everywhere (DETAILS.md, Numbers).

Each multiplies in IEEE double and rounds half to even, as Python, SQL, Java and JavaScript can.
"""

NANO_PER_USD = 1_000_000_000
PPM = 1_000_000


def nano_usd(usd: float) -> int:
    """Dollars → whole nano-dollars."""
    return round(usd * 1e9)


def ppm(fraction: float) -> int:
    """A fraction 0-1 → whole parts per million."""
    return round(fraction * 1e6)


def micro(value: float) -> int:
    """A score → whole millionths."""
    return round(value * 1e6)


def whole_ms(milliseconds: float) -> int:
    """Fractional milliseconds → whole ones."""
    return round(milliseconds)
