"""The jar cache, against a real HTTP mirror on loopback (no test needs the internet)."""

import functools
import hashlib
import http.server
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from servers.endpoints import free_port
from servers.errors import ArtifactError
from servers.kafka.artifacts import ENDPOINT, kafka_jars, read_lock

JARS = {"org.one:first:1.0": b"first" * 1000, "org.one:second:2.0": b"second", "org.two:third:3.1": b"third"}


class Mirror:
    """A Maven repository of `JARS`, which counts what it was asked for."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.asked: list[str] = []
        for coordinate, content in JARS.items():
            self.put(coordinate, content)

    def put(self, coordinate: str, content: bytes) -> None:
        group, artifact, version = coordinate.split(":")
        path = self.root.joinpath(*group.split("."), artifact, version, f"{artifact}-{version}.jar")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)

    @property
    def jars_served(self) -> int:
        return sum(path.endswith(".jar") for path in self.asked)


@pytest.fixture
def mirror(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Mirror]:
    mirror = Mirror(tmp_path / "mirror")

    class Handler(http.server.SimpleHTTPRequestHandler):
        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  (its name in the base class)
            mirror.asked.append(self.path)

    handler = functools.partial(Handler, directory=str(mirror.root))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        use_mirror(server.server_port, tmp_path, monkeypatch)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield mirror
        server.shutdown()


def use_mirror(port: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = tmp_path / "jgo.conf"
    config.write_text(f"[repositories]\nmirror = http://127.0.0.1:{port}\n")
    monkeypatch.setenv("JGO_CONFIG_FILE", str(config))


@pytest.fixture
def lock(tmp_path: Path) -> Path:
    lines = [f'"{name}" = "{hashlib.sha256(content).hexdigest()}"\n' for name, content in JARS.items()]
    path = tmp_path / "lock.toml"
    path.write_text("[jars]\n" + "".join(lines))
    return path


def test_the_committed_lock_names_kafka_first_and_no_address() -> None:
    jars = read_lock()
    assert "+".join(jar.coordinate for jar in jars[:2]) == ENDPOINT
    assert all(len(bytes.fromhex(jar.sha256)) == 32 for jar in jars)
    text = Path("servers/kafka/jars.lock.toml").read_text()
    assert "://" not in text


def test_an_empty_cache_is_filled_once(mirror: Mirror, lock: Path, tmp_path: Path) -> None:
    said: list[str] = []
    jars = kafka_jars(tmp_path / "cache", lock=lock, say=said.append)
    again = kafka_jars(tmp_path / "cache", lock=lock, say=said.append)

    assert [jar.read_bytes() for jar in jars] == list(JARS.values())
    assert again == jars
    assert mirror.jars_served == 3
    assert said == [f"fetching 3 of 3 Kafka jars from Maven Central into {tmp_path / 'cache'}"]
    assert {path.name for path in (tmp_path / "cache").iterdir()} == {jar.name for jar in jars} | {".lock"}


def test_a_cache_that_was_cut_short_or_damaged_fetches_only_what_it_lacks(
    mirror: Mirror, lock: Path, tmp_path: Path
) -> None:
    first, second, third = kafka_jars(tmp_path / "cache", lock=lock)
    first.write_bytes(b"first, cut sh")
    second.unlink()

    kafka_jars(tmp_path / "cache", lock=lock)

    assert [jar.read_bytes() for jar in (first, second, third)] == list(JARS.values())
    assert mirror.jars_served == 5


def test_a_jar_that_is_not_the_locked_one_is_never_taken(mirror: Mirror, lock: Path, tmp_path: Path) -> None:
    mirror.put("org.two:third:3.1", b"something else")

    with pytest.raises(ArtifactError, match=r"org\.two:third:3\.1 as fetched has SHA-256 .* it is not used"):
        kafka_jars(tmp_path / "cache", lock=lock)
    assert not (tmp_path / "cache" / "third-3.1.jar").exists()


def test_without_network_the_first_set_up_says_what_to_do(
    lock: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_mirror(free_port(), tmp_path, monkeypatch)

    with pytest.raises(ArtifactError) as error:
        kafka_jars(tmp_path / "cache", lock=lock)
    message = str(error.value)
    assert "Connection refused" in message
    assert "The first set-up needs the network" in message
    assert "\n" not in message


def test_a_whole_cache_needs_no_network(
    mirror: Mirror, lock: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    jars = kafka_jars(tmp_path / "cache", lock=lock)
    use_mirror(free_port(), tmp_path, monkeypatch)
    assert kafka_jars(tmp_path / "cache", lock=lock) == jars


def test_two_processes_at_once_fetch_each_jar_once(mirror: Mirror, lock: Path, tmp_path: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from servers.kafka.artifacts import kafka_jars;"
        "print(len(kafka_jars(Path(sys.argv[1]), lock=Path(sys.argv[2]))))"
    )
    argv = [sys.executable, "-c", program, str(tmp_path / "cache"), str(lock)]
    both = [subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) for _ in range(2)]

    assert [process.communicate(timeout=60)[0].strip() for process in both] == ["3", "3"]
    assert mirror.jars_served == 3
