"""`backup`, `restore` and `cleanup` on a store of its own: the same rows come back, and only what is old goes."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import DatabaseError
from typer.testing import CliRunner, Result

from imageledger.cli.main import app
from imageledger.errors import SettingsError
from servers.clickhouse import server as clickhouse_server
from sinks.backup import restore
from sinks.client import connect
from sinks.errors import ClickHouseError, NotRestored
from sinks.schema.migrations import migrate

CALLS = """
INSERT INTO results (event_id, run_id, subject_kind, subject_id, status, recorded_at, event_time, source_offset)
SELECT toString(number), if(number < 3, 'old', 'new'), 'message', toString(number), 'success',
    now64(3) - INTERVAL if(number < 3, 100, 1) DAY AS at, at, number
FROM numbers(5)
"""
TOTALS = "SELECT run_id, results, subjects FROM run_totals ORDER BY run_id"


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Client]:
    with clickhouse_server.start(tmp_path / "data") as server:
        client = connect(server.addresses.migrator)
        migrate(client)
        client.command(CALLS)
        yield client


def test_a_store_comes_back_and_what_is_old_goes(store: Client, tmp_path: Path) -> None:
    def ask(*arguments: str) -> Result:
        return CliRunner().invoke(app, ["--data", str(tmp_path / "data"), *arguments])

    before = store.query(TOTALS).result_rows
    assert before == [("new", 2, 2), ("old", 3, 3)]
    for copy in (tmp_path / "copies" / "store.tar", tmp_path / "folder"):
        assert ask("backup", str(copy)).exit_code == 0
        assert copy.exists()
        assert isinstance(ask("backup", str(copy)).exception, SettingsError)  # never over another one
        assert isinstance(ask("restore", str(copy)).exception, NotRestored)  # nor over a store that is there
    assert list((tmp_path / "data" / "clickhouse" / "backups").iterdir()) == []
    assert isinstance(ask("backup", str(tmp_path / "store.zip")).exception, SettingsError)
    assert isinstance(ask("restore", str(tmp_path / "nothing")).exception, SettingsError)

    planned = json.loads(ask("cleanup", "--dry-run", "--json").stdout)
    assert [(run["run_id"], run["kind"], run["rows"]) for run in planned["runs"]] == [("old", "calls", 3)]
    assert store.query(TOTALS).result_rows == before
    done = ask("cleanup")
    assert "removed 1 runs with 3 rows" in done.stdout
    assert store.query(TOTALS).result_rows == [("new", 2, 2)]

    assert ask("restore", str(tmp_path / "folder"), "--replace").exit_code == 0
    assert store.query(TOTALS).result_rows == before
    for broken in _no_backups(tmp_path):
        assert isinstance(ask("restore", str(broken), "--replace").exception, ClickHouseError)
        assert store.query(TOTALS).result_rows == before  # nothing was dropped for it
    assert _databases(store) == ["imageledger"]

    for name in ("before_0123456789ab", "before_the_move"):  # what a killed restore left, and somebody's own
        store.command(f"CREATE DATABASE imageledger_{name}", use_database=False)
    store.command("DROP DATABASE imageledger SYNC", use_database=False)
    assert ask("restore", str(tmp_path / "copies" / "store.tar")).exit_code == 0
    assert store.query(TOTALS).result_rows == before
    assert migrate(store) == []
    assert _databases(store) == ["imageledger", "imageledger_before_the_move"]


def test_an_interrupted_restore_that_still_makes_tables_is_waited_for(
    store: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked, refusals = store.command, iter([DatabaseError("Code: 219 (DATABASE_NOT_EMPTY)")] * 2)

    def still_restores(statement: str, *rest: object, **options: object) -> object:
        if statement.startswith("DROP") and (refusal := next(refusals, None)):
            raise refusal
        return asked(statement, *rest, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(store, "command", still_restores)
    with pytest.raises(ClickHouseError):
        restore(store, "nothing.tar", replace=True)
    assert next(refusals, None) is None
    assert _databases(store) == ["imageledger"]
    assert store.query("SELECT count() FROM results").result_rows == [(5,)]


def test_who_cannot_be_put_back_is_named(store: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """ClickHouse went away while it restored: nobody else says under which name everything is still there."""
    asked = store.command

    def goes_away(statement: str, *rest: object, **options: object) -> object:
        if statement.startswith("DROP"):
            raise DatabaseError("away")
        return asked(statement, *rest, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(store, "command", goes_away)
    with pytest.raises(ClickHouseError, match="RENAME DATABASE") as told:
        restore(store, "nothing.tar", replace=True)
    known = "SELECT name FROM system.databases WHERE name LIKE 'imageledger%'"
    aside = asked(known, use_database=False)
    assert f"what it had is whole, in {aside};" in str(told.value)
    assert asked(f"SELECT count() FROM {aside}.results", use_database=False) == 5


def _no_backups(folder: Path) -> Iterator[Path]:
    """A folder of something else, and a copy that was cut short."""
    (folder / "photographs").mkdir()
    yield folder / "photographs"
    whole = (folder / "copies" / "store.tar").read_bytes()
    (folder / "half.tar").write_bytes(whole[: len(whole) // 2])
    yield folder / "half.tar"


def _databases(store: Client) -> list[str]:
    names = "SELECT name FROM system.databases WHERE name LIKE 'imageledger%' ORDER BY name"
    return [name for (name,) in store.query(names).result_rows]
