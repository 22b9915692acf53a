"""Questions people ask, each answered by one statement: docs/sql.md lists them, and the tests run them."""

from typing import NamedTuple


class Question(NamedTuple):
    """`about`: the question in words, and which requirement asks it. The statement takes `{run}` and the like."""

    about: str
    sql: str


class Section(NamedTuple):
    """Questions under one heading; `intro` stands before the first."""

    title: str
    questions: tuple[Question, ...]
    intro: str = ""
