"""The command centre's lines fit any terminal, whatever the run is called, and say what the snapshot says."""

import asyncio
import itertools
import unicodedata
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime, timedelta

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.text import Text

from dashboard.bodies.live import Activity, DashboardBody
from dashboard.live.figures import dashboard_body
from events.snapshots import Budget, Eta, Progress, Projection, RunMetrics, State, TierProgress, Window
from imageledger.api import Message, messages
from imageledger.terminal.drawing import Seen, closing, drawing, plain
from imageledger.terminal.following import LINE_S, SETTLE_S, Figures, Lines
from processors.summary import Summary

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)
NANO = 1_000_000_000


def snapshot(state: State = "running", *, run_id: str = "may", processed: int = 1_872, failed: int = 54) -> RunMetrics:
    """S0's drawing: 1,872 of 2,741 images."""
    tiers = [
        TierProgress(tier=1, name="Basic organization", images=2_741, complete=2_604, images_per_minute=18.5),
        TierProgress(tier=2, name=run_id, images=2_741, complete=1_178),
        TierProgress(tier=3, images=2_741, complete=329),
    ]
    window = Window(
        span_ms=600_000, counters={}, results_per_minute=30, images_per_minute=18.5, cost_nano_usd_per_minute=5
    )
    return RunMetrics(
        event_id="1",
        event_time=NOON,
        run_id=run_id,
        name=run_id,
        as_of=NOON,
        source_offsets={},
        state=state,
        started_at=NOON - timedelta(minutes=95),
        last_event_at=NOON,
        totals={"results": 4_111, "failed": 80, "subjects": 2_700, "cost_nano_usd": int(4.23 * NANO), "retries": 26},
        by_tier={
            "1": {"results": 2_630, "cost_nano_usd": 230_000_000},
            "2": {"results": 1_481, "cost_nano_usd": 4 * NANO},
        },
        by_model={run_id: {"results": 4_111, "cost_nano_usd": int(4.23 * NANO)}},
        by_band={"poor": {"results": 5, "subjects": 5, "cost_nano_usd": 5}},
        window_10m=window,
        velocity="up",
        progress=Progress(total=2_741, processed=processed, failed=failed, left=815, percent=68.3, tiers=tiers),
        eta=Eta(seconds=2_820, text="47m", range_text="40m – 55m"),  # noqa: RUF001 - the range's own dash
        projection=Projection(
            spent_nano_usd=int(4.23 * NANO),
            projected_nano_usd=int(8.57 * NANO),
            baseline_name="All-GPT-4o",
            baseline_nano_usd=int(54.82 * NANO),
            savings_nano_usd=int(46.25 * NANO),
        ),
        budget=Budget(allocated_nano_usd=15 * NANO, remaining_nano_usd=int(10.77 * NANO), spent_fraction=0.282),
    )


def row(name: str = "3f8a2b1c", at: datetime = NOON) -> Activity:
    return Activity(
        timestamp=at,
        run_id="may",
        image_id=name,
        short_id=name,
        vehicle_id=None,
        tier=2,
        model=name,
        status="success",
        result=name,
        confidence=94.0,
        cost=0.0008,
        context_score=None,
        questions_answered=0,
    )


def seen(metrics: RunMetrics, *, age_s: float = 2, trouble: str | None = None, rows: int = 30) -> Seen:
    name = metrics.run_id or ""
    return Seen(body=dashboard_body(metrics), activity=[row(name)] * rows, age_s=age_s, trouble=trouble)


def text(lines: Sequence[Text]) -> str:
    return "\n".join(line.plain.rstrip() for line in lines)


hostile = st.text(min_size=1, max_size=200) | st.sampled_from(
    ["\x1b[2J\x1b]0;gone\x07", "a\r\nb", "\u202eleft", "\u2028", "漢字" * 80, "🚗" * 99, "e\u0301" * 50, "[red]x[/]"]
)


