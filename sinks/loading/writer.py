"""Rows into ClickHouse: one insert, confirmed or an error."""

from collections.abc import Sequence

import pyarrow as pa
from clickhouse_connect.driver.client import Client

from sinks.client import address
from sinks.errors import SchemaMissing, translated

_SETTINGS = {
    "async_insert": 0,  # the answer comes when the rows are in the table
    "optimize_on_insert": 0,  # duplicates are a merge's business; here it would cost a third
    "wait_end_of_query": 1,  # an error late in the insert still is the answer's status …
    "send_progress_in_http_headers": 0,  # … which therefore is not sent early
}


def insert(client: Client, table: str, batches: Sequence[pa.RecordBatch]) -> int:
    """Stores rows of one schema and says how many; returns after ClickHouse confirmed them. Blocks.

    Raises:
        ClickHouseAway: worth another try, perhaps of rows that are in the table already: merges leave one of each.
        ClickHouseError: another try would end the same way.
    """
    names = _columns_with_values(batches)
    with translated(address(client)):
        client.raw_insert(table, names, encode(batches, names), _SETTINGS, "ArrowStream")
    return sum(batch.num_rows for batch in batches)


def encode(batches: Sequence[pa.RecordBatch], names: Sequence[str]) -> bytes:
    """These columns as an Arrow stream of one batch: each is work for the server, and has dictionaries of its own."""
    rows = pa.Table.from_batches([batch.select(names) for batch in batches]).combine_chunks()
    stream = pa.BufferOutputStream()
    with pa.ipc.new_stream(stream, rows.schema) as writer:
        writer.write_table(rows)
    return bytes(stream.getvalue())


def _columns_with_values(batches: Sequence[pa.RecordBatch]) -> list[str]:
    """A column that is NULL throughout is NULL in the table by itself; half of a result's columns often are."""
    return [name for name in batches[0].schema.names if any(b[name].null_count < b.num_rows for b in batches)]


def identity(client: Client, table: str) -> str:
    """What this table is known by, which no table made again under its name is. Blocks.

    Raises:
        SchemaMissing: there is none.
        ClickHouseError: ClickHouse does not answer, or denies it.
    """
    with translated(address(client)):
        found = client.query(
            "SELECT toString(uuid) FROM system.tables WHERE database = currentDatabase() AND name = {table:String}",
            {"table": table},
        ).result_rows
    if not found:
        raise _missing(client, [table])
    return str(found[0][0])


def require_tables(client: Client, tables: Sequence[str]) -> None:
    """Refuses a database without these tables.

    Raises:
        SchemaMissing: names what is not there.
        ClickHouseError: ClickHouse does not answer, or denies it.
    """
    missing = []
    for table in tables:
        with translated(address(client)):
            if not client.command(f"EXISTS TABLE {table}"):
                missing.append(table)
    if missing:
        raise _missing(client, missing)


def _missing(client: Client, tables: Sequence[str]) -> SchemaMissing:
    place = f"database {client.database} of ClickHouse at {address(client)}"
    return SchemaMissing(f"{place} has no table {', '.join(tables)}: run `imageledger migrate`")
