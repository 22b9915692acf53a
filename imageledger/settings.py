"""The one place where settings are read: environment (prefix `IMAGELEDGER_`), then what `--data` says is running."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, get_type_hints

import msgspec
from msgspec import Meta

from events.topics import DEFAULT_PARTITIONS, DEFAULT_PREFIX
from imageledger.errors import SettingsError
from servers import endpoints

if TYPE_CHECKING:
    import ssl

    from events.sdk.prices import Prices
    from events.sdk.security import Security

PREFIX = "IMAGELEDGER_"
PREFIX_FILE, SWITCHES_FILE = "prefix", "prefix.switches"
"""`DIR/prefix`: the topics' prefix that the stack of a data folder was switched to (`imageledger switch`)."""


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """What can be set. Whatever is configured is used instead of started (DESIGN.md 4.6)."""

    kafka: Annotated[
        str | None, Meta(description="Kafka bootstrap servers, host:port; empty: a local one is started")
    ] = None
    kafka_tls: Annotated[
        str | None,
        Meta(
            description="TLS to Kafka: `system` trusts this machine's certificate authorities, a PEM file those in it; "
            "empty: no TLS"
        ),
    ] = None
    kafka_certificate: Annotated[
        Path | None, Meta(description="PEM file with the client certificate and its key, where Kafka asks for one")
    ] = None
    kafka_sasl: Annotated[
        Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] | None,
        Meta(description="SASL mechanism: PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512; empty: no SASL"),
    ] = None
    kafka_user: Annotated[str | None, Meta(description="user for SASL")] = None
    kafka_password: Annotated[str | None, Meta(description="password for SASL")] = None
    clickhouse: Annotated[
        str | None,
        Meta(description="ClickHouse over HTTP, http://user:password@host:port; empty: the embedded engine is started"),
    ] = None
    clickhouse_reader: Annotated[
        str | None,
        Meta(
            description="URL of the same ClickHouse for a read-only user, which people's own SQL goes through; "
            "empty: IMAGELEDGER_CLICKHOUSE"
        ),
    ] = None
    data: Annotated[Path, Meta(description="folder of the local servers' data, logs and endpoints.json")] = Path("data")
    prefix: Annotated[str, Meta(description="prefix of every topic's name")] = DEFAULT_PREFIX
    partitions: Annotated[int, Meta(ge=1, le=1024, description="partitions of the source topics")] = DEFAULT_PARTITIONS
    host: Annotated[str, Meta(description="address that the dashboard listens on")] = "127.0.0.1"
    port: Annotated[int, Meta(ge=0, le=65535, description="port that the dashboard listens on")] = 8400
    workers: Annotated[int, Meta(ge=1, le=64, description="Faust workers that `imageledger up` starts")] = 1
    snapshot_seconds: Annotated[
        int,
        Meta(ge=1, le=5, description="seconds between two snapshots of a run, at which its alerts are decided too"),
    ] = 1
    prices: Annotated[
        Path | None,
        Meta(
            description="TOML file of what models cost (docs/prices.md), for results that are processed, imported or "
            "posted without a cost; empty: their cost is unknown"
        ),
    ] = None
    pictures: Annotated[
        Path | None, Meta(description="folder of the images that a result's page may show; empty: none are shown")
    ] = None
    alert_webhooks: Annotated[
        str | None,
        Meta(description="URLs that get alerts as Alertmanager webhooks, separated by spaces"),
    ] = None
    alert_webhook_secret: Annotated[
        str | None, Meta(description="key that signs these webhooks (HMAC-SHA256); empty: they are not signed")
    ] = None
    alert_notify: Annotated[
        str | None,
        Meta(description="apprise URLs that get alerts (slack://… mailto://… pagerduty://…), separated by spaces"),
    ] = None
    log_level: Annotated[
        Literal["DEBUG", "INFO", "WARNING", "ERROR"],
        Meta(description="least severity of what is logged: DEBUG, INFO, WARNING or ERROR"),
    ] = "INFO"

    def kafka_address(self) -> str:
        """Kafka's address, configured or running under `data`. Raises SettingsError with the remedy."""
        return self.kafka or self._running("kafka")

    def kafka_security(self) -> "Security":
        """How the configured Kafka lets us in; one of our own asks nothing.

        Raises SettingsError where a certificate cannot be read, or user or password lack.
        """
        from events.sdk.security import Security

        if self.kafka is None:
            return Security()
        if self.kafka_sasl and not (self.kafka_user and self.kafka_password):
            raise SettingsError("IMAGELEDGER_KAFKA_SASL needs IMAGELEDGER_KAFKA_USER and IMAGELEDGER_KAFKA_PASSWORD")
        return Security(
            ssl_context=self._tls(),
            mechanism=self.kafka_sasl,
            username=self.kafka_user,
            password=self.kafka_password,
        )

    def _tls(self) -> "ssl.SSLContext | None":
        import ssl

        if self.kafka_tls is None:
            if self.kafka_certificate:
                raise SettingsError("IMAGELEDGER_KAFKA_CERTIFICATE needs IMAGELEDGER_KAFKA_TLS: `system`, or a file")
            return None
        try:
            context = ssl.create_default_context(cafile=None if self.kafka_tls == "system" else self.kafka_tls)
            if self.kafka_certificate:
                context.load_cert_chain(self.kafka_certificate)
        except OSError as error:
            files = f"IMAGELEDGER_KAFKA_TLS={self.kafka_tls}"
            if self.kafka_certificate:
                files += f", IMAGELEDGER_KAFKA_CERTIFICATE={self.kafka_certificate}"
            raise SettingsError(f"{files}: {error.strerror or error}: PEM files are needed") from error
        return context

    def price_list(self) -> "Prices | None":
        """What models cost, where that is configured. Raises PricesError."""
        from events.sdk.prices import Prices

        return Prices.read(self.prices) if self.prices else None

    def sink_group(self) -> str:
        """The sink's consumer group: another one after each switch, so that it reads the log from its beginning.

        The store holds rows of the log that was left, in the place of this one's.
        """
        switches = switches_of(self.data)
        return f"{self.prefix}sink" + (f"-{switches}" if switches else "")

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