@settings(deadline=None)
@given(name=hostile, width=st.integers(20, 200), height=st.integers(1, 60), trouble=st.none() | hostile)
def test_it_fits_any_terminal_and_obeys_nobody(name: str, width: int, height: int, trouble: str | None) -> None:
    lines = drawing(seen(snapshot(run_id=name), trouble=trouble), width, height)
    assert len(lines) <= height
    assert [line.plain for line in lines if line.cell_len > width] == []
    shown = "".join(line.plain for line in lines) + plain(seen(snapshot(run_id=name), trouble=trouble))
    assert [c for c in shown if unicodedata.category(c) in {"Cc", "Cf", "Zl", "Zp"}] == []


def test_the_drawing_of_the_requirement_in_80_by_24() -> None:
    lines = drawing(seen(snapshot()), 80, 24)
    shown = text(lines)
    assert len(lines) == 24
    assert lines[0].plain.startswith("IMAGE PROCESSING COMMAND CENTER")
    assert lines[0].plain.endswith("Updated: 2s ago")
    for part in (
        " 68.2%",  # cut and not rounded: nothing is 100 % before it is done
        "1,872 / 2,741 images",
        "ETA: 47m (40m – 55m)",  # noqa: RUF001 - the range's own dash
        "Rate: 18.5 img/min ↗",
        "Spent: $4.23",
        "Projected: $8.57",
        "vs All-GPT-4o: $54.82 → Save $46.25",
        "budget: $10.77 left of $15.00",
        "2,604 / 2,741  Basic organization",
        "54 / 2,741  26 retries",
        "94%  $0.0008",
    ):
        assert part in shown
    assert "BY MODEL" not in shown


def test_a_tall_terminal_and_a_plain_print_show_more() -> None:
    for height in (60, None):
        shown = text(drawing(seen(snapshot()), 80, height))
        assert "BY MODEL" in shown
        assert "CONTEXT QUALITY" in shown
        assert "RECENT ACTIVITY" in shown


def test_while_nothing_newer_comes_it_is_said_and_all_is_grey() -> None:
    lines = drawing(seen(snapshot(), age_s=75, trouble="no answer"), 80, 24)
    assert "Updated: 1m ago" in lines[0].plain
    assert lines[2].plain == "RECONNECTING, the last figures stand: no answer"
    assert {line.style for line in lines if line is not lines[2]} == {"dim"}
    assert "1,872 / 2,741" in text(lines)


def test_without_a_plan_no_total_is_made_up() -> None:
    bare = RunMetrics(event_id="1", event_time=NOON, run_id="may", as_of=NOON, source_offsets={}, state="warming_up")
    shown = text(drawing(Seen(body=dashboard_body(bare)), 80, 24))
    assert "0 images" in shown
    assert "%" not in shown.split("\n")[3]
    assert "nothing in the last 30 seconds" in shown


def test_the_last_lines_are_those_of_the_processor() -> None:
    finished = snapshot("finished", processed=2_687, failed=54)
    summary = Summary(
        run_id="may",
        images=2_741,
        processed=2_687,
        failed={"for good": 54},
        calls={1: 2_630, 2: 1_481},
        cost_nano_usd={1: 230_000_000, 2: 4 * NANO},
        seconds=95 * 60,
    )
    assert closing(finished) == summary.lines()
    assert closing(finished)[0] == "COMPLETE run may: 2,741 of 2,741 images in 5,700.0 s"
    assert closing(finished)[-1] == "TOTAL $4.2300"
    assert closing(snapshot("finished"))[0].startswith("INCOMPLETE run may: 1,926 of 2,741")


def test_a_pipe_hears_of_states_at_once_and_of_figures_now_and_then() -> None:
    said: list[str] = []
    moment = [0.0]
    lines = Lines(said.append, lambda: moment[0])
    for second in range(12):
        moment[0] = float(second)
        lines.show(seen(snapshot(processed=second)))
    assert [line.split(", ")[1].split(" (")[0] for line in said] == [f"{n} / 2,741 images" for n in (0, 5, 10)]
    lines.show(seen(snapshot("paused", processed=11)))
    lines.show(seen(snapshot("paused", processed=11), trouble="gone"))
    assert "paused" in said[-2]
    assert said[-1].endswith(", RECONNECTING, 2s old: gone\n")
    moment[0] += 10 * LINE_S
    lines.show(seen(snapshot("paused", processed=11), trouble="gone"))
    assert len(said) == 5  # the same again says nothing


