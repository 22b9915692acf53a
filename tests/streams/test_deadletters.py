"""`imageledger dlq` on a real log: refused records are found, shown whole, mended and sent again."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from aiokafka import AIOKafkaProducer
from click.testing import Result
from judge import read
from publishing import producer
from typer.testing import CliRunner
from worker_process import WorkerProcess, until_async

from events.refusals import Position, Refused, dead_letter
from imageledger.cli.main import app
from imageledger.errors import SettingsError

LOCAL = {"max_request_size": 64 << 20, "max_batch_size": 32 << 20}
GOOD = {"event_type": "image.result", "event_time": "2026-11-02T10:00:00Z", "image_id": "i", "status": "success"}

Dlq = Callable[..., Awaitable[Result]]


def result(event_id: str, **fields: Any) -> bytes:
    return json.dumps(GOOD | {"event_id": event_id, "run_id": "mended"} | fields).encode()


@pytest.fixture
def worker(kafka: str, topics: str, tmp_path: Path) -> Iterator[WorkerProcess]:
    worker = WorkerProcess(kafka, tmp_path, topics, stages="real")
    worker.start()
    yield worker
    worker.kill()


@pytest.fixture
def dlq(kafka: str, topics: str) -> Dlq:
    """The command, in this process: each start of its own would take a second."""
    environment = {"IMAGELEDGER_KAFKA": kafka, "IMAGELEDGER_PREFIX": topics}

    async def run(*words: str) -> Result:
        return await asyncio.to_thread(CliRunner().invoke, app, ["dlq", *words], env=environment)

    return run


async def until_refused(kafka: str, topics: str, count: int) -> None:
    async def are_there() -> bool:
        return len(await read(kafka, topics + "dlq")) == count

    await until_async(are_there, f"{count} dead letters")


async def test_refused_records_are_listed_shown_mended_and_sent_again(
    kafka: str, topics: str, worker: WorkerProcess, dlq: Dlq, tmp_path: Path
) -> None:
    bad = result("a", confidence=1.5)
    async with producer(kafka) as client:
        await client.send_and_wait(topics + "results", b"\xff{", b"i", 1)
        await client.send_and_wait(topics + "results", bad, "schlüssel".encode(), 2, headers=[("trace", b"t")])
        await client.send_and_wait(topics + "results", result("b"), b"i", 2)
    await until_refused(kafka, topics, 2)

    listed = json.loads((await dlq("list", "--json")).stdout)
    assert [(each["position"], each["reason"]) for each in listed] == [
        (f"{topics}results-1-0", "not_text"),
        (f"{topics}results-2-0", "out_of_range"),
    ]
    assert listed[1]["detail"].startswith("$.confidence")
    assert [e["reason"] for e in json.loads((await dlq("list", "--json", "--reason", "not_text")).stdout)] == [
        "not_text"
    ]
    assert json.loads((await dlq("list", "--json", "--topic", "feedback")).stdout) == []
    assert len(json.loads((await dlq("list", "--json", "--since", "1h", "--limit", "1")).stdout)) == 1

    printed = (await dlq("list")).stdout  # 80 columns, as in a pipe: what `show` and `retry` take stands there whole
    assert [f"{topics}results-{n}-0" in printed for n in (1, 2)] == [True, True]

    shown = json.loads((await dlq("show", f"{topics}results-2-0", "--json")).stdout)
    assert (shown["value"], shown["key"], shown["headers"]) == (bad.decode(), "schlüssel", {"trace": "t"})
    assert json.loads((await dlq("show", f"{topics}results-1-0", "--json")).stdout)["value_base64"] == "/3s="

    refused = await dlq("retry", "--reason", "out_of_range")
    assert refused.exit_code == 1
    assert "refused again  out_of_range: $.confidence" in refused.stdout
    assert len(await read(kafka, topics + "results")) == 3

    file = tmp_path / "letters.jsonl"
    assert (await dlq("export", str(file), "--reason", "out_of_range")).exit_code == 0
    exported = json.loads(file.read_text())
    exported["value"] = json.loads(exported["value"]) | {"confidence": 0.5}
    file.write_text(json.dumps(exported))
    assert "would send" in (await dlq("retry", "--from", str(file), "--dry-run")).stdout
    assert len(await read(kafka, topics + "results")) == 3

    sent = await dlq("retry", "--from", str(file))
    assert sent.exit_code == 0, sent.output
    assert f"{topics}results-2-0  sent  {topics}results-2-2" in sent.stdout
    again = next(each for each in await read(kafka, topics + "results") if (each.partition, each.offset) == (2, 2))
    assert (again.key, list(again.headers)) == ("schlüssel".encode(), [("trace", b"t")])
    assert json.loads(again.value)["confidence"] == 0.5
    assert [each["reason"] for each in json.loads((await dlq("list", "--json")).stdout)] == ["not_text"]
    settled = json.loads((await dlq("list", "--json", "--all")).stdout)[1]
    assert settled["retried"] == f"{topics}results-2-2"

    async def is_counted() -> bool:
        found = [msgspec.json.decode(record.value or b"") for record in await read(kafka, topics + "metrics")]
        return bool(found) and found[-1]["totals"].get("results") == 2

    await until_async(is_counted, "the mended record in the figures")


async def test_a_cut_record_is_read_whole_where_it_stands(
    kafka: str, topics: str, worker: WorkerProcess, dlq: Dlq
) -> None:
    huge = b'{"x": "' + b"9" * (3 << 20) + b'"}'
    client = AIOKafkaProducer(bootstrap_servers=kafka, compression_type="gzip", **LOCAL)
    await client.start()
    await client.send_and_wait(topics + "feedback", huge, b"k", 3)
    await client.stop()
    await until_refused(kafka, topics, 1)

    (listed,) = json.loads((await dlq("list", "--json")).stdout)
    assert (listed["reason"], listed["size"]) == ("too_large", len(huge))
    shown = json.loads((await dlq("show", listed["position"], "--json")).stdout)
    assert shown["value"].encode() == huge
    assert shown["read_from"] == "log"


async def test_a_letter_that_was_written_twice_is_one(kafka: str, topics: str, dlq: Dlq) -> None:
    where = Position(topics + "results", 0, 0, 1_795_000_000_000)
    letter = dead_letter(where, b"{", Refused("not_json", "ends too early"))
    async with producer(kafka) as client:
        for _ in range(2):
            await client.send_and_wait(topics + "dlq", letter.value, letter.key, headers=letter.headers)
        await client.send_and_wait(topics + "dlq", b"somebody's", b"own")
    assert len(json.loads((await dlq("list", "--json")).stdout)) == 1
    shown = json.loads((await dlq("show", letter.key.decode(), "--json")).stdout)
    assert (shown["read_from"], shown["value"]) == ("letter", "{")  # the original is gone
    gone = await dlq("retry", letter.key.decode())
    assert gone.exit_code == 1
    assert "gone  retention has taken the record" in gone.stdout


async def test_mistakes_are_one_line_with_a_remedy(kafka: str, topics: str, dlq: Dlq, tmp_path: Path) -> None:
    file = tmp_path / "bad.jsonl"
    file.write_text("no json")
    for words, said in (
        (("show", "nowhere-0-1"), "no refused record stands at nowhere-0-1"),
        (("retry",), "Name positions, --reason R, or --from FILE"),
        (("retry", "--from", str(file)), "is not as `imageledger dlq export` writes it"),
        (("list", "--since", "yesterday"), "say 30m, 2h, 7d"),
    ):
        answer = await dlq(*words)
        assert isinstance(answer.exception, SettingsError)
        assert said in str(answer.exception)
