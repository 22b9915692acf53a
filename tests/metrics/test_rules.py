"""Rules as data: what is refused, with one clear sentence, and what becomes of changes."""

from random import Random

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from events.envelope import Event
from events.runs import AlertSilenced, AlertUnsilenced, RuleChange, RulesChanged
from metrics.alerts.rules import BUILT_IN, changed, conditions, parse
from metrics.errors import BadRule
from metrics.fold.buckets import moment
from metrics.fold.lifecycle import Lifecycle, Stamp

TEXTS = 'message = "m"\naction = "a"\n'


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[r", "no TOML"),
        ("[r]\nabove = 1", "metric"),
        ('[r]\nmetric = "nothing"\nabove = 1\n' + TEXTS, "there is no metric 'nothing'"),
        ('[r]\nmetric = "error_rate"\n' + TEXTS, "one of above, below and levels is needed, given: none"),
        ('[r]\nmetric = "error_rate"\nabove = 1\nbelow = 0\n' + TEXTS, "given: above, below"),
        ('[r]\nmetric = "error_rate"\nabove = "1"\n' + TEXTS, "$.above"),
        ('[r]\nmetric = "error_rate"\nabove = 1\nmisspelt = 2\n' + TEXTS, "misspelt"),
        ('[r]\nmetric = "error_rate"\nabove = 1\nwindow_s = 3601\n' + TEXTS, "$.window_s"),
        ('[r]\nmetric = "error_rate"\nabove = 1\nseverity = "awful"\n' + TEXTS, "awful"),
        ('[r]\nmetric = "error_rate"\nabove = 1\nclear = 2\n' + TEXTS, "still holds"),
        ('[r]\nmetric = "error_rate"\nlevels = { info = 1, warning = 3, error = 2 }\n' + TEXTS, "levels must rise"),
        ("r = 1", "'r'"),
    ],
)
def test_a_bad_rule_is_refused_by_name(text: str, said: str) -> None:
    with pytest.raises(BadRule) as caught:
        parse(text, "mine.toml")
    assert str(caught.value).startswith("mine.toml: ")
    assert said in str(caught.value)


def test_a_file_changes_what_is_there() -> None:
    found = parse("[error_rate]\nbelow = 0.5", base=BUILT_IN)
    assert found.keys() == {"error_rate"}
    assert (found["error_rate"].above, found["error_rate"].below) == (None, 0.5)
    assert found["error_rate"].message == "Error rate elevated"


def test_ten_percent_inside() -> None:
    [error_rate], [cheap] = (conditions(BUILT_IN[name]) for name in ("error_rate", "cheap_model_usage"))
    assert error_rate.holds(0.0501, 1.0)
    assert not error_rate.holds(0.05, 1.0)
    assert error_rate.is_over(0.045, 1.0)
    assert not error_rate.is_over(0.0451, 1.0)
    assert error_rate.is_over(0.09, 2.0)
    assert not error_rate.is_over(0.091, 2.0)
    assert cheap.holds(0.69, 1.0)
    assert not cheap.holds(0.7, 1.0)
    assert cheap.is_over(cheap.clear, 1.0)
    assert cheap.is_over(0.7701, 1.0)
    assert not cheap.is_over(0.76, 1.0)


def test_changes_lie_on_top_of_each_other_and_a_bad_one_changes_nothing() -> None:
    rules, problems = changed(
        BUILT_IN,
        {"error_rate": RuleChange(above=0.2), "budget": RuleChange(above=0.5), "new": RuleChange(above=1.0)},
        {"error_rate": RuleChange(for_s=5), "queue_depth": RuleChange(clear=5000.0)},
    )
    assert (rules["error_rate"].above, rules["error_rate"].for_s) == (0.2, 5)
    assert (rules["budget"].levels, rules["budget"].above) == (None, 0.5)
    assert rules["queue_depth"] == BUILT_IN["queue_depth"]
    assert "new" not in rules
    assert len(problems) == 2


def test_one_level_is_a_threshold_from_below() -> None:
    [only] = conditions(msgspec.structs.replace(BUILT_IN["budget"], levels={"critical": 0.9}))
    assert (only.is_above, only.severity) == (True, "critical")


def test_there_may_be_two_hundred_rules() -> None:
    full = {f"rule {number}": BUILT_IN["error_rate"] for number in range(199)}
    new = msgspec.convert(msgspec.structs.asdict(BUILT_IN["budget"]), RuleChange)
    rules, problems = changed(full, {"last": new, "rule 0": RuleChange(above=0.5)}, {"one more": new})
    assert (len(rules), rules["rule 0"].above) == (200, 0.5)
    assert problems == ["rule 'one more': there are 200 already"]
    assert changed(rules, {"last": RuleChange(enabled=False)})[0]["last"].enabled is False


def event(number: int, kind: int) -> Event:
    head = {"event_id": str(number), "event_time": moment(0)}
    if kind == 0:
        return RulesChanged(**head, rules={"r": RuleChange(above=float(number)), "q": RuleChange(enabled=False)})
    if kind == 1:
        return RulesChanged(**head, rules={"r": RuleChange(below=float(number), for_s=float(number))})
    if kind == 2:
        return AlertSilenced(**head, silence_id="s", until=moment(number))
    return AlertUnsilenced(**head, silence_id="s")


def test_a_threshold_is_given_whole_and_the_rest_field_by_field() -> None:
    life = Lifecycle()
    said = [RuleChange(above=1.0, clear=0.5), RuleChange(for_s=5), RuleChange(below=0.2)]
    for number, change in enumerate(said):
        told = RulesChanged(event_id=str(number), event_time=moment(0), rules={"r": change})
        life = life.take(told, Stamp(10 + number, 0, number))
        assert life.recorded_ms == 10 + number
        assert life.rules["r"].above == (1.0 if number < 2 else None)
    assert life.rules == {"r": RuleChange(below=0.2, for_s=5)}


@given(st.lists(st.integers(0, 3), max_size=8), st.randoms(use_true_random=False))
def test_the_order_of_reading_does_not_matter(kinds: list[int], chance: Random) -> None:
    told = [(event(number, kind), Stamp(number // 2, number % 2, number)) for number, kind in enumerate(kinds)]
    shuffled = [*told, *told]
    chance.shuffle(shuffled)
    lives = []
    for order in (told, shuffled):
        life = Lifecycle()
        for one, at in order:
            life = life.take(one, at)  # type: ignore[arg-type]
        lives.append(life)
    assert lives[0].rules == lives[1].rules
    assert lives[0].silences == lives[1].silences
    assert lives[0].said == lives[1].said
