"""What a line of the dumped statement says, read in one pass: the time of a look has no limit of ClickHouse's."""

import re

from hypothesis import given
from hypothesis import strategies as st

from sinks.reading.guard import _node

AS_IT_READS = re.compile(
    r"(?P<depth> *)(?P<kind>[^ ]*)(?P<name>.*?)(?: \(alias .*?\))?(?: \(children (?P<children>\d+)\))?", re.DOTALL
)
PIECES = st.sampled_from(
    [" ", "  ", "(", ")", " (alias ", " (alias x)", " (children ", " (children 2)", "Function", "Identifier", "a.b"]
)


@given(st.lists(PIECES, max_size=12).map("".join))
def test_a_line_is_read_as_its_grammar_says(line: str) -> None:
    match = AS_IT_READS.fullmatch(line)
    assert match is not None
    node = _node(line)
    assert (node.depth, node.kind, node.name) == (len(match["depth"]), match["kind"], match["name"].strip())
    assert node.children == int(match["children"] or 0)


def test_a_long_text_costs_no_more_than_its_length() -> None:
    """By backtracking it would take hours, in which nothing else of the process runs."""
    for text in (" (alias )", " (alias x", " (children 1)"):
        assert _node("  Literal '" + text * 200_000 + "'").kind == "Literal"
