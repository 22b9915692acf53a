"""The cluster's schema: the same files, and every statement of it parses in the real engine."""

import re
from collections.abc import Iterator

import pytest
from clickhouse_connect.driver.client import Client

from servers.clickhouse.users import Addresses
from sinks.client import DATABASE, connect
from sinks.errors import MigrationError
from sinks.schema.cluster import ddl
from sinks.schema.migrations import SCHEMAS, statements, table_files, view_files

TABLES = ["results", "runs", "feedback", "profiles", "alerts", "snapshots", "forgotten_runs"]


@pytest.fixture
def client(clickhouse: Addresses) -> Iterator[Client]:
    client = connect(clickhouse.migrator, database="clustered")
    yield client
    client.command("DROP DATABASE IF EXISTS clustered", use_database=False)


def test_every_statement_parses(client: Client) -> None:
    found = [text for text in statements(ddl("main")) if not text.startswith("USE ")]
    client.command("CREATE DATABASE clustered", use_database=False)
    asked = "SELECT formatQueryOrNull(arrayJoin({texts:Array(String)})) AS text"
    formatted = [text for (text,) in client.query(asked, {"texts": found}).result_rows]
    assert [text for text, said in zip(found, formatted, strict=True) if not said] == []
    made = "\n".join(found)
    assert made.count("CREATE OR REPLACE VIEW") == made.count("VIEW") == len(view_files(SCHEMAS))
    assert all(" ON CLUSTER 'main'" in text for text in found if re.search(r"^(CREATE|ALTER) ", text, re.MULTILINE))


@pytest.mark.parametrize("table", TABLES)
def test_a_table_is_replicated_and_distributed_by_the_log_s_partition(table: str) -> None:
    text = ddl("main", database="db")
    path = f"'/clickhouse/tables/{{shard}}/db/{table}_local', '{{replica}}'"
    assert re.search(
        rf"TABLE IF NOT EXISTS {table}_local ON CLUSTER 'main'\n.*?ENGINE = Replicated\w*\({re.escape(path)}",
        text,
        re.DOTALL,
    )
    distributed = f"ENGINE = Distributed('main', 'db', {table}_local, source_partition)"
    assert f"{table} ON CLUSTER 'main' AS {table}_local\n{distributed}" in text


def test_its_tables_have_the_columns_and_engines_of_one_server(client: Client, migrated: Addresses) -> None:
    """Made without its cluster, which the embedded engine has none of, it is the schema that `migrate` makes."""
    client.command("CREATE DATABASE clustered", use_database=False)
    for text in statements(ddl("main", database="clustered")):
        if "_local ON CLUSTER" in text:
            alone = re.sub(r"Replicated(\w+)\('[^']*', '[^']*'(, )?", r"\1(", text.replace(" ON CLUSTER 'main'", ""))
            client.command(alone)
    described = """
        SELECT name, type, default_kind, default_expression FROM system.columns
        WHERE database = {database:String} AND table = {table:String}"""
    engine = """
        SELECT engine, sorting_key FROM system.tables WHERE database = {database:String} AND name = {table:String}"""
    for table in TABLES:
        for question in (described, engine):
            one, local = (
                client.query(question, {"database": database, "table": name}).result_rows
                for database, name in ((DATABASE, table), ("clustered", f"{table}_local"))
            )
            assert one == local != []


def test_migrate_afterwards_makes_no_table_again() -> None:
    text = ddl("main")
    assert all(f"VALUES ('{name}', '" in text for name in table_files(SCHEMAS))


def test_a_cluster_s_name_is_no_sql() -> None:
    with pytest.raises(MigrationError, match="is no name of a cluster"):
        ddl("main'; DROP TABLE results")
