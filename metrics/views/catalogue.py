"""Every view of the database (DESIGN.md 4.4)."""

from . import calls, feedback, images, kpis, lineage, models, plans, ratios, runs, snapshots
from .view import View

# Each after those that it reads.
VIEWS: tuple[View, ...] = (
    *feedback.views(),
    *runs.views(),
    *plans.views(),
    *ratios.views(),
    *images.views(),
    *lineage.views(),
    *calls.views(),
    *models.views(),
    *snapshots.views(),
    *kpis.views(),
)


def statements() -> dict[str, str]:
    """View name → the statement that makes it. A view may read another one."""
    return {view.name: view.statement() for view in VIEWS}
