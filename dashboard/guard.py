"""What stands before every route: who may ask, from where, and what a browser may do with the answer.

A dashboard on loopback has no password; other web sites in the same browser are the danger. So the Host header must
be a name of ours (DNS rebinding), a write must be JSON and come from our own pages or from no page at all (CSRF), and
answers run no foreign code.
"""

from urllib.parse import urlsplit

import msgspec
from litestar.enums import ScopeType
from litestar.types import ASGIApp, Message, Receive, Scope, Send

CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; font-src 'self'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
HEADERS = [
    (b"content-security-policy", CSP.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"cross-origin-opener-policy", b"same-origin"),
]
SAFE_METHODS = {"GET", "HEAD", "OPTIONS"}
JSON_TYPES = {"application/json", "application/cloudevents+json", "application/cloudevents-batch+json"}


class Guard:
    """An ASGI application around the real one.

    It also hands on the path percent-encoded as it came, so that an id with a slash in it stays one segment; handlers
    decode their ids.
    """

    def __init__(self, app: ASGIApp, hosts: frozenset[str]) -> None:
        self._app = app
        self._hosts = hosts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI's entry."""
        if scope["type"] != ScopeType.HTTP:
            return  # there are no web sockets here

        async def send_guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], *HEADERS]
            await send(message)

        asked = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        refusal = self._refusal(scope["method"], asked)
        if refusal is not None:
            await _answer(send_guarded, *refusal)
            return
        scope["path"] = (scope.get("raw_path") or scope["path"].encode()).decode("latin-1").partition("?")[0]
        await self._app(scope, receive, send_guarded)

    def _refusal(self, method: str, asked: dict[str, str]) -> tuple[int, str, str] | None:
        host = asked.get("host", "")
        name = urlsplit(f"//{host}").hostname if _is_host(host) else None
        if name not in self._hosts:
            names = ", ".join(sorted(self._hosts))
            return 421, "Unknown host", f"the Host {host!r} is not a name of this dashboard ({names})"
        if method in SAFE_METHODS:
            return None
        origin = asked.get("origin")
        if origin is not None and urlsplit(origin).netloc != host:
            return 403, "Cross-origin request", f"a page of {origin!r} may not write here"
        if asked.get("sec-fetch-site", "same-origin") not in {"same-origin", "none"}:
            return 403, "Cross-origin request", "a page of another site may not write here"
        if method != "POST":
            return None  # a form sends nothing else
        media_type = asked.get("content-type", "").partition(";")[0].strip().lower()
        if media_type not in JSON_TYPES:
            return 415, "Unsupported media type", f"send one of {', '.join(sorted(JSON_TYPES))}, not {media_type!r}"
        return None


def _is_host(host: str) -> bool:
    try:
        return urlsplit(f"//{host}").hostname is not None and urlsplit(f"//{host}").port != 0
    except ValueError:
        return False


async def _answer(send: Send, status: int, title: str, detail: str) -> None:
    body = msgspec.json.encode({"type": "about:blank", "status": status, "title": title, "detail": detail})
    headers = [(b"content-type", b"application/problem+json"), (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body, "more_body": False})
