"""What can go wrong with the dashboard.

DashboardError
 ├─ AddressTaken        the port is in use, or the address cannot be listened on
 ├─ RunUnknown          no snapshot of that run is known (404)
 ├─ HistoryUnavailable  ClickHouse does not answer, or is not configured (503)
 ├─ NotConfirmed        Kafka did not confirm in time (503)
 └─ BadEvents           the body is no JSON, or not events at all (400, 413)
"""


class DashboardError(Exception):
    """Any failure of this package. The message says what happened, where, and what to do."""

    status_code = 500
    title = "Internal error"


class AddressTaken(DashboardError):  # noqa: N818  (reads as the sentence it is)
    """The address to listen on is in use or not ours."""


class RunUnknown(DashboardError):  # noqa: N818
    """No snapshot of the run that was asked for is known."""

    status_code = 404
    title = "No such run"


class HistoryUnavailable(DashboardError):  # noqa: N818
    """What only ClickHouse knows was asked for, and ClickHouse does not answer."""

    status_code = 503
    title = "History is not available"


class NotConfirmed(DashboardError):  # noqa: N818
    """Kafka has not confirmed the events; to send them again is safe, an `event_id` counts once."""

    status_code = 503
    title = "Kafka did not confirm"


class BadEvents(DashboardError):  # noqa: N818
    """The body of a POST cannot be read as events."""

    status_code = 400
    title = "Not events"
