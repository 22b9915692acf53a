"""Every definition's SQL runs as the reader who clicks "Open in Queries"; what it says is in tests/journeys."""

from collections.abc import Iterator

import pytest
from serving import Served, served

from dashboard.definitions import DEFINITIONS
from servers.clickhouse.users import Addresses
from sinks.client import connect
from sinks.schema.migrations import migrate


@pytest.fixture(scope="module")
def page(clickhouse: Addresses) -> Iterator[Served]:
    migrator = connect(clickhouse.migrator)
    migrate(migrator)
    with served("127.0.0.1:9", "none.", clickhouse_url=clickhouse.reader) as running:
        yield running
    migrator.command("DROP DATABASE imageledger")


@pytest.mark.parametrize("key", sorted(key for key, definition in DEFINITIONS.items() if definition.sql))
def test_the_reader_may_ask_it(page: Served, key: str) -> None:
    asked = {"query": DEFINITIONS[key].sql, "parameters": {"run": "nobody's"}}
    answer = page.client.post("/api/sql", json=asked)
    assert answer.status_code == 200, answer.text
    assert [column["name"] for column in answer.json()["meta"]][-1] == "value"
