"""Rows of files as other programs leave them: JSON Lines, a JSON array, CSV, Parquet, the lines of a log."""

import csv
import gzip
import io
import itertools
import re
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, Literal, NamedTuple

import msgspec

from events.refusals import Refused
from processors.errors import ImportFileError

Format = Literal["jsonl", "csv", "parquet", "log"]
MAX_LINE_BYTES = 16 << 20
_MAX_ARRAY_BYTES = 256 << 20
_PARQUET_ROWS = 1_000
_SUFFIXES: dict[str, Format] = {
    ".jsonl": "jsonl", ".ndjson": "jsonl", ".json": "jsonl", ".csv": "csv", ".tsv": "csv", ".parquet": "parquet",
    ".log": "log", ".txt": "log",
}  # fmt: skip
_GZIP = ".gz"


class Row(NamedTuple):
    """`number` counts from 1: lines of JSON Lines and logs, rows behind the header of CSV, rows of Parquet.

    `raw`: the row as it stands, which is its identity. `values`: by column; Refused where it cannot be read, None for
    a line of a log that says something else.
    """

    number: int
    raw: bytes
    values: dict[str, Any] | Refused | None


class Rows:
    """The rows of a file, read as they are asked for. `size` and `position` tell how far: bytes, or Parquet's rows.

    `pattern` (for a log) has a named group for each column. Raises ImportFileError where the file cannot be read.
    """

    def __init__(
        self,
        path: Path,
        format: Format | None = None,  # noqa: A002 - everyone's word for it
        *,
        delimiter: str | None = None,
        pattern: str | None = None,
    ) -> None:
        self._path = path
        self._format = format or _format_of(path, has_pattern=pattern is not None)
        self._delimiter = delimiter or ("\t" if ".tsv" in path.suffixes else ",")
        self._pattern = _compiled(pattern) if self._format == "log" else None
        self._file: IO[bytes] | None = None
        self._rows_read = 0
        try:
            self.size = path.stat().st_size
        except OSError as error:
            raise ImportFileError(f"{path} cannot be read: {error.strerror}") from error

    @property
    def has_fixed_columns(self) -> bool:
        """Whether each row has the same columns, which the file or the log's pattern names; rows of JSON differ."""
        return self._format != "jsonl"

    @property
    def position(self) -> int:
        """How much of `size` is read."""
        if self._format == "parquet":
            return self._rows_read
        return self._file.tell() if self._file is not None and not self._file.closed else self.size

    def __iter__(self) -> Iterator[Row]:
        try:
            if self._format == "parquet":
                yield from self._parquet()
                return
            with self._path.open("rb") as self._file:
                plain: Any = gzip.GzipFile(fileobj=self._file) if self._path.suffix == _GZIP else self._file
                yield from {"jsonl": self._json, "csv": self._csv, "log": self._log}[self._format](plain)
        except (OSError, EOFError) as error:
            raise ImportFileError(f"{self._path} cannot be read: {error}") from error

    def _json(self, file: IO[bytes]) -> Iterator[Row]:
        lines = _lines(file)
        head = list(itertools.islice(lines, 2))
        begins = b"".join(line for _, line in head).lstrip(b"\xef\xbb\xbf \t")
        if begins[:1] == b"[" and not any(_is_json(_bare(line)) for _, line in head):
            yield from self._array(b"\n".join(line for _, line in head) + b"\n" + file.read(_MAX_ARRAY_BYTES))
            return
        for number, line in itertools.chain(head, lines):
            text = _bare(line)  # an array with a row a line is read as lines, however long it is
            if text:
                yield Row(number, text, _decoded(text))

    def _array(self, text: bytes) -> Iterator[Row]:
        """A JSON array laid out otherwise: whole, in memory."""
        if len(text) > _MAX_ARRAY_BYTES:
            raise ImportFileError(
                f"{self._path} is one JSON array over {_MAX_ARRAY_BYTES >> 20} MiB: write a row a line"
            )
        try:
            items = msgspec.json.decode(text, type=list[msgspec.Raw])
        except msgspec.DecodeError as error:
            raise ImportFileError(f"{self._path} is neither JSON Lines nor a JSON array: {error}") from error
        for number, item in enumerate(items, 1):
            yield Row(number, bytes(item), _decoded(bytes(item)))

    def _csv(self, file: IO[bytes]) -> Iterator[Row]:
        text = io.TextIOWrapper(file, encoding="utf-8-sig", errors="surrogateescape", newline="")
        csv.field_size_limit(MAX_LINE_BYTES)
        reader = csv.reader(text, delimiter=self._delimiter, strict=True)
        try:
            header = next(reader, None)
            if not header:
                raise ImportFileError(f"{self._path} has no header: the first row must name the columns")
            for number in itertools.count(1):
                try:
                    cells = next(reader, None)
                except csv.Error as error:
                    yield Row(number, b"", Refused("wrong_type", f"line {reader.line_num}: not CSV: {error}"))
                    continue
                if cells is None:
                    break
                if cells:
                    yield Row(number, "\x1f".join(cells).encode("utf-8", "surrogateescape"), _named(header, cells))
        finally:
            text.detach()

    def _log(self, file: IO[bytes]) -> Iterator[Row]:
        pattern = self._pattern
        if pattern is None:
            raise ImportFileError(f"{self._path} is a log: give a --mapping with a `pattern` under [source]")
        for number, line in _lines(file):
            match = pattern.search(line.decode("utf-8", "surrogateescape"))
            yield Row(number, line, _text_only(match.groupdict()) if match else None)

    def _parquet(self) -> Iterator[Row]:
        import pyarrow as pa
        from pyarrow import parquet

        try:
            with parquet.ParquetFile(self._path) as file:
                self.size = file.metadata.num_rows
                for batch in file.iter_batches(_PARQUET_ROWS):
                    for values in batch.to_pylist(maps_as_pydicts="lossy"):
                        self._rows_read += 1
                        yield Row(self._rows_read, msgspec.json.encode(values, enc_hook=str), values)
        except pa.ArrowException as error:
            raise ImportFileError(f"{self._path} is no Parquet that can be read: {error}") from error


