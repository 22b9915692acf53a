"""No cell of a CSV is a formula, however it is cut into chunks; everything else stays as it is."""

import csv
import io
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sinks.reading.spreadsheet import harmless

FORMULA = r" *[=+\-@\t\r\n]"
CELLS = st.text(alphabet="=+-@\t\r\n\",'a1 é")


def written(rows: list[list[str]], line_end: str) -> bytes:
    """As ClickHouse writes it: every text quoted, numbers bare."""
    return "".join(
        ",".join(["-1", *('"' + cell.replace('"', '""') + '"' for cell in row)]) + line_end for row in rows
    ).encode()


@given(
    st.lists(st.lists(CELLS, min_size=1, max_size=3), max_size=6), st.integers(1, 7), st.sampled_from(["\n", "\r\n"])
)
def test_only_formulas_get_an_apostrophe(rows: list[list[str]], size: int, line_end: str) -> None:
    text = written(rows, line_end)
    chunks = [text[at : at + size] for at in range(0, len(text), size)]
    found = list(csv.reader(io.StringIO(b"".join(harmless(chunks)).decode(), newline="")))
    expected = [["-1", *(("'" + cell) if re.match(FORMULA, cell) else cell for cell in row)] for row in rows]
    assert found == expected


@pytest.mark.parametrize("text", [b"", b"1,2\n", b'"a"', b'"=1"'])
def test_the_last_line_needs_no_end(text: bytes) -> None:
    assert b"".join(harmless([text])) == text.replace(b'"=', b"\"'=")


def test_no_chunk_is_empty_for_an_empty_one_ends_an_answer() -> None:
    pieces = [b'"=a', b"b", b'c",1\n', b'"d"', b"\n"]
    found = list(harmless(pieces))
    assert all(found)
    assert b"".join(found) == b'"\'=abc",1\n"d"\n'
