"""S4's scores, recommendation and insights by hand."""

import pytest

from metrics.intelligence.insights import Asked, insights
from metrics.intelligence.models import Calls, wilson
from metrics.intelligence.recommendation import HAIKU, MINI, SONNET, Model, rank, recommend, task_type_of

SONNET_CODING = Calls(
    calls=147, succeeded=144, latency_ms=2341 * 147, timed=147, tokens=147_000, thumbs_up=89, thumbs_down=11
)


def test_s4s_own_example() -> None:
    """Checklist A13: the formula on S4's numbers gives 90.1, not the 92 of its example."""
    assert SONNET_CODING.speed_score == pytest.approx(76.59)
    assert SONNET_CODING.quality_score == pytest.approx(40 * 144 / 147 + 0.4 * 89 + 0.2 * 76.59)
    assert Calls(
        calls=100, succeeded=98, latency_ms=234_100, timed=100, thumbs_up=89, thumbs_down=11
    ).quality_score == (pytest.approx(90.118))


@pytest.mark.parametrize(
    ("calls", "speed", "quality"),
    [
        (Calls(), None, None),
        (Calls(calls=10, succeeded=10), None, 100),  # neither timed nor rated: success alone
        (Calls(calls=10, succeeded=5, latency_ms=0, timed=10), 100, 2 / 3 * 50 + 1 / 3 * 100),
        (Calls(calls=10, succeeded=10, latency_ms=120_000, timed=10), 0, 200 / 3),
        (Calls(calls=10, succeeded=10, thumbs_up=1, thumbs_down=3), None, (40 + 10) / 0.8),
        (Calls(calls=4, succeeded=4, latency_ms=1_000, timed=1, thumbs_down=1), 90, 40 + 18),
    ],
)
def test_what_is_unknown_leaves_its_weight(calls: Calls, speed: float | None, quality: float | None) -> None:
    assert calls.speed_score == speed
    assert calls.quality_score == (None if quality is None else pytest.approx(quality))


def test_wilson_and_confidence() -> None:
    # Wilson 1927 at 95 %; the figures of Brown, Cai, DasGupta (2001) for 0 and all of n by their closed form
    assert wilson(8, 10) == pytest.approx((0.4902, 0.9433), abs=1e-4)
    assert wilson(0, 10) == pytest.approx((0, 1.96**2 / (10 + 1.96**2)), abs=1e-4)
    assert wilson(10, 10)[1] == pytest.approx(1)
    assert wilson(0, 0) == (0.0, 1.0)
    assert Calls().confidence == 0
    few = Calls(calls=10, succeeded=8, thumbs_up=3, thumbs_down=1)
    assert few.confidence == pytest.approx(100 * (0.05 + 0.3 * (1 - 0.4531) + 0.2 * (1 - 0.6538)), abs=0.02)
    many = Calls(calls=100_000, succeeded=100_000, thumbs_up=100_000)
    assert 99 < many.confidence < 100
    assert Calls(calls=100_000, succeeded=100_000).confidence < 80  # unrated: the share of satisfaction is missing


def test_what_is_known_of_some_calls_is_their_mean() -> None:
    calls = Calls(calls=9, sure=4, confidence_ppm=2_000_000, priced=2, cost_nano_usd=6, tokens=18)
    assert (calls.mean_confidence, calls.mean_nano_usd, calls.mean_tokens) == (0.5, 3, 2)


A, B, C, D = (Model(name, "p") for name in "abcd")
HISTORY = {
    A: Calls(calls=20, succeeded=20, latency_ms=160_000, timed=20, tokens=4_000),
    B: Calls(calls=20, succeeded=16, latency_ms=20_000, timed=20, tokens=6_000, thumbs_up=9, thumbs_down=1),
    C: Calls(calls=30, succeeded=24, tokens=300),
    D: Calls(calls=4, succeeded=4, latency_ms=4, timed=4),
}


def test_priorities_choose_and_say_why() -> None:
    chosen = {p: recommend("coding", p, HISTORY) for p in ("speed", "quality", "cost", "balanced")}  # type: ignore[arg-type]
    assert {p: r.chosen.model.model for p, r in chosen.items()} == {
        "speed": "b",
        "quality": "a",
        "cost": "c",
        "balanced": "b",
    }
    assert chosen["balanced"].reason == "best overall performance for coding (quality score: 86)"
    assert chosen["speed"].reason == "fastest response time for coding (1,000 ms on average)"
    assert chosen["quality"].reason == "highest success and satisfaction for coding (100% success)"
    assert chosen["cost"].reason == "lowest token usage for coding (10 tokens a call)"
    assert [one.model for one in chosen["balanced"].alternatives] == [C, A]  # d has too few calls
    assert [one.model for one in chosen["speed"].alternatives] == [A, C]  # nobody knows how fast c is
    assert chosen["balanced"].confidence == HISTORY[B].confidence


def test_equals_are_ranked_by_calls_then_name() -> None:
    same = Calls(calls=6, succeeded=6)
    more = Calls(calls=7, succeeded=7)
    assert [one.model for one in rank({B: same, A: same, C: more}, "quality")] == [C, A, B]


def test_quality_is_success_and_satisfaction_and_equals_go_by_the_quality_score() -> None:
    unrated = Calls(calls=20, succeeded=17)
    liked = Calls(calls=20, succeeded=16, thumbs_up=1)
    assert [one.model for one in rank({A: unrated, B: liked}, "quality")] == [B, A]
    slips, never = (Calls(calls=5, succeeded=n, latency_ms=5, timed=5) for n in (4, 5))
    assert [one.model for one in rank({A: slips, B: never}, "speed")] == [B, A]


