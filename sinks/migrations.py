"""The schema in ClickHouse, made from schemas/clickhouse: numbered tables once each, views as they are now."""

import hashlib
import re
from collections.abc import Iterator
from pathlib import Path

from clickhouse_connect.driver.client import Client

from .client import address
from .errors import ClickHouseError, MigrationError, SchemaMissing, translated

SCHEMAS = Path(__file__).parents[1] / "schemas" / "clickhouse"

_REGISTER = """CREATE TABLE IF NOT EXISTS schema_migrations (
    name String,
    checksum String COMMENT 'SHA-256 of the file; empty: dropped',
    applied_at DateTime64(6, 'UTC') DEFAULT now64(6)
) ENGINE = ReplacingMergeTree(applied_at) ORDER BY name"""
_NUMBERED = re.compile(r"\d{4}_\w+\.sql")
# A statement ends at a semicolon that is neither in a literal or quoted name nor in a comment.
_PIECE = re.compile(
    r"""'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"|`(?:[^`\\]|\\.)*`|--[^\n]*|/\*.*?\*/|;|[^;'"`/-]+|.""", re.DOTALL
)


def migrate(client: Client, *, dry_run: bool = False, schemas: Path = SCHEMAS) -> list[str]:
    """Brings the client's database up to date and says which files changed something: nothing the second time.

    Tables: each `NNNN_name.sql` once, in order. Views: each `views/NAME.sql` is replaced every time, which mends what
    somebody changed; a view whose file is gone is dropped. `dry_run` only says what would change.

    Raises:
        MigrationError: an applied file was changed since, or a statement failed (the message names the file).
        ClickHouseError: ClickHouse does not answer, or denies it.
    """
    applied = _applied(client)
    tables = {path.name: path for path in sorted(schemas.glob("*.sql")) if _NUMBERED.fullmatch(path.name)}
    views = {f"views/{path.name}": path for path in sorted((schemas / "views").glob("*.sql"))}
    for name in tables:
        if applied.get(name, _checksum(tables[name])) != _checksum(tables[name]):
            raise MigrationError(
                f"schemas/clickhouse/{name} was changed after it was applied to {_place(client)}: "
                "undo that, and put the change into a new file with the next number"
            )
    new = [name for name in tables if name not in applied]
    changed = [name for name in views if applied.get(name) != _checksum(views[name])]
    gone = [name for name in applied if name.startswith("views/") and name not in views]
    if not dry_run:
        _create(client)
        for name in new:
            _apply(client, name, tables[name])
            _register(client, name, _checksum(tables[name]))
        _replace_views(client, views)
        for name in changed:
            _register(client, name, _checksum(views[name]))
        for name in gone:
            _run(client, f"DROP VIEW IF EXISTS {Path(name).stem}", name)
            _register(client, name, "")
    return new + changed + gone


def statements(text: str) -> Iterator[str]:
    """The statements of a file, without those that are only comments."""
    statement = ""
    for piece in _PIECE.findall(text + ";"):
        if piece != ";":
            statement += piece
            continue
        if re.sub(r"--[^\n]*|/\*.*?\*/", "", statement, flags=re.DOTALL).strip():
            yield statement.strip()
        statement = ""


def _applied(client: Client) -> dict[str, str]:
    try:
        with translated(address(client)):
            rows = client.query("SELECT name, checksum FROM schema_migrations FINAL WHERE checksum != ''").result_rows
    except SchemaMissing:
        return {}
    return {str(name): str(checksum) for name, checksum in rows}


def _create(client: Client) -> None:
    with translated(address(client)):
        client.command(f"CREATE DATABASE IF NOT EXISTS `{client.database}`", use_database=False)
        client.command(_REGISTER)


def _replace_views(client: Client, views: dict[str, Path]) -> None:
    """A view may stand on another one whose name comes later: those are tried again while there is progress."""
    waiting = dict(views)
    while waiting:
        failed: dict[str, MigrationError] = {}
        for name, path in waiting.items():
            try:
                _apply(client, name, path)
            except MigrationError as error:
                if not isinstance(error.__cause__, SchemaMissing):
                    raise
                failed[name] = error
        if len(failed) == len(waiting):
            raise next(iter(failed.values()))
        waiting = {name: waiting[name] for name in failed}


def _apply(client: Client, name: str, path: Path) -> None:
    for statement in statements(path.read_text("utf-8")):
        _run(client, statement, name)


def _run(client: Client, statement: str, name: str) -> None:
    try:
        with translated(address(client)):
            client.command(statement)
    except ClickHouseError as error:
        raise MigrationError(f"schemas/clickhouse/{name} failed on {_place(client)}: {error}") from error


def _register(client: Client, name: str, checksum: str) -> None:
    with translated(address(client)):
        client.insert("schema_migrations", [[name, checksum]], ["name", "checksum"], settings={"async_insert": 0})


def _checksum(path: Path) -> str:
    """Of the text, so that line ends do not matter."""
    return hashlib.sha256(path.read_text("utf-8").encode()).hexdigest()


def _place(client: Client) -> str:
    return f"database {client.database} of ClickHouse at {address(client)}"
