"""The real servers, started once a session: Kafka once for all test processes."""

import asyncio
import gc
import itertools
import os
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest
from aiokafka.admin import AIOKafkaAdminClient
from hypothesis import settings
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling
from xdist.workermanage import WorkerController

from servers import processes
from servers.kafka import server as kafka_server
from servers.kafka.fencing import BRIEF
from servers.kafka.warmup import set_up_kafka
from servers.topics import migrate

pytest_plugins = ["clickhouse_fixture"]

os.environ.setdefault("JDK_JAVA_OPTIONS", BRIEF)
"""A test's own Kafka does little and is started some thirty times; what it does is the same."""

settings.register_profile("suite", deadline=None, max_examples=20)
settings.register_profile("many", deadline=None, max_examples=500)
settings.load_profile("suite")
"""How many examples hypothesis tries of a property; `--hypothesis-profile many` for a change of a fold or a codec."""

_PREFIXES = (f"test{n}-{os.environ.get('PYTEST_XDIST_WORKER', 'alone')}." for n in itertools.count(1))
_SHARED_FOLDER = pytest.StashKey[Path]()
_SHARED_KAFKA = pytest.StashKey[kafka_server.Kafka]()
_BOOTSTRAP = "bootstrap"
_PATIENCE_S = 120.0
_LOG_TAIL_BYTES = 3000


def pytest_addoption(parser: pytest.Parser) -> None:
    """`make screenshot` keeps the picture that the browser test takes."""
    parser.addoption("--screenshot", metavar="FILE", help="where the browser test writes its picture of the live page")


LONGEST = (
    "journeys", "sinks", "dashboard", "faults", "browser", "servers", "properties", "test_exactness", "test_watchdog",
    "metrics", "events", "test_copying", "test_faults", "test_real_commands", "test_local_model",
    "test_processor_kills", "test_documented", "test_alert_decisions", "imageledger",
)  # fmt: skip


def _group(nodeid: str) -> str:
    """A folder shares its servers, so it stays in one test process; these take long and share little."""
    folder, _, module = nodeid.partition("::")[0].removesuffix(".py").removeprefix("tests/").partition("/")
    return module if folder in {"streams", "processors"} else folder


def pytest_configure(config: pytest.Config) -> None:
    """Makes the marker of long fault tests known, and lets each test process look for tests from another folder on.

    What one has compiled the others find compiled: in a fresh clone that is two thirds of what looking for them takes.
    """
    config.addinivalue_line("markers", "faults: long, run by `make faults`")
    worker = getattr(config, "workerinput", {})
    if worker and config.args == config.getini("testpaths"):
        folders = sorted(str(path) for path in Path(__file__).parent.iterdir() if any(path.glob("test_*.py")))
        begin = int(worker["workerid"].removeprefix("gw")) * len(folders) // worker["workercount"]
        config.args = folders[begin:] + folders[:begin]


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """What is made while tests are looked for stays to the end: nobody searches it for garbage, then or later."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


@pytest.hookimpl(wrapper=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> Generator[None]:
    """What takes longest begins first; what is marked `faults` is left to `make faults`."""
    items.sort(key=lambda item: item.path)  # the same in every test process, wherever it began to look
    yield
    if "faults" not in (config.option.markexpr or ""):
        long = [item for item in items if item.get_closest_marker("faults")]
        config.hook.pytest_deselected(items=long)
        items[:] = [item for item in items if item not in long]
    rank = {name: place for place, name in enumerate(LONGEST)}
    items.sort(key=lambda item: rank.get(_group(item.nodeid), len(rank)))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> LoadScopeScheduling:
    """Groups are dealt out whole, in the order above."""
    config.option.loadscopereorder = False
    scheduler = LoadScopeScheduling(config, log)
    scheduler._split_scope = _group  # type: ignore[method-assign]
    return scheduler


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: WorkerController) -> None:
    """Every test process is told where it will read the address of the Kafka that they share."""
    if _SHARED_FOLDER not in node.config.stash:
        node.config.stash[_SHARED_FOLDER] = node.config._tmp_path_factory.mktemp("shared")
    node.workerinput["shared"] = str(node.config.stash[_SHARED_FOLDER])


@pytest.hookimpl(wrapper=True)
def pytest_sessionstart(session: pytest.Session) -> Generator[None]:
    """The process that deals out the tests starts the shared Kafka, while those that run them look for the tests."""
    yield
    if _SHARED_FOLDER in session.config.stash:
        set_up_kafka()
        folder = session.config.stash[_SHARED_FOLDER]
        broker = session.config.stash[_SHARED_KAFKA] = kafka_server.start(folder)
        (folder / "fresh").write_text(broker.bootstrap)
        (folder / "fresh").rename(folder / _BOOTSTRAP)


@pytest.hookimpl(wrapper=True)
def pytest_sessionfinish(session: pytest.Session) -> Generator[None]:
    """Whatever became of the others, who started the servers ends them."""
    try:
        yield
    finally:
        if _SHARED_KAFKA in session.config.stash:
            session.config.stash[_SHARED_KAFKA].kill()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A test that failed shows how the logs of its processes end; a broker's segments, `0000….log`, are none."""
    report = yield
    folder: Path | None = getattr(item, "funcargs", {}).get("tmp_path")
    if report.failed and folder is not None:
        for path in sorted(folder.rglob("[!0-9]*.log")):
            tail = path.read_bytes()[-_LOG_TAIL_BYTES:].decode(errors="replace")
            report.sections.append((f"the end of {path.relative_to(folder)}", tail))
    return report


@pytest.fixture(scope="session")
def kafka(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A real Kafka as `host:port`, with other tests' topics; its jars come from the user's cache."""
    set_up_kafka()
    shared = getattr(request.config, "workerinput", {}).get("shared")
    if shared is None:
        with kafka_server.start(tmp_path_factory.mktemp("kafka")) as broker:
            yield broker.bootstrap
        return
    address = Path(shared) / _BOOTSTRAP
    assert processes.wait_until(address.exists, _PATIENCE_S), "the shared Kafka does not come up"
    yield address.read_text()


@pytest.fixture
def prefix(kafka: str) -> Iterator[str]:
    """A topic prefix of the test's own; what it made under it is deleted, so that the broker stays quick."""
    name = next(_PREFIXES)
    yield name
    asyncio.run(_delete_topics(kafka, name))


@pytest.fixture
def topics(kafka: str, prefix: str) -> str:
    """The same prefix with every topic of events/topics.py made, DEFAULT_PARTITIONS each."""
    asyncio.run(migrate(kafka, prefix=prefix))
    return prefix


@pytest.fixture(scope="module")
def module_topics(kafka: str) -> Iterator[str]:
    """As `topics`, for a log that the tests of a module share."""
    name = next(_PREFIXES)
    asyncio.run(migrate(kafka, prefix=name))
    yield name
    asyncio.run(_delete_topics(kafka, name))


async def _delete_topics(bootstrap: str, prefix: str) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        await admin.delete_topics([name for name in await admin.list_topics() if name.startswith(prefix)])
    finally:
        await admin.close()
