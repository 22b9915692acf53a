"""Text that fits: bars, lines and columns of a terminal, by how wide characters are and not how many."""

import unicodedata
from collections.abc import Sequence

from rich.text import Text

_BETWEEN = "  |  "
_OBEYED = {"Cc", "Cf", "Cs", "Zl", "Zp"}


def clean(text: str) -> str:
    """`text` without what a terminal would obey or be turned about by: control and format characters, line ends."""
    return "".join("\N{REPLACEMENT CHARACTER}" if unicodedata.category(c) in _OBEYED else c for c in text)


def bar(percent: float | None, width: int, style: str) -> Text:
    """A bar is full only when all is done, and shows a beginning."""
    width = max(1, width)
    share = min(100.0, max(0.0, percent or 0.0)) / 100
    full = width if share == 1 else min(width - 1, max(int(width * share), int(share > 0)))
    return Text("█" * full, style).append("░" * (width - full), "dim")


def flowed(parts: Sequence[Text], width: int) -> list[Text]:
    """The parts side by side, on as few lines as hold them whole."""
    lines: list[Text] = []
    for part in parts:
        if lines and lines[-1].cell_len + len(_BETWEEN) + part.cell_len <= width:
            lines[-1].append(_BETWEEN).append_text(part)
        else:
            lines.append(Text().append_text(part))
    return lines


def ends(left: Text, right: Text, width: int) -> Text:
    """Left and right in one line; where both do not fit, the right one stays whole."""
    left.truncate(max(0, width - right.cell_len - 2), overflow="ellipsis", pad=True)
    return Text().append_text(left).append("  ").append_text(right)


def padded(text: str, cells: int) -> str:
    """Exactly so many columns, however wide the characters are."""
    cut = Text(text)
    cut.truncate(cells, overflow="ellipsis", pad=True)
    return cut.plain
