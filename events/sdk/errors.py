"""What reading the log, or a list of prices, can raise; publishing never raises.

SdkError
├── UnreachableError   no broker answers, or it stopped answering
├── NoTopicError       a topic is not there
├── HeldBackError      an open transaction hides records that were to be read
└── PricesError        a list of prices cannot be read
"""


class SdkError(Exception):
    """Base of the SDK's errors."""


class UnreachableError(SdkError):
    """No broker answers."""


class NoTopicError(SdkError):
    """A topic does not exist on the cluster."""


class HeldBackError(SdkError):
    """Records were written, but are not committed yet."""


class PricesError(SdkError):
    """A list of prices cannot be read."""
