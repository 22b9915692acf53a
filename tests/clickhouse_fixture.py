"""The real ClickHouse engine behind its HTTP interface, started once a session, with our schema made once.

What this imports is imported where it is used: who runs no test that needs a store pays nothing.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from servers.clickhouse.users import Addresses

if TYPE_CHECKING:
    from clickhouse_connect.driver.client import Client


@pytest.fixture(scope="session")
def clickhouse(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Addresses]:
    """A server with an empty store, as URLs: `.migrator` makes tables, `.writer` fills them, `.reader` reads."""
    from servers.clickhouse import server as clickhouse_server

    with clickhouse_server.start(tmp_path_factory.mktemp("clickhouse")) as server:
        yield server.addresses


@pytest.fixture(scope="session")
def migrated(clickhouse: Addresses) -> Addresses:
    """The same with all tables and views in `imageledger`: whoever fills them leaves them empty."""
    from sinks.client import connect
    from sinks.schema.migrations import migrate

    migrate(connect(clickhouse.migrator))
    return clickhouse


@pytest.fixture(scope="module")
def tables(migrated: Addresses) -> Iterator[Addresses]:
    """Empty tables, and the views of them, for one module: making them takes longer than most modules do."""
    from sinks.client import connect

    yield migrated
    empty(connect(migrated.writer))


def empty(client: "Client") -> None:
    """The tables of the client's database stay."""
    client.command(f"TRUNCATE TABLES FROM {client.database} NOT LIKE 'schema_migrations'", use_database=False)
