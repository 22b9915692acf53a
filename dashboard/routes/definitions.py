"""`GET /api/definitions`: what each number of the pages means, and the SQL that gives the same."""

from litestar import get

from dashboard.bodies.live import Body
from dashboard.definitions.catalogue import DEFINITIONS


class DefinitionRow(Body, frozen=True, kw_only=True):
    """A number. `key`: its path in its body. `sql` has a parameter `run`; null where no table has it."""

    key: str
    title: str
    unit: str
    window: str
    means: str
    sql: str | None


_ROWS = [DefinitionRow(key=key, **definition._asdict()) for key, definition in DEFINITIONS.items()]


@get("/api/definitions", tags=["metrics"], sync_to_thread=False)
def list_definitions() -> list[DefinitionRow]:
    """Every number that the pages can explain."""
    return _ROWS
