"""`make sdk`: the wheel alone, in an empty environment, runs the README's lines against the real Kafka."""

import json
import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, TopicPartition
from live_stack import DEADLINE_S, Stack, environment, eventually

ROOT = Path(__file__).resolve().parents[2]
UV = Path(sys.executable).with_name("uv")
ADDRESS = "127.0.0.1:9092"
NO_INDEX = ("dns error", "error sending request", "failed to connect", "could not connect", "network connectivity")
PROGRAM = """
from types import SimpleNamespace

image, reply = object(), SimpleNamespace(input_tokens=1_200, output_tokens=80)
look_at = {image: reply}.__getitem__

"""


def example(readme: Path) -> str:
    """The first block of Python, which is what a user copies."""
    found = re.search(r"```python\n(.*?)```", readme.read_text(), re.DOTALL)
    assert found is not None
    return found[1]


def run(*argv: str | Path, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        argv, cwd=cwd, env=environment(), capture_output=True, text=True, timeout=DEADLINE_S, check=False
    )


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built as `make sdk` builds it."""
    folder = tmp_path_factory.mktemp("dist")
    arguments = ("--wheel", "--no-build-isolation", "--offline", "--python", sys.executable, "--out-dir", folder)
    done = run(UV, "build", *arguments, "sdk", cwd=ROOT)
    assert done.returncode == 0, done.stderr
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def python(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The interpreter of an environment that holds the wheel and what it asks for, and nothing else."""
    folder = tmp_path_factory.mktemp("user")
    assert run(UV, "venv", "--python", sys.executable, folder / "venv", cwd=folder).returncode == 0
    found = folder / "venv" / "bin" / "python"
    install = (UV, "pip", "install", "--python", found, "--constraint", ROOT / "requirements.lock", wheel)
    done = run(*install, cwd=folder)
    if done.returncode != 0 and any(sign in done.stderr.lower() for sign in NO_INDEX):
        if run(*install, "--offline", cwd=folder).returncode != 0:
            pytest.skip(f"no package index is reachable, and what the wheel needs is not cached: {done.stderr.strip()}")
        return found
    assert done.returncode == 0, done.stderr
    return found


def records(bootstrap: str, image_id: str) -> list[tuple[dict[str, Any], dict[str, bytes]]]:
    """The results of an image, body and headers, by a client that is not ours."""
    reader = {"group.id": "reader", "isolation.level": "read_committed", "enable.partition.eof": True}
    consumer = Consumer({"bootstrap.servers": bootstrap, **reader})
    topic = "imageledger.results"
    partitions = [
        TopicPartition(topic, n, OFFSET_BEGINNING) for n in consumer.list_topics(topic, 30).topics[topic].partitions
    ]
    consumer.assign(partitions)
    found, ended = [], 0
    while ended < len(partitions):
        record = consumer.poll(30)
        assert record is not None, "Kafka does not answer"
        if record.error() is not None:
            assert record.error().code() == KafkaError._PARTITION_EOF, record.error()
            ended += 1
        elif record.key() == image_id.encode():
            found.append((json.loads(record.value()), dict(record.headers() or [])))
    consumer.close()
    return found


def test_the_readme_s_lines_run_from_the_wheel_alone(stack: Stack, python: Path, tmp_path: Path) -> None:
    code = example(ROOT / "README.md")
    assert code.count(ADDRESS) == 1
    program = tmp_path / "pipeline.py"
    program.write_text(PROGRAM + code.replace(ADDRESS, stack.endpoints()["kafka"]))
    done = run(python, "-I", "-W", "error", program, cwd=tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    ((body, headers),) = records(stack.endpoints()["kafka"], "img-1")
    said = {name: body[name] for name in ("event_type", "run_id", "status", "source", "model", "provider")}
    assert said == {
        "event_type": "image.result",
        "run_id": "may",
        "status": "success",
        "source": "my-pipeline",
        "model": "claude-haiku",
        "provider": "anthropic",
    }
    assert (body["input_tokens"], body["output_tokens"], body["cost_usd"]) == (1_200, 80, 0.00008)
    assert headers["ce_type"] == b"image.result"
    eventually(lambda: stack.metrics("may")["totals"].get("cost_nano_usd") == 80_000, "the figures have it")


def test_nothing_but_the_sdk_is_in_it(wheel: Path, python: Path, tmp_path: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    sources = {f"imageledger_sdk/{path.relative_to(ROOT / 'events')}" for path in (ROOT / "events").rglob("*.py")}
    assert {name for name in names if ".dist-info/" not in name} == sources | {"imageledger_sdk/py.typed"}
    done = run(python, "-I", "-c", "import imageledger_sdk.sdk.publisher, events", cwd=tmp_path)
    assert "No module named 'events'" in done.stderr


def test_the_wheel_asks_for_what_the_application_has() -> None:
    ours, sdk = (
        tomllib.loads((ROOT / name).read_text())["project"] for name in ("pyproject.toml", "sdk/pyproject.toml")
    )
    assert set(sdk["dependencies"]) <= set(ours["dependencies"])
    assert (sdk["version"], sdk["requires-python"]) == (ours["version"], ours["requires-python"])


def test_the_wheel_s_own_readme_says_the_same() -> None:
    assert example(ROOT / "sdk" / "README.md") == example(ROOT / "README.md")
