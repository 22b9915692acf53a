"""A migrated database on the session's ClickHouse."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from databases import Store, empty, new_store

from servers.clickhouse.users import Addresses

# Strategies for events are the events' tests' own.
sys.path.append(str(Path(__file__).parents[1] / "events"))


@pytest.fixture(scope="session")
def migrated(clickhouse: Addresses) -> Store:
    return new_store(clickhouse)


@pytest.fixture
def store(migrated: Store) -> Iterator[Store]:
    """Empty tables; one database for all tests, because migrating takes longer than most of them."""
    yield migrated
    empty(migrated)


@pytest.fixture
def resting(store: Store) -> Iterator[Store]:
    """The store without merges but those that a test asks for."""
    store.client.command("SYSTEM STOP MERGES results")
    yield store
    store.client.command("SYSTEM START MERGES results")


@pytest.fixture
def own_store(clickhouse: Addresses) -> Store:
    """A database of the test's own, for tests that break it."""
    return new_store(clickhouse)
