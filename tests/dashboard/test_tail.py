"""What a follower of a topic says of itself."""

import pytest
from aiokafka.errors import KafkaConnectionError

from dashboard.live.tail import Tail


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (KafkaConnectionError("gone"), "Kafka at nowhere:1 does not answer for metrics: KafkaConnectionError: gone"),
        (OverflowError("too large"), "this process cannot take what is in metrics: too large"),
    ],
)
def test_only_an_absence_is_called_one(error: Exception, said: str) -> None:
    tail = Tail("nowhere:1", "metrics", lambda _records: None)
    tail._lose(error)
    assert (tail.state, tail.detail) == ("away", said)
