"""What curl, Grafana, DBeaver and JDBC send, against the served engine."""

import gzip
import json
import re
import socket
import struct
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import unquote, urlsplit

import httpx
import lz4.frame
import pytest

from servers.clickhouse.native_blocks import BlockDecoder, BlockEncoder
from servers.clickhouse.users import Addresses
from servers.processes import wait_until


@pytest.fixture
def http(clickhouse: Addresses) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=clickhouse.migrator, timeout=60) as client:
        yield client


@pytest.fixture
def table(http: httpx.Client) -> Iterator[str]:
    ask(http, "CREATE TABLE http_rows (a UInt64, s String) ENGINE = MergeTree ORDER BY a")
    yield "http_rows"
    ask(http, "DROP TABLE http_rows")


def ask(http: httpx.Client, query: str, **params: str) -> str:
    answer = http.post("/", params=params, content=query)
    assert answer.status_code == 200, answer.text
    return answer.text


def test_ping_and_the_bare_address_answer_ok(clickhouse: Addresses, http: httpx.Client) -> None:
    bare = re.sub("//.*@", "//", clickhouse.writer)
    assert httpx.get(f"{bare}/ping").text == "Ok.\n"
    assert httpx.head(f"{bare}/ping").headers["content-length"] == "4"
    assert http.get("/").text == "Ok.\n"
    assert http.get("/replicas_status").text == "Ok.\n"
    assert http.get("/nothing/here").status_code == 404


def test_the_query_comes_in_the_url_the_body_or_both(http: httpx.Client) -> None:
    assert http.get("/", params={"query": "SELECT 1"}).text == "1\n"
    assert http.post("/", content="SELECT 2").text == "2\n"
    assert http.post("/", params={"query": "SELECT 3 +"}, content="4").text == "7\n"
    assert http.head("/", params={"query": "SELECT 1"}).content == b""


def test_formats(http: httpx.Client) -> None:
    assert json.loads(ask(http, "SELECT 1 AS x", default_format="JSONEachRow")) == {"x": 1}
    answer = http.post("/", content="SELECT 'FORMAT CSV' AS x FORMAT JSON -- FORMAT TSV\n;", headers={"x": "y"})
    assert answer.json()["data"] == [{"x": "FORMAT CSV"}]
    assert answer.headers["x-clickhouse-format"] == "JSON"
    assert answer.headers["content-type"] == "application/json; charset=UTF-8"
    by_header = http.post("/", content="SELECT 1 AS x", headers={"X-ClickHouse-Format": "CSVWithNames"})
    assert by_header.text == '"x"\n1\n'
    with_totals = ask(http, "SELECT number % 2 AS k, count() FROM numbers(4) GROUP BY k WITH TOTALS FORMAT JSON")
    assert json.loads(with_totals)["totals"] == {"k": 0, "count()": 4}


def test_headers_name_the_query_and_count_it(http: httpx.Client) -> None:
    answer = http.post("/", params={"query_id": "mine"}, content="SELECT number FROM numbers(10)")
    assert answer.headers["x-clickhouse-query-id"] == "mine"
    assert answer.headers["x-clickhouse-timezone"]
    assert answer.headers["x-clickhouse-server-display-name"] == "imageledger"
    assert json.loads(answer.headers["x-clickhouse-summary"])["read_rows"] == "10"


@pytest.mark.parametrize(
    ("query", "status", "code", "name"),
    [
        ("SELECT * FROM no_such_table", 404, "60", "UNKNOWN_TABLE"),
        ("SELECT FROM WHERE", 400, "62", "SYNTAX_ERROR"),
        ("SELEC 1", 400, "62", "SYNTAX_ERROR"),
        ("SELECT no_such_function(1)", 404, "46", "UNKNOWN_FUNCTION"),
        ("SELECT throwIf(1)", 500, "395", "FUNCTION_THROW_IF_VALUE_IS_NON_ZERO"),
        ("SELECT 1; SELECT 2", 400, "62", "SYNTAX_ERROR"),
        ("SELECT 1 INTO OUTFILE '/tmp/never'", 500, "358", "INTO_OUTFILE_NOT_ALLOWED"),
        ("INSERT INTO t FROM INFILE '/etc/passwd' FORMAT CSV", 500, "358", "INTO_OUTFILE_NOT_ALLOWED"),
        ("INSERT INTO no_such_table FORMAT TSV\n1\n", 404, "60", "UNKNOWN_TABLE"),
        ("SYSTEM SHUTDOWN", 403, "497", "ACCESS_DENIED"),
    ],
)
def test_errors_have_clickhouses_status_code_and_words(
    http: httpx.Client, query: str, status: int, code: str, name: str
) -> None:
    answer = http.post("/", content=query)
    assert (answer.status_code, answer.headers["x-clickhouse-exception-code"]) == (status, code)
    assert re.fullmatch(rf"Code: {code}\. DB::Exception: .*\({name}\) \(version 26\.[\d.]+\)\n", answer.text, re.DOTALL)


