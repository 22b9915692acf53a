"""What calls cost by a list of prices, for those who know their tokens and not their bill (DESIGN.md 4.3).

Asked once, where a result is published; the fold never prices. The event says which list it was.
"""

import functools
import tomllib
from collections.abc import Iterable
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

import msgspec

from ..envelope import EPOCH, Event, Label, Time, Usd
from ..numbers import NANO_PER_USD, nano_usd
from ..results import Result
from .errors import PricesError

MAX_USD = 10**6
"""An event's `cost_usd` holds no more (events/envelope.py)."""
_MILLION = 1_000_000
_MODELS_REMEMBERED = 1_024
_BEGINS_SO = "*"
_TOLD = ("cost_usd", "cost_source", "price_version")

Name = Annotated[Label, msgspec.Meta(min_length=1)]
E = TypeVar("E", bound=Event)


class Price(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a model costs from a moment on, in US dollars, to the nano-dollar.

    `model`: its name, or how its name begins, and a *. `provider`: of that one alone. `since`: for events from then on.
    `usd_per_million`: tokens by name; `cached` as `input` where it is not there. `usage_usd_per_million`: entries of an
    event's `usage`, which come on top. `usd_per_call`: of each call that did not fail.
    """

    model: Name
    provider: Name | None = None
    since: Time = EPOCH
    usd_per_million: dict[Literal["input", "cached", "output"], Usd] = {}
    usage_usd_per_million: dict[Name, Usd] = {}
    usd_per_call: Usd | None = None

    def __post_init__(self) -> None:
        if not self.usd_per_million and self.usd_per_call is None:
            raise ValueError(f"{self.model} has neither usd_per_million nor usd_per_call")

    def cost_usd(self, result: Result) -> float | None:
        """Dollars; None where nothing was counted, or tokens that have no price here, for unknown is not zero."""
        nano: list[int] = []
        for count, usd_per_million in self._tokens(result) if self.usd_per_million else ():
            if count and usd_per_million is None:
                return None
            if count and usd_per_million is not None:
                nano.append(count * nano_usd(usd_per_million))
        for name, count in (result.usage or {}).items():
            if count and name in self.usage_usd_per_million:
                nano.append(count * nano_usd(self.usage_usd_per_million[name]))
        if self.usd_per_call is not None and result.status != "failed":
            nano.append(_MILLION * nano_usd(self.usd_per_call))
        usd = sum(nano) / (_MILLION * NANO_PER_USD)
        return usd if nano and usd <= MAX_USD else None

    def _tokens(self, result: Result) -> Iterable[tuple[int, float | None]]:
        """How many were counted, and what a million of them costs."""
        usd = self.usd_per_million
        yield max(0, result.input_tokens - result.cached_tokens), usd.get("input")
        yield result.cached_tokens, usd.get("cached", usd.get("input"))
        yield result.output_tokens, usd.get("output")

    def is_of(self, provider: str, model: str) -> bool:
        """Whether it is the price of such calls."""
        begins_so = self.model.endswith(_BEGINS_SO)
        named = model.startswith(self.model.removesuffix(_BEGINS_SO)) if begins_so else model == self.model
        return named and self.provider in (None, provider)

    def rank(self) -> tuple[bool, int, bool, datetime]:
        """The higher comes first: a whole name, the longer beginning, a provider's own, the newer."""
        return not self.model.endswith(_BEGINS_SO), len(self.model), self.provider is not None, self.since


class _Listed(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    version: Name
    price: list[Price]


class Prices:
    """A list of prices. Its `version` is the `price_version` of the results that it prices.

    Raises PricesError for what no event could hold, which would have every result refused that it priced.
    """

    def __init__(self, version: str, prices: Iterable[Price]) -> None:
        given = {"version": version, "price": msgspec.to_builtins(list(prices), builtin_types=(datetime,))}
        try:
            listed = msgspec.convert(given, _Listed)
        except msgspec.ValidationError as error:
            raise PricesError(f"prices: {error}: see docs/prices.md") from error
        self.version = listed.version
        self._prices = sorted(listed.price, key=Price.rank, reverse=True)
        self._of = functools.lru_cache(_MODELS_REMEMBERED)(self._matching)

    @classmethod
    def read(cls, path: Path) -> "Prices":
        """The list of a TOML file (docs/prices.md). Raises PricesError."""
        try:
            listed = msgspec.convert(_with_moments(tomllib.loads(path.read_text("utf-8"))), _Listed)
        except OSError as error:
            raise PricesError(f"prices {path}: {error.strerror or error}") from error
        except (tomllib.TOMLDecodeError, UnicodeDecodeError, msgspec.ValidationError) as error:
            raise PricesError(f"prices {path}: {error}: see docs/prices.md") from error
        return cls(listed.version, listed.price)

    def priced(self, event: E) -> E:
        """The event with its cost, if it is a result that says none and the list knows its model; else as it is."""
        if not isinstance(event, Result) or event.cost_usd is not None:
            return event
        price = next((one for one in self._of(event.provider, event.model) if one.since <= event.event_time), None)
        cost_usd = price.cost_usd(event) if price else None
        if cost_usd is None:
            return event
        return msgspec.structs.replace(event, cost_usd=cost_usd, cost_source="local", price_version=self.version)

    def priced_record(self, event: Event, value: bytes) -> bytes:
        """The same of a record: `value`, the event as it was sent, with these three fields; others stay as they are."""
        priced = self.priced(event)
        if priced is event:
            return value
        fields = msgspec.json.decode(value, type=dict[str, msgspec.Raw])
        told = {name: msgspec.Raw(msgspec.json.encode(getattr(priced, name))) for name in _TOLD}
        return msgspec.json.encode(fields | told)

    def _matching(self, provider: str, model: str) -> tuple[Price, ...]:
        return tuple(price for price in self._prices if price.is_of(provider, model))


def _with_moments(tables: dict[str, Any]) -> dict[str, Any]:
    """A day begins at midnight, and a time without an offset is UTC's."""
    for row in tables["price"] if isinstance(tables.get("price"), list) else ():
        since = row.get("since") if isinstance(row, dict) else None
        if isinstance(since, date) and not isinstance(since, datetime):
            row["since"] = datetime.combine(since, time(), UTC)
        elif isinstance(since, datetime) and since.tzinfo is None:
            row["since"] = since.replace(tzinfo=UTC)
    return tables
