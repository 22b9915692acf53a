"""`GET /api/runs/{run}/costs`: what a run cost by environment, user or vehicle type, from ClickHouse (S0, Cost)."""

from typing import Literal
from urllib.parse import unquote

import msgspec
from litestar import get
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery

from dashboard.bodies.live import Body
from dashboard.live.figures import percent
from dashboard.parts import Parts

By = Literal["environment", "user_id", "vehicle_type"]
MAX_ROWS = 200
_SQL = """SELECT value, results, images, cost_nano_usd FROM (
    SELECT toString({by:Identifier}) AS value, count() AS results, uniqExact(subject_id) AS images,
        sum(ifNull(cost_nano_usd, 0)) AS cost_nano_usd
    FROM run_results WHERE run_id = {run:String} AND ifNull({by:Identifier}, '') != ''
    GROUP BY value
) ORDER BY cost_nano_usd DESC, value LIMIT 200"""


class CostRow(Body, frozen=True, kw_only=True):
    """One value of the label; `cost` in dollars, `percent` of what is listed."""

    value: str
    results: int
    images: int
    cost: float
    percent: float


class CostsBody(Body, frozen=True, kw_only=True):
    """Costliest first; results that do not carry the label are in no row."""

    by: By
    rows: list[CostRow]


class _Answer(msgspec.Struct):
    data: list[tuple[str, int, int, int]]


@get("/api/runs/{run:str}/costs", tags=["runs"])
async def run_costs(parts: NamedDependency[Parts], run: FromPath[str], by: FromQuery[By] = "environment") -> CostsBody:
    """The run's cost by what its results carry. 503 where ClickHouse is away."""
    statement = _SQL.replace("{by:Identifier}", by)  # one of three names, never somebody's text
    result = await parts.store().sql(statement, {"run": unquote(run)}, "json")
    rows = msgspec.json.decode(result.body, type=_Answer, strict=False).data
    spent = sum(nano for *_, nano in rows)
    return CostsBody(
        by=by,
        rows=[
            CostRow(value=value, results=n, images=images, cost=nano / 1e9, percent=percent(nano, spent) or 0.0)
            for value, n, images, nano in rows
        ],
    )
