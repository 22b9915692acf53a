"""The server as a process: its folder, its port, its end, and its memory."""

import json
import stat
import threading
from collections.abc import Iterator
from pathlib import Path

import httpx
import psutil
import pytest

from servers import endpoints
from servers.clickhouse import server as clickhouse
from servers.errors import StartError
from servers.processes import wait_until


def ask(url: str, query: str) -> str:
    answer = httpx.post(url, content=query, timeout=60)
    assert answer.status_code == 200, answer.text
    return answer.text


def test_a_store_opens_again_after_a_kill(tmp_path: Path) -> None:
    with clickhouse.start(tmp_path) as first:
        url, port = first.addresses.migrator, first.addresses.writer.rpartition(":")[2]
        ask(url, "CREATE TABLE t (a UInt64) ENGINE = MergeTree ORDER BY a")
        ask(url, "INSERT INTO t SELECT number FROM numbers(1000)")
        found = endpoints.read(tmp_path)
        assert (found.clickhouse, found.pids["clickhouse"]) == (first.addresses.writer, first.pid)
        assert found.clickhouse_reader == first.addresses.reader
        secrets = tmp_path / "clickhouse" / "passwords.json"
        assert stat.S_IMODE(secrets.stat().st_mode) == 0o600
        assert set(json.loads(secrets.read_text())) == {"writer", "reader", "migrator"}
        with pytest.raises(StartError, match=f"in use by process {first.pid}"):
            clickhouse.start(tmp_path)
        first.kill()
    with clickhouse.start(tmp_path) as second:
        assert second.addresses == first.addresses, f"port {port} and passwords are kept"
        assert ask(second.addresses.reader, "SELECT 1") == "1\n"
        assert ask(second.addresses.migrator, "SELECT count() FROM t") == "1000\n"
        assert psutil.Process(second.pid).memory_info().rss < 350 * 2**20
        assert second.stop() == 0


def test_a_taken_port_is_said_with_a_remedy(tmp_path: Path) -> None:
    with clickhouse.start(tmp_path / "a") as first, pytest.raises(StartError, match="choose another one"):
        clickhouse.start(tmp_path / "b", port=int(first.addresses.writer.rpartition(":")[2]))


def test_it_ends_in_spite_of_a_running_query(tmp_path: Path) -> None:
    with clickhouse.start(tmp_path) as server:

        def endless() -> None:
            with pytest.raises(httpx.HTTPError):
                httpx.post(
                    server.addresses.migrator, content="SELECT count() FROM system.numbers", timeout=60
                ).raise_for_status()

        asking = threading.Thread(target=endless)
        asking.start()
        running = "SELECT count() FROM system.processes WHERE query LIKE '%numbers%'"
        assert wait_until(lambda: ask(server.addresses.migrator, running) == "2\n", 60)
        assert server.stop() == 0
        asking.join()


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Iterator[clickhouse.ClickHouse]:
    with clickhouse.start(tmp_path_factory.mktemp("small"), memory_bytes=2**30) as server:
        yield server


@pytest.mark.parametrize("wait_end_of_query", ["0", "1"])
def test_a_large_result_is_never_held(small: clickhouse.ClickHouse, wait_end_of_query: str) -> None:
    process = psutil.Process(small.pid)
    ask(small.addresses.migrator, "SELECT number, toString(number) FROM numbers(100000) FORMAT JSON")
    before = process.memory_info().rss
    highest = received = 0
    query = "SELECT number, toString(number * 1234567) AS s, repeat('x', 40) AS x FROM numbers(5000000) FORMAT Native"
    params = {"wait_end_of_query": wait_end_of_query}
    plain = {"Accept-Encoding": "identity"}
    with httpx.stream(
        "POST", small.addresses.migrator, params=params, content=query, headers=plain, timeout=120
    ) as answer:
        for chunk in answer.iter_raw():
            received += len(chunk)
            highest = max(highest, process.memory_info().rss)
    assert received > 200 * 2**20
    assert highest - before < 150 * 2**20


def test_a_large_insert_is_never_held(small: clickhouse.ClickHouse) -> None:
    ask(small.addresses.migrator, "CREATE TABLE big (a UInt64, s String) ENGINE = Null")
    process = psutil.Process(small.pid)
    before = process.memory_info().rss
    highest = 0

    def chunks() -> Iterator[bytes]:
        nonlocal highest
        chunk = b"".join(number.to_bytes(8, "little") + b"\x64%0100d" % number for number in range(10_000))
        for _ in range(600):  # 650 MB in all, of the format that costs the engine least to read
            yield chunk
            highest = max(highest, process.memory_info().rss)

    params = {"query": "INSERT INTO big FORMAT RowBinary"}
    answer = httpx.post(small.addresses.writer, params=params, content=chunks(), timeout=120)
    assert json.loads(answer.headers["x-clickhouse-summary"])["written_rows"] == "6000000"
    assert highest - before < 450 * 2**20
