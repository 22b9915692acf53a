"""The picture of a result: a file of the one folder that the operator named, and nothing else in the world."""

import asyncio
from pathlib import Path
from typing import NamedTuple
from urllib.parse import unquote, urlsplit

from dashboard.errors import NoPicture

MAX_BYTES = 20 << 20
_KINDS = ((b"\x89PNG\r\n\x1a\n", "image/png"), (b"\xff\xd8\xff", "image/jpeg"), (b"GIF8", "image/gif"))


class Picture(NamedTuple):
    """An image as it is stored."""

    content: bytes
    media_type: str


async def picture(folder: Path | None, uri: str | None) -> Picture:
    """The image at `uri`: `file:///…`, or a path, that leads into `folder`, links followed. Raises NoPicture."""
    path = inside(folder, uri)
    if path is None:
        raise NoPicture(f"the image is at {uri!r}: only files of the folder IMAGELEDGER_PICTURES are shown")
    return await asyncio.to_thread(_read, path)


def inside(folder: Path | None, uri: str | None) -> Path | None:
    """The file that `uri` means, if it lies in `folder`; a relative path is one within it."""
    if folder is None or not uri or "\0" in uri:
        return None
    try:
        parts = urlsplit(uri)
        if parts.scheme not in {"", "file"} or parts.netloc not in {"", "localhost"}:
            return None
        base = folder.resolve()
        path = (base / (unquote(parts.path) if parts.scheme else uri)).resolve()
        return path if path.is_relative_to(base) and path.is_file() else None
    except (ValueError, OSError):  # no URL, too long a name, a loop of links
        return None


def _read(path: Path) -> Picture:
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise NoPicture(f"{path.name} cannot be read: {error.strerror}") from error
    kind = next((kind for magic, kind in _KINDS if content.startswith(magic)), None)
    if content[:4] == b"RIFF" and content[8:12] == b"WEBP":
        kind = "image/webp"
    if kind is None or len(content) > MAX_BYTES:
        raise NoPicture(f"{path.name} is no PNG, JPEG, GIF or WebP of up to {MAX_BYTES >> 20} MiB")
    return Picture(content, kind)