def test_rules_answer_below_five_calls_and_say_so() -> None:
    few = {D: HISTORY[D], SONNET: Calls(calls=4, succeeded=3)}
    found = recommend("coding", "balanced", few, days=7)
    assert (found.basis, found.chosen.model, found.confidence, found.alternatives) == ("rules", SONNET, 0, [])
    assert found.chosen.calls.calls == 4
    assert "not history: no model has 5 calls for it in the last 7 days (the most is 4)" in found.reason
    assert recommend("general_chat", "balanced", {}).chosen.model == HAIKU
    assert recommend("anything", "cost", {}).chosen.model == MINI


def test_s4s_sentences_come_with_their_numbers() -> None:
    haiku, sonnet, gpt = Model("haiku", "anthropic"), Model("sonnet", "anthropic"), Model("gpt-4o", "openai")
    calls = {
        Asked("general_chat", "simple", haiku): Calls(calls=10, succeeded=10, latency_ms=10_000, timed=10),
        Asked("general_chat", "simple", gpt): Calls(calls=10, succeeded=10, latency_ms=23_000, timed=10),
        Asked("analysis", "", gpt): Calls(calls=100, succeeded=99),
        Asked("analysis", "", sonnet): Calls(calls=100, succeeded=97),
        Asked("coding", "complex", sonnet): Calls(
            calls=100, succeeded=90, latency_ms=820_000, timed=100, thumbs_up=89, thumbs_down=11
        ),
        Asked("coding", "complex", gpt): Calls(calls=100, succeeded=90, thumbs_up=45, thumbs_down=55),
    }
    found = insights(calls)
    assert [one.text for one in found] == [
        "haiku is 2.3x faster for simple tasks",
        "gpt-4o has 2% higher success rate for analysis tasks",
        "Users prefer sonnet for coding (89% satisfaction)",
        "Coding tasks are slow (8.2s avg). Consider optimizing prompts.",
        "User satisfaction is at 67%. Review model quality.",
    ]
    assert [one.level for one in found] == ["success", "success", "success", "warning", "warning"]
    assert found[0].numbers | {"ratio": 2.3} == {
        "model": "haiku", "comparedWith": "gpt-4o", "complexity": "simple", "avgResponseTime": 1_000,
        "comparedAvgResponseTime": 2_300, "ratio": 2.3, "sampleSize": 10, "comparedSampleSize": 10,
    }  # fmt: skip
    assert found[0].numbers["ratio"] == pytest.approx(2.3)
    assert found[1].numbers == pytest.approx({
        "model": "gpt-4o", "comparedWith": "sonnet", "taskType": "analysis", "successRate": 99,
        "comparedSuccessRate": 97, "points": 2, "sampleSize": 100, "comparedSampleSize": 100,
    })  # fmt: skip
    assert found[2].numbers == {
        "model": "sonnet", "comparedWith": "gpt-4o", "taskType": "coding", "satisfactionRate": 89,
        "comparedSatisfactionRate": 45, "ratings": 100,
    }  # fmt: skip
    assert found[4].numbers == {"satisfactionRate": 67, "threshold": 70, "ratings": 200}


def test_few_calls_say_nothing() -> None:
    four = Calls(calls=4, succeeded=4, latency_ms=40_000, timed=4, thumbs_down=4)
    assert insights({Asked("t", "simple", A): four, Asked("u", "simple", B): Calls(calls=4)}) == []
    assert insights({}) == []


def timed(n: int, mean_ms: int) -> Calls:
    return Calls(calls=n, succeeded=n, latency_ms=n * mean_ms, timed=n)


def rated(up: int, down: int) -> Calls:
    return Calls(calls=up + down, succeeded=up + down, thumbs_up=up, thumbs_down=down)


@pytest.mark.parametrize(
    ("one", "other", "kinds"),
    [
        (timed(5, 1_000), timed(5, 1_200), ["faster"]),
        (timed(5, 1_000), timed(5, 1_199), []),
        (timed(4, 1_000), timed(5, 1_200), []),
        (timed(5, 0), timed(5, 1_200), []),
        (Calls(calls=100, succeeded=1), Calls(calls=100), ["more_reliable"]),
        (Calls(calls=5, succeeded=5), Calls(calls=5), ["more_reliable"]),
        (Calls(calls=1_000, succeeded=1_000), Calls(calls=1_000, succeeded=991), []),
        (rated(9, 3), rated(8, 4), ["preferred"]),
        (rated(74, 26), rated(70, 30), []),
        (rated(5, 0), rated(4, 1), ["preferred"]),
        (rated(7, 3), Calls(), []),
        (rated(3, 2), Calls(), ["low_satisfaction"]),
        (timed(5, 5_001), Calls(), ["slow_task"]),
        (timed(5, 5_000), Calls(), []),
    ],
)
def test_from_where_on_something_is_said(one: Calls, other: Calls, kinds: list[str]) -> None:
    """1.2 times as fast, one point of success, three quarters liked, under 70 % disliked, over 5 s slow; of five."""
    assert [said.kind for said in insights({Asked("t", "simple", A): one, Asked("t", "simple", B): other})] == kinds


@pytest.mark.parametrize(
    ("message", "task"),
    [
        ("hello there", "general_chat"),
        ("please DEBUG this", "coding"),
        ("compare both options", "analysis"),
        ("write a poem", "creative"),
        ("calculate the area", "reasoning"),
        ("summarize this document", "file_processing"),
        ("use the tool to look it up", "function_calling"),
    ],
)
def test_a_message_has_a_task(message: str, task: str) -> None:
    assert task_type_of(message) == task
    assert task_type_of(message, has_code=True) == "coding"
