"""Tables once, views where they differ, and a clear refusal when an applied file was changed."""

import itertools
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from clickhouse_connect.driver.client import Client
from databases import ours

from servers.clickhouse.users import Addresses
from sinks.client import connect
from sinks.errors import MigrationError
from sinks.schema.migrations import SCHEMAS, down, in_order, migrate, statements, view_files

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


def identities(client: Client) -> dict[str, str]:
    """View → an identity that each making of it has of its own."""
    statement = "SELECT name, uuid FROM system.tables WHERE database = currentDatabase() AND engine = 'View'"
    return {str(name): str(identity) for name, identity in client.query(statement).result_rows}


def test_the_project_s_own_schema_twice_is_a_no_op(migrated: Addresses) -> None:
    client = connect(migrated.migrator)
    made = names(client)
    assert {"results", "runs", "feedback", "profiles", "alerts", "snapshots", "forgotten_runs"} <= made
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
    assert migrate(client, schemas=schemas) == ["views/a_top.sql", "views/z_base.sql"]
    assert client.query("SELECT b FROM a_top").result_rows == [("X",)]
    (schemas / "views" / "a_top.sql").unlink()
    assert migrate(client, schemas=schemas) == ["views/a_top.sql"]
    assert names(client) == {"things", "z_base"}
    assert migrate(client, schemas=schemas) == []


def test_views_that_are_there_as_they_were_made_are_left_alone(client: Client, schemas: Path) -> None:
    migrate(client, schemas=schemas)
    made = identities(client)
    assert migrate(client, schemas=schemas) == []
    assert identities(client) == made
    client.command("CREATE OR REPLACE VIEW a_top AS SELECT 1 AS b")
    assert migrate(client, schemas=schemas) == ["views/a_top.sql"]
    assert client.query("SELECT b FROM a_top").result_rows == [("x",)]
    assert identities(client)["z_base"] == made["z_base"]
    client.command("DROP VIEW a_top")
    assert migrate(client, schemas=schemas) == ["views/a_top.sql"]
    assert names(client) == {"things", "z_base", "a_top"}
    assert migrate(client, schemas=schemas) == []


def test_a_view_is_made_anew_with_what_it_reads(client: Client, schemas: Path) -> None:
    migrate(client, schemas=schemas)
    (schemas / "views" / "z_base.sql").write_text("CREATE OR REPLACE VIEW z_base AS SELECT length(a) AS a FROM things")
    assert migrate(client, schemas=schemas) == ["views/z_base.sql"]
    assert "`b` UInt64" in str(client.command("SHOW CREATE VIEW a_top"))
    (schemas / "views" / "z_base.sql").write_text("CREATE OR REPLACE VIEW z_base AS SELECT a FROM things")
    migrate(client, schemas=schemas)
    (schemas / "0002_number.sql").write_text("ALTER TABLE things ADD COLUMN c Int8")
    made = identities(client)
    assert migrate(client, schemas=schemas) == ["0002_number.sql"]
    assert identities(client).keys() == made.keys()
    assert not set(identities(client).items()) & set(made.items())
    assert migrate(client, schemas=schemas) == []


def test_views_that_a_new_table_asks_for_are_made_even_if_that_was_cut_short(client: Client, schemas: Path) -> None:
    migrate(client, schemas=schemas)
    made = identities(client)
    base = schemas / "views" / "z_base.sql"
    text = base.read_text()
    base.write_text("CREATE OR REPLACE VIEW z_base AS SELEKT")
    (schemas / "0002_number.sql").write_text("ALTER TABLE things ADD COLUMN c Int8")
    with pytest.raises(MigrationError, match=r"z_base\.sql failed"):
        migrate(client, schemas=schemas)
    base.write_text(text)
    assert migrate(client, schemas=schemas) == ["views/a_top.sql", "views/z_base.sql"]
    assert not set(identities(client).items()) & set(made.items())


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


def test_down_and_up_again_leaves_the_data(client: Client, tmp_path: Path) -> None:
    views = ("run_results", "feedback_ratings", "result_ratings", "model_performance_metrics")
    schemas = ours(tmp_path / "ours", last="9999", views=views)
    made = migrate(client, schemas=schemas)
    client.command("INSERT INTO results (event_id, run_id, conversation_id) VALUES ('e', 'r', 'talk')")
    undone = {name for name in down(client, "0007", dry_run=True, schemas=schemas) if not name.startswith("views/")}
    assert "by_conversation" in str(client.command("SHOW CREATE TABLE results"))
    assert undone <= set(down(client, "0007", schemas=schemas))
    assert "by_conversation" not in str(client.command("SHOW CREATE TABLE results"))
    assert names(client) == {"results", "runs", "feedback", "profiles", "alerts", "snapshots"}
    assert set(migrate(client, schemas=schemas)) == undone | {name for name in made if name.startswith("views/")}
    assert "by_conversation" in str(client.command("SHOW CREATE TABLE results"))
    assert client.query("SELECT id, conversation_id FROM model_performance_metrics").result_rows == [("e", "talk")]
    assert migrate(client, schemas=schemas) == []


def test_down_does_not_lose_rows_unless_told_to(client: Client, tmp_path: Path) -> None:
    schemas = ours(tmp_path / "ours", last="0006", views=["feedback_ratings"])
    migrate(client, schemas=schemas)
    client.command("INSERT INTO runs (event_id, run_id) VALUES ('e', 'r')")
    for dry_run in (True, False):
        with pytest.raises(
            MigrationError, match=r"0002_runs\.sql would lose data of table runs with its 1 rows.*--drop-data"
        ):
            down(client, "0002", dry_run=dry_run, schemas=schemas)
    assert "feedback_ratings" in names(client)  # nothing was changed
    down(client, "0002", drop_data=True, schemas=schemas)
    assert names(client) == {"results"}
    down(client, "0001", schemas=schemas)  # nothing in it
    assert names(client) == set()
    with pytest.raises(MigrationError, match="no migration 0001 or later to undo"):
        down(client, "0001", schemas=schemas)
    assert "0001_results.sql" in migrate(client, schemas=schemas)
    assert {path.stem for path in view_files(schemas).values()} <= names(client)


def test_what_cannot_be_undone_is_said_before_anything_changes(client: Client, schemas: Path) -> None:
    migrate(client, schemas=schemas)
    with pytest.raises(MigrationError, match=r"down/0001_things\.sql is missing"):
        down(client, "0001", schemas=schemas)
    (schemas / "down").mkdir()
    for action in ("DROP COLUMN a", "DROP INDEX IF EXISTS none, DROP COLUMN IF EXISTS a"):
        (schemas / "down" / "0001_things.sql").write_text(f"ALTER TABLE things {action}")
        with pytest.raises(MigrationError, match="would lose data of table things"):
            down(client, "0001", schemas=schemas)
    assert names(client) == {"things", "a_top", "z_base"}
    client.command("ALTER TABLE things ADD COLUMN twice String MATERIALIZED concat(a, a)")
    (schemas / "down" / "0001_things.sql").write_text("ALTER TABLE things DROP COLUMN twice")
    assert "0001_things.sql" in down(client, "0001", dry_run=True, schemas=schemas)  # it is made of the others


def test_every_migration_can_be_undone() -> None:
    assert {path.name for path in SCHEMAS.glob("*.sql")} == {path.name for path in (SCHEMAS / "down").iterdir()}


def test_a_view_comes_after_those_that_it_reads(schemas: Path) -> None:
    assert in_order(view_files(schemas)) == ["views/z_base.sql", "views/a_top.sql"]


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
