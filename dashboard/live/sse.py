"""Server-sent events as bytes: made once, and given as they are to every page that is open."""

import msgspec

from dashboard.alerts.state import Told, row_of


def message(name: str, data: bytes) -> bytes:
    """An event of that name; `data` is one line of JSON."""
    return b"event: %s\ndata: %s\n\n" % (name.encode(), data)


def alert_message(told: Told) -> bytes:
    """A row of `/api/alerts` whose `id` is the position on the alerts topic."""
    return b"id: %s\n" % told.id.encode() + message("alert", msgspec.json.encode(row_of(told.event)))
