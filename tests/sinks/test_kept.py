"""Answers that are kept: asked once for what the tables hold, and never given for what they do not."""

from collections.abc import Iterable, Iterator
from typing import Any
from uuid import UUID, uuid4

import pytest
from databases import Store, merge
from sinking import image, stored

from metrics.intelligence.models import NO_CALLS, Calls
from servers.clickhouse.users import Addresses
from sinks.client import connect
from sinks.reading import rated
from sinks.reading.calls import calls
from sinks.reading.chosen import Chosen
from sinks.reading.history import History
from sinks.reading.kept import MOST_KEPT, Kept


def numbered() -> Any:
    """A question whose answer tells how often it was asked."""
    asked: list[None] = []

    def ask() -> int:
        asked.append(None)
        return len(asked)

    return ask


def test_an_answer_is_kept_while_its_parts_are_there() -> None:
    kept, ask, parts = Kept(), numbered(), {uuid4(), uuid4()}
    more = parts | {uuid4()}
    assert [kept.answer("it", lambda: parts, ask) for _ in range(2)] == [1, 1]
    assert kept.answer("else", lambda: parts, ask) == 2
    assert kept.answer("it", lambda: more, ask) == 3
    assert kept.answer("it", lambda: parts, ask) == 4  # of an earlier state nothing is left


def test_what_moved_meanwhile_is_not_kept() -> None:
    kept, ask = Kept(), numbered()
    looks: Iterable[set[UUID]] = iter([{uuid4()}, later := {uuid4()}, later, later, later])
    assert [kept.answer("it", lambda: next(iter(looks)), ask) for _ in range(3)] == [1, 2, 2]


def test_of_parts_without_a_name_nothing_is_kept() -> None:
    kept, ask = Kept(), numbered()
    assert [kept.answer("it", lambda: {UUID(int=0), UUID(int=7)}, ask) for _ in range(2)] == [1, 2]


def test_the_answer_that_was_wanted_longest_ago_makes_room() -> None:
    kept, ask = Kept(), numbered()
    for about in range(MOST_KEPT):
        kept.answer(about, set, ask)
    kept.answer(0, set, ask)
    kept.answer("one more", set, ask)
    assert (kept.answer(0, set, ask), kept.answer(1, set, ask)) == (1, MOST_KEPT + 2)


@pytest.fixture
def still(resting: Store) -> Iterator[Store]:
    """A store whose words do not merge either."""
    resting.client.command("SYSTEM STOP MERGES feedback")
    yield resting
    resting.client.command("SYSTEM START MERGES feedback")


def test_ratings_are_sought_once_and_again_when_something_came(still: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    history, sought = History(still.client), []
    ask = rated._asked
    monkeypatch.setattr(rated, "_asked", lambda *given: sought.append(given) or ask(*given))

    def thumbs() -> tuple[int, int]:
        found = sum(calls(history, Chosen()).values(), NO_CALLS)
        assert found == sum(calls(history, Chosen(tier=1)).values(), NO_CALLS) + of_tier_2(history)
        assert found == sum(calls(History(still.client), Chosen()).values(), NO_CALLS)  # who kept nothing
        return found.thumbs_up, found.thumbs_down

    stored(still.client, "results", [image(str(n), image_id=f"i{n}", run_id="r", tier=1 + n % 2) for n in range(6)])
    stored(still.client, "feedback", [said("a", "i0", 1), said("b", "i1", -1)])
    assert thumbs() == (1, 1)
    assert len(sought) == 2  # by each history once, whatever was chosen
    stored(still.client, "feedback", [said("c", "i1", 1)], first_offset=10)
    assert thumbs() == (2, 0)
    stored(still.client, "results", [image("9", image_id="i0", run_id="r", tier=2, status="failed")], first_offset=20)
    stored(still.client, "feedback", [said("d", "i3", -1)], first_offset=11)
    assert thumbs() == (2, 1)
    merge(still)
    assert thumbs() == (2, 1)
    assert len(sought) == 8
    for table in ("results", "feedback"):
        still.client.command(f"TRUNCATE TABLE {table}")
    assert thumbs() == (0, 0)


def of_tier_2(history: History) -> Calls:
    return sum(calls(history, Chosen(tier=2)).values(), NO_CALLS)


def said(name: str, image_id: str, rating: int) -> dict[str, Any]:
    return {
        "event_type": "feedback.recorded", "event_id": name, "event_time": "2026-11-01T05:00:00Z", "run_id": "r",
        "image_id": image_id, "rating": rating,
    }  # fmt: skip


def test_a_table_that_was_made_anew_holds_something_else(store: Store, clickhouse: Addresses) -> None:
    """Though its parts are called as those before."""
    migrator = connect(clickhouse.migrator, database=store.database)
    seen = []
    try:
        for _ in range(2):
            migrator.command("DROP TABLE IF EXISTS anew SYNC")
            migrator.command("CREATE TABLE anew AS results")
            migrator.command("INSERT INTO anew (event_id, run_id) VALUES ('1', 'r')")
            [[name, uuid]] = migrator.query("SELECT _part, _part_uuid FROM anew").result_rows
            assert store.history.parts("anew") == {(name, uuid)}
            seen.append((name, uuid))
    finally:
        migrator.command("DROP TABLE IF EXISTS anew SYNC")
    assert seen[0][0] == seen[1][0]
    assert seen[0][1] != seen[1][1]