def load(environment: Mapping[str, str] = os.environ, **given: Any) -> Settings:
    """The settings: `given` (from the command line), then the environment, then defaults; an empty value is none.

    The prefix may also stand in the data folder, where neither of the first two says it.

    Raises SettingsError on a bad value, with its variable's name.
    """
    values: dict[str, Any] = {name: environment.get(variable(name)) for name in Settings.__struct_fields__}
    values |= {name: value for name, value in given.items() if value is not None}
    found = {name: value for name, value in values.items() if value not in {None, ""}}
    for name, value in found.items():
        try:
            found[name] = msgspec.convert(value, _TYPES[name], strict=False, dec_hook=lambda kind, said: kind(said))
        except msgspec.ValidationError as error:
            raise SettingsError(f"a setting is not usable: {variable(name)}={value}: {error}") from error
    settings = Settings(**found)
    switched = settings.data / PREFIX_FILE
    if "prefix" not in found and switched.exists():
        return msgspec.structs.replace(settings, prefix=switched.read_text("utf-8").strip())
    return settings


def switches_of(data: Path) -> int:
    """How often a data folder has gone over to another prefix (`imageledger switch`)."""
    try:
        return int((data / SWITCHES_FILE).read_text("utf-8"))
    except FileNotFoundError:
        return 0


def is_set(name: str, environment: Mapping[str, str] = os.environ) -> bool:
    """Whether the environment says what a setting is."""
    return bool(environment.get(variable(name)))


def variable(name: str) -> str:
    """The environment variable of a setting."""
    return PREFIX + name.upper()


def meanings() -> dict[str, str]:
    """Setting → what it is for."""
    return {
        name: next(meta.description for meta in kind.__metadata__ if isinstance(meta, Meta)) or ""
        for name, kind in _TYPES.items()
    }


_TYPES = get_type_hints(Settings, include_extras=True)
