"""What can go wrong between Kafka and ClickHouse.

SinkError
 ├─ ClickHouseError        ClickHouse answered with a refusal; `code` is its number of the error
 │   ├─ AccessDenied       user, password or grants
 │   ├─ SchemaMissing      database, table or column is not there: `imageledger migrate`
 │   ├─ ClickHouseAway     unreachable or overloaded for now: worth another try
 │   └─ StatementError     somebody's own SQL: StatementRefused, StatementFailed, LimitReached
 ├─ MigrationError         an applied migration's file changed, or a statement failed
 ├─ KafkaUnreachable       nothing answers at the bootstrap address
 ├─ TopicMissing           the topics were not made: `imageledger migrate`
 ├─ StoreReplaced          the tables that the sink began with were dropped, and made again
 ├─ NotRestored            there is something in the way of a backup or a restore
 ├─ NoSuchView             what is to be exported is not on the list
 ├─ NoSuchFilter           it has no such column to filter by
 ├─ NoLineage              no record of that image, or of that table's row
 ├─ NoSuchResult           no result of that id
 └─ BadCursor              a page's cursor that this package did not give
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager

import urllib3.exceptions
from clickhouse_connect.driver import exceptions as driver


class SinkError(Exception):
    """Any failure of this package. The message is one line: what happened, where, and what to do."""


class ClickHouseError(SinkError):
    """ClickHouse refused a statement; `code` is its number (60 is UNKNOWN_TABLE), None where it gave none.

    `said`: ClickHouse's own words alone.
    """

    def __init__(self, message: str, code: int | None = None, said: str | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.said = said or message


class AccessDenied(ClickHouseError):  # noqa: N818 - reads as the sentence it is
    """User, password or grants do not allow it."""


class SchemaMissing(ClickHouseError):  # noqa: N818 - as AccessDenied
    """A database, table or column is not there."""


class ClickHouseAway(ClickHouseError):  # noqa: N818 - as AccessDenied
    """ClickHouse cannot be reached, or is too busy for now."""


class StatementError(ClickHouseError):
    """Somebody's own SQL was not run to its end."""


class StatementRefused(StatementError):  # noqa: N818 - as AccessDenied
    """It is not the reader's to run: a write, several statements, files, hosts, other databases, settings."""


class StatementFailed(StatementError):  # noqa: N818 - as AccessDenied
    """It is wrong, as a misspelt column is."""


class LimitReached(StatementError):  # noqa: N818 - as AccessDenied
    """It takes more time, memory, rows or bytes than it may."""


class MigrationError(SinkError):
    """The stored schema and the files under schemas/clickhouse do not fit together."""


class KafkaUnreachable(SinkError):  # noqa: N818 - as AccessDenied
    """Nothing that speaks Kafka answers at the bootstrap address."""


class TopicMissing(SinkError):  # noqa: N818 - as AccessDenied
    """A topic to read from was not made."""


class StoreReplaced(SinkError):  # noqa: N818 - as AccessDenied
    """The tables that the sink began with were dropped, and made again."""


class NotRestored(SinkError):  # noqa: N818 - as AccessDenied
    """There is something in the way of a backup or a restore."""


class NoSuchView(SinkError):  # noqa: N818 - as AccessDenied
    """It is not on the list of what is exported."""


class NoSuchFilter(SinkError):  # noqa: N818 - as AccessDenied
    """What is exported has no such column to filter by."""


class NoLineage(SinkError):  # noqa: N818 - as AccessDenied
    """No record of that image, or of that table's row."""


class NoSuchResult(SinkError):  # noqa: N818 - as AccessDenied
    """No result of that id is stored in that run."""


class BadCursor(SinkError):  # noqa: N818 - as AccessDenied
    """The cursor was not given by this package."""


_URL = re.compile(r" \(for url [^)]*\)$")

# ClickHouse's numbers (src/Common/ErrorCodes.cpp).
_ACCESS = {192, 193, 194, 291, 492, 497, 516}
_SCHEMA = {16, 36, 47, 60, 81}
_FOR_NOW = {
    3,  # UNEXPECTED_END_OF_FILE
    87,  # CANNOT_SEEK_THROUGH_FILE: the embedded engine, seen once within an Arrow stream; the same bytes went in again
    159,  # TIMEOUT_EXCEEDED
    202,  # TOO_MANY_SIMULTANEOUS_QUERIES
    203,  # NO_FREE_CONNECTION
    209,  # SOCKET_TIMEOUT
    210,  # NETWORK_ERROR
    225,  # NO_ZOOKEEPER
    236,  # ABORTED
    241,  # MEMORY_LIMIT_EXCEEDED
    242,  # TABLE_IS_READ_ONLY
    243,  # NOT_ENOUGH_SPACE
    252,  # TOO_MANY_PARTS
    285,  # TOO_FEW_LIVE_REPLICAS
    286,  # UNSATISFIED_QUORUM_FOR_PREVIOUS_WRITE
    319,  # UNKNOWN_STATUS_OF_INSERT
    394,  # QUERY_WAS_CANCELLED
    425,  # SYSTEM_ERROR
    439,  # CANNOT_SCHEDULE_TASK
    999,  # KEEPER_EXCEPTION
    1000,  # POCO_EXCEPTION
    1002,  # UNKNOWN_EXCEPTION
}


@contextmanager
def translated(where: str) -> Iterator[None]:
    """Turns what the client library raises into this package's errors; `where` is the server's address.

    Raises:
        ClickHouseError: or one of its kinds.
    """
    try:
        yield
    except driver.Error as error:
        raise _translate(error, where) from error
    except (urllib3.exceptions.HTTPError, OSError) as error:
        raise away(where, error) from error


def refused(text: str, code: int | None, where: str) -> ClickHouseError:
    """What ClickHouse's HTTP interface at `where` answered with `text`, as the kind of error that its code is."""
    return _refused(_one_line(text), code, where)


def _translate(error: driver.Error, where: str) -> ClickHouseError:
    if error.code is None and isinstance(error, driver.OperationalError):
        return away(where, error)
    return _refused(_one_line(error), error.code, where)


def _refused(text: str, code: int | None, where: str) -> ClickHouseError:
    if code in _ACCESS:
        remedy = "check user and password in its URL"
        return AccessDenied(f"ClickHouse at {where} denies access: {text}: {remedy}", code, text)
    if code in _SCHEMA:
        remedy = "run `imageledger migrate`"
        return SchemaMissing(f"ClickHouse at {where} lacks a table or column: {text}: {remedy}", code, text)
    if code in _FOR_NOW:
        return ClickHouseAway(f"ClickHouse at {where} takes nothing for now: {text}", code, text)
    return ClickHouseError(f"ClickHouse at {where} refused: {text}", code, text)


def away(where: str, error: Exception) -> ClickHouseAway:
    """What happened where nothing answers at `where`."""
    root: BaseException = error
    while root.__cause__ is not None:
        root = root.__cause__
    remedy = "start it (`imageledger clickhouse`) or correct IMAGELEDGER_CLICKHOUSE"
    return ClickHouseAway(f"ClickHouse at {where} cannot be reached: {_one_line(root)}: {remedy}")


def _one_line(error: BaseException | str) -> str:
    """The server's own words, without its version and the request's URL that the client adds."""
    text = " ".join(str(error).split()).rpartition("server response: ")[2]
    return driver.scrub_error_details(_URL.sub("", text))[:500]