def test_users(clickhouse: Addresses) -> None:
    parts = urlsplit(clickhouse.writer)
    bare, password = f"http://127.0.0.1:{parts.port}/", unquote(parts.password or "")
    right: list[dict[str, object]] = [
        {"auth": ("writer", password)},
        {"headers": {"X-ClickHouse-User": "writer", "X-ClickHouse-Key": password}},
        {"params": {"user": "writer", "password": password}},
    ]
    for credentials in right:
        assert httpx.post(bare, content="SELECT 1", **credentials).text == "1\n"  # type: ignore[arg-type]
    wrong = httpx.post(bare, content="SELECT 1", auth=("writer", "wrong"))
    assert (wrong.status_code, wrong.headers["x-clickhouse-exception-code"]) == (403, "516")
    nobody = httpx.post(bare, content="SELECT 1")
    assert nobody.status_code == 401
    assert nobody.headers["www-authenticate"].startswith("Basic")


def test_the_writer_leaves_definitions_to_the_migrator(clickhouse: Addresses, table: str) -> None:
    with httpx.Client(base_url=clickhouse.writer) as writer:
        ask(writer, f"INSERT INTO {table} VALUES (1, 'x')")
        ask(writer, f"ALTER TABLE {table} DELETE WHERE a = 1")
        for definition in (
            f"DROP TABLE {table}",
            "CREATE TABLE x (a UInt8) ENGINE = Memory",
            f"RENAME TABLE {table} TO y",
        ):
            assert writer.post("/", content=definition).headers["x-clickhouse-exception-code"] == "497"


def test_what_the_migrator_was_allowed_the_writer_is_not(clickhouse: Addresses, http: httpx.Client) -> None:
    ask(http, "DROP TABLE IF EXISTS nothing_of_this_name")
    with httpx.Client(base_url=clickhouse.writer) as writer:
        refused = writer.post("/", content="DROP TABLE IF EXISTS nothing_of_this_name")
    assert refused.headers["x-clickhouse-exception-code"] == "497"


def test_get_changes_nothing(http: httpx.Client, table: str) -> None:
    insert = f"INSERT INTO {table} VALUES (1, 'x')"
    assert http.post("/", params={"query": insert}).is_success
    for query in (insert, f"INSERT INTO {table} VALUES (2, 'y')"):
        answer = http.get("/", params={"query": query})
        assert answer.headers["x-clickhouse-exception-code"] == "164"
    assert ask(http, f"SELECT count() FROM {table}") == "1\n"


@pytest.mark.parametrize(
    "leaving",
    [
        "SET max_block_size = 4321",
        "USE system",
        "CREATE TEMPORARY TABLE left_behind (a UInt8)",
        "CREATE OR REPLACE TEMPORARY TABLE left_behind (a UInt8) ENGINE = Memory",
        "CREATE TEMPORARY TABLE left_behind AS SELECT 1 AS a",
    ],
)
def test_what_a_statement_leaves_behind_no_other_request_finds(http: httpx.Client, leaving: str) -> None:
    state = (
        "SELECT getSetting('max_block_size'), currentDatabase(), (SELECT count() FROM system.tables WHERE is_temporary)"
    )
    before = ask(http, state)
    ask(http, leaving)
    assert [ask(http, state) for _ in range(3)] == [before] * 3


def test_settings_and_database_are_those_of_the_request(http: httpx.Client) -> None:
    state = "SELECT getSetting('max_block_size'), currentDatabase()"
    plain = ask(http, state)
    for _ in range(2):
        assert ask(http, state, max_block_size="77") == plain.replace("65409", "77")
        assert ask(http, state, database="system", max_block_size="77") == "77\tsystem\n"
        assert ask(http, state) == plain


def test_a_database_that_is_gone_is_said_to_who_asked_in_it_before(http: httpx.Client) -> None:
    ask(http, "CREATE DATABASE soon_gone")
    assert ask(http, "SELECT 1", database="soon_gone") == "1\n"
    ask(http, "DROP DATABASE soon_gone")
    assert (
        http.post("/", params={"database": "soon_gone"}, content="SELECT 1").headers["x-clickhouse-exception-code"]
        == "81"
    )


