"""What can go wrong with the dashboard.

DashboardError
 ├─ AddressTaken        the port is in use, or the address cannot be listened on
 ├─ RunUnknown          no snapshot of that run is known (404)
 ├─ HistoryUnavailable  ClickHouse does not answer, or is not configured (503)
 ├─ NotConfirmed        Kafka did not confirm in time (503)
 ├─ BadEvents           the body is no JSON, or not events at all (400, 413)
 ├─ BadRequest          the body is not what the address takes (400)
 ├─ SqlNotAllowed, SqlFailed, SqlTooMuch   a statement that the reader may not run, is wrong, or asks for too much
 ├─ NotExported, FilterUnknown             an export of what is not on the list, or by a column it has not
 ├─ LineageUnknown      no record of that image, or of that table's row (404)
 ├─ ResultUnknown, NoPicture   no such result; its picture is not one that may be shown (404)
 ├─ VehicleUnknown      neither a result nor a profile of that vehicle (404)
 └─ Undelivered         an alert that a target did not take
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


class BadRequest(DashboardError):  # noqa: N818
    """The body is not what the address takes."""

    status_code = 400
    title = "Bad request"


class SqlNotAllowed(DashboardError):  # noqa: N818
    """The statement is not the reader's to run."""

    status_code = 403
    title = "Statement not allowed"


class SqlFailed(DashboardError):  # noqa: N818
    """The statement is wrong."""

    status_code = 400
    title = "Statement failed"


class SqlTooMuch(DashboardError):  # noqa: N818
    """The statement takes more time, memory, rows or bytes than it may."""

    status_code = 422
    title = "Too much for one statement"


class NotExported(DashboardError):  # noqa: N818
    """The view is not on the list of those that are exported."""

    status_code = 404
    title = "No such view"


class FilterUnknown(DashboardError):  # noqa: N818
    """The view has no column for that filter."""

    status_code = 400
    title = "No such filter"


class LineageUnknown(DashboardError):  # noqa: N818
    """Nothing is stored about that image, or that table's row."""

    status_code = 404
    title = "No lineage"


class ResultUnknown(DashboardError):  # noqa: N818
    """No result of that id is stored in that run."""

    status_code = 404
    title = "No such result"


class NoPicture(DashboardError):  # noqa: N818
    """The result's picture is not a file of the configured folder."""

    status_code = 404
    title = "No picture"


class VehicleUnknown(DashboardError):  # noqa: N818
    """Nothing is stored about that vehicle."""

    status_code = 404
    title = "No such vehicle"


class BadEvents(DashboardError):  # noqa: N818
    """The body of a POST cannot be read as events."""

    status_code = 400
    title = "Not events"


class Undelivered(DashboardError):  # noqa: N818
    """A target did not take an alert. `lasting`: another try would change nothing."""

    def __init__(self, message: str, *, lasting: bool = False) -> None:
        super().__init__(message)
        self.lasting = lasting
