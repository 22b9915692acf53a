"""`imageledger import` into a real Kafka: killed on the way and begun again, each row counts once."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

from confluent_kafka import Consumer, TopicPartition

from events import codec
from events.numbers import nano_usd
from events.topics import DEFAULT_PARTITIONS, full_name

ROWS = 40_000
DEADLINE_S = 120.0
MAPPING = """
[constants]
status = "success"
[fields]
image_id = "img"
event_time = { column = "at", unit = "s" }
cost = { column = "cents", unit = "cents" }
"""


def start(kafka: str, prefix: str, folder: Path, *words: str, **settings: str) -> "subprocess.Popen[str]":
    environment = {name: value for name, value in os.environ.items() if not name.startswith("IMAGELEDGER_")}
    return subprocess.Popen(
        [sys.executable, "-m", "imageledger", "--data", str(folder / "data"), "import", *words],
        env=environment | {"IMAGELEDGER_KAFKA": kafka, "IMAGELEDGER_PREFIX": prefix} | settings,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def finish(process: "subprocess.Popen[str]") -> tuple[int, str, str]:
    out, err = process.communicate(timeout=DEADLINE_S)
    return process.returncode, out, err


class Log:
    """The records of `results`."""

    def __init__(self, kafka: str, prefix: str) -> None:
        self._consumer = Consumer({"bootstrap.servers": kafka, "group.id": "none", "enable.auto.commit": False})
        self._topic = full_name("results", prefix)

    def end(self) -> int:
        places = [TopicPartition(self._topic, n) for n in range(DEFAULT_PARTITIONS)]
        return sum(self._consumer.get_watermark_offsets(place, timeout=DEADLINE_S)[1] for place in places)

    def read(self) -> list[tuple[bytes, bytes]]:
        self._consumer.assign([TopicPartition(self._topic, n, 0) for n in range(DEFAULT_PARTITIONS)])
        found: list[tuple[bytes, bytes]] = []
        while len(found) < self.end():
            found += [(record.key(), record.value()) for record in self._consumer.consume(10_000, 1.0)]
        self._consumer.close()
        return found


def test_killed_on_the_way_and_begun_again_each_row_counts_once(kafka: str, topics: str, tmp_path: Path) -> None:
    file, mapping = tmp_path / "rows.csv", tmp_path / "m.toml"
    mapping.write_text(MAPPING)
    rows = [f"image {n % 1000},{1793613600 + n},{n % 7}" for n in range(ROWS)]
    file.write_text("img,at,cents\n" + "\n".join(rows) + "\nlast,never,1\n")
    log = Log(kafka, topics)
    words = (str(file), "--mapping", str(mapping), "--run", "r")

    killed = start(kafka, topics, tmp_path, *words)
    deadline = time.monotonic() + DEADLINE_S
    while not log.end():
        assert killed.poll() is None, finish(killed)
        assert time.monotonic() < deadline
        time.sleep(0.01)
    killed.kill()
    assert finish(killed)[0] == -9
    before = log.end()
    assert 0 < before < ROWS

    code, out, _ = finish(start(kafka, topics, tmp_path, *words, "--json"))
    assert code == 3
    report = json.loads(out)
    assert (report["rows"], report["events"], report["confirmed"], report["rejected"]) == (ROWS + 1, ROWS, ROWS, 1)
    reject = json.loads(Path(report["rejects"]).read_text())
    assert (reject["row"], reject["reason"]) == (ROWS + 1, "wrong_type")

    records = log.read()
    assert len(records) >= before + ROWS
    events = {event.event_id: (key, event) for key, value in records for event in [codec.decode("results", value)]}
    assert len(events) == ROWS
    assert all((key.decode(), event.run_id) == (event.image_id, "r") for key, event in events.values())
    assert sum(nano_usd(event.cost_usd) for _, event in events.values()) == sum(n % 7 for n in range(ROWS)) * 10_000_000


def test_without_kafka_it_says_so_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_text("a\n1\n")
    code, out, err = finish(start("127.0.0.1:9", "none.", tmp_path, str(tmp_path / "rows.csv")))
    assert (code, out, err.count("\n")) == (1, "", 1)
    assert "does not answer" in err


def test_spans_that_know_their_tokens_are_priced(kafka: str, topics: str, tmp_path: Path) -> None:
    (tmp_path / "prices.toml").write_text(
        'version = "2026-11"\n[[price]]\nmodel = "haiku*"\nusd_per_million = { input = 1.0, output = 5.0 }\n'
    )
    span = {
        "trace_id": "t", "span_id": "s", "start_time": "2026-10-01T00:00:00Z", "end_time": "2026-10-01T00:00:01Z",
        "attributes": {
            "gen_ai.request.model": "haiku-4", "gen_ai.usage.input_tokens": 1000, "gen_ai.usage.output_tokens": 100,
        },
    }  # fmt: skip
    (tmp_path / "spans.jsonl").write_text(json.dumps(span) + "\n")
    prices = {"IMAGELEDGER_PRICES": str(tmp_path / "prices.toml")}
    code, _, err = finish(start(kafka, topics, tmp_path, str(tmp_path / "spans.jsonl"), **prices))
    assert code == 0, err
    [(_, value)] = Log(kafka, topics).read()
    event = codec.decode("results", value)
    assert (event.cost_usd, event.price_version, event.cost_source) == (0.0015, "2026-11", "local")

    code, _, err = finish(start(kafka, topics, tmp_path, str(tmp_path / "spans.jsonl"), IMAGELEDGER_PRICES="no.toml"))
    assert (code, err) == (1, "imageledger: prices no.toml: No such file or directory\n")