def test_inserts_however_they_are_sent(http: httpx.Client, table: str) -> None:
    insert = f"INSERT INTO {table} (a, s) SETTINGS async_insert = 0 FORMAT TSV"
    http.post("/", params={"query": insert}, content="1\turl\n")
    http.post("/", content=f"{insert}\n2\tbody\n")
    http.post("/", content=f"INSERT INTO {table} VALUES (3, 'values; (''FORMAT TSV'')')")
    http.post("/", content=f"INSERT INTO {table} SELECT 4, 'select'")
    http.post("/", params={"query": insert}, content=iter([b"5\tchu", b"nked\n"]))
    http.post("/", params={"query": insert}, content=gzip.compress(b"6\tgzip\n"), headers={"Content-Encoding": "gzip"})
    frames = lz4.frame.compress(f"{insert}\n".encode()) + lz4.frame.compress(b"7\tframes\n")
    http.post("/", content=frames, headers={"Content-Encoding": "lz4"})
    http.post("/", params={"query": "INSERT INTO {t:Identifier} FORMAT TSV", "param_t": table}, content="8\tparam\n")
    rows = ask(http, f"SELECT s FROM {table} ORDER BY a").splitlines()
    assert rows == ["url", "body", "values; (\\'FORMAT TSV\\')", "select", "chunked", "gzip", "frames", "param"]


def test_a_body_cut_short_inserts_nothing(http: httpx.Client, table: str) -> None:
    packed = gzip.compress(b"1\tx\n" * 1000)[:-20]
    insert = {"query": f"INSERT INTO {table} FORMAT TSV"}
    answer = http.post("/", params=insert, content=packed, headers={"Content-Encoding": "gzip"})
    assert answer.headers["x-clickhouse-exception-code"] == "354"
    assert ask(http, f"SELECT count() FROM {table}") == "0\n"


def test_a_client_that_goes_away_inserts_nothing(http: httpx.Client, table: str) -> None:
    def half() -> Iterator[bytes]:
        yield b"1\tx\n" * 1000
        raise ConnectionAbortedError

    with pytest.raises(ConnectionAbortedError):
        http.post("/", params={"query": f"INSERT INTO {table} FORMAT TSV"}, content=half())
    wait_for(http, "SELECT count() FROM system.processes WHERE query LIKE '%http_rows%INFILE%'", "1\n")  # this query
    assert ask(http, f"SELECT count() FROM {table}") == "0\n"


def test_a_client_that_goes_away_ends_its_query(http: httpx.Client) -> None:
    with pytest.raises(httpx.ReadTimeout):
        http.post("/", content="SELECT count() FROM system.numbers", timeout=httpx.Timeout(60, read=0.3))
    wait_for(http, "SELECT count() FROM system.processes WHERE query LIKE '%system.numbers%'", "1\n")  # this query


def test_a_query_is_killed_by_its_clients_id(http: httpx.Client) -> None:
    with ThreadPoolExecutor(1) as beside:
        query = {"query_id": "my own id"}
        running = beside.submit(http.post, "/", params=query, content="SELECT count() FROM system.numbers")
        wait_for(http, "SELECT count() FROM system.processes WHERE query LIKE '%system.numbers%'", "2\n")
        assert ask(http, "KILL QUERY WHERE query_id = 'my own id' SYNC")
        assert running.result().headers["x-clickhouse-exception-code"] == "394"


def test_a_statement_that_is_no_text_is_an_error(http: httpx.Client) -> None:
    assert http.post("/", content=b"SELECT '\xff'").status_code == 400


def wait_for(http: httpx.Client, query: str, expected: str) -> None:
    assert wait_until(lambda: ask(http, query) == expected, 60), f"{query} did not become {expected}"


@pytest.mark.parametrize("coding", ["gzip", "deflate"])
def test_results_are_compressed_when_asked(http: httpx.Client, coding: str) -> None:
    for rows in (1, 1_000_000):  # whole, and streamed
        answer = http.post("/", content=f"SELECT number FROM numbers({rows})", headers={"Accept-Encoding": coding})
        assert answer.headers["content-encoding"] == coding
        assert answer.text.count("\n") == rows
    plain = http.post("/", params={"enable_http_compression": "0"}, content="SELECT 1")
    assert "content-encoding" not in plain.headers


def test_an_error_inside_a_streamed_body_is_marked(http: httpx.Client) -> None:
    query = "SELECT number, throwIf(number = 2000000, 'half way') FROM numbers(3000000)"
    chunks: list[bytes] = []
    with http.stream("POST", "/", content=query, headers={"Accept-Encoding": "identity"}) as answer:
        tag = answer.headers["x-clickhouse-exception-tag"].encode()
        with pytest.raises(httpx.RemoteProtocolError):
            chunks.extend(answer.iter_raw())
    marked = re.search(
        rb"__exception__\r\n" + tag + rb"\r\n(Code: 395.*)(\d+) " + tag + rb"\r\n__exception__\r\n$",
        b"".join(chunks)[-4096:],
        re.DOTALL,
    )
    assert marked
    assert b"half way" in marked[1]


