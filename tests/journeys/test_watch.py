"""`imageledger watch` as a person has it: in a terminal of 80 by 24, in a pipe, through an absence of the API."""

import os
import re
import signal
import subprocess
import unicodedata
from collections.abc import Iterator

import pytest
from live_stack import BACKFILL, Followed, Stack, environment, eventually
from terminal import Terminal

from imageledger.terminal.drawing import TITLE

RUN = "wächter 🚗"
QUOTED = "w%C3%A4chter%20%F0%9F%9A%97"
COLOUR = re.compile(rb"\x1b\[(?:[0-9;]*;)?(?:3[0-8]|4[0-8]|9[0-7])(?:;[0-9;]*)?m")
LEAVES = (b"\x1b[?25h", b"\x1b[?1049l")
"""The cursor is shown again, and the screen is as it was before."""


def in_colour() -> dict[str, str]:
    return {name: value for name, value in environment().items() if name != "NO_COLOR"}


def processed(text: str) -> int:
    found = re.search(r"([\d,]+) / 2,734 images", text)
    return int(found[1].replace(",", "")) if found else -1


@pytest.fixture(scope="module")
def moving(stack: Stack) -> Iterator[None]:
    """A backfill that is under way for longer than these tests take."""
    process = subprocess.Popen(
        stack.command("backfill", "--run", RUN, "--speed", "6"), env=environment(), stdout=subprocess.DEVNULL
    )
    eventually(lambda: stack.metrics(QUOTED).get("state") == "running", "it is warm")
    yield
    process.terminate()
    process.wait(60)


def test_it_moves_in_80_by_24_and_ctrl_c_leaves_quietly(stack: Stack, moving: None) -> None:
    with Terminal(stack.command("watch", "--run", RUN), environment()) as terminal:
        first = terminal.until(lambda text: "organization" in text, "the activity is there")
        rows = terminal.rows
        assert rows[0].startswith(TITLE)
        assert re.search(r"Updated: \d+s ago$", rows[0])
        assert "wächter 🚗" in rows[1].replace("🚗 ", "🚗")
        assert "Running" in rows[1]
        for word in ("ETA: ", "Rate: ", "Spent: ", "Projected: ", "vs All-GPT-4o: $54.68 → Save $", "TIER 1", "TIER 3"):
            assert word in first
        assert "FAILED" in first
        terminal.until(lambda text: processed(text) > processed(first), "it moves by itself")
        terminal.press(b"\x03")
        assert terminal.exit_code() == 0
        drawn, _, after = terminal.written.rpartition(LEAVES[0])
        assert after.strip() == LEAVES[1]  # and nothing is said
        assert b"Traceback" not in drawn


def test_a_narrow_terminal_that_grows_and_no_color(stack: Stack, moving: None) -> None:
    env = environment() | {"NO_COLOR": "1"}
    with Terminal(stack.command("watch", "--run", RUN), env, columns=40, rows=20) as terminal:
        narrow = terminal.until(lambda text: "TIER 3" in text, "the tiers are there")
        assert "Context-aware parts" not in narrow
        terminal.resize(100, 30)
        terminal.until(
            lambda text: "Context-aware parts" in text and len(terminal.rows[0]) > 90, "there is room for more"
        )
        terminal.press(b"\x03")
        assert terminal.exit_code() == 0
        assert COLOUR.search(terminal.written) is None


def test_colours_where_nothing_is_said_against_them(stack: Stack, moving: None) -> None:
    with Terminal(stack.command("watch", "--run", RUN, "--once"), in_colour()) as terminal:
        assert terminal.exit_code() == 0
        assert COLOUR.search(terminal.written) is not None


def test_the_last_figures_stay_while_the_api_is_away(stack: Stack, moving: None) -> None:
    with Terminal(stack.command("watch", "--run", RUN), environment()) as terminal:
        before = terminal.until(lambda text: processed(text) > 0, "there are figures")
        os.kill(stack.endpoints()["pids"]["api"], signal.SIGKILL)
        away = terminal.until(lambda text: "RECONNECTING" in text, "the absence is said")
        assert processed(away) >= processed(before)
        terminal.until(lambda text: "RECONNECTING" not in text and processed(text) > processed(away), "it goes on")
        terminal.press(b"\x03")
        assert terminal.exit_code() == 0


def test_to_the_end_on_a_terminal_and_in_a_pipe(stack: Stack, followed: Followed) -> None:
    processor = stack.run("backfill", "--run", BACKFILL).stdout.splitlines()  # it is finished, and says so again
    totals = [line for line in processor if line.startswith("TOTAL")]
    assert totals[-1] == "TOTAL $13.6724"
    rows = followed.screen
    assert [row for row in rows if row.startswith("TOTAL")] == totals
    assert any(row.startswith(f"COMPLETE run {BACKFILL}: 2,734 of 2,734 images in ") for row in rows)
    assert any(row.startswith("SUMMARY 2,728 processed, 6 failed") for row in rows)
    assert any(row.startswith("TIER 3") and "100%" in row for row in rows)  # the last figures stand above

    assert (followed.piped.returncode, followed.piped.stderr) == (0, b"")
    said = followed.piped.stdout.decode()
    lines = said.splitlines()
    assert [c for c in said if unicodedata.category(c) == "Cc" and c != "\n"] == []
    assert [line for line in lines if line.startswith("TOTAL")] == totals
    course = [line for line in lines if "images" in line and "ETA" in line]
    assert 1 <= len(course) < 20


def test_once_prints_it_plainly_and_ends(stack: Stack, backfilled: dict[str, object]) -> None:
    done = stack.run("watch", "--once", "--run", BACKFILL)
    assert (done.returncode, done.stderr) == (0, "")
    assert "\x1b" not in done.stdout
    assert TITLE in done.stdout
    assert "TOTAL $13.6724" in done.stdout.splitlines()
    assert max(map(len, done.stdout.splitlines()[:20])) <= 80


def test_a_reader_that_has_seen_enough_is_no_error(stack: Stack, moving: None) -> None:
    process = stack.begin("watch", "--run", RUN)
    assert process.stdout is not None
    assert b"images" in process.stdout.readline()
    process.stdout.close()
    assert process.stderr is not None
    assert process.stderr.read() == b""
    assert process.wait(60) == 0


def test_a_run_that_does_not_exist(stack: Stack) -> None:
    done = stack.run("watch", "--run", "no such run")
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.startswith("imageledger: no run 'no such run' is known")
    assert len(done.stderr.splitlines()) == 1
