"""Which alert rules are in force for a run: the built-in ones, as events changed them for all runs and for this one."""

import logging
from collections.abc import Mapping
from typing import NamedTuple

from events.runs import RuleChange
from metrics.alerts.rules import BUILT_IN, BUILT_IN_ARMED, Armed, armed, changed
from metrics.fold.lifecycle import Lifecycle, Silence
from metrics.registers import RunRegisters

log = logging.getLogger(__name__)

_NOTHING = Lifecycle()


class _Merged(NamedTuple):
    common: Mapping[str, RuleChange]
    own: Mapping[str, RuleChange]
    rules: Mapping[str, Armed]


class RulesInForce:
    """Rules by run, worked out anew only where an event changed them."""

    def __init__(self) -> None:
        self._merged: dict[str, _Merged] = {}

    def forget(self, run_id: str) -> None:
        """Nothing is decided of the run until something comes for it."""
        self._merged.pop(run_id, None)

    def of(
        self, registers: RunRegisters, common: RunRegisters | None
    ) -> tuple[Mapping[str, Armed], Mapping[str, Silence]]:
        """The rules and silences of a run; `common` are the registers of all runs. What is wrong in them is logged."""
        every = _NOTHING if common is None else common.lifecycle
        own = registers.lifecycle
        silences = {**every.silences, **own.silences} if every.silences or own.silences else {}
        if not every.rules and not own.rules:
            return BUILT_IN_ARMED, silences
        known = self._merged.get(registers.run_id)
        if known is None or known.common is not every.rules or known.own is not own.rules:
            rules, problems = changed(BUILT_IN, every.rules, own.rules)
            for problem in problems:
                log.warning("run %s: a changed alert rule is not used: %s", registers.run_id, problem)
            known = self._merged[registers.run_id] = _Merged(every.rules, own.rules, armed(rules))
        return known.rules, silences
