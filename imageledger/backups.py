"""A copy of the store where the user wants it: the embedded engine writes to its own folder alone."""

import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from imageledger import wiring
from imageledger.errors import SettingsError
from imageledger.settings import Settings
from sinks import backup as engine
from sinks.client import connect

_PATIENCE_S = 6 * 3_600


def backup(settings: Settings, target: Path) -> None:
    """The whole store as a new folder or `.tar` at `target`; of a configured server, below its own allowed path.

    Raises SettingsError where `target` cannot be made, SinkError.
    """
    with connect(wiring.migrator_url(settings), answer_timeout_s=_PATIENCE_S) as client:
        if settings.clickhouse is not None:
            engine.backup(client, str(target))
            return
        if target.exists():
            raise SettingsError(f"{target} is there already: give a new name, or remove it")
        if target.suffix not in {"", ".tar"}:
            raise SettingsError(f"{target}: give a folder, or a file that ends in .tar")
        with _own_place(settings, target.suffix) as place:
            engine.backup(client, place.name)
            try:
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.move(place, target)
            except OSError as error:
                raise SettingsError(f"{target} cannot be written: {error.strerror}") from error


def restore(settings: Settings, source: Path, *, replace: bool) -> None:
    """The store as it was in `source`. Raises SettingsError where that is not there, SinkError."""
    with connect(wiring.migrator_url(settings), answer_timeout_s=_PATIENCE_S) as client:
        if settings.clickhouse is not None:
            engine.restore(client, str(source), replace=replace)
            return
        if not source.exists():
            raise SettingsError(f"{source} is not there")
        with _own_place(settings, source.suffix) as place:
            _copy(source, place)
            engine.restore(client, place.name, replace=replace)


@contextmanager
def _own_place(settings: Settings, suffix: str) -> Iterator[Path]:
    """A new name in the folder that the engine may write to and read; nothing is left there afterwards."""
    place = settings.data / "clickhouse" / "backups" / f"{uuid.uuid4()}{suffix}"
    place.parent.mkdir(parents=True, exist_ok=True)
    try:
        yield place
    finally:
        if place.is_dir():
            shutil.rmtree(place)
        else:
            place.unlink(missing_ok=True)


def _copy(source: Path, place: Path) -> None:
    """Without copying bytes where both are on one disk: the engine only reads them."""

    def one(original: str, copy: str) -> object:
        try:
            os.link(original, copy)
        except OSError:
            shutil.copyfile(original, copy)
        return copy

    if source.is_dir():
        shutil.copytree(source, place, copy_function=one)
    else:
        one(str(source), str(place))
