"""One dashboard for the tests that share it: each uses runs of its own."""

from collections.abc import Iterator

import pytest
from receiving import Receiver
from serving import Served, new_prefix, served, wait_for


@pytest.fixture(scope="session")
def dashboard(kafka: str) -> Iterator[Served]:
    """Ready: both tails have read to the end."""
    with served(kafka, new_prefix(kafka), refused=lambda: {"combine": 7}) as running:
        wait_for(lambda: running.get("/readyz").status_code == 200)
        yield running


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """Somebody who takes POSTs."""
    receiver = Receiver()
    yield receiver
    receiver.close()
