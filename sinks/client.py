"""A client of ClickHouse's HTTP interface: on a real server and on the embedded engine alike."""

import logging
from urllib.parse import unquote, urlsplit

import clickhouse_connect
from clickhouse_connect.driver.client import Client

from .errors import ClickHouseError, translated

DATABASE = "imageledger"
CONNECT_TIMEOUT_S = 10
ANSWER_TIMEOUT_S = 300


def connect(url: str, *, database: str | None = None, answer_timeout_s: int = ANSWER_TIMEOUT_S) -> Client:
    """A client for `url`, `http://user:password@host:port/database`, or `https://…`; parts may be percent-encoded.

    Threads may share it: it has no session. `database`, else the URL's, else DATABASE; it need not
    exist yet (`migrations.migrate` makes it).

    Raises:
        ClickHouseAway: nothing answers there.
        AccessDenied: wrong user or password.
        ClickHouseError: the URL is none, or the server refuses otherwise.
    """
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ClickHouseError("IMAGELEDGER_CLICKHOUSE must look like http://user:password@host:8123")
    # They log, one of them with a traceback, what is raised as well.
    for noisy in ("clickhouse_connect", "urllib3.connectionpool"):
        logging.getLogger(noisy).setLevel(logging.CRITICAL)
    port = parts.port or (8443 if parts.scheme == "https" else 8123)
    with translated(f"{parts.hostname}:{port}"):
        client = clickhouse_connect.get_client(
            host=parts.hostname,
            port=port,
            interface=parts.scheme,
            username=unquote(parts.username or "default"),
            password=unquote(parts.password or ""),
            connect_timeout=CONNECT_TIMEOUT_S,
            send_receive_timeout=answer_timeout_s,
            autogenerate_session_id=False,
            query_limit=0,
        )
    client.database = database or unquote(parts.path.strip("/")) or DATABASE
    return client


def address(client: Client) -> str:
    """Where `client` is connected to, without user and password, for messages."""
    return urlsplit(client.uri).netloc.rpartition("@")[2]
