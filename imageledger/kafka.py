"""Every way from the settings to Kafka: the clients of the command line, each let in alike."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from imageledger.errors import UnreachableError
from imageledger.settings import Settings

if TYPE_CHECKING:
    from events.codec import Kind
    from events.sdk.prices import Prices
    from events.sdk.publisher import Publisher
    from events.sdk.reader import Reader
    from processors.log import KafkaLog
    from streams.cluster import Cluster

_PATIENCE_MS = 5_000


async def require_kafka(settings: Settings) -> None:
    """Returns if a broker answers and lets us in: asked before work that would otherwise wait for it in silence.

    Raises SettingsError, UnreachableError.
    """
    from aiokafka.client import AIOKafkaClient
    from aiokafka.errors import KafkaError

    bootstrap = settings.kafka_address()
    client = AIOKafkaClient(bootstrap_servers=bootstrap, request_timeout_ms=_PATIENCE_MS, **options(settings))
    try:
        await client.bootstrap()
    except (KafkaError, OSError, ValueError) as error:
        raise UnreachableError(
            f"Kafka at {bootstrap} does not answer ({error}): start `imageledger up`, or set IMAGELEDGER_KAFKA"
        ) from error
    finally:
        await client.close()


def options(settings: Settings) -> dict[str, Any]:
    """aiokafka's own arguments for TLS and SASL. Raises SettingsError."""
    return settings.kafka_security().options()


def publisher_of(
    settings: Settings, source: str, *, spool: Path | None = None, prices: "Prices | None" = None
) -> "Publisher":
    """A publisher of events. Raises SettingsError."""
    from events.sdk.publisher import Publisher

    return Publisher(
        settings.kafka_address(),
        prefix=settings.prefix,
        source=source,
        security=settings.kafka_security(),
        prices=prices,
        spool=spool,
    )


def reader_of(settings: Settings, *kinds: "Kind", run_id: str | None = None) -> "Reader":
    """A reader of topics, of one run alone if it is named. Raises SettingsError."""
    from events.sdk.reader import Reader

    return Reader(
        settings.kafka_address(), *kinds, run_id=run_id, prefix=settings.prefix, security=settings.kafka_security()
    )


def log_of(settings: Settings) -> "KafkaLog":
    """The log, for a processor that continues its run. Raises SettingsError."""
    from processors.log import KafkaLog

    return KafkaLog(settings.kafka_address(), prefix=settings.prefix, security=settings.kafka_security())


def cluster_of(settings: Settings) -> "Cluster":
    """The cluster, for what looks at logs and groups. Raises SettingsError."""
    from streams.cluster import Cluster

    return Cluster(settings.kafka_address(), settings.prefix, options(settings))
