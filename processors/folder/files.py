"""The image files of a folder, in a fixed order, each with an id that does not depend on what is in it."""

import hashlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path

from processors.errors import FolderError
from processors.models.base import Image

SUFFIXES = frozenset(
    ".jpg .jpeg .jpe .jfif .png .webp .gif .bmp .tif .tiff .avif .heic .heif .jp2".split()  # noqa: SIM905  readable
)
"""What counts as an image file, by name: a format that cannot be decoded ends as a failed result, not unseen."""

MAX_ID, MAX_URI = 200, 4_000
"""Lengths that events take (events/envelope.py)."""


def image_files(folder: Path) -> tuple[list[Image], list[str]]:
    """The images under `folder`, sorted by path; and what was skipped: links that lead out of it, unreadable folders.

    Recursive; hidden files and folders do not count, linked folders are not entered (a link may lead in a circle), a
    linked file counts when it lies inside. Ids: `image_id` is the path relative to `folder`, `vehicle_id` that of the
    parent folder, None at the top. Raises FolderError when there is no such folder, it cannot be read, or it holds no
    image.
    """
    root = folder.resolve()
    if not root.is_dir():
        raise FolderError(f"{folder} is not a folder; give the path of a folder that holds image files")
    images: list[Image] = []
    skipped: list[str] = []

    def skip(error: OSError) -> None:
        if Path(error.filename) == root:
            raise FolderError(f"{folder} cannot be read: {error.strerror}") from error
        skipped.append(stable_id(Path(error.filename).relative_to(root)))

    for path in sorted(_candidates(root, skip)):
        relative = path.relative_to(root)
        if _leads_out(path, root):
            skipped.append(stable_id(relative))
        else:
            images.append(_image(path, relative))
    if not images and not skipped:
        raise FolderError(f"{folder} holds no image file; looked for {' '.join(sorted(SUFFIXES))}, also in subfolders")
    return images, skipped


def stable_id(relative: Path) -> str:
    """A path as an id: itself, or where an id cannot hold it (too long, not Unicode), a part of it and its hash."""
    text = relative.as_posix()
    readable = text.encode("utf-8", "replace").decode()
    if readable == text and len(text) <= MAX_ID:
        return text
    digest = hashlib.sha256(os.fsencode(text)).hexdigest()[:16]
    return f"{readable[: MAX_ID - 17]}~{digest}"


def _candidates(root: Path, skip: Callable[[OSError], None]) -> Iterator[Path]:
    for parent, folders, names in os.walk(root, onerror=skip):
        folders[:] = [name for name in folders if not name.startswith(".")]
        for name in names:
            if not name.startswith(".") and Path(name).suffix.lower() in SUFFIXES:
                yield Path(parent, name)


def _leads_out(path: Path, root: Path) -> bool:
    if not path.is_symlink():
        return False
    try:
        return not path.resolve().is_relative_to(root)
    except RuntimeError:  # a circle of links: reading it says so, in a failed result
        return False


def _image(path: Path, relative: Path) -> Image:
    uri = path.as_uri()
    return Image(
        image_id=stable_id(relative),
        vehicle_id=stable_id(relative.parent) if relative.parent.name else None,
        uri=uri if len(uri) <= MAX_URI else None,
        path=path,
    )
