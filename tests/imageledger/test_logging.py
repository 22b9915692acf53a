"""What is logged and what is not."""

import logging

import pytest
from aiokafka.errors import CoordinatorNotAvailableError, GroupAuthorizationFailedError, KafkaError

from imageledger.logging import is_final, is_not_said_again


@pytest.mark.parametrize(
    ("error", "said"), [(CoordinatorNotAvailableError(), False), (GroupAuthorizationFailedError(), True)]
)
def test_what_a_group_tries_again_by_itself_is_no_error(error: KafkaError, said: bool) -> None:
    logger = logging.getLogger("aiokafka.consumer.group_coordinator")
    record = logger.makeRecord(
        logger.name, logging.ERROR, "", 0, "Group Coordinator Request failed: %s", (error,), None
    )
    assert is_final(record) is said
    assert is_final(logger.makeRecord(logger.name, logging.ERROR, "", 0, "nothing to fill in", (), None))


def test_a_broker_that_goes_away_later_is_said() -> None:
    logger = logging.getLogger("aiokafka")
    for text, said in (('Unable connect to "%s:%s": %s', False), ("Unable connect to node with id %s: %s", True)):
        assert is_not_said_again(logger.makeRecord(logger.name, logging.ERROR, "", 0, text, (), None)) is said
