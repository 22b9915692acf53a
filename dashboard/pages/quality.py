"""Quality, performance, cost and trends (S1)."""

from dashboard.pages import components
from dashboard.pages.page import View


async def draw(view: View) -> str:  # noqa: ARG001  (every page takes it)
    """The page."""
    return components.empty("Not drawn yet", "This page is being built.")
