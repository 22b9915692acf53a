"""Rows into ClickHouse: one insert, confirmed or an error."""

from collections.abc import Sequence

import pyarrow as pa
from clickhouse_connect.driver.client import Client

from .client import address
from .errors import SchemaMissing, translated

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
    stream = pa.BufferOutputStream()
    with pa.ipc.new_stream(stream, batches[0].schema) as writer:
        for batch in batches:
            writer.write_batch(batch)
    with translated(address(client)):
        client.raw_insert(table, batches[0].schema.names, stream.getvalue().to_pybytes(), _SETTINGS, "ArrowStream")
    return sum(batch.num_rows for batch in batches)


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
        place = f"database {client.database} of ClickHouse at {address(client)}"
        raise SchemaMissing(f"{place} has no table {', '.join(missing)}: run `imageledger migrate`")