def test_sessions(http: httpx.Client) -> None:
    session = {"session_id": "s1", "session_timeout": "30"}
    ask(http, "CREATE TEMPORARY TABLE kept (a UInt8)", **session)
    ask(http, "INSERT INTO kept FORMAT TSV\n9\n", **session)
    ask(http, "USE system", **session)
    assert ask(http, "SELECT a, currentDatabase() FROM kept", **session) == "9\tsystem\n"
    assert ask(http, "SELECT currentDatabase()", database="default", **session) == "default\n"
    assert ask(http, "SELECT currentDatabase()", **session) == "system\n"
    unknown = http.post("/", params={"session_id": "s2", "session_check": "1"}, content="SELECT 1")
    assert unknown.headers["x-clickhouse-exception-code"] == "372"
    too_long = http.post("/", params={"session_id": "s1", "session_timeout": "99999"}, content="SELECT 1")
    assert too_long.headers["x-clickhouse-exception-code"] == "374"


def test_a_busy_session_is_locked(http: httpx.Client) -> None:
    ask(http, "SET max_threads = 1", session_id="busy")
    endless = {"session_id": "busy", "query_id": "endless"}
    with ThreadPoolExecutor(1) as beside:
        running = beside.submit(http.post, "/", params=endless, content="SELECT count() FROM system.numbers")
        wait_for(http, "SELECT count() FROM system.processes WHERE query LIKE '%system.numbers%'", "2\n")  # and this
        answer = http.post("/", params={"session_id": "busy"}, content="SELECT 1")
        assert answer.headers.get("x-clickhouse-exception-code") == "373"
        ask(http, "KILL QUERY WHERE query_id = 'endless' SYNC")
        running.result()
    assert ask(http, "SELECT 1", session_id="busy") == "1\n"


def test_queries_run_beside_each_other(http: httpx.Client) -> None:
    query = "SELECT sleep(1), count() FROM system.processes WHERE query LIKE '%beside%'"
    with ThreadPoolExecutor(8) as threads:
        counts = [int(ask_text.split("\t")[1]) for ask_text in threads.map(lambda _: ask(http, query), range(8))]
    assert max(counts) > 1


def test_jdbc_reads_and_writes_clickhouses_own_blocks(http: httpx.Client, table: str) -> None:
    encoder = BlockEncoder()
    encoder.compress(b"1\tblock\n")
    insert = f"INSERT INTO {table} FORMAT TSV"
    http.post("/", params={"query": insert, "decompress": "1"}, content=encoder.flush())
    headers = {"X-ClickHouse-Format": "RowBinaryWithNamesAndTypes", "X-ClickHouse-Database": "default"}
    answer = http.post("/", params={"compress": "1"}, content=f"SELECT s FROM {table}", headers=headers)
    assert "content-encoding" not in answer.headers
    assert BlockDecoder().decode(answer.content) == b"\x01\x01s\x06String\x05block"
    error = http.post("/", params={"compress": "1"}, content="SELECT * FROM no_such_table")
    assert b"UNKNOWN_TABLE" in BlockDecoder().decode(error.content)
    broken = http.post("/", params={"query": insert, "decompress": "1"}, content=bytes(25) + b"x")
    assert broken.headers["x-clickhouse-exception-code"] == "89"


@pytest.mark.parametrize(
    "query",
    [
        "SELECT timezone(), version()",
        "SELECT name FROM system.databases",
        "SELECT name FROM system.tables WHERE database = 'system' LIMIT 3",
        "SELECT name, type, comment FROM system.columns WHERE database = 'system' AND table = 'one'",
        "SELECT name FROM system.functions LIMIT 3",
        "SELECT * FROM system.settings LIMIT 3",
        "DESCRIBE TABLE system.one",
        "SHOW TABLES FROM system",
        "SELECT table_name FROM information_schema.tables LIMIT 3",
        "SELECT currentUser(), uptime(), hostName(), displayName()",
    ],
)
def test_what_tools_ask_to_find_their_way(http: httpx.Client, query: str) -> None:
    assert ask(http, query, default_format="JSONCompact")


def test_a_connection_is_kept_and_answers_without_nagles_delay(clickhouse: Addresses) -> None:
    port = urlsplit(clickhouse.writer).port
    assert port
    with socket.create_connection(("127.0.0.1", port)) as connection, connection.makefile("rb") as answers:
        for _ in range(3):
            connection.sendall(b"GET /ping HTTP/1.1\r\nHost: x\r\n\r\n")
            assert answers.readline() == b"HTTP/1.1 200 OK\r\n"
            while answers.readline() != b"\r\n":
                pass
            assert answers.read(4) == b"Ok.\n"
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
