"""A migrated database on the session's ClickHouse."""

import itertools
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from clickhouse_connect.driver.client import Client

from servers.users import Addresses
from sinks.client import connect
from sinks.history import History
from sinks.migrations import migrate
from sinks.sources import SOURCES

# Strategies for events are the events' tests' own.
sys.path.append(str(Path(__file__).parents[1] / "events"))

_NAMES = (f"test{n}" for n in itertools.count(1))


class Store(NamedTuple):
    """`client` writes and reads `database`; `url` is what a sink would be given."""

    client: Client
    url: str
    database: str
    history: History


@pytest.fixture(scope="session")
def migrated(clickhouse: Addresses) -> Store:
    return _store(clickhouse)


@pytest.fixture
def store(migrated: Store) -> Iterator[Store]:
    """Empty tables; one database for all tests, because migrating takes longer than most of them."""
    yield migrated
    for source in SOURCES:
        migrated.client.command(f"TRUNCATE TABLE {source.table}")


@pytest.fixture
def own_store(clickhouse: Addresses) -> Store:
    """A database of the test's own, for tests that break it."""
    return _store(clickhouse)


def _store(clickhouse: Addresses) -> Store:
    database = next(_NAMES)
    migrate(connect(clickhouse.migrator, database=database))
    client = connect(clickhouse.writer, database=database)
    return Store(client, clickhouse.writer, database, History(client))
