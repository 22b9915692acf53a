"""A close look at a record that the fast path does not take: what exactly is wrong with it, and where."""

import functools
import json
import math
import re
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from .envelope import MAX_ITEMS
from .refusals import Reason, Refused

MAX_DEPTH = 8
"""The event itself is level 1 (DETAILS.md, Refused records)."""

# A string without an end goes to the end: were each of its quotes tried as a beginning, its length would count twice.
_STRING = rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"?'
_STRINGS = re.compile(_STRING, re.DOTALL)
_BRACKETS = re.compile(rb"[\[\]{}]")
_BRACES_AS_BRACKETS = bytes.maketrans(b"{}", b"[]")
_NO_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))
_NO_COMMAS = bytes(set(_NO_BRACKETS) - set(b","))
_LONG = re.compile(rb"\[,{%d}" % MAX_ITEMS)
_FLAT = re.compile(rb"\[,+\]|\{,+\}")
_PATH = re.compile(r" - at `(.*)`$")
_NAMED = re.compile(r"missing required field `(.*?)`")
_AT_BYTE = re.compile(r"\(byte (\d+)\)$")
_HUGE = re.compile(rb"\d[eE]\+?\d{3,}|(?<!\d)\d{309,}")  # from where digits begin: else each would be a beginning
_TEXT_LENGTH, _PATH_LENGTH = 300, 100
"""Of a complaint that quotes the value so much is kept, and of its end, where the path stands."""
_LONE = "a lone surrogate"
_PAIR_BYTES = 12
"""As JSON spells a surrogate pair."""
_STRUCTURED = b"application/cloudevents+json"
_ATTRIBUTES = {"event_id": "id", "event_type": "type", "event_time": "time", "source": "source"}


def require_text(value: bytes) -> None:
    """Refuses bytes that are not UTF-8."""
    try:
        value.decode()
    except UnicodeDecodeError as error:
        raise Refused("not_text", f"byte {error.start}: {error.reason}") from error


def require_likeness(value: bytes) -> None:
    """Refuses what is no event at first sight: a text, a list, an object that never names its id."""
    begin = value[:1]
    if begin == b"{" and b'"event_id"' not in value and b"\\" not in value:
        raise Refused("missing_field", "$.event_id: required")
    if begin in _NO_OBJECTS:
        raise Refused("wrong_type", f"$: Expected `object`, got `{_NO_OBJECTS[begin]}`")


_NO_OBJECTS = {b'"': "str", b"[": "array"}


def require_shape(value: bytes) -> None:
    """Refuses nesting over 8 and lists over 1,000, wherever they stand; reads without recursion."""
    bare = _bare(value)
    breach = None if _is_small(bare) else _breach(bare)
    if breach:
        reason, at = breach
        limit = f"nesting over {MAX_DEPTH}" if reason == "too_deep" else f"a list over {MAX_ITEMS}"
        raise Refused(reason, f"byte {_with_strings(value, at)}: {limit}")


def _is_small(bare: bytes) -> bool:
    """Whether JSON without its strings is so without a look at each bracket: no is not known to be no.

    Each round takes the innermost pairs of brackets away.
    """
    brackets = bare.translate(_BRACES_AS_BRACKETS, _NO_BRACKETS)
    for _ in range(MAX_DEPTH):
        brackets = brackets.replace(b"[]", b"")
    return not brackets and (bare.count(b",") < MAX_ITEMS or _is_short(bare))


def _is_short(bare: bytes) -> bool:
    """The same of its lists alone. A list whose own lists and objects were taken away is its commas."""
    rest = bare.translate(None, _NO_COMMAS)
    for _ in range(MAX_DEPTH):
        rest = rest.replace(b"[]", b"").replace(b"{}", b"")
        if _LONG.search(rest):
            return False
        rest = _FLAT.sub(b"", rest)
    return not rest


def _bare(value: bytes) -> bytes:
    """JSON without its strings; one whose end is cut off goes too."""
    # Between two quotes is a string, where no quote is escaped; splitting is ten times as fast as matching.
    return b"".join(_STRINGS.split(value) if b"\\" in value else value.split(b'"')[::2])


def _breach(bare: bytes) -> tuple[Reason, int] | None:
    """Which limit JSON without its strings passes, and the byte where the list or object that does begins."""
    commas: list[int] = []  # of each that is open; an object may have any number
    begins: list[int] = []
    before = 0
    for match in _BRACKETS.finditer(bare):
        at = match.start()
        if commas:
            commas[-1] += bare.count(b",", before, at)
            if commas[-1] >= MAX_ITEMS:
                return "list_too_long", begins[-1]
        before = at + 1
        if match.group() in b"[{":
            commas.append(0 if match.group() == b"[" else -len(bare))
            begins.append(at)
            if len(commas) > MAX_DEPTH:
                return "too_deep", at
        elif commas:
            commas.pop()
            begins.pop()
    if commas and commas[-1] + bare.count(b",", before) >= MAX_ITEMS:
        return "list_too_long", begins[-1]
    return None


def _with_strings(value: bytes, at: int) -> int:
    """Where in `value` the byte `at` of what is left without its strings stands."""
    end = 0
    while (begin := value.find(b'"', end, at + 1)) >= 0:
        string = _STRINGS.match(value, begin)
        assert string is not None  # it needs no more than the quote
        end = string.end()
        at += end - begin
    return at


