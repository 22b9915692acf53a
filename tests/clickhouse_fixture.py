"""The real ClickHouse engine behind its HTTP interface, started once a session."""

from collections.abc import Iterator

import pytest

from servers.clickhouse.users import Addresses


@pytest.fixture(scope="session")
def clickhouse(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Addresses]:
    """A server with an empty store, as URLs: `.migrator` makes tables, `.writer` fills them, `.reader` reads."""
    from servers.clickhouse import server as clickhouse_server  # chDB takes a second and a half

    with clickhouse_server.start(tmp_path_factory.mktemp("clickhouse")) as server:
        yield server.addresses
