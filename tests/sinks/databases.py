"""Migrated databases on the session's ClickHouse."""

import itertools
from typing import NamedTuple

from clickhouse_connect.driver.client import Client

from servers.clickhouse.users import Addresses
from sinks.client import connect
from sinks.loading.sources import SOURCES
from sinks.reading.history import History
from sinks.schema.migrations import migrate

_NAMES = (f"test{n}" for n in itertools.count(1))


class Store(NamedTuple):
    """`client` writes and reads `database`; `url` is what a sink would be given."""

    client: Client
    url: str
    database: str
    history: History


def new_store(clickhouse: Addresses) -> Store:
    """A database of its own."""
    database = next(_NAMES)
    migrate(connect(clickhouse.migrator, database=database))
    client = connect(clickhouse.writer, database=database)
    return Store(client, clickhouse.writer, database, History(client))


def empty(store: Store) -> None:
    """Its tables stay."""
    for source in SOURCES:
        store.client.command(f"TRUNCATE TABLE {source.table}")


def merge(store: Store) -> None:
    """Its results into one part, in a store whose merges are stopped."""
    store.client.command("SYSTEM START MERGES results")
    store.client.command("OPTIMIZE TABLE results FINAL")
    store.client.command("SYSTEM STOP MERGES results")