def require_finite(raw: bytes) -> None:
    """Refuses a number too large for a double inside JSON that is kept verbatim, where no typed decode looks."""
    # Whole numbers are read as doubles too: int() gives up over 4,300 digits.
    if _HUGE.search(raw) and any(math.isinf(number) for number in _numbers(json.loads(raw, parse_int=float))):
        raise Refused("not_finite", "$.output: a number that is not finite")


def drop_nulls(value: bytes, error: Exception) -> bytes | None:
    """`value` without its null members, where `error` says that a null stood in a field that may be absent.

    null is the same as absent (DETAILS.md, Identity and order). None where nulls were not the trouble.
    `output` stays verbatim. Raises Refused where the rest is malformed.
    """
    if "got `null`" not in str(error) or "`$" not in str(error):
        return None
    kept: dict[str, Any] = {}
    try:
        for name, raw in msgspec.json.decode(value, type=dict[str, msgspec.Raw]).items():
            text = bytes(raw)
            if text != b"null":
                verbatim = name == "output" or b"null" not in text
                kept[name] = raw if verbatim else _without_nulls(msgspec.json.decode(text))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as malformed:
        raise refusal(value, malformed) from malformed
    shorter = msgspec.json.encode(kept)
    return shorter if len(shorter) < len(value) and shorter.count(b"null") < value.count(b"null") else None


def _without_nulls(document: Any) -> Any:
    if isinstance(document, dict):
        return {name: _without_nulls(item) for name, item in document.items() if item is not None}
    if isinstance(document, list):
        return [_without_nulls(item) for item in document]
    return document


def unwrap(value: bytes, headers: Sequence[tuple[str, bytes]]) -> bytes:
    """The event inside a structured CloudEvent, its attributes filling what `data` leaves out; else `value`."""
    # A header's value may be null in Kafka.
    if not any(name.lower() == "content-type" and text and text.startswith(_STRUCTURED) for name, text in headers):
        return value
    try:
        outer = msgspec.json.decode(value, type=dict[str, msgspec.Raw])
        data = msgspec.json.decode(outer["data"], type=dict[str, msgspec.Raw])
    except KeyError as error:
        raise Refused("missing_field", "$.data") from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise refusal(value, error) from error
    for field, attribute in _ATTRIBUTES.items():
        if field not in data and attribute in outer:
            data[field] = outer[attribute]
    return msgspec.json.encode(data)


def refusal(value: bytes, error: Exception) -> Refused:
    """The reason and the field path for a value that the typed decoder did not take."""
    text = str(error)
    if isinstance(error, RecursionError):
        return Refused("too_deep", f"nesting over {MAX_DEPTH}")
    if isinstance(error, UnicodeDecodeError):
        return Refused("not_text", text)
    if not isinstance(error, msgspec.ValidationError):
        return _malformed(value, text)
    return Refused(*_explained(text if len(text) <= _TEXT_LENGTH else f"{text[:_TEXT_LENGTH]}… {text[-_PATH_LENGTH:]}"))


def _malformed(value: bytes, text: str) -> Refused:
    """NaN, Infinity and half of a surrogate pair are told from other malformed JSON: Python's reader takes them."""
    if "surrogate" in text:
        return Refused("not_text", _LONE)
    at = _AT_BYTE.search(text)
    end = int(at.group(1)) if at else len(value)
    half = b"\\ud" in value[max(end - _PAIR_BYTES, 0) : end].lower()  # the other is missed where it would end
    if value[end : end + 1] not in (b"N", b"I") and not half:
        return Refused("not_json", text)
    try:
        _WRITER.encode(_READER.decode(value.decode())).encode()
    except Refused as refused:
        return refused
    except UnicodeEncodeError:
        return Refused("not_text", _LONE)
    except (ValueError, RecursionError):
        pass
    return Refused("not_json", text)


def _refuse(_constant: str) -> None:
    raise Refused("not_finite", "a number that is not finite")


_READER, _WRITER = json.JSONDecoder(parse_constant=_refuse), json.JSONEncoder(ensure_ascii=False)


def _numbers(document: Any) -> Iterator[float]:
    waiting = [document]
    while waiting:
        item = waiting.pop()
        if isinstance(item, dict):
            waiting.extend(item.values())
        elif isinstance(item, list):
            waiting.extend(item)
        elif isinstance(item, float):
            yield item


@functools.lru_cache(maxsize=1_000)
def _explained(text: str) -> tuple[Reason, str]:
    """Reason and detail of the typed decoder's complaint: whoever sends one such record sends many."""
    return _reason(text), _detail(text)


def _reason(text: str) -> Reason:
    if "missing required field" in text:
        return "missing_field"
    if text.startswith("Invalid value") and "`$.event_type`" in text:
        return "unknown_type"
    if "out of range" in text and text.startswith("Number"):
        return "not_finite"
    if re.search(r"Expected `(array|object)` of length <=", text):
        return "list_too_long"
    if re.search(r"Expected `(float|int)` >= 0(\.0)?( |$)", text):
        return "negative"
    if "Integer value out of range" in text or re.search(r"Expected `\w+` (of length )?[<>]=? ", text):
        return "out_of_range"
    return "wrong_type"


def _detail(text: str) -> str:
    found, named = _PATH.search(text), _NAMED.search(text)
    path = found.group(1) if found else "$"
    if named:
        return f"{path}.{named.group(1)}: required"
    return f"{path}: {_PATH.sub('', text)}"
