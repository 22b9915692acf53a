"""What is logged and what is not."""

import logging

import pytest
from aiokafka.errors import CoordinatorNotAvailableError, GroupAuthorizationFailedError, KafkaError

from imageledger.logging import is_final


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
