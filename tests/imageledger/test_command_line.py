"""What a start of the command line leaves out: every command but the one that is asked for."""

import pytest
import typer.main

from imageledger.cli import main

NAMES = sorted(typer.main.get_group(main.app).commands)


@pytest.mark.parametrize(
    ("words", "asked"),
    [
        ([], None),
        (["--help"], None),
        (["status"], "status"),
        (["status", "--run", "sink"], "status"),
        (["--data", "status", "up", "--port", "1"], "up"),
        (["--data=status", "commands", "list"], "commands"),
        (["--data"], None),
    ],
)
def test_the_command_that_is_asked_for(words: list[str], asked: str | None) -> None:
    assert main._asked(words) == asked


@pytest.mark.parametrize("name", NAMES)
def test_it_alone_is_made(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    for registered in ("registered_commands", "registered_groups"):
        monkeypatch.setattr(main.app, registered, getattr(main.app, registered))
    main._leave_out_all_but(name)
    assert [*typer.main.get_group(main.app).commands] == [name]


@pytest.mark.parametrize("name", [None, "no-such-command"])
def test_help_and_mistakes_are_about_all(monkeypatch: pytest.MonkeyPatch, name: str | None) -> None:
    for registered in ("registered_commands", "registered_groups"):
        monkeypatch.setattr(main.app, registered, getattr(main.app, registered))
    main._leave_out_all_but(name)
    assert sorted(typer.main.get_group(main.app).commands) == NAMES
