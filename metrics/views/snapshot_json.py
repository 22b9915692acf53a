"""What the views of snapshots share: when a snapshot was, and a counter out of its JSON."""

from .view import RUN_ID, Column

AS_OF = (
    RUN_ID,
    Column("as_of", "as_of", "The moment that it describes; the run's last of its minute."),
    Column("recorded_at", "recorded_at", "When it was published."),
)


def total(name: str) -> str:
    """A counter of the snapshot's totals."""
    return f"JSONExtractInt(metrics, 'totals', '{name}')"