def message(name: str, body: object) -> Message:
    return Message(name, msgspec.json.encode(body))


def test_what_the_stream_says_is_what_is_seen() -> None:
    figures = Figures(dashboard_body(snapshot()), [row("old", NOON - timedelta(seconds=20))])
    figures.take(message("activity", [row("first"), row("second")]), NOON)
    assert [one.short_id for one in figures.seen(NOON).activity] == ["second", "first", "old"]
    figures.take(message("snapshot", dashboard_body(snapshot(processed=1_900))), NOON)
    # The server's clock is a minute ahead of ours: ages are counted by it.
    status = {"now": NOON + timedelta(seconds=60), "kafka": "live", "detail": ""}
    figures.take(message("status", status), NOON)
    found = figures.seen(NOON + timedelta(seconds=1))
    assert (found.body.progress.processed, found.age_s, found.trouble) == (1_900, 61.0, None)
    assert found.activity == []  # of the last 30 seconds
    figures.take(Message("lost", b"connection refused"), NOON)
    assert figures.seen(NOON).trouble == "connection refused"
    figures.take(message("status", status | {"kafka": "away", "detail": "Kafka does not answer"}), NOON)
    assert figures.seen(NOON).trouble == "Kafka does not answer"
    figures.take(message("status", status), NOON)
    assert figures.seen(NOON).trouble is None


def test_a_finished_run_ends_when_its_figures_have_settled() -> None:
    """Not by the count of images alone: those have ended with tier 1, while results of tier 3 are on their way."""
    figures = Figures(dashboard_body(snapshot("running", processed=2_741, failed=0)), [])
    later = NOON + timedelta(seconds=SETTLE_S + 1)
    assert not figures.ended(NOON)
    figures.take(message("snapshot", dashboard_body(snapshot("finished"))), NOON)
    assert not figures.ended(NOON)  # its last results may still be on their way
    figures.take(message("snapshot", dashboard_body(snapshot("finished", processed=2_687))), later)
    assert not figures.ended(later)  # some were
    figures.take(message("snapshot", dashboard_body(snapshot("finished", processed=2_687))), later)
    assert figures.ended(later + timedelta(seconds=SETTLE_S + 1))
    figures.take(message("snapshot", whole(dashboard_body(snapshot("finished", processed=2_687)))), later)
    assert figures.ended(later)


def whole(body: DashboardBody) -> DashboardBody:
    """With every tier at its end."""
    tiers = [msgspec.structs.replace(tier, complete=tier.total or 0) for tier in body.progress.tiers]
    return msgspec.structs.replace(body, progress=msgspec.structs.replace(body.progress, tiers=tiers))


@settings(deadline=None)
@given(
    sent=st.lists(st.tuples(st.sampled_from(["snapshot", "activity"]), st.text(max_size=20)), max_size=6),
    cuts=st.lists(st.integers(1, 12), min_size=1, max_size=20),
)
def test_server_sent_events_however_they_are_cut(sent: list[tuple[str, str]], cuts: list[int]) -> None:
    wire = b"retry: 1000\n\n"
    for name, data in sent:
        wire += b": heartbeat\n\nevent: %s\ndata: %s\n\n" % (name.encode(), msgspec.json.encode(data))

    async def chunks() -> AsyncIterator[bytes]:
        rest = wire
        for size in itertools.cycle(cuts):
            if not rest:
                return
            yield rest[:size]
            rest = rest[size:]

    async def read() -> list[tuple[str, str]]:
        return [(name, msgspec.json.decode(data)) async for name, data in messages(chunks())]

    assert asyncio.run(read()) == sent
