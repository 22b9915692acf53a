"""A migrated database of the test's own on the session's ClickHouse."""

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

# Strategies for events are the events' tests' own.
sys.path.append(str(Path(__file__).parents[1] / "events"))

_NAMES = (f"test{n}" for n in itertools.count(1))


class Store(NamedTuple):
    """`client` writes and reads `database`; `url` is what a sink would be given."""

    client: Client
    url: str
    database: str
    history: History


@pytest.fixture
def store(clickhouse: Addresses) -> Iterator[Store]:
    database = next(_NAMES)
    migrator = connect(clickhouse.migrator, database=database)
    migrate(migrator)
    client = connect(clickhouse.writer, database=database)
    yield Store(client, clickhouse.writer, database, History(client))
    migrator.command(f"DROP DATABASE {database}")
