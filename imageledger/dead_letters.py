"""Dead letters as documents: what `imageledger dlq` prints and exports, and what it takes back."""

import base64
import binascii
import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from imageledger.errors import SettingsError
from streams.offline.deadletters import Content, Letter

_AGO = re.compile(r"(\d+)([smhd])")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


def summary(letter: Letter) -> dict[str, Any]:
    """Everything but the record itself."""
    when = datetime.fromtimestamp(letter.timestamp_ms / 1000, UTC)
    return {
        "position": letter.position,
        "recorded_at": when.isoformat(timespec="milliseconds"),
        "reason": letter.reason,
        "detail": letter.detail,
        "size": letter.size,
        "retried": letter.retried,
    }


def contents(content: Content) -> dict[str, Any]:
    """The value as text, or in base64 where it is none."""
    document: dict[str, Any] = {
        "read_from": content.source,
        "key": content.key and content.key.decode("utf-8", "replace"),
    }
    if content.headers:
        document["headers"] = {name: (text or b"").decode("utf-8", "replace") for name, text in content.headers}
    if content.value is not None:
        try:
            document["value"] = content.value.decode()
        except UnicodeDecodeError:
            document["value_base64"] = base64.b64encode(content.value).decode()
    return document


def mended(file: Path) -> dict[str, bytes]:
    """Position → value of a file of JSON lines; a value may also be the JSON object itself. Raises SettingsError."""
    try:
        return dict(_mended_lines(file.read_text("utf-8")))
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{file} cannot be read: {error}") from error
    except (ValueError, KeyError, TypeError, binascii.Error) as error:
        raise SettingsError(f"{file} is not as `imageledger dlq export` writes it: {error!r}") from error


def _mended_lines(text: str) -> Iterator[tuple[str, bytes]]:
    for line in text.splitlines():
        if line.strip():
            document = json.loads(line)
            value = document.get("value")
            if "value_base64" in document:
                raw = base64.b64decode(document["value_base64"], validate=True)
            elif isinstance(value, str):
                raw = value.encode()
            else:
                raw = json.dumps(document["value"], ensure_ascii=False).encode()
            yield document["position"], raw


def moment_ms(text: str) -> int:
    """Milliseconds since 1970 of `30m`, `2h`, `7d` ago, or of a date and time. Raises SettingsError."""
    ago = _AGO.fullmatch(text)
    try:
        if ago:
            moment = datetime.now(UTC) - timedelta(**{_UNITS[ago.group(2)]: int(ago.group(1))})
        else:
            moment = datetime.fromisoformat(text).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise SettingsError(f"--since {text}: say 30m, 2h, 7d, or a date and time like 2026-11-21T14:00") from error
    return int(moment.timestamp() * 1000)
