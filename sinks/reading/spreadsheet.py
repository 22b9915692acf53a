"""CSV that a spreadsheet may open: no cell of text begins as a formula does (OWASP, CSV injection; decision 0023)."""

import re
from collections.abc import Iterable, Iterator

# ClickHouse quotes every text and no number: a quoted field that begins so is text that a spreadsheet would run.
_FIELD = re.compile(rb'"( *[=+\-@\t\r\n])?([^"]*(?:""[^"]*)*)"(?=[^"])')


def harmless(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """The same CSV with an apostrophe before such texts; it may be cut anywhere into chunks."""
    rest = b""
    for chunk in chunks:
        done, rest = _fields(rest + chunk)
        if done:  # nothing would be taken for the end
            yield done
    if rest:
        yield _fields(rest + b"\n")[0][:-1]


def _fields(text: bytes) -> tuple[bytes, bytes]:
    """What is whole, marked, and what begins with a field whose end is not there yet."""
    parts, end = [], 0
    while (start := text.find(b'"', end)) >= 0:
        parts.append(text[end:start])
        field = _FIELD.match(text, start)
        if field is None:
            return b"".join(parts), text[start:]
        parts.append(_marked(field))
        end = field.end()
    return b"".join(parts) + text[end:], b""


def _marked(field: "re.Match[bytes]") -> bytes:
    return field[0] if not field[1] else b"\"'" + field[1] + field[2] + b'"'
