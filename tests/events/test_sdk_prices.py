"""Prices: the right one of a list, to the last nano-dollar, and none where nothing is known."""

from datetime import UTC, datetime
from fractions import Fraction
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from events.codec import decode, encode
from events.numbers import nano_usd
from events.results import ImageResult
from events.runs import RunDeclared
from events.sdk.errors import PricesError
from events.sdk.prices import MAX_USD, Price, Prices

LIST = """
version = "2026-11"

[[price]]
model = "claude-haiku*"
usd_per_million = { input = 1.00, cached = 0.10, output = 5.00 }
usage_usd_per_million = { cache_write = 0.25 }

[[price]]
model = "claude-haiku*"
provider = "bedrock"
usd_per_million = { input = 2 }

[[price]]
model = "claude-haiku-4-5"
since = 2026-10-01
usd_per_million = { input = 4.00, output = 4.00 }

[[price]]
model = "claude-haiku-4-5"
since = 2026-11-01T02:00:00+02:00
usd_per_million = { input = 8.00, output = 8.00 }

[[price]]
model = "local-detector"
usd_per_call = 0.00008
"""


@pytest.fixture
def prices(tmp_path: Path) -> Prices:
    return Prices.read(written(tmp_path, LIST))


def written(folder: Path, text: str) -> Path:
    (folder / "prices.toml").write_text(text)
    return folder / "prices.toml"


def test_the_documented_list_is_one(tmp_path: Path) -> None:
    text = (Path(__file__).parents[2] / "docs" / "prices.md").read_text("utf-8")
    prices = Prices.read(written(tmp_path, text.split("```toml\n")[1].split("```")[0]))
    at = datetime(2026, 11, 1, tzinfo=UTC)
    assert prices.priced(call(model="damage-detector")).cost_usd == 0.00008
    own = call(model="claude-haiku-4-5", provider="anthropic", output_tokens=10**6, at=at)
    assert prices.priced(own).cost_usd == 4.0
    assert prices.priced(call(model="claude-haiku-4-5", output_tokens=10**6)).cost_usd == 5.0


def call(**fields: Any) -> ImageResult:
    at = fields.pop("at", datetime(2026, 9, 1, tzinfo=UTC))
    return ImageResult(**{"event_id": "e", "event_time": at, "image_id": "i", "status": "success", **fields})


def test_a_result_without_a_cost_gets_one_and_says_by_which_list(prices: Prices) -> None:
    asked = call(model="claude-haiku-3", input_tokens=1_000, cached_tokens=400, output_tokens=10)
    priced = prices.priced(asked)
    assert priced == msgspec.structs.replace(
        asked, cost_usd=0.00069, cost_source="local", price_version="2026-11"
    )  # 600 at a dollar, 400 at ten cents, 10 at five dollars a million
    assert decode("results", encode(priced)) == priced


@pytest.mark.parametrize(
    ("fields", "usd"),
    [
        ({"model": "claude-haiku-3", "input_tokens": 1_000_000, "usage": {"cache_write": 400_000}}, 1.1),
        ({"model": "claude-haiku-3", "provider": "bedrock", "input_tokens": 1_000_000, "cached_tokens": 9}, 2.0),
        ({"model": "claude-haiku-4-5", "input_tokens": 1_000_000}, 1.0),  # before its own price began
        ({"model": "claude-haiku-4-5", "input_tokens": 10**6, "at": datetime(2026, 10, 1, tzinfo=UTC)}, 4.0),
        ({"model": "claude-haiku-4-5", "input_tokens": 10**6, "at": datetime(2026, 10, 31, 23, 59, tzinfo=UTC)}, 4.0),
        ({"model": "claude-haiku-4-5", "input_tokens": 10**6, "at": datetime(2026, 11, 1, tzinfo=UTC)}, 8.0),
        ({"model": "claude-haiku-3", "input_tokens": 5, "cached_tokens": 1_000_000}, 0.1),  # cached beside the input
        ({"model": "local-detector"}, 0.00008),
        ({"model": "local-detector", "status": "partial"}, 0.00008),
    ],
)
def test_which_price_it_is(prices: Prices, fields: dict[str, Any], usd: float) -> None:
    assert prices.priced(call(**fields)).cost_usd == usd


@pytest.mark.parametrize(
    "event",
    [
        call(model="claude-haiku-3", input_tokens=1_000, cost_usd=0.5, price_version="mine"),
        call(model="claude-haiku-3", input_tokens=1_000, cost_usd=0.0),
        call(model="claude-haiku-3"),  # no token was counted: unknown is not zero
        call(model="claude-haiku-3", usage={"reasoning": 5}),
        call(model="claude-opus", input_tokens=1_000),
        call(model="local-detector-2"),
        call(model="local-detector", status="failed"),
        call(model="claude-haiku-3", input_tokens=10**12, output_tokens=10**12),  # more than an event may say
        RunDeclared(event_id="e", event_time=datetime(2026, 9, 1, tzinfo=UTC), run_id="r"),
    ],
)
def test_what_stays_as_it_is(prices: Prices, event: Any) -> None:
    assert prices.priced(event) is event


