"""What can go wrong with the servers on one machine.

ServerError
 ├─ ArtifactError      the Kafka jars: no network at first set-up, a checksum that differs
 ├─ DataFolderError    a data folder is in use by another process
 ├─ PortError          a port is taken
 ├─ StartError         a server or child did not come up
 ├─ KafkaUnreachable   nothing answers at the bootstrap address
 ├─ TopicError         a topic is laid out in a way that cannot be repaired in place
 └─ QueryError         ClickHouse refused or failed a statement
"""


class ServerError(Exception):
    """Any failure of this package. The message says what happened, where, and what to do."""


class ArtifactError(ServerError):
    """The Kafka jars cannot be fetched, or are not the locked ones."""


class DataFolderError(ServerError):
    """A data folder is in use by another process."""


class PortError(ServerError):
    """A port is taken by another process."""


class StartError(ServerError):
    """A server or a supervised child did not come up."""


class KafkaUnreachable(ServerError):  # noqa: N818  (reads as the sentence it is)
    """Nothing that speaks Kafka answers at the bootstrap address."""


class TopicError(ServerError):
    """A topic exists with a layout that cannot be changed in place."""


class QueryError(ServerError):
    """ClickHouse refused or failed a statement.

    `code` is ClickHouse's number of the error (60 is UNKNOWN_TABLE); the message is its text,
    `Code: 60. DB::Exception: … (UNKNOWN_TABLE)`, without the version a server adds.
    """

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code

    @classmethod
    def named(cls, code: int, name: str, message: str) -> "QueryError":
        """An error of ours, worded as ClickHouse words its own."""
        return cls(code, f"Code: {code}. DB::Exception: {message} ({name})")
