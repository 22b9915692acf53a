"""What ends a worker, each with its remedy.

StreamError
 ├─ KafkaUnreachable   nothing answers at the bootstrap address
 ├─ TopicsMissing      the cluster lacks topics, or they have unequal partition counts
 ├─ LogTruncated       the log begins after, or ends before, what was folded last
 ├─ LogReplaced        a source topic was deleted and made again
 ├─ LedgerUnreadable   the ledger was written in another format
 ├─ WriteRefused       Kafka does not take what a partition has to write
 ├─ Fenced             another worker took the partition over
 ├─ NotCopied          a copy of the log under another prefix cannot be made or continued
 └─ Stalled            records wait, or a recovery does, and nothing moves
"""


class StreamError(Exception):
    """Any failure of this package. The message says what happened, where, and what to do."""


class KafkaUnreachable(StreamError):  # noqa: N818  (reads as the sentence it is)
    """Nothing that speaks Kafka answers at the bootstrap address."""

    def __init__(self, bootstrap: str, why: Exception) -> None:
        super().__init__(
            f"Kafka at {bootstrap} does not answer ({why or type(why).__name__}): start one with `imageledger up`, "
            "or check the address in IMAGELEDGER_KAFKA"
        )


class TopicsMissing(StreamError):  # noqa: N818  (as above)
    """The cluster lacks topics of events/topics.py, or the stages' topics differ in partitions."""


class LogTruncated(StreamError):  # noqa: N818  (as above)
    """Records that were to be folded next are no longer, or not yet, in the log."""


class LogReplaced(StreamError):  # noqa: N818  (as above)
    """A source topic is not the one that the ledger is the fold of."""


class LedgerUnreadable(StreamError):  # noqa: N818  (as above)
    """The ledger holds a format that this version does not read."""


class WriteRefused(StreamError):  # noqa: N818  (as above)
    """Kafka does not take a partition's ledger, dead letters or messages."""


class Fenced(StreamError):  # noqa: N818  (as above)
    """Kafka refuses this worker's writes to a partition: another one owns it now."""


class Stalled(StreamError):  # noqa: N818  (as above)
    """No progress for too long; the watchdog ends the worker."""


class NotCopied(StreamError):  # noqa: N818  (as above)
    """A copy of the log under another prefix cannot be made, or not be continued."""
