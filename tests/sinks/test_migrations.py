"""Tables once, views always, and a clear refusal when an applied file was changed."""

import itertools
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from clickhouse_connect.driver.client import Client

from servers.users import Addresses
from sinks.client import connect
from sinks.errors import MigrationError
from sinks.migrations import SCHEMAS, migrate, statements

_NAMES = (f"migrated{n}" for n in itertools.count(1))


@pytest.fixture
def client(clickhouse: Addresses) -> Iterator[Client]:
    client = connect(clickhouse.migrator, database=next(_NAMES))
    yield client
    client.command(f"DROP DATABASE IF EXISTS {client.database}", use_database=False)


@pytest.fixture
def schemas(tmp_path: Path) -> Path:
    (tmp_path / "views").mkdir()
    (tmp_path / "0001_things.sql").write_text(
        "-- a; comment\nCREATE TABLE things (a String DEFAULT ';') ENGINE = MergeTree ORDER BY a; "
        "INSERT INTO things VALUES ('x');"
    )
    (tmp_path / "views" / "z_base.sql").write_text("CREATE OR REPLACE VIEW z_base AS SELECT a FROM things")
    (tmp_path / "views" / "a_top.sql").write_text("CREATE OR REPLACE VIEW a_top AS SELECT a AS b FROM z_base")
    return tmp_path


def names(client: Client) -> set[str]:
    rows = client.query("SELECT name FROM system.tables WHERE database = currentDatabase()").result_rows
    return {str(row[0]) for row in rows} - {"schema_migrations"}


def test_the_project_s_own_schema_twice_is_a_no_op(client: Client) -> None:
    planned = migrate(client, dry_run=True)
    assert migrate(client) == planned
    made = names(client)
    assert {"results", "runs", "feedback", "profiles", "alerts", "snapshots"} <= made
    assert {path.stem for path in (SCHEMAS / "views").glob("*.sql")} <= made
    assert migrate(client, dry_run=True) == []
    assert migrate(client) == []


def test_tables_then_views_in_the_order_they_need(client: Client, schemas: Path) -> None:
    applied = ["0001_things.sql", "views/a_top.sql", "views/z_base.sql"]
    assert migrate(client, dry_run=True, schemas=schemas) == applied
    with pytest.raises(Exception, match="does not exist"):
        names(client)  # a dry run makes nothing, not even the database
    assert migrate(client, schemas=schemas) == applied
    assert client.query("SELECT b FROM a_top").result_rows == [("x",)]
    assert migrate(client, schemas=schemas) == []
    assert client.query("SELECT b FROM a_top").result_rows == [("x",)]


def test_a_view_that_was_changed_by_hand_is_mended_and_one_without_a_file_is_dropped(
    client: Client, schemas: Path
) -> None:
    migrate(client, schemas=schemas)
    client.command("CREATE OR REPLACE VIEW a_top AS SELECT 1 AS b")
    (schemas / "views" / "z_base.sql").write_text("CREATE OR REPLACE VIEW z_base AS SELECT upper(a) AS a FROM things")
    assert migrate(client, schemas=schemas) == ["views/z_base.sql"]
    assert client.query("SELECT b FROM a_top").result_rows == [("X",)]
    (schemas / "views" / "a_top.sql").unlink()
    assert migrate(client, schemas=schemas) == ["views/a_top.sql"]
    assert names(client) == {"things", "z_base"}
    assert migrate(client, schemas=schemas) == []


def test_an_applied_file_must_not_change_but_its_line_ends_may(client: Client, schemas: Path) -> None:
    migrate(client, schemas=schemas)
    table = schemas / "0001_things.sql"
    table.write_bytes(table.read_bytes().replace(b"\n", b"\r\n"))
    assert migrate(client, schemas=schemas) == []
    table.write_text(table.read_text() + "ALTER TABLE things ADD COLUMN b String;")
    for dry_run in (True, False):
        with pytest.raises(MigrationError, match=r"0001_things\.sql was changed.*next number"):
            migrate(client, dry_run=dry_run, schemas=schemas)


def test_a_failing_file_is_named_and_tried_again(client: Client, schemas: Path) -> None:
    later = schemas / "0002_more.sql"
    later.write_text("CREATE TABLE IF NOT EXISTS more (a String) ENGINE = MergeTree ORDER BY a; SELEKT 1")
    with pytest.raises(MigrationError, match=r"0002_more\.sql failed"):
        migrate(client, schemas=schemas)
    later.write_text("CREATE TABLE IF NOT EXISTS more (a String) ENGINE = MergeTree ORDER BY a; SELECT 1")
    assert "0002_more.sql" in migrate(client, schemas=schemas)
    shutil.rmtree(schemas / "views")  # no views at all is fine
    assert migrate(client, schemas=schemas) == ["views/a_top.sql", "views/z_base.sql"]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", []),
        ("-- only; words\n/* and; more */ ;;", []),
        ("SELECT ';'; SELECT `a;b`, \"c;d\" -- e;f\n", ["SELECT ';'", 'SELECT `a;b`, "c;d" -- e;f']),
        ("SELECT 'it''s; \\'quoted;'; SELECT 1/2-3", ["SELECT 'it''s; \\'quoted;'", "SELECT 1/2-3"]),
    ],
)
def test_statements_end_at_semicolons_that_mean_it(text: str, found: list[Any]) -> None:
    assert list(statements(text)) == found
