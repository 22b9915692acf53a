"""Labels and their values: which a result carries, how many are named, and what becomes of the rest.

DETAILS.md, Groups: a partition names the first 2,000 values of a label in offset order, a snapshot at most 200 of
these, most results first, then by name; the rest is `__other__`. A label left empty is not carried.
"""

OTHER = "__other__"
NAMED_PER_PARTITION = 2_000
NAMED_PER_SNAPSHOT = 200

Group = tuple[str, str]
"""A label and a value of it: which rows a result adds to."""

TOTALS = "totals"
LABELS = ("tier", "model", "provider", "band", "task_type", "component_type", "variant")
BUCKETED = ("totals", "tier", "model", "provider")
"""These have bucket rows beside the row of the whole run."""
SUMMED = {"scores": "sum_micro", "stages": "ms_sum", "stage_costs": "nano_usd_sum"}
"""Families that add up amounts: family → its sum. Beside the sum stands a `count`."""
FAMILIES = (*SUMMED, "findings", "records")
"""Open families of counters, whose names are bounded as the values of labels are."""


class Names:
    """The values that one partition names in one run, by label or family."""

    def __init__(self) -> None:
        self._named: dict[str, set[str]] = {}
        self.truncated: set[str] = set()

    def admit(self, label: str, value: str) -> str:
        """The value itself while there is room for it, else `__other__`."""
        named = self._named.setdefault(label, set())
        if value in named:
            return value
        if value == OTHER or len(named) >= NAMED_PER_PARTITION:
            if value != OTHER:
                self.truncated.add(label)
            return OTHER
        named.add(value)
        return value

    def restore(self, label: str, value: str) -> None:
        """A value that was named before."""
        if value != OTHER:
            self._named.setdefault(label, set()).add(value)
