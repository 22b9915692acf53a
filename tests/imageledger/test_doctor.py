"""`imageledger doctor`: what is well is said so, what is not is named with its remedy, on the real servers."""

import asyncio
import json
import os
import socket
import time
from pathlib import Path
from typing import Any

import msgspec
import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from clickhouse_connect.driver.client import Client
from typer.testing import CliRunner

from imageledger.cli.main import app
from imageledger.doctor import Check
from servers.clickhouse.users import Addresses
from sinks.client import connect
from streams import status

Found = dict[str, Check]


def examined(data: Path, kafka: str, clickhouse: str, prefix: str, *words: str) -> tuple[int, str]:
    environment = {"IMAGELEDGER_KAFKA": kafka, "IMAGELEDGER_CLICKHOUSE": clickhouse, "IMAGELEDGER_PREFIX": prefix}
    answer = CliRunner().invoke(app, ["--data", str(data), "doctor", *words], env=environment)
    assert answer.exception is None or isinstance(answer.exception, SystemExit), answer.exception
    return answer.exit_code, answer.stdout


def checks(data: Path, kafka: str, clickhouse: str, prefix: str) -> tuple[int, Found]:
    code, said = examined(data, kafka, clickhouse, prefix, "--json")
    found = msgspec.convert(json.loads(said), list[Check])
    assert len({check.check for check in found}) == len(found)
    return code, {check.check: check for check in found}


def states(found: Found) -> dict[str, str]:
    return {name: check.state for name, check in found.items()}


@pytest.fixture
def store(tables: Addresses) -> Client:
    client = connect(tables.migrator)
    client.command("TRUNCATE TABLE results")
    return client


def worker_says(data: Path, **fields: Any) -> None:
    """A worker's status file, as of now, from this living process."""
    said = {"pid": os.getpid(), "slot": "worker-0", "state": "ready", "updated_ms": time.time_ns() // 1_000_000}
    said |= {"host": socket.gethostname(), **fields}
    status.write(status.path_of(data, "worker-0"), msgspec.convert(said, status.WorkerStatus, strict=False))


def sink_says(data: Path, away: str | None = None) -> None:
    (data / "sink").mkdir(exist_ok=True)
    said = {"pid": os.getpid(), "updated_ms": time.time_ns() // 1_000_000, "lag": {}, "away": away}
    (data / "sink" / "status.json").write_text(json.dumps(said))


def test_all_is_well(kafka: str, topics: str, clickhouse: Addresses, store: Client, tmp_path: Path) -> None:
    worker_says(tmp_path, clock_ahead_ms=20)
    sink_says(tmp_path)
    code, found = checks(tmp_path, kafka, clickhouse.migrator, topics)
    assert [check for check in found.values() if check.state == "failed"] == []
    assert code == 0
    assert set(states(found).values()) <= {"ok", "warning"}  # a warning where the disk is nearly full
    assert states(found).keys() == {
        *("kafka", "topics", "clickhouse", "worker 0", "clock of worker 0", "sink", "keys", "dead letters", "disk")
    }
    assert "version 4.0 or newer" in found["kafka"].finding
    code, said = examined(tmp_path, kafka, clickhouse.migrator, topics)
    assert code == 0
    assert len(said.splitlines()) == len(found)


def test_what_is_wrong_is_named_with_its_remedy(
    kafka: str, topics: str, clickhouse: Addresses, store: Client, tmp_path: Path
) -> None:
    asyncio.run(spoil(kafka, topics))
    rows = [["r", partition, f"e{partition}", "old-script", "image", "i", 0] for partition in (0, 1)]
    names = ["run_id", "source_partition", "event_id", "source", "subject_kind", "subject_id", "source_offset"]
    store.insert("results", rows, names)
    worker_says(
        tmp_path,
        clock_ahead_ms=3_600_000,
        stages={"combine": {"1": {"ready": True, "applied": {"feedback": -1}}}},
    )
    sink_says(tmp_path, away="ClickHouse at 127.0.0.1:1 cannot be reached")
    aside = f"{store.database}_before_0123456789ab"
    store.command(f"CREATE DATABASE {aside}")
    code, found = checks(tmp_path, kafka, clickhouse.migrator, topics)
    store.command(f"DROP DATABASE {aside}")
    assert code == 1
    assert found["clickhouse"].state == "warning"
    assert aside in found["clickhouse"].finding
    assert "ledger.combine: max.message.bytes was 1048588, is 8388608" in found["topics"].finding
    assert found["topics"].remedy == "imageledger migrate"
    assert "does not move" in found["worker 0"].finding
    assert f"{topics}feedback 1: 1,200" in found["worker 0"].finding
    assert "3,600 s ahead of the broker's" in found["clock of worker 0"].finding
    assert "NTP" in (found["clock of worker 0"].remedy or "")
    assert "waits for ClickHouse" in found["sink"].finding
    assert "old-script: 1 (such as i)" in found["keys"].finding
    assert found["dead letters"].finding == "1 records refused: not_json 1"
    bad = {"topics", "worker 0", "clock of worker 0", "sink"}
    assert {name for name, state in states(found).items() if state == "failed"} == bad


async def spoil(kafka: str, topics: str) -> None:
    """A topic of the wrong kind, records that nobody folds, and a refused one."""
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka)
    await admin.start()
    wrong = ConfigResource(ConfigResourceType.TOPIC, topics + "ledger.combine", {"cleanup.policy": "delete"})
    await admin.alter_configs([wrong])
    await admin.close()
    headers = [
        *(("dlq.reason", b"not_json"), ("dlq.detail", b"$"), ("dlq.topic", topics.encode() + b"results")),
        *(("dlq.partition", b"0"), ("dlq.offset", b"0"), ("dlq.timestamp", b"1795000000000")),
    ]
    client = AIOKafkaProducer(bootstrap_servers=kafka)
    await client.start()
    for number in range(1_200):
        await client.send(topics + "feedback", b"%d" % number, partition=1)
    await client.send(topics + "dlq", b"{", b"key", headers=headers)
    await client.stop()


def test_servers_that_do_not_answer_are_findings(tmp_path: Path) -> None:
    nowhere = "127.0.0.1:1"
    code, found = checks(tmp_path, nowhere, f"http://writer:x@{nowhere}", "none.")
    assert code == 1
    assert "does not answer" in found["kafka"].finding
    assert "cannot be reached" in found["clickhouse"].finding
    assert "no worker has said anything" in found["worker 0"].finding
    assert "no sink has said anything" in found["sink"].finding
    assert found["disk"].state in {"ok", "warning"}