def _format_of(path: Path, *, has_pattern: bool) -> Format:
    suffixes = [suffix for suffix in path.suffixes if suffix != _GZIP]
    found = _SUFFIXES.get(suffixes[-1].lower()) if suffixes else None
    if has_pattern and found is None:
        return "log"
    if found is None:
        known = ", ".join(_SUFFIXES)
        raise ImportFileError(
            f"{path}: what is in it cannot be told from its name ({known}): say `format` in a --mapping"
        )
    return found


def _compiled(pattern: str | None) -> re.Pattern[str] | None:
    if pattern is None:
        return None
    try:
        compiled = re.compile(pattern)
    except re.error as error:
        raise ImportFileError(f"the mapping's pattern is no regular expression: {error}") from error
    if not compiled.groupindex:
        raise ImportFileError("the mapping's pattern names no column: write groups as (?P<column>…)")
    return compiled


def _lines(file: IO[bytes]) -> Iterator[tuple[int, bytes]]:
    """Lines without their ends; of one over 16 MiB its beginning, which the codec then refuses as too large."""
    number = 0
    while line := file.readline(MAX_LINE_BYTES):
        number += 1
        rest = line
        while len(rest) == MAX_LINE_BYTES and not rest.endswith(b"\n"):
            rest = file.readline(MAX_LINE_BYTES)
        yield number, line.rstrip(b"\r\n")


def _bare(line: bytes) -> bytes:
    """A line of an array with a row a line, without what holds the array together."""
    text = line.removeprefix(b"\xef\xbb\xbf").strip()
    if text in {b"[", b"]", b"[]", b"],"}:
        return b""
    return text.removeprefix(b"[").strip().removesuffix(b",") if text[:1] in {b"[", b"{"} else text


def _is_json(text: bytes) -> bool:
    return isinstance(_decoded(text), dict)


def _decoded(text: bytes) -> dict[str, Any] | Refused:
    if len(text) >= MAX_LINE_BYTES:
        return Refused("too_large", f"a line over {MAX_LINE_BYTES >> 20} MiB")
    try:
        text.decode()
        return msgspec.json.decode(text, type=dict[str, Any])
    except msgspec.ValidationError:
        return Refused("wrong_type", "$: a JSON object is expected")
    except UnicodeDecodeError as error:
        return Refused("not_text", f"byte {error.start}: {error.reason}")
    except (msgspec.DecodeError, RecursionError) as error:
        return Refused("not_json", str(error))


def _named(header: list[str], cells: list[str]) -> dict[str, Any] | Refused:
    if len(cells) != len(header):
        return Refused("wrong_type", f"{len(cells)} cells under {len(header)} columns")
    return _text_only(dict(zip(header, cells, strict=True)))


def _text_only(values: dict[str, Any]) -> dict[str, Any] | Refused:
    for name, value in values.items():
        if value is not None and not value.isascii():
            try:
                value.encode()
            except UnicodeEncodeError as error:
                return Refused("not_text", f"$.{name}: {error.reason}")
    return values
