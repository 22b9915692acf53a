"""clickhouse-connect, sync and async, against the served engine."""

import csv
import io
import uuid
from collections.abc import AsyncIterator, Iterator

import clickhouse_connect
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from clickhouse_connect.driver.asyncclient import AsyncClient
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import DatabaseError, StreamFailureError

from servers.clickhouse.users import Addresses


@pytest.fixture
def client(clickhouse: Addresses) -> Iterator[Client]:
    with clickhouse_connect.get_client(dsn=clickhouse.migrator) as connected:
        yield connected


@pytest.fixture
async def async_client(clickhouse: Addresses) -> AsyncIterator[AsyncClient]:
    async with await clickhouse_connect.get_async_client(dsn=clickhouse.migrator) as connected:
        yield connected


@pytest.fixture
def table(client: Client) -> Iterator[str]:
    name = f"t_{uuid.uuid4().hex}"
    client.command(f"CREATE TABLE {name} (a UInt64, s String) ENGINE = MergeTree ORDER BY a")
    yield name
    client.command(f"DROP TABLE {name}")


def test_the_server_says_who_it_is(client: Client) -> None:
    assert str(client.server_version).startswith("26.")
    assert client.ping()
    assert client.command("SELECT 1") == 1


@pytest.mark.parametrize("compress", [False, "lz4", "zstd", "gzip"])
def test_what_is_inserted_comes_back(clickhouse: Addresses, table: str, compress: str | bool) -> None:
    with clickhouse_connect.get_client(dsn=clickhouse.writer, compress=compress) as client:
        rows = [(number, "ä" * (number % 50)) for number in range(30_000)]
        summary = client.insert(table, rows, column_names=["a", "s"])
        assert summary.written_rows == 30_000
        assert client.query(f"SELECT a, s FROM {table} ORDER BY a").result_rows == rows


def test_raw_inserts_of_every_usual_format(client: Client, table: str) -> None:
    text = io.StringIO()
    csv.writer(text).writerow([2, 'quo"ted, and\nbroken'])
    parquet = io.BytesIO()
    pq.write_table(pa.table({"a": pa.array([3], pa.uint64()), "s": ["p"]}), parquet)
    client.raw_insert(table, ["a", "s"], b'{"a": 1, "s": "j"}\n', fmt="JSONEachRow")
    client.raw_insert(table, ["a", "s"], text.getvalue(), fmt="CSV")
    client.raw_insert(table, ["a", "s"], parquet.getvalue(), fmt="Parquet")
    client.raw_insert(table, ["a", "s"], (part for part in (b'{"a": 4, ', b'"s": "g"}\n')), fmt="JSONEachRow")
    client.insert_arrow(table, pa.table({"a": pa.array([5], pa.uint64()), "s": ["r"]}))
    assert client.query(f"SELECT a, s FROM {table} ORDER BY a").result_rows == [
        (1, "j"),
        (2, 'quo"ted, and\nbroken'),
        (3, "p"),
        (4, "g"),
        (5, "r"),
    ]


def test_arrow_and_data_frames(client: Client) -> None:
    assert client.query_arrow("SELECT number AS a FROM numbers(3)").column("a").to_pylist() == [0, 1, 2]
    pytest.importorskip("pandas")
    assert client.query_df("SELECT number AS a FROM numbers(3)")["a"].tolist() == [0, 1, 2]


def test_parameters_arrive_as_they_are(client: Client) -> None:
    text = "tab\t newline\n quote' backslash\\ {x} ü"
    asked = {"n": 2**63, "s": text, "l": [1, 2], "none": None}
    query = "SELECT {n:UInt64}, {s:String}, {l:Array(UInt8)}, {none:Nullable(String)}"
    assert client.query(query, parameters=asked).result_rows == [(2**63, text, [1, 2], None)]


def test_parameters_too_long_for_an_address_arrive(client: Client) -> None:
    text = "ä\t\n'" * 10_000
    query = "SELECT {s:String}, {t:String}"
    assert client.query(query, parameters={"s": text, "t": "x"}).result_rows == [(text, "x")]


def test_settings_hold_for_one_request_only(client: Client) -> None:
    query = "SELECT getSetting('max_block_size')"
    before = client.query(query).result_rows
    assert client.query(query, settings={"max_block_size": 777}).result_rows == [(777,)]
    assert client.query(query).result_rows == before


def test_an_unknown_setting_is_an_error(clickhouse: Addresses) -> None:
    with clickhouse_connect.get_client(dsn=clickhouse.writer) as client, pytest.raises(DatabaseError, match="115"):
        client.query("SELECT 1", settings={"no_such_setting": 1})


def test_errors_carry_clickhouses_code(client: Client) -> None:
    with pytest.raises(DatabaseError, match="UNKNOWN_TABLE") as raised:
        client.query("SELECT * FROM no_such_table")
    assert raised.value.code == 60


def test_an_error_after_the_first_rows_is_raised(client: Client) -> None:
    query = "SELECT number, throwIf(number = 2000000, 'half way') FROM numbers(3000000)"
    seen: list[int] = []
    with client.query_row_block_stream(query) as stream, pytest.raises(StreamFailureError, match="half way"):
        seen.extend(len(block) for block in stream)
    assert 0 < sum(seen) < 3_000_000


def test_an_error_of_a_result_that_is_waited_for_has_its_status(client: Client) -> None:
    with pytest.raises(DatabaseError, match="395"):
        client.query("SELECT number, throwIf(number = 2000000) FROM numbers(3000000)")


def test_a_session_keeps_settings_and_temporary_tables(client: Client) -> None:
    client.command("CREATE TEMPORARY TABLE mine (a UInt8)")
    client.command("SET max_block_size = 4321")
    client.insert("mine", [[7]], column_names=["a"])
    assert client.query("SELECT a, getSetting('max_block_size') FROM mine").result_rows == [(7, 4321)]
    assert client.query("SELECT getSetting('max_block_size')", settings={"max_block_size": 5}).result_rows == [(5,)]
    assert client.query("SELECT getSetting('max_block_size')").result_rows == [(4321,)]


def test_sessions_do_not_see_each_other(clickhouse: Addresses, client: Client) -> None:
    client.command("CREATE TEMPORARY TABLE mine (a UInt8)")
    with clickhouse_connect.get_client(dsn=clickhouse.migrator) as other, pytest.raises(DatabaseError, match="60"):
        other.query("SELECT * FROM mine")


async def test_the_async_client(async_client: AsyncClient) -> None:
    name = f"t_{uuid.uuid4().hex}"
    await async_client.command(f"CREATE TABLE {name} (a UInt64) ENGINE = MergeTree ORDER BY a")
    await async_client.insert(name, [[1], [2]], column_names=["a"])
    result = await async_client.query(f"SELECT a FROM {name} WHERE a > {{x:UInt64}}", parameters={"x": 1})
    assert result.result_rows == [(2,)]
    assert (await async_client.query_arrow(f"SELECT a FROM {name}")).num_rows == 2
    seen = 0
    async with await async_client.query_row_block_stream("SELECT number FROM numbers(1000000)") as stream:
        async for block in stream:
            seen += len(block)
    assert seen == 1_000_000
    with pytest.raises(DatabaseError, match="UNKNOWN_TABLE"):
        await async_client.query("SELECT * FROM no_such_table")
    await async_client.command(f"DROP TABLE {name}")
