"""What a page is, and how one is added.

1. A module of its own in this folder with `async def draw(view: View) -> str`: the HTML inside `<main>`, made of
   `components` and bound by `sheet.Sheet`. It may raise any DashboardError; the frame then says what is wrong.
2. One line in `directory.PAGES`: path, name in the navigation, which filters it takes, its script and style.
3. If it moves: `static/<name>.js`, an ES module of its own, loaded after the shell (`static/app.js`), which hears
   `live` (static/live.js) and the `filled` events of its sources (static/sources.js). If it has looks of its own:
   `static/<name>.css`.

What is live stands in the page as it arrives, bound to the body of `/api/metrics/dashboard`, and moves by itself.
What only ClickHouse knows is a `components.source`: the page arrives at once, and the source asks the API afterwards,
with the filters of the address; where ClickHouse is away, that panel alone says so.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, NamedTuple
from urllib.parse import quote, urlencode

from dashboard.errors import RunUnknown
from dashboard.live.runs import Snapshot
from dashboard.parts import Parts

FilterName = Literal["range", "model", "tier", "component_type", "provider"]
FILTERS: tuple[FilterName, ...] = ("range", "model", "tier", "component_type", "provider")
NAMES = ("run", *FILTERS, "from", "to")
"""What of an address is a filter; a page may have more parameters of its own."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What the address asks for: a run, filters, and whatever else the page knows. An empty value is none."""

    values: Mapping[str, str] = field(default_factory=dict)

    def get(self, name: str) -> str | None:
        """The value of a parameter of the address, or of its path."""
        return self.values.get(name) or None

    @property
    def run(self) -> str | None:
        """The run's id."""
        return self.get("run")

    def href(self, path: str, **changes: str | int | None) -> str:
        """A link to another page of ours with the same run and filters; `changes` replace some, None drops one."""
        kept = {name: self.values.get(name) for name in NAMES}
        wanted = {name: str(value) for name, value in (kept | changes).items() if value not in (None, "")}
        return f"{path}?{urlencode(wanted, quote_via=quote)}" if wanted else path


@dataclass(frozen=True, slots=True)
class View:
    """What a page is drawn from. `snapshot`: of the run that was asked for; of the active run on a page of one run."""

    parts: Parts
    asked: Asked
    snapshot: Snapshot | None
    now: datetime

    @property
    def run(self) -> Snapshot:
        """The run that the page shows. Raises RunUnknown where there is none."""
        if self.snapshot is None:
            raise RunUnknown("there is no run yet: `imageledger demo` makes one")
        return self.snapshot


class Page(NamedTuple):
    """One page. `name` stands in the navigation, `title` is its heading."""

    path: str
    name: str
    title: str
    draw: Callable[[View], Awaitable[str]]
    of_run: bool = False
    """It shows one run, the active one where none is named; else no run means all of them."""
    run_in_path: bool = False
    """Its own address is `path/{run}`."""
    filters: tuple[FilterName, ...] = ()
    whole: str = "All time"
    """What it shows where no time is chosen."""
    script: str | None = None
    style: str | None = None

    def link(self, asked: Asked, run_id: str | None) -> str:
        """The page's address with the run and the filters that are chosen now."""
        if self.run_in_path and run_id:
            return asked.href(f"{self.path}/{quote(run_id, safe='')}", run=None)
        return asked.href(self.path, run=run_id)
