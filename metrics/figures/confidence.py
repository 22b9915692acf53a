"""How sure the results are: their distribution in steps of 5 %, and those below a threshold (S0.44, S0.204).

The threshold is the plan's `targets.confidence_threshold`, else 0.7; it is cut to a whole step, so that the count is
exact: the fold keeps a counter a step (`confidence_bin.<n>`), not every value.
"""

from collections.abc import Mapping

from events.numbers import PPM, ppm
from events.runs import RunDeclared
from events.snapshots import Confidence
from metrics.fold.counters import CONFIDENCE_BIN, CONFIDENCE_STEP_PPM

STEPS = PPM // CONFIDENCE_STEP_PPM
THRESHOLD = 0.7
TARGET = "confidence_threshold"
BINS_SQL = (
    f"sumMap(if(isNull(r.confidence_ppm), map(),"
    f" map(toUInt8(intDiv(assumeNotNull(r.confidence_ppm), {CONFIDENCE_STEP_PPM})), toUInt64(1))))"
)


def confidence(totals: Mapping[str, int], plan: RunDeclared | None) -> Confidence:
    """The run's confidence; `totals`: its flat counters."""
    count = totals.get("confidence_count", 0)
    steps = [totals.get(f"{CONFIDENCE_BIN}{step}", 0) for step in range(STEPS + 1)]
    return Confidence(
        mean=totals.get("confidence_sum_ppm", 0) / count / PPM if count else None,
        threshold=_first_good(plan) / STEPS,
        violations=violations(totals, plan),
        distribution=[*steps[:-2], steps[-2] + steps[-1]] if count else [],
    )


def violations(totals: Mapping[str, int], plan: RunDeclared | None) -> int:
    """Results below the threshold."""
    return sum(totals.get(f"{CONFIDENCE_BIN}{step}", 0) for step in range(_first_good(plan)))


def violations_sql(bins: str, targets: str) -> str:
    """The same by SQL: of a map of bins and a map of targets."""
    first = f"intDiv(toInt64(roundBankers(if(mapContains({targets}, '{TARGET}'), {targets}['{TARGET}'], {THRESHOLD})"
    first += f" * 1e6)), {CONFIDENCE_STEP_PPM})"
    return f"arraySum(mapValues(mapFilter((step, amount) -> step < {first}, {bins})))"


def _first_good(plan: RunDeclared | None) -> int:
    """The first step that is at or above the threshold."""
    targets = (plan.targets if plan else None) or {}
    return ppm(min(1.0, max(0.0, targets.get(TARGET, THRESHOLD)))) // CONFIDENCE_STEP_PPM
