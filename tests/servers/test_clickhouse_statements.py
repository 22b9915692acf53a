"""Where a statement's data, FORMAT and SETTINGS begin."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from servers.clickhouse.formats import ENCODERS, Decoder
from servers.clickhouse.native_blocks import BlockDecoder, BlockEncoder
from servers.clickhouse.statements import first_word, split_insert, split_select

CODINGS = [*ENCODERS, "blocks"]


@pytest.mark.parametrize(
    ("query", "before", "after"),
    [
        (b"SELECT 1", "SELECT 1", "FORMAT TSV"),
        (b"SELECT 1 FORMAT JSON", "SELECT 1 ", "FORMAT JSON"),
        (b"select 1 format JSON ;\n", "select 1 ", "format JSON "),
        (b"SELECT 1 FORMAT JSON SETTINGS a = 1", "SELECT 1 ", "FORMAT JSON SETTINGS a = 1"),
        (b"SELECT 'FORMAT CSV'", "SELECT 'FORMAT CSV'", "FORMAT TSV"),
        (b"SELECT 'it''s \\' FORMAT CSV'", "SELECT 'it''s \\' FORMAT CSV'", "FORMAT TSV"),
        (b"SELECT 1 -- FORMAT CSV", "SELECT 1 -- FORMAT CSV", "FORMAT TSV"),
        (b"SELECT 1 /* FORMAT CSV */", "SELECT 1 /* FORMAT CSV */", "FORMAT TSV"),
        (b"SELECT (SELECT 1 FORMAT CSV)", "SELECT (SELECT 1 FORMAT CSV)", "FORMAT TSV"),
        (b"SELECT 1 AS format", "SELECT 1 AS format", "FORMAT TSV"),
        (b"SELECT format FROM t", "SELECT format FROM t", "FORMAT TSV"),
        (b"SELECT `FORMAT x`, $a$ FORMAT y $a$", "SELECT `FORMAT x`, $a$ FORMAT y $a$", "FORMAT TSV"),
        (b"SELECT 1; -- done", "SELECT 1", "FORMAT TSV"),
        (b"SELECT 1 // FORMAT CSV", "SELECT 1 // FORMAT CSV", "FORMAT TSV"),
        (b"SELECT 1 AS x$$ -- $$ FORMAT CSV", "SELECT 1 AS x$$ -- $$ FORMAT CSV", "FORMAT TSV"),
        (b"SELECT 1 /* FORMAT CSV", "SELECT 1 /* FORMAT CSV", "FORMAT TSV"),
    ],
)
def test_a_query_is_cut_before_its_format(query: bytes, before: str, after: str) -> None:
    select = split_select(query, "TSV")
    assert (select.before, select.after) == (before, after)


@pytest.mark.parametrize(
    ("query", "before", "after", "data"),
    [
        (b"INSERT INTO t FORMAT TSV\n1\n", "INSERT INTO t ", "FORMAT TSV", b"1\n"),
        (b"insert into t (a, b) format Native\r\n\x00\n\xff", "insert into t (a, b) ", "format Native", b"\x00\n\xff"),
        (b"INSERT INTO t FORMAT CSV 1,2", "INSERT INTO t ", "FORMAT CSV", b"1,2"),
        (b"INSERT INTO t FORMAT CSV", "INSERT INTO t ", "FORMAT CSV", b""),
        (b"INSERT INTO t SETTINGS a = 1 FORMAT CSV\nx", "INSERT INTO t ", "SETTINGS a = 1 FORMAT CSV", b"x"),
        (b"INSERT INTO `FORMAT x` FORMAT CSV\nx", "INSERT INTO `FORMAT x` ", "FORMAT CSV", b"x"),
    ],
)
def test_an_insert_is_cut_from_its_data(query: bytes, before: str, after: str, data: bytes) -> None:
    insert = split_insert(query)
    assert insert
    assert (insert.before, insert.after, query[insert.data_start :]) == (before, after, data)


@pytest.mark.parametrize("query", [b"INSERT INTO t VALUES (1) -- FORMAT x", b"INSERT INTO t SELECT 1 FORMAT CSV"])
def test_an_insert_that_brings_its_rows_stays_whole(query: bytes) -> None:
    assert split_insert(query) is None


def test_the_first_word_hides_behind_comments_and_parentheses() -> None:
    assert first_word(b"/* SELECT */ -- INSERT\n ((with x as (select 1) select 2))") == "WITH"
    assert first_word(b"") == ""


@given(st.binary())
def test_any_bytes_are_taken_apart_without_failing(data: bytes) -> None:
    head = b"INSERT INTO t FORMAT Native\n"
    insert = split_insert(head + data)
    assert insert
    assert insert.data_start == len(head)
    first_word(data)


@given(st.binary(max_size=5000), st.sampled_from(CODINGS), st.integers(1, 700))
def test_codings_are_undone_whatever_the_pieces(data: bytes, coding: str, piece: int) -> None:
    blocks = coding == "blocks"
    encoder = BlockEncoder() if blocks else ENCODERS[coding]()
    encoder.compress(data)
    packed = bytes(encoder.flush() or b"") + bytes(encoder.finish())
    decoder = BlockDecoder() if blocks else Decoder(coding)
    plain = b"".join(decoder.decode(packed[at : at + piece]) for at in range(0, len(packed), piece))
    assert plain + decoder.finish() == data


def test_a_text_of_openings_costs_no_more_than_its_length() -> None:
    """Looked for from each of them anew, the ends would take hours: while nobody else is answered."""
    for opening in (b"/* ", b"$%d$ ", b"'\\' ", b"\xe2\x80\x98 "):
        text = b"".join(opening % number if b"%d" in opening else opening for number in range(100_000))
        assert first_word(text + b"SELECT") == ("SELECT" if opening == b"$%d$ " else "")
