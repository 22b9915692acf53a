"""The rows that an import refuses: `FILE.rejects.jsonl`."""

from contextlib import AbstractContextManager
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Self

import msgspec

from events.refusals import Refused
from processors.errors import ImportFileError
from processors.importing.files import Row

_SHOWN_BYTES = 64 << 10


def _shown(row: Row) -> Any:
    if isinstance(row.values, dict) and row.raw[:1] != b"{":  # CSV, a log: with the names of the columns
        return row.values
    return row.raw[:_SHOWN_BYTES].decode("utf-8", "replace").replace("\x1f", ",")


class Rejects(AbstractContextManager["Rejects"]):
    """`FILE.rejects.jsonl`: row number, reason, detail with the field's path, and the row. There only with a reject."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: BinaryIO | None = None
        self.written: str | None = None
        self.first: str | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._file is not None:
            self._file.close()
        elif kind is None:
            self._path.unlink(missing_ok=True)  # an earlier attempt's

    def add(self, row: Row, refused: Refused) -> None:
        """Write one."""
        line = {
            "row": row.number,
            "reason": refused.reason,
            "detail": refused.detail,
            "record": _shown(row),
        }
        try:
            if self._file is None:
                self._file = self._path.open("wb")
                self.written = str(self._path)
                self.first = f"row {row.number}: {refused}"
            self._file.write(msgspec.json.encode(line) + b"\n")
        except OSError as error:
            raise ImportFileError(f"{self._path} cannot be written: {error.strerror}") from error
