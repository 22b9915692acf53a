"""ClickHouse's HTTP interface as it is: a statement and its parameters in, an answer's bytes out as they come."""

import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple, Self
from urllib.parse import unquote, urlencode, urlsplit

import urllib3

from .client import ANSWER_TIMEOUT_S, CONNECT_TIMEOUT_S, DATABASE
from .errors import ClickHouseAway, ClickHouseError, away, refused

CHUNK_BYTES = 1 << 16
_TAIL_BYTES = 1 << 16  # an error that ends a begun answer is no longer
_MARK = b"__exception__"
_CODE = re.compile(r"Code: (\d+)\.")


class Answer:
    """An answer under way. `format`: ClickHouse's name of what its bytes are. Read it once, or close it."""

    def __init__(self, response: urllib3.BaseHTTPResponse, where: str) -> None:
        self._response, self._where = response, where
        self.format = response.headers.get("X-ClickHouse-Format", "")
        self._tag = response.headers.get("X-ClickHouse-Exception-Tag", "").encode()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __iter__(self) -> Iterator[bytes]:
        """The body. Raises ClickHouseError where it ends before its end, once what came before was given."""
        held = b""
        try:
            for chunk in self._response.stream(CHUNK_BYTES):
                held += chunk
                if self._begins_error(held):
                    continue  # the rest says why
                if len(held) > _TAIL_BYTES:
                    yield held[:-_TAIL_BYTES]
                    held = held[-_TAIL_BYTES:]
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise self._broken(held, str(error)) from error
        finally:
            self.close()
        if self._begins_error(held):
            raise self._broken(held, "")
        if held:
            yield held

    def close(self) -> None:
        """Let go; ClickHouse stops a query whose answer nobody takes."""
        self._response.close()
        self._response.release_conn()

    def _begins_error(self, held: bytes) -> bool:
        return bool(self._tag) and b"\r\n%b\r\n%b" % (_MARK, self._tag) in held

    def _broken(self, held: bytes, why: str) -> ClickHouseError:
        _, found, text = held.partition(b"\r\n%b\r\n%b\r\n" % (_MARK, self._tag))
        if not found:
            return ClickHouseAway(f"the answer of ClickHouse at {self._where} broke off: {why or 'no end came'}")
        return _error(text.decode(errors="replace").rpartition("\n")[0], self._where)


class Raw(NamedTuple):
    """Where to ask, as whom, and in which database. Threads may share it."""

    pool: urllib3.PoolManager
    url: str
    where: str
    user: str
    password: str
    database: str

    def ask(
        self,
        statement: str,
        parameters: Mapping[str, str] | None = None,
        *,
        format: str = "TabSeparated",  # noqa: A002 - ClickHouse's own word
        settings: Mapping[str, str | int] | None = None,
    ) -> Answer:
        """Run a statement; `format` is for a statement that names none. `{name:Type}` takes its text of `parameters`.

        Raises ClickHouseAway where nothing answers, and what `errors.refused` makes of a refusal.
        """
        query = {"database": self.database, **{name: str(value) for name, value in (settings or {}).items()}}
        query |= {f"param_{name}": _escaped(value) for name, value in (parameters or {}).items()}
        try:
            response: Any = self.pool.request(
                "POST",
                self.url + "/?" + urlencode(query),
                body=statement.encode(),
                headers={
                    "X-ClickHouse-User": self.user,
                    "X-ClickHouse-Key": self.password,
                    "X-ClickHouse-Format": format,
                },
                preload_content=False,
            )
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise away(self.where, error) from error
        if response.status != 200:
            with response:
                raise _error(response.read(1 << 16, decode_content=True).decode(errors="replace"), self.where)
        return Answer(response, self.where)


def raw(url: str, database: str = DATABASE) -> Raw:
    """The interface at `url`, `http://user:password@host:port`; nothing is asked yet."""
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ClickHouseError("IMAGELEDGER_CLICKHOUSE must look like http://user:password@host:8123")
    where = f"{parts.hostname}:{parts.port or (8443 if parts.scheme == 'https' else 8123)}"
    pool = urllib3.PoolManager(
        timeout=urllib3.Timeout(connect=CONNECT_TIMEOUT_S, read=ANSWER_TIMEOUT_S), retries=False, maxsize=4
    )
    user, password = unquote(parts.username or "default"), unquote(parts.password or "")
    return Raw(pool, f"{parts.scheme}://{where}", where, user, password, database)


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace("\t", "\\t").replace("\n", "\\n")


def _error(text: str, where: str) -> ClickHouseError:
    code = _CODE.search(text)
    return refused(text, int(code[1]) if code else None, where)
