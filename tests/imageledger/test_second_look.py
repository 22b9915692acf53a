from pathlib import Path

import pytest
from second_look import AT_MOST, again


@pytest.mark.parametrize("failed", [[], ["no_such_test.py"] * (AT_MOST + 1)])
def test_nothing_and_too_many_stay_red_unasked(failed: list[str], capfd: pytest.CaptureFixture[str]) -> None:
    assert again(failed) == 1
    assert capfd.readouterr().out == ""


@pytest.mark.parametrize(("holds", "code"), [(True, 0), (False, 1)])
def test_what_is_asked_again_is_named_where_it_passes(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], holds: bool, code: int
) -> None:
    (tmp_path / "pytest.ini").write_text("[pytest]\naddopts = --disable-plugin-autoload\n")  # as ours has it
    once = tmp_path / "test_once.py"
    once.write_text(f"def test_it():\n    assert {holds}\n")
    assert again([f"{once}::test_it"]) == code
    said = capfd.readouterr().out
    assert f"once more, alone: {once}::test_it" in said
    assert ("FAILED ONCE, THEN PASSED ALONE" in said) is holds
