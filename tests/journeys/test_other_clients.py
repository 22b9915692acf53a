"""Whatever speaks Kafka can be counted: a bare JSON record of a foreign client, without a key or a header."""

import json

from confluent_kafka import Producer
from live_stack import Stack, eventually

RUN = "foreign/лог 🚗"


def test_a_bare_record_of_another_client_is_counted_and_stored(stack: Stack) -> None:
    producer = Producer({"bootstrap.servers": stack.endpoints()["kafka"]})
    for number in range(3):
        record = {
            "event_id": f"bare-{number}",
            "event_type": "image.result",
            "event_time": "2026-01-02T03:04:05Z",
            "run_id": RUN,
            "image_id": f"image-{number}",
            "status": "success",
            "cost_usd": 0.1,
        }
        producer.produce("imageledger.results", json.dumps(record))
    producer.produce("imageledger.results", b"no event at all")
    assert producer.flush(60) == 0
    path = "foreign%2F%D0%BB%D0%BE%D0%B3%20%F0%9F%9A%97"
    eventually(lambda: stack.metrics(path)["totals"].get("results") == 3, "the three records are counted")
    assert stack.metrics(path)["totals"]["cost_nano_usd"] == 300_000_000
    with stack.clickhouse() as client:
        count = "SELECT count(), sum(cost_nano_usd) FROM results FINAL WHERE run_id = {run:String}"
        eventually(lambda: client.query(count, {"run": RUN}).first_row == (3, 300_000_000), "they are stored")
