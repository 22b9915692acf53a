"""Stores on the session's ClickHouse, and parts of our schema."""

import shutil
from collections.abc import Collection
from pathlib import Path
from typing import NamedTuple

from clickhouse_connect.driver.client import Client

from servers.clickhouse.users import Addresses
from sinks.client import DATABASE, connect
from sinks.loading.sources import SOURCES
from sinks.reading.history import History
from sinks.schema.migrations import SCHEMAS


class Store(NamedTuple):
    """`client` writes and reads `database`; `url` is what a sink would be given."""

    client: Client
    url: str
    database: str
    history: History


def store_of(clickhouse: Addresses, database: str) -> Store:
    """A database that is there."""
    client = connect(clickhouse.writer, database=database)
    return Store(client, clickhouse.writer, database, History(client))


def make_own_tables(migrator: Client) -> None:
    """The client's database, as the one that all share has its tables."""
    migrator.command(f"CREATE DATABASE {migrator.database}", use_database=False)
    for source in SOURCES:
        migrator.command(f"CREATE TABLE {source.table} AS {DATABASE}.{source.table}")


def ours(folder: Path, *, last: str, views: Collection[str] = ()) -> Path:
    """Our schema up to this number and with these views: all of it takes 4 s to make."""
    (folder / "down").mkdir(parents=True)
    (folder / "views").mkdir()
    for path in (*SCHEMAS.glob("*.sql"), *SCHEMAS.glob("down/*.sql")):
        if path.name[:4] <= last:
            shutil.copy(path, folder / path.relative_to(SCHEMAS))
    for name in views:
        shutil.copy(SCHEMAS / "views" / f"{name}.sql", folder / "views")
    return folder


def merge(store: Store) -> None:
    """Its results into one part, in a store whose merges are stopped."""
    store.client.command("SYSTEM START MERGES results")
    store.client.command("OPTIMIZE TABLE results FINAL")
    store.client.command("SYSTEM STOP MERGES results")
