"""The schema in ClickHouse, made from schemas/clickhouse: numbered tables once each, views as they are now."""

import hashlib
import re
from collections.abc import Collection, Iterator, Mapping
from graphlib import TopologicalSorter
from pathlib import Path

from clickhouse_connect.driver.client import Client

from sinks.client import address
from sinks.errors import ClickHouseError, MigrationError, SchemaMissing, translated

SCHEMAS = Path(__file__).parents[2] / "schemas" / "clickhouse"

REGISTER = """CREATE TABLE IF NOT EXISTS schema_migrations (
    name String,
    checksum String COMMENT 'SHA-256 of the file, of a view also a hash of what was made of it; empty: dropped',
    applied_at DateTime64(6, 'UTC') DEFAULT now64(6)
) ENGINE = ReplacingMergeTree(applied_at) ORDER BY name"""
_NUMBERED = re.compile(r"\d{4}_\w+\.sql")
_EMPTIED = re.compile(r"(?:DROP|TRUNCATE)\s+TABLE\s+(?:IF\s+EXISTS\s+)?(\w+)")
_ALTERED = re.compile(r"ALTER\s+TABLE\s+(\w+)")
_DROPPED = re.compile(r"DROP\s+COLUMN\s+(?:IF\s+EXISTS\s+)?(\w+)")
_READ = re.compile(r"\b(?:FROM|JOIN)\s+(\w+)")
# A statement ends at a semicolon that is neither in a literal or quoted name nor in a comment.
_PIECE = re.compile(
    r"""'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"|`(?:[^`\\]|\\.)*`|--[^\n]*|/\*.*?\*/|;|[^;'"`/-]+|.""", re.DOTALL
)


def migrate(client: Client, *, dry_run: bool = False, schemas: Path = SCHEMAS) -> list[str]:
    """Brings the client's database up to date and says which files changed something: nothing the second time.

    Tables: each `NNNN_name.sql` once, in order. Views: each `views/NAME.sql` whose text is new, or whose view is not
    there as it was made, which mends what somebody changed; with it those that read it, after a new table all: a view
    keeps the types that it was made with. A view whose file is gone is dropped. `dry_run` only says what would
    change.

    Raises:
        MigrationError: an applied file was changed since, or a statement failed (the message names the file).
        ClickHouseError: ClickHouse does not answer, or denies it.
    """
    applied = _applied(client)
    tables, views = table_files(schemas), view_files(schemas)
    for name in tables:
        if applied.get(name, checksum(tables[name])) != checksum(tables[name]):
            raise MigrationError(
                f"schemas/clickhouse/{name} was changed after it was applied to {_place(client)}: "
                "undo that, and put the change into a new file with the next number"
            )
    new = [name for name in tables if name not in applied]
    there = _standing(client) if applied else {}
    changed = [name for name in views if applied.get(name) != _made(name, views[name], there)]
    gone = [name for name in applied if name.startswith("views/") and name not in views]
    if not dry_run:
        _create(client)
        if new:  # whatever ends this one halfway, the next makes every view
            _register(client, {name: "" for name in views if name in applied})
        for name in new:
            _apply(client, name, tables[name])
            _register(client, {name: checksum(tables[name])})
        stale = in_order(views) if new else with_readers(changed, views)
        for name in stale:
            _apply(client, name, views[name])
        for name in gone:
            _run(client, f"DROP VIEW IF EXISTS {Path(name).stem}", name)
        there = _standing(client) if stale else there
        _register(client, {name: _made(name, views[name], there) for name in stale} | dict.fromkeys(gone, ""))
    return new + changed + gone


def down(
    client: Client, number: str, *, drop_data: bool = False, dry_run: bool = False, schemas: Path = SCHEMAS
) -> list[str]:
    """Undoes migration `number` (`0007`) and every later one, newest first, and says which.

    Each `NNNN_name.sql` is undone by `down/NNNN_name.sql`. The views go first, since they may stand on what goes; the
    next `migrate`, of whichever version, makes its own again.

    Raises:
        MigrationError: there is nothing to undo, a file that undoes is missing, or rows would be lost and `drop_data`
            is not given; nothing was changed then. Or a statement failed (the message names the file).
        ClickHouseError: ClickHouse does not answer, or denies it.
    """
    applied = _applied(client)
    undone = sorted((name for name in applied if _NUMBERED.fullmatch(name) and name[:4] >= number), reverse=True)
    if not undone:
        raise MigrationError(f"{_place(client)} has no migration {number} or later to undo")
    files = {name: schemas / "down" / name for name in undone}
    for name, path in files.items():
        if not path.exists():
            raise MigrationError(f"schemas/clickhouse/down/{name} is missing: {name} cannot be undone")
        if not drop_data:
            _refuse_loss(client, name, path)
    views = [name for name in applied if name.startswith("views/")]
    if not dry_run:
        for name in views:
            _run(client, f"DROP VIEW IF EXISTS {Path(name).stem}", name)
        _register(client, dict.fromkeys(views, ""))
        for name, path in files.items():
            _apply(client, f"down/{name}", path)
            _register(client, {name: ""})
    return views + undone


