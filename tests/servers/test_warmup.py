"""The recorded start: made once, used, and never in the way."""

import os
from pathlib import Path

import pytest

from servers.kafka import server as kafka
from servers.kafka.artifacts import kafka_jars
from servers.kafka.warmup import set_up_kafka


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    """A cache of the test's own with the jars of the user's."""
    set_up_kafka()
    cache = tmp_path / "cache"
    cache.mkdir()
    for jar in kafka_jars():
        try:
            os.link(jar, cache / jar.name)
        except OSError:  # another file system
            (cache / jar.name).write_bytes(jar.read_bytes())
    return cache


def test_a_start_uses_the_record_and_a_complete_cache_is_left_alone(tmp_path: Path) -> None:
    set_up_kafka()
    record = kafka.aot_cache()
    before = record.stat()
    said: list[str] = []

    set_up_kafka(say=said.append)

    assert said == []
    assert record.stat() == before
    broker = kafka.prepare(tmp_path)
    broker.lock.release()
    assert f"-XX:AOTCache={record}" in broker.argv


def test_a_record_that_does_not_fit_is_left_aside(cache: Path, tmp_path: Path) -> None:
    """By the JVM itself: here by that of the tool which formats a log, and this cache has no log's features yet."""
    record = kafka.aot_cache(cache)
    record.write_bytes(b"of another JVM")
    broker = kafka.prepare(tmp_path / "data", cache)
    broker.lock.release()
    assert f"-XX:AOTCache={record}" in broker.argv
    assert (cache / "bootstrap.checkpoint").exists()
    assert (tmp_path / "data" / "kafka" / "log" / "meta.properties").exists()
