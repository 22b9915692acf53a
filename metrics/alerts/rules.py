"""Alert rules: a metric, a threshold, how long, how grave and in which words. Rules are data (`rules.toml`, events)."""

import tomllib
from collections.abc import Mapping
from importlib import resources
from typing import Annotated, Any, Literal, NamedTuple

import msgspec
from msgspec import Meta

from events.envelope import Label, Severity, Text
from events.runs import RuleChange
from metrics.errors import BadRule

from .signals import SIGNALS

GRAVITY: dict[Severity, int] = {"info": 0, "warning": 1, "error": 2, "critical": 3}
_MAX_RULES = 200


class Rule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """When somebody is told, and what.

    `metric`: a name of `signals.SIGNALS`. `above` or `below`: the threshold, in the metric's unit, or as a multiple of
    the metric's own reference where it has one. `levels` instead of both: a threshold for each severity, the graver
    the further; each level is an alert of its own. `clear`: where it counts as over, by default 10 % inside the
    threshold. `window_s` of event time; `for_s`: the condition holds so long before it fires. `min_samples`: with fewer
    results there is no figure. `no_data`: without one, `resolve` as if all were well, `keep` what is, or `fire`.
    `{label}` in `message` becomes what the alert is about (a model, a provider, a score).
    """

    metric: Label
    message: Text
    action: Text
    severity: Severity = "warning"
    above: float | None = None
    below: float | None = None
    levels: dict[Severity, float] | None = None
    clear: float | None = None
    window_s: Annotated[float, Meta(ge=10, le=3600)] = 600
    for_s: Annotated[float, Meta(ge=0, le=86_400)] = 60
    min_samples: Annotated[int, Meta(ge=0, le=10**9)] = 20
    no_data: Literal["resolve", "keep", "fire"] = "resolve"
    enabled: bool = True


class Condition(NamedTuple):
    """One threshold of a rule. `is_above`: it is broken by what is higher. `clear`: where it counts as over."""

    severity: Severity
    threshold: float
    clear: float
    is_above: bool

    def holds(self, value: float, reference: float) -> bool:
        """Whether the threshold is broken."""
        edge = self.threshold * reference
        return value > edge if self.is_above else value < edge

    def is_over(self, value: float, reference: float) -> bool:
        """Whether the value is far enough on the good side."""
        edge = self.clear * reference
        return value <= edge if self.is_above else value >= edge


Rules = Mapping[str, Rule]


class Armed(NamedTuple):
    """A rule that is on, ready to be looked at. `label`: what its metric's readings are values of."""

    name: str
    rule: Rule
    conditions: tuple[Condition, ...]
    label: str | None


def armed(rules: Rules) -> dict[str, Armed]:
    """The rules that are on, by name, in a fixed order."""
    return {
        name: Armed(name, one, tuple(conditions(one)), SIGNALS[one.metric].label)
        for name, one in sorted(rules.items())
        if one.enabled
    }


def conditions(rule: Rule) -> list[Condition]:
    """A rule's thresholds, one or one a level."""
    if rule.levels is None:
        is_above = rule.above is not None
        return [_condition(rule, rule.severity, (rule.above if is_above else rule.below) or 0.0, is_above=is_above)]
    ordered = sorted(rule.levels.items(), key=lambda level: GRAVITY[level[0]])
    rising = ordered[0][1] <= ordered[-1][1]
    return [_condition(rule, severity, threshold, is_above=rising) for severity, threshold in ordered]


def _condition(rule: Rule, severity: Severity, threshold: float, *, is_above: bool) -> Condition:
    inside = abs(threshold) * 0.1
    clear = rule.clear if rule.clear is not None else threshold - inside if is_above else threshold + inside
    return Condition(severity, threshold, clear, is_above)


def parse(text: str, where: str = "the rules", base: Rules | None = None) -> dict[str, Rule]:
    """Rules by name, from TOML; fields that are not given are those of the rule of that name in `base`.

    Raises BadRule, which names the rule and the field; `where` is the text's name.
    """
    try:
        tables = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise BadRule(f"{where}: no TOML: {error}") from error
    return {name: rule(name, _over((base or {}).get(name), fields), where) for name, fields in tables.items()}


def rule(name: str, fields: Any, where: str = "the rules") -> Rule:
    """One rule. Raises BadRule."""
    try:
        found = msgspec.convert(fields, Rule)
    except msgspec.ValidationError as error:
        raise BadRule(f"{where}: rule {name!r}: {error}") from error
    problem = _problem(found)
    if problem is not None:
        raise BadRule(f"{where}: rule {name!r}: {problem}")
    return found


def _problem(found: Rule) -> str | None:
    if found.metric not in SIGNALS:
        return f"there is no metric {found.metric!r}: {', '.join(sorted(SIGNALS))}"
    given = [name for name in ("above", "below", "levels") if getattr(found, name) is not None]
    if len(given) != 1:
        return f"one of above, below and levels is needed, given: {', '.join(given) or 'none'}"
    if found.levels is not None:
        ordered = [found.levels[severity] for severity in GRAVITY if severity in found.levels]
        if not ordered or (ordered != sorted(ordered) and ordered != sorted(ordered, reverse=True)):
            return "levels must rise, or fall, with their severity"
    for condition in conditions(found):
        if condition.holds(condition.clear, 1.0):
            return f"at clear = {condition.clear:g} the condition still holds"
    return None


def changed(rules: Rules, *changes: Mapping[str, RuleChange]) -> tuple[dict[str, Rule], list[str]]:
    """The rules after changes, later ones on top, and what is wrong with changes that cannot be applied."""
    found, problems = dict(rules), []
    for by_name in changes:
        for name, change in sorted(by_name.items()):
            if name not in found and len(found) >= _MAX_RULES:
                problems.append(f"rule {name!r}: there are {_MAX_RULES} already")
                continue
            try:
                given = {name: value for name, value in msgspec.structs.asdict(change).items() if value is not None}
                found[name] = rule(name, _over(found.get(name), given))
            except BadRule as bad:
                problems.append(str(bad))
    return found, problems


def _over(before: Rule | None, given: Any) -> Any:
    """The fields of a changed rule; a threshold that is given takes the place of the one that was there."""
    if before is None or not isinstance(given, dict):
        return given
    known = msgspec.structs.asdict(before)
    if given.keys() & {"above", "below", "levels"}:
        known |= {"above": None, "below": None, "levels": None, "clear": None}
    return known | given


BUILT_IN: Rules = parse(resources.files(__package__).joinpath("rules.toml").read_text("utf-8"), "rules.toml")
BUILT_IN_ARMED: Mapping[str, Armed] = armed(BUILT_IN)