def in_order(views: Mapping[str, Path]) -> list[str]:
    """The views' names, each after those that it reads."""
    return list(TopologicalSorter(_reads(views)).static_order())


def with_readers(changed: Collection[str], views: Mapping[str, Path]) -> list[str]:
    """The views that are changed and all that read one of them, each after those that it reads."""
    reads = _reads(views)
    found: dict[str, None] = {}
    for name in in_order(views):
        if name in changed or not reads[name].isdisjoint(found):
            found[name] = None
    return list(found)


def _reads(views: Mapping[str, Path]) -> dict[str, set[str]]:
    """View → the views that it reads."""
    names = {path.stem: name for name, path in views.items()}
    return {
        name: {names[read] for read in _READ.findall(path.read_text("utf-8")) if read in names}
        for name, path in views.items()
    }


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


def table_files(schemas: Path) -> dict[str, Path]:
    """The numbered files by name, in order."""
    return {path.name: path for path in sorted(schemas.glob("*.sql")) if _NUMBERED.fullmatch(path.name)}


def view_files(schemas: Path) -> dict[str, Path]:
    """The views' files by their name in the register."""
    return {f"views/{path.name}": path for path in sorted((schemas / "views").glob("*.sql"))}


def _refuse_loss(client: Client, name: str, path: Path) -> None:
    for statement in statements(path.read_text("utf-8")):
        for table in _losing(client, statement):
            with translated(address(client)):
                rows = client.command(f"SELECT count() FROM {table}") if client.command(f"EXISTS TABLE {table}") else 0  # noqa: S608 - a name out of our own file
            if rows:
                raise MigrationError(
                    f"undoing {name} would lose data of table {table} with its {rows} rows in {_place(client)}: "
                    "export them first, or say --drop-data (the log still has what Kafka keeps)"
                )


def _losing(client: Client, statement: str) -> list[str]:
    """Tables of which a statement takes what is nowhere else: all rows, or a column that is not made of others."""
    tables = _EMPTIED.findall(statement)
    altered, columns = _ALTERED.search(statement), _DROPPED.findall(statement)
    if altered and columns:
        stored = """SELECT count() FROM system.columns WHERE database = currentDatabase() AND table = {table:String}
            AND name IN {columns:Array(String)} AND default_kind NOT IN ('MATERIALIZED', 'ALIAS')"""
        with translated(address(client)):
            if client.command(stored, {"table": altered[1], "columns": columns}):
                tables.append(altered[1])
    return tables


def _applied(client: Client) -> dict[str, str]:
    try:
        with translated(address(client)):
            rows = client.query("SELECT name, checksum FROM schema_migrations FINAL WHERE checksum != ''").result_rows
    except SchemaMissing:
        return {}
    return {str(name): str(checksum) for name, checksum in rows}


def _standing(client: Client) -> dict[str, str]:
    """View → a hash of what the engine holds it for."""
    statement = """SELECT name, hex(sipHash128(create_table_query)) FROM system.tables
        WHERE database = currentDatabase() AND engine = 'View'"""
    with translated(address(client)):
        rows = client.query(statement).result_rows
    return {f"views/{name}.sql": str(found) for name, found in rows}


def _made(name: str, path: Path, there: Mapping[str, str]) -> str:
    """What the register says of a view that was made of this file and is there as it was made."""
    return f"{checksum(path)} {there.get(name)}"


def _create(client: Client) -> None:
    with translated(address(client)):
        client.command(f"CREATE DATABASE IF NOT EXISTS `{client.database}`", use_database=False)
        client.command(REGISTER)


def _apply(client: Client, name: str, path: Path) -> None:
    for statement in statements(path.read_text("utf-8")):
        _run(client, statement, name)


def _run(client: Client, statement: str, name: str) -> None:
    try:
        with translated(address(client)):
            client.command(statement)
    except ClickHouseError as error:
        raise MigrationError(f"schemas/clickhouse/{name} failed on {_place(client)}: {error}") from error


def _register(client: Client, checksums: Mapping[str, str]) -> None:
    """Remember files by name as applied, or with "" as undone: in one insert, each takes as long as a view."""
    if checksums:
        with translated(address(client)):
            client.insert(
                "schema_migrations", list(checksums.items()), ["name", "checksum"], settings={"async_insert": 0}
            )


def checksum(path: Path) -> str:
    """A file's SHA-256: of the text, so that line ends do not matter."""
    return hashlib.sha256(path.read_text("utf-8").encode()).hexdigest()


def _place(client: Client) -> str:
    return f"database {client.database} of ClickHouse at {address(client)}"
