"""What can go wrong with what the figures are told to mean.

MetricsError
 └─ BadRule   an alert rule that cannot be used
"""


class MetricsError(Exception):
    """Any failure of this package. The message says what happened, where, and what to do."""


class BadRule(MetricsError):  # noqa: N818  (reads as the sentence it is)
    """An alert rule names what there is not, or lacks what it needs."""
