"""A Kafka that asks who we are: TLS, our own certificate, user and password, from the environment to every client."""

import asyncio
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
import trustme
from cryptography.hazmat.primitives import serialization

from dashboard.ingest import Ingest
from dashboard.live.tail import Tail
from events.results import ImageResult
from events.sdk.ids import uuid7
from imageledger.errors import SettingsError, UnreachableError
from imageledger.kafka import cluster_of, options, publisher_of, reader_of, require_kafka
from imageledger.settings import Settings, load, variable
from servers import processes, topics
from servers.kafka import server
from sinks.reading.witness import stored_offsets

DEADLINE_S = 120
BARE = b'{"event_id": "2", "event_type": "image.result", "event_time": "2026-01-02T03:04:05Z", "image_id": "two", "status": "success"}'  # noqa: E501  (one record)
LOGIN = "org.apache.kafka.common.security.plain.PlainLoginModule required"
LOCK = """
security.inter.broker.protocol=SASL_SSL
sasl.mechanism.inter.broker.protocol=PLAIN
sasl.enabled.mechanisms=PLAIN
listener.name.sasl_ssl.plain.sasl.jaas.config={login} username="broker" password="own" user_broker="own" \
user_ledger="told-to-few";
listener.name.sasl_ssl.ssl.client.auth=required
ssl.keystore.type=PEM
ssl.keystore.location={data}/broker.pem
ssl.truststore.type=PEM
ssl.truststore.location={data}/ca.pem
"""


@pytest.fixture(scope="module")
def locked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """A broker that lets nobody in without all three; the environment of one who may."""
    data = tmp_path_factory.mktemp("locked")
    authority = trustme.CA()
    authority.cert_pem.write_to_path(data / "ca.pem")
    (data / "broker.pem").write_bytes(_for_java(authority.issue_cert("127.0.0.1")))
    authority.issue_cert("client@here").private_key_and_cert_chain_pem.write_to_path(data / "client.pem")
    with _broker(data) as bootstrap:
        found = {
            "IMAGELEDGER_KAFKA": bootstrap,
            "IMAGELEDGER_KAFKA_TLS": str(data / "ca.pem"),
            "IMAGELEDGER_KAFKA_CERTIFICATE": str(data / "client.pem"),
            "IMAGELEDGER_KAFKA_SASL": "PLAIN",
            "IMAGELEDGER_KAFKA_USER": "ledger",
            "IMAGELEDGER_KAFKA_PASSWORD": "told-to-few",
            "IMAGELEDGER_DATA": str(data),
        }
        asyncio.run(_prepare(load(found)))
        yield found


def _for_java(certificate: trustme.LeafCert) -> bytes:
    """Its key as PKCS 8, the one form that Kafka reads."""
    key = serialization.load_pem_private_key(certificate.private_key_pem.bytes(), None)
    own = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return own + b"".join(each.bytes() for each in certificate.cert_chain_pems)


@contextmanager
def _broker(data: Path) -> Iterator[str]:
    prepared = server.prepare(data)
    file = prepared.cwd / "server.properties"
    text = file.read_text().replace("PLAINTEXT://", "SASL_SSL://").replace("PLAINTEXT:PLAINTEXT", "SASL_SSL:SASL_SSL")
    file.write_text(text + LOCK.format(login=LOGIN, data=data))
    with (data / "broker.log").open("wb") as log:
        process = subprocess.Popen(
            prepared.argv, cwd=prepared.cwd, stdout=log, stderr=log, pass_fds=(prepared.lock.fd,)
        )
    try:
        yield prepared.bootstrap
    finally:
        processes.stop(process, patience_s=20)


async def _prepare(settings: Settings) -> None:
    async with asyncio.timeout(DEADLINE_S):
        while True:
            try:
                await require_kafka(settings)
                break
            except UnreachableError:
                await asyncio.sleep(0.2)
    await topics.migrate(settings.kafka_address(), partitions=1, prefix=settings.prefix, security=options(settings))


def _changed(environment: Mapping[str, str], **other: str) -> Settings:
    return load({**environment, **{variable(name): value for name, value in other.items()}})


def _result(run_id: str) -> ImageResult:
    return ImageResult(
        event_id=uuid7(), event_time=datetime.now(UTC), run_id=run_id, image_id="one", status="success", cost_usd=0.02
    )


async def test_every_client_gets_in(locked: dict[str, str]) -> None:
    settings, event = load(locked), _result("locked")
    with publisher_of(settings, "test") as publisher:
        assert publisher.publish(event)
        assert publisher.flush(DEADLINE_S) == 0
    ingest = Ingest(settings.kafka_address(), settings.prefix, settings.kafka_security())
    assert (await ingest.take(BARE)).accepted == 1
    await ingest.close()

    seen: set[bytes | None] = set()
    both = asyncio.Event()

    def take(records: Sequence[object]) -> None:
        seen.update(getattr(record, "value", None) for record in records)
        if len(seen) == 2:
            both.set()

    tail = Tail(settings.kafka_address(), "imageledger.results", take, security=settings.kafka_security())
    following = asyncio.create_task(tail.run())
    await asyncio.wait_for(both.wait(), DEADLINE_S)
    following.cancel()
    async with reader_of(settings, "results", run_id="locked") as reader:
        assert [entry.event.event_id async for entry in reader.to_now()] == [event.event_id]


async def test_a_worker_folds_there(locked: dict[str, str]) -> None:
    settings = load(locked)
    worker = subprocess.Popen([sys.executable, "-m", "imageledger", "worker"], env=locked)  # noqa: ASYNC220  (at once)
    try:
        with publisher_of(settings, "test") as publisher:
            publisher.publish(_result("folded"))
        async with asyncio.timeout(DEADLINE_S), reader_of(settings, "metrics", run_id="folded") as reader:
            async for entry in reader.follow():
                if entry.event.totals.get("cost_nano_usd") == 20_000_000:
                    break
        cluster = cluster_of(settings)  # there are groups now, so there is a coordinator
        assert await stored_offsets(cluster.bootstrap, cluster.prefix, "nobody", cluster.security) == {}
    finally:
        processes.stop(worker, patience_s=20)


@pytest.mark.parametrize(
    "missing",
    [
        {"kafka_password": "guessed"},
        {"kafka_sasl": "", "kafka_user": "", "kafka_password": ""},
        {"kafka_certificate": ""},
        {"kafka_tls": "", "kafka_certificate": ""},
        {"kafka_tls": "system"},
    ],
    ids=" ".join,
)
async def test_who_lacks_one_of_them_is_told_so(locked: dict[str, str], missing: dict[str, str]) -> None:
    with pytest.raises(UnreachableError, match="does not answer"):
        await require_kafka(_changed(locked, **missing))


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({"kafka_sasl": "PLAIN", "kafka_user": "me"}, "IMAGELEDGER_KAFKA_PASSWORD"),
        ({"kafka_tls": "none.pem"}, "IMAGELEDGER_KAFKA_TLS=none.pem"),
        ({"kafka_certificate": "own.pem"}, "IMAGELEDGER_KAFKA_TLS"),
        ({"kafka_tls": "system", "kafka_certificate": "own.pem"}, "IMAGELEDGER_KAFKA_CERTIFICATE=own.pem"),
    ],
)
def test_what_cannot_work_names_its_variable(given: dict[str, str], named: str) -> None:
    with pytest.raises(SettingsError, match=named):
        _changed({"IMAGELEDGER_KAFKA": "there:9092"}, **given).kafka_security()


def test_a_broker_of_our_own_asks_nothing() -> None:
    assert _changed({}, kafka_sasl="PLAIN").kafka_security().mechanism is None
