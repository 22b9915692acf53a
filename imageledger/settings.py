"""The one place where settings are read: environment (prefix `IMAGELEDGER_`), then what `--data` says is running."""

from pathlib import Path
from typing import Any

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from events.topics import DEFAULT_PARTITIONS, DEFAULT_PREFIX
from imageledger.errors import SettingsError
from servers import endpoints


class Settings(BaseSettings):
    """What can be set. Whatever is configured is used instead of started (DESIGN.md 4.6)."""

    model_config = SettingsConfigDict(env_prefix="IMAGELEDGER_", env_file=None, extra="ignore", frozen=True)

    kafka: str | None = Field(None, description="Kafka bootstrap servers, host:port; empty: a local one is started")
    clickhouse: str | None = Field(
        None, description="ClickHouse over HTTP, http://user:password@host:port; empty: the embedded engine is started"
    )
    data: Path = Field(Path("data"), description="folder of the local servers' data, logs and endpoints.json")
    prefix: str = Field(DEFAULT_PREFIX, description="prefix of every topic's name")
    partitions: int = Field(DEFAULT_PARTITIONS, ge=1, le=1024, description="partitions of the source topics")
    host: str = Field("127.0.0.1", description="address that the dashboard listens on")
    port: int = Field(8400, ge=0, le=65535, description="port that the dashboard listens on")
    workers: int = Field(1, ge=1, le=64, description="Faust workers that `imageledger up` starts")
    log_level: str = Field("INFO", description="DEBUG, INFO, WARNING or ERROR")

    def kafka_address(self) -> str:
        """Kafka's address, configured or running under `data`. Raises SettingsError with the remedy."""
        return self.kafka or self._running("kafka")

    def clickhouse_url(self) -> str:
        """ClickHouse's URL with its user and password, configured or running under `data`."""
        return self.clickhouse or self._running("clickhouse")

    def api_url(self) -> str:
        """The dashboard's URL as it runs under `data`."""
        return self._running("api")

    def _running(self, name: str) -> str:
        address: str | None = getattr(endpoints.read(self.data), name)
        if address is None:
            raise SettingsError(
                f"no {name} is configured, and none runs under {self.data}: start `imageledger up --data {self.data}`"
                + ("" if name == "api" else f", or set IMAGELEDGER_{name.upper()}")
            )
        return address


def load(**given: Any) -> Settings:
    """The settings, `given` (from the command line) before the environment. Raises SettingsError on a bad value."""
    try:
        return Settings(**{name: value for name, value in given.items() if value is not None})
    except ValueError as error:
        raise SettingsError(f"a setting is not usable: {_first_line(error)}") from error


def _first_line(error: ValueError) -> str:
    errors = getattr(error, "errors", None)
    if errors is None:
        return str(error)
    first = errors()[0]
    return f"IMAGELEDGER_{'_'.join(str(part) for part in first['loc']).upper()}: {first['msg']}"
