"""The same schema for a cluster of ClickHouse servers, by substitution of the same files (DESIGN.md 4.4).

Each table becomes `NAME_local` on every server, with the Replicated form of its engine, and a Distributed `NAME` over
them, which writers and views use. Rows are dealt out by `source_partition`: an event's repeats and a subject's results
stand in one partition of the log, so they meet on one shard, where FINAL can see them.
"""

# ruff: noqa: S608 - these texts are made of our own files' names

import re
from collections.abc import Iterator
from pathlib import Path

from sinks.client import DATABASE
from sinks.errors import MigrationError

from .migrations import REGISTER, SCHEMAS, checksum, in_order, statements, table_files, view_files

_TABLE = re.compile(r"CREATE TABLE IF NOT EXISTS (\w+)")
_ENGINE = re.compile(r"\bENGINE = (\w*MergeTree)(?:\(([^)]*)\))?")
_ALTER = re.compile(r"ALTER TABLE (\w+)\s+")
_SHAPE = re.compile(r"\b(?:ADD|MODIFY|DROP) COLUMN ")  # not MATERIALIZE COLUMN: that is about rows
_VIEW = re.compile(r"CREATE OR REPLACE VIEW (\w+) AS")

_HEADER = """-- imageledger's schema for cluster {cluster}, database {database}, for `clickhouse-client --multiquery`.
-- Every server needs the macros shard and replica. Writers set distributed_foreground_insert=1 (an answer means
-- stored), readers distributed_product_mode='global' (views join)."""


def ddl(cluster: str, *, database: str = DATABASE, schemas: Path = SCHEMAS) -> str:
    """One script with every statement of the schema for `cluster`, in the order in which they must run.

    Raises MigrationError for a name that is none.
    """
    if not re.fullmatch(r"[\w.{}-]+", cluster):
        raise MigrationError(f"{cluster!r} is no name of a cluster")
    return f"{_HEADER.format(cluster=cluster, database=database)}\n" + "".join(
        f"\n{statement};\n" for statement in _statements(cluster, database, schemas)
    )


def _statements(cluster: str, database: str, schemas: Path) -> Iterator[str]:
    where = f"ON CLUSTER '{cluster}'"
    yield f"CREATE DATABASE IF NOT EXISTS `{database}` {where}"
    yield f"USE `{database}`"
    yield _replicated(REGISTER, where, database)
    for name, path in table_files(schemas).items():
        for statement in statements(path.read_text("utf-8")):
            yield from _of_table(statement, cluster, where, database)
        yield f"INSERT INTO schema_migrations (name, checksum) VALUES ('{name}', '{checksum(path)}')"
    files = view_files(schemas)
    for name in in_order(files):
        for statement in statements(files[name].read_text("utf-8")):
            yield _VIEW.sub(rf"CREATE OR REPLACE VIEW \1 {where} AS", statement, count=1)


def _of_table(statement: str, cluster: str, where: str, database: str) -> Iterator[str]:
    if made := _TABLE.search(statement):
        name = made[1]
        yield _replicated(_TABLE.sub(r"CREATE TABLE IF NOT EXISTS \1_local", statement, count=1), where, database)
        yield (
            f"CREATE TABLE IF NOT EXISTS {name} {where} AS {name}_local\n"
            f"ENGINE = Distributed('{cluster}', '{database}', {name}_local, source_partition)"
        )
    elif altered := _ALTER.search(statement):
        yield _ALTER.sub(rf"ALTER TABLE \1_local {where} ", statement, count=1)
        if _SHAPE.search(statement):
            yield _ALTER.sub(rf"ALTER TABLE {altered[1]} {where} ", statement, count=1)
    else:
        yield statement


def _replicated(statement: str, where: str, database: str) -> str:
    """A CREATE TABLE on the cluster, its engine the Replicated form."""
    name = _TABLE.search(statement)
    assert name is not None
    path = f"'/clickhouse/tables/{{shard}}/{database}/{name[1]}', '{{replica}}'"

    def engine(found: re.Match[str]) -> str:
        return f"ENGINE = Replicated{found[1]}({', '.join(filter(None, (path, found[2])))})"

    return _ENGINE.sub(engine, _TABLE.sub(rf"CREATE TABLE IF NOT EXISTS \1 {where}", statement, count=1), count=1)
