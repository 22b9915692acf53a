"""Is it there? Asked before work that would otherwise wait for it in silence (the SDK never raises)."""

from aiokafka.client import AIOKafkaClient
from aiokafka.errors import KafkaError

from imageledger.errors import UnreachableError

_PATIENCE_MS = 5_000


async def require_kafka(bootstrap: str) -> None:
    """Returns if a broker answers at `bootstrap`, host:port. Raises UnreachableError."""
    client = AIOKafkaClient(bootstrap_servers=bootstrap, request_timeout_ms=_PATIENCE_MS)
    try:
        await client.bootstrap()
    except (KafkaError, OSError, ValueError) as error:
        raise UnreachableError(
            f"Kafka at {bootstrap} does not answer ({error}): start `imageledger up`, or set IMAGELEDGER_KAFKA"
        ) from error
    finally:
        await client.close()
