"""A folder through the SDK's publisher into a real Kafka, and what is in the log then."""

from collections import Counter
from pathlib import Path

from aiokafka import AIOKafkaConsumer, TopicPartition
from processor_doubles import photograph

from events import codec
from events.sdk.publisher import Publisher
from events.topics import DEFAULT_PARTITIONS, full_name
from processors.folder.run import process_folder


async def _read(bootstrap: str, topic: str) -> list[tuple[bytes | None, bytes]]:
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap, auto_offset_reset="earliest")
    await consumer.start()
    try:
        partitions = [TopicPartition(topic, n) for n in range(DEFAULT_PARTITIONS)]
        consumer.assign(partitions)
        ends = await consumer.end_offsets(partitions)
        records: list[tuple[bytes | None, bytes]] = []
        while any([await consumer.position(partition) < ends[partition] for partition in partitions]):
            for batch in (await consumer.getmany(timeout_ms=1_000)).values():
                records += [(record.key, record.value) for record in batch]
        return records
    finally:
        await consumer.stop()


async def test_every_image_is_in_the_log_once(kafka: str, topics: str, tmp_path: Path) -> None:
    for seed in range(6):
        (tmp_path / f"car{seed % 2}").mkdir(exist_ok=True)
        photograph(seed, (320, 240)).save(tmp_path / f"car{seed % 2}" / f"{seed}.jpg")
    (tmp_path / "text.jpg").write_text("no image")
    with Publisher(kafka, prefix=topics) as publisher:
        summary = await process_folder(tmp_path, publisher, "folder-run")
    assert summary.complete
    results = await _read(kafka, full_name("results", topics))
    events = [codec.decode("results", value) for _, value in results]
    assert [(key or b"").decode() for key, _ in results] == [event.image_id for event in events]
    assert Counter(event.status for event in events) == {"success": 6, "failed": 1}
    assert len({event.image_id for event in events}) == 7
    runs = [codec.decode("runs", value) for _, value in await _read(kafka, full_name("runs", topics))]
    assert [type(event).__name__ for event in runs] == ["RunDeclared", "RunFinished"]
    beats = [codec.decode("heartbeats", value) for _, value in await _read(kafka, full_name("heartbeats", topics))]
    assert beats[-1].state == "stopped"