def test_tokens_without_a_price_are_not_free() -> None:
    priced = Prices("1", [Price(model="m", usd_per_million={"output": 5.0})])
    assert priced.priced(call(model="m", input_tokens=100, cached_tokens=100)).cost_usd is None
    assert priced.priced(call(model="m", cached_tokens=100, output_tokens=10)).cost_usd is None
    assert priced.priced(call(model="m", output_tokens=10, usage={"reasoning": 5})).cost_usd == 0.00005


def test_a_record_keeps_what_else_it_says(prices: Prices) -> None:
    sent = encode(call(model="local-detector"))[:-1] + b',"cost_usd":null,"of_tomorrow":{"b":1.50,"a":[ ]}}'
    priced = prices.priced_record(decode("results", sent), sent)
    assert decode("results", priced) == prices.priced(call(model="local-detector"))
    assert priced.count(b"cost_usd") == 1
    assert b'"of_tomorrow":{"b":1.50,"a":[ ]}' in priced
    unknown = encode(call(model="claude-opus"))
    assert prices.priced_record(decode("results", unknown), unknown) is unknown


at_dusk = datetime(2026, 9, 1, 18)  # noqa: DTZ001 - that is what is wrong with it


@pytest.mark.parametrize(
    ("version", "price"),
    [
        (2026, {"usd_per_call": 1.0}),
        ("1", {"usd_per_call": -1.0}),
        ("1", {"usd_per_million": {"input": float("nan")}}),
        ("1", {"usd_per_call": 1.0, "since": at_dusk}),
    ],
)
def test_a_list_made_by_hand_is_looked_at_too(version: Any, price: dict[str, Any]) -> None:
    """Every result that it priced would be refused by the fold."""
    with pytest.raises(PricesError):
        Prices(version, [Price(model="m", **price)])


tokens = st.integers(0, 10**9)
dollars = st.integers(0, 10**12).map(lambda nano: nano / 1e9)


@given(st.tuples(tokens, tokens, tokens), st.tuples(dollars, dollars, dollars))
def test_a_cost_is_the_exact_sum_rounded_once(counts: tuple[int, int, int], usd: tuple[float, float, float]) -> None:
    fresh, cached, output = counts
    price = Price(model="m", usd_per_million={"input": usd[0], "cached": usd[1], "output": usd[2]})
    result = call(model="m", input_tokens=fresh + cached, cached_tokens=cached, output_tokens=output)
    exact = sum((Fraction(count * nano_usd(one), 10**15) for count, one in zip(counts, usd, strict=True)), Fraction())
    if not any(counts) or exact > MAX_USD:
        assert price.cost_usd(result) is None
    else:
        assert price.cost_usd(result) == float(exact)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("version = ", "Invalid value"),
        ("[[price]]\nmodel='m'\nusd_per_call=1", "version"),
        ("version='1'\nprice=[]\nprices=[]", "prices"),
        ("version='1'\n[[price]]\nmodel='m'", "m has neither usd_per_million nor usd_per_call"),
        ("version='1'\n[[price]]\nmodel='m'\nusd_per_million={input=-1}", r"price\[0\].usd_per_million"),
        ("version='1'\n[[price]]\nmodel='m'\nusd_per_million={ouput=1}", r"price\[0\].usd_per_million"),
        ("version='1'\n[[price]]\nmodel='m'\nusd_per_million={input=nan}", r"price\[0\].usd_per_million"),
        ("version='1'\n[[price]]\nmodel='m'\nusd_per_call=inf", "usd_per_call"),
        ("version='1'\n[[price]]\nmodel='m'\nusd_per_call='1'", "usd_per_call"),
        ("version='1'\n[[price]]\nmodel='m'\nusd_per_call=1\nsince='May'", "since"),
        ("version='1'\n[[price]]\nmodel='m'\nusd_per_call=1\nper_million=1", "per_million"),
        ("version='1'\nprice=[3]", r"price\[0\]"),
    ],
)
def test_a_list_that_cannot_be_read_says_where(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(PricesError, match=said) as told:
        Prices.read(written(tmp_path, text))
    assert str(tmp_path / "prices.toml") in str(told.value)


def test_a_list_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(PricesError, match="No such file"):
        Prices.read(tmp_path / "prices.toml")
