"""How figures are written."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboard.pages import formats


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        ("usd", 4.23, "$4.23"),
        ("usd", 54.82, "$54.82"),
        ("usd", 0.15, "$0.15"),
        ("usd", 0.00008, "$0.00008"),
        ("usd", 0.0153, "$0.015"),
        ("usd", 0, "$0.00"),
        ("usd", 9_999.994, "$9,999.99"),
        ("usd", 12_345.6, "$12,346"),
        ("usd", -46.25, f"{formats.MINUS}$46.25"),
        ("unitUsd", 0.0005, "$0.0005"),
        ("unitUsd", 0.015, "$0.015"),
        ("unitUsd", 0.02, "$0.02"),
        ("unitUsd", 0.0123456, "$0.0123"),
        ("unitUsd", 2.5, "$2.50"),
        ("unitUsd", 0.000000001, "$0.000000001"),
        ("count", 2_741, "2,741"),
        ("count", 1_234_567, "1,234,567"),
        ("rate", 18.5, "18.5"),
        ("rate", 1_110, "1,110"),
        ("percent", 87.3, "87.3%"),
        ("share", 0.2, "<1%"),
        ("share", 1.97, "2%"),
        ("share", 0, "0%"),
        ("done", 68.296, "68.2%"),
        ("done", 99.99, "99.9%"),
        ("done", 100, "100.0%"),
        ("done", 0.01, "<0.1%"),
        ("done", 0, "0.0%"),
        ("doneWhole", 99.9, "99%"),
        ("doneWhole", 0.3, "<1%"),
        ("duration", 2, "2s"),
        ("duration", 8_100, "2h 15m"),
        ("duration", 273_600, "3d 4h"),
        ("ms", 812.4, "812 ms"),
        ("ms", 2_150, "2.15 s"),
        ("ms", 10_240, "10.2 s"),
        ("tier", 1, "T1"),
        ("state", "warming_up", "Warming up"),
    ],
)
def test_a_figure_is_written_so(name: str, value: float | str, text: str) -> None:
    assert formats.written(value, name) == text


@pytest.mark.parametrize("name", sorted(formats.FORMATS))
def test_unknown_is_a_dash_and_never_a_zero(name: str) -> None:
    assert formats.written(None, name) == formats.UNKNOWN


@given(st.floats(0, 100, exclude_max=True))
def test_nothing_is_done_before_it_is_done(percent: float) -> None:
    assert float(formats.done(percent).strip("<%")) <= 99.9
    assert "100" not in formats.done_whole(percent)


@given(st.floats(1e-9, 1e6))
def test_money_keeps_two_digits_that_mean_something(value: float) -> None:
    shown = float(formats.usd(value).replace("$", "").replace(",", ""))
    assert shown == pytest.approx(value, rel=0.051)
