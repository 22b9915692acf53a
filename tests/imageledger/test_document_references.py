"""What the documents point at is there: files, decisions, commands, targets of make."""

import re
from pathlib import Path

import pytest
from typer.main import get_command

from imageledger.cli.main import app
from imageledger.generated import DECISIONS, ROOT

DOCUMENTS = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").rglob("*.md")]
_LINK = re.compile(r"\]\(([^)#\s]+)(?:#[^)]*)?\)")
_FILE = re.compile(r"`((?:docs|schemas|deploy|tests|benchmarks|events|metrics|streams|sinks|servers)/[\w./-]+)`")
_DECISION = re.compile(r"[Dd]ecisions? (\d{4})|docs/decisions/`?(\d{4})")


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_files_and_decisions_that_a_document_names_are_there(document: Path) -> None:
    text = document.read_text()
    links = [document.parent / link for link in _LINK.findall(text) if "://" not in link]
    decisions = {"".join(found) for found in _DECISION.findall(text)}

    assert [str(path) for path in links if not path.exists()] == []
    assert [number for number in sorted(decisions) if not list((ROOT / DECISIONS).glob(f"{number}-*.md"))] == []
    if document.parent != ROOT / DECISIONS:  # a decision names files as they were then
        assert [path for path in _FILE.findall(text) if not list(ROOT.glob(f"{path}*"))] == []


def test_the_readme_has_every_command_and_no_other() -> None:
    table = (ROOT / "README.md").read_text().partition("## Commands")[2].partition("\n## ")[0]
    cells = [re.split(r"(?<!\\)\|", line)[1] for line in table.splitlines() if line.startswith("| `")]
    named = {code.removeprefix("imageledger ").split()[0] for cell in cells for code in re.findall(r"`([^`]+)`", cell)}

    assert named == set(get_command(app).commands)  # type: ignore[attr-defined]


def test_every_target_of_make_that_a_document_names_is_one() -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = {
        name
        for document in DOCUMENTS
        for name in re.findall(r"`make ([a-z]+)`|^make ([a-z]+)", document.read_text(), re.MULTILINE)
    }

    assert {"".join(found) for found in named} - targets == set()
