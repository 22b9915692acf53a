"""Just enough of ClickHouse's syntax to know where a statement's data, FORMAT and SETTINGS begin."""

import re
from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

# Text that hides keywords (literals, quoted names, comments, heredocs), parentheses, and words. It has to be the
# engine's reading: a comment that is taken for code becomes code, because what is put into a statement has line feeds.
# What is never closed hides all that follows, or each opening would look for its end in vain.
_TOKEN = re.compile(
    rb"""'(?:[^'\\]|\\.)*(?:'|\Z) | "(?:[^"\\]|\\.)*(?:"|\Z) | `(?:[^`\\]|\\.)*(?:`|\Z)
      | \xe2\x80\x98.*?(?:\xe2\x80\x99|\Z) | \xe2\x80\x9c.*?(?:\xe2\x80\x9d|\Z) | (?P<heredoc>\$\w*\$)
      | --[^\n]* | //[^\n]* | \#[!\x20][^\n]* | /\*.*?(?:\*/|\Z) | [();] | (?P<word>[A-Za-z_][\w$]*)""",
    re.DOTALL | re.VERBOSE,
)
_HEREDOC = re.compile(rb"(?=(\$\w*\$))")
_FORMAT = re.compile(rb"FORMAT\s+(\w+)\s*", re.IGNORECASE)
_INSERT_FORMAT = re.compile(rb"FORMAT\s+(\w+)[ \t\f]*\r?\n?", re.IGNORECASE)  # what follows is data
_SETTINGS = re.compile(rb"SETTINGS\s+\w+\s*=", re.IGNORECASE)
_VALUES_OR_QUERY = {b"VALUES", b"SELECT", b"WITH"}


@dataclass(frozen=True, slots=True)
class Select:
    """A query with a result: its text before and from its FORMAT clause on."""

    before: str
    after: str
    format: str


@dataclass(frozen=True, slots=True)
class Insert:
    """An INSERT with data behind it: its text before and from the SETTINGS or FORMAT clause on, and the data."""

    before: str
    after: str
    data_start: int


def _tokens(text: bytes) -> Iterator[re.Match[bytes]]:
    """The tokens outside heredocs, in one pass: where each heredoc can end is looked up once."""
    ends: dict[bytes, list[int]] = {}
    position = 0
    while token := _TOKEN.search(text, position):
        position = token.end()
        tag = token["heredoc"]
        if tag is None:
            yield token
            continue
        if not ends:
            for found in _HEREDOC.finditer(text):
                ends.setdefault(found[1], []).append(found.start())
        following = bisect_left(ends[tag], position)
        # One that is never closed is none: the engine reads on behind its dollar sign.
        position = ends[tag][following] + len(tag) if following < len(ends[tag]) else token.start() + 1


def words(text: bytes) -> Iterator[tuple[bytes, int]]:
    """Each word and semicolon outside parentheses, literals and comments, in capitals, with its place."""
    depth = 0
    for token in _tokens(text):
        if token.group() == b"(":
            depth += 1
        elif token.group() == b")":
            depth -= 1
        elif depth == 0 and (token.group("word") or token.group() == b";"):
            yield token.group().upper(), token.start()


def leading_words(text: bytes, count: int) -> list[str]:
    """The statement's first words in capitals, those in parentheses too."""
    found = (token.group().decode().upper() for token in _tokens(text) if token.group("word"))
    return list(islice(found, count))


def first_word(text: bytes) -> str:
    """The statement's first word in capitals."""
    return next(iter(leading_words(text, 1)), "")


def split_insert(text: bytes) -> Insert | None:
    """The parts of an INSERT whose data follow it, or None when it brings its own (VALUES, SELECT)."""
    clauses: int | None = None
    found = words(text)
    next(found, None)
    for position, (word, start) in enumerate(found):
        if position < 2 and word in {b"INTO", b"TABLE"}:
            continue
        if word in _VALUES_OR_QUERY:
            return None
        if word == b"SETTINGS" and _SETTINGS.match(text, start):
            clauses = start
        if word == b"FORMAT" and (match := _INSERT_FORMAT.match(text, start)):
            head = start if clauses is None else clauses
            end = match.end(1)
            return Insert(text[:head].decode(), text[head:end].decode(), match.end())
    return None


def split_select(text: bytes, default_format: str) -> Select:
    """A query cut where INTO OUTFILE belongs: before its own FORMAT clause, or the default one at its end."""
    cut: int | None = None
    name = default_format
    found = list(words(text))
    end = next((start for word, start in found if word == b";"), len(text))
    for position, (word, start) in enumerate(found):
        if word == b"FORMAT" and (match := _FORMAT.match(text, start)):
            following = found[position + 2][0] if len(found) > position + 2 else b";"
            if following in {b";", b"SETTINGS"}:
                cut, name = start, match[1].decode()
    if cut is None:
        return Select(text[:end].decode(), f"FORMAT {default_format}", default_format)
    return Select(text[:cut].decode(), text[cut:end].decode(), name)
