"""Stores on the session's ClickHouse: the one that all tests share, and those of a test's own."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from clickhouse_fixture import empty
from databases import Store, make_own_tables, store_of

from servers.clickhouse.users import Addresses
from sinks.client import DATABASE, connect

# Strategies for events are the events' tests' own.
sys.path.append(str(Path(__file__).parents[1] / "events"))


@pytest.fixture(scope="session")
def shared(migrated: Addresses) -> Store:
    return store_of(migrated, DATABASE)


@pytest.fixture
def store(shared: Store) -> Iterator[Store]:
    """Empty tables; one database for all tests, because migrating takes longer than most of them."""
    yield shared
    empty(shared.client)


@pytest.fixture
def resting(store: Store) -> Iterator[Store]:
    """The store without merges but those that a test asks for."""
    store.client.command("SYSTEM STOP MERGES results")
    yield store
    store.client.command("SYSTEM START MERGES results")


@pytest.fixture
def own_store(shared: Store, clickhouse: Addresses) -> Iterator[Store]:
    """Tables of the test's own, for one that breaks them."""
    migrator = connect(clickhouse.migrator, database="own")
    make_own_tables(migrator)
    yield store_of(clickhouse, "own")
    migrator.command("DROP DATABASE own", use_database=False)
