"""`endpoints.json` and ports."""

import socket
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from servers import endpoints
from servers.errors import PortError


def test_servers_write_their_parts_beside_each_other(tmp_path: Path) -> None:
    assert endpoints.read(tmp_path) == endpoints.Endpoints()
    with endpoints.changing(tmp_path) as found:
        found.kafka = "127.0.0.1:9092"
        found.pids["kafka"] = 1
    with endpoints.changing(tmp_path) as found:
        found.clickhouse = "http://writer:secret@127.0.0.1:8123"
        found.pids["worker"] = [2, 3]

    assert endpoints.read(tmp_path) == endpoints.Endpoints(
        kafka="127.0.0.1:9092",
        clickhouse="http://writer:secret@127.0.0.1:8123",
        pids={"kafka": 1, "worker": [2, 3]},
    )
    assert stat.S_IMODE((tmp_path / "endpoints.json").stat().st_mode) == 0o600


def test_nothing_left_to_say_removes_the_file(tmp_path: Path) -> None:
    with endpoints.changing(tmp_path) as found:
        found.api = "http://127.0.0.1:8400"
    with endpoints.changing(tmp_path) as found:
        found.api = None
    assert not (tmp_path / "endpoints.json").exists()


def test_many_processes_lose_nothing(tmp_path: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from servers import endpoints\n"
        "for step in range(20):\n"
        "    with endpoints.changing(Path(sys.argv[1])) as found: found.pids[f'{sys.argv[2]}-{step}'] = step"
    )
    writers = [subprocess.Popen([sys.executable, "-c", program, str(tmp_path), str(n)]) for n in range(4)]
    assert [writer.wait(60) for writer in writers] == [0] * 4
    assert len(endpoints.read(tmp_path).pids) == 80


def test_a_folder_keeps_its_port_and_two_folders_differ(tmp_path: Path) -> None:
    port = endpoints.keep_port(tmp_path / "a")
    assert endpoints.keep_port(tmp_path / "a") == port
    assert endpoints.keep_port(tmp_path / "b") != port
    assert 20_000 <= port < 30_000  # below every kernel's range of outgoing ports


def test_a_wanted_port_is_remembered(tmp_path: Path) -> None:
    wanted = endpoints.free_port(25_000)
    assert endpoints.keep_port(tmp_path, wanted) == wanted
    assert endpoints.keep_port(tmp_path) == wanted


def test_a_taken_port_is_refused_and_a_free_one_found_past_it(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", endpoints.free_port(26_000))) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(PortError, match=f"port {port} on 127.0.0.1 is taken by process .*choose another one"):
            endpoints.keep_port(tmp_path, port)
        assert endpoints.free_port(port) > port
