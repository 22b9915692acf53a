"""`docs/decisions/README.md`: every decision by area, and which later ones changed it; made of the files themselves."""

import re
from pathlib import Path
from typing import NamedTuple

AREAS = (
    "What the figures mean",
    "Fold, ledger and recovery",
    "Storing in ClickHouse",
    "Asking ClickHouse",
    "Proof, replay and retention",
    "Alerts",
    "Models and recommendations",
    "Pages and API",
    "Processors",
    "Local servers and starts",
    "Tests and benchmarks",
)
UNSORTED = "Not sorted yet"
_TITLE = re.compile(r"# (\d{4}) (.+)")
_ABOUT = re.compile(r"Area: (?P<area>[^·\n]+?)(?: · Changed by: (?P<later>[\d, ]+))?\n")
_INTRO = """# Decisions

Generated from the files of this folder by `make docs`: make changes there.

One file a decision: what was open, what holds, why, and what was tried and not taken. A file is not rewritten when a
later decision changes part of it: the last column names those, so read them too. Numbers that are missing were never
used.

A new decision takes the next number. The line under its title says `Area: ` and one of the headings below, and the
older decisions that it changes get its number there: `Area: Alerts · Changed by: 0123`.
"""


class Decision(NamedTuple):
    """`number` as in its file's name; `later`: the numbers of the decisions that changed or continued it."""

    number: str
    title: str
    area: str
    later: tuple[str, ...]
    file: str


def index(folder: Path) -> str:
    """The whole page. Raises ValueError where a file has no title, or names an area or a decision that is none."""
    found = [_read(path) for path in sorted(folder.glob("[0-9]*.md"))]
    files = {one.number: one.file for one in found}
    for one in found:
        if unknown := set(one.later) - files.keys():
            raise ValueError(f"{one.file} is changed by {', '.join(sorted(unknown))}: no such decision")
    lines = [_INTRO]
    for area in (*AREAS, UNSORTED):
        rows = [_row(one, files) for one in found if one.area == area]
        if rows:
            lines += [f"## {area}", "| decision | changed or continued by |", "|---|---|", *rows, ""]
    return "\n".join(lines).rstrip() + "\n"


def _read(path: Path) -> Decision:
    text = path.read_text()
    title = _TITLE.match(text)
    if title is None or not path.name.startswith(f"{title[1]}-"):
        raise ValueError(f"{path.name} must begin with `# NUMBER Title`, the number as in its name")
    about = _ABOUT.search(text, title.end())
    area = about["area"] if about else UNSORTED
    if area not in (*AREAS, UNSORTED):
        raise ValueError(f"{path.name}: no area is called {area!r}; they are {', '.join(AREAS)}")
    later = (about["later"] or "") if about else ""
    return Decision(title[1], title[2], area, tuple(re.findall(r"\d{4}", later)), path.name)


def _row(one: Decision, files: dict[str, str]) -> str:
    later = ", ".join(f"[{number}]({files[number]})" for number in one.later)
    return f"| [{one.number} {one.title}]({one.file}) | {later} |"
