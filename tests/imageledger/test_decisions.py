"""The index of decisions: each in its area, with the later ones that changed it."""

from pathlib import Path

import pytest

from imageledger.decisions import AREAS, UNSORTED, index
from imageledger.generated import DECISIONS, ROOT, stale


def _decision(folder: Path, name: str, text: str) -> None:
    (folder / name).write_text(text)


def test_a_decision_stands_in_its_area_beside_those_that_changed_it(tmp_path: Path) -> None:
    _decision(tmp_path, "0001-keys.md", f"# 0001 Keys\n\nArea: {AREAS[0]} · Changed by: 0002\n\nText.\n")
    _decision(tmp_path, "0002-more-keys.md", "# 0002 More keys\n\nText.\n")

    sorted_part, unsorted_part = index(tmp_path).split(f"## {UNSORTED}")

    assert f"## {AREAS[0]}" in sorted_part
    assert "| [0001 Keys](0001-keys.md) | [0002](0002-more-keys.md) |" in sorted_part
    assert "| [0002 More keys](0002-more-keys.md) |  |" in unsorted_part


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("# 0002 Another number\n", "must begin with"),
        ("# 0001 Keys\n\nArea: Somewhere\n", "no area is called 'Somewhere'"),
        (f"# 0001 Keys\n\nArea: {AREAS[0]} · Changed by: 0009\n", "changed by 0009: no such decision"),
    ],
)
def test_a_decision_that_the_index_cannot_place_is_named(tmp_path: Path, text: str, said: str) -> None:
    _decision(tmp_path, "0001-keys.md", text)

    with pytest.raises(ValueError, match=said):
        index(tmp_path)


def test_writing_the_index_leaves_the_decisions_alone() -> None:
    assert not [path for path in stale(ROOT) if path.parent == DECISIONS and path.name != "README.md"]
