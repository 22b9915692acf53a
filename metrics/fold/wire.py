"""Counters as the wire shows them: families nested, histogram bins and zeros left out, names bounded."""

from collections.abc import Mapping
from typing import Any

from .counters import CONFIDENCE_BIN, LATENCY_BIN, SPAN, add_counters
from .groups import FAMILIES, LABELS, NAMED_PER_SNAPSHOT, OTHER, SUMMED, TOTALS, Group
from .histogram import Bins

Flat = Mapping[str, int]


def by_label(whole_run: Mapping[Group, dict[str, int]]) -> dict[str, dict[str, dict[str, int]]]:
    """Label → value → flat counters: at most 200 values, most results first, then by name; the rest is `__other__`."""
    labels: dict[str, dict[str, dict[str, int]]] = {label: {} for label in LABELS}
    for (label, value), counters in whole_run.items():
        if label != TOTALS:
            labels[label][value] = counters
    return {label: _bounded(values) for label, values in labels.items()}


def _bounded(values: dict[str, dict[str, int]]) -> dict[str, dict[str, int]]:
    order = sorted((value for value in values if value != OTHER), key=lambda v: (-values[v].get("results", 0), v))
    named = {value: values[value] for value in order[:NAMED_PER_SNAPSHOT]}
    rest = order[NAMED_PER_SNAPSHOT:] + [OTHER] * (OTHER in values)
    if rest:
        other = named[OTHER] = {}
        for value in rest:
            add_counters(other, values[value])
    return named


def known_names(totals: Flat) -> dict[str, set[str]]:
    """Family → the names that a snapshot shows: at most 200, the largest of the totals first, then by name."""
    sizes: dict[str, dict[str, int]] = {family: {} for family in FAMILIES}
    for flat, amount in totals.items():
        family, _, name = flat.partition(".")
        if family in SUMMED and name.endswith(".count"):
            sizes[family][name.removesuffix(".count")] = amount
        elif family in sizes and family not in SUMMED:
            sizes[family][name] = amount
    return {
        family: set(sorted(amounts, key=lambda name: (-amounts[name], name))[:NAMED_PER_SNAPSHOT])
        for family, amounts in ((family, {n: a for n, a in s.items() if n != OTHER}) for family, s in sizes.items())
    }


def nested(counters: Flat, names: Mapping[str, set[str]]) -> dict[str, Any]:
    """Flat counters as a snapshot carries them; `names` as of `known_names`."""
    plain: dict[str, Any] = {}
    families: dict[str, dict[str, Any]] = {}
    for flat, amount in counters.items():
        family, dot, name = flat.partition(".")
        if not amount or flat.startswith((LATENCY_BIN, CONFIDENCE_BIN)) or flat in SPAN:
            continue
        if not dot:
            plain[flat] = amount
        elif family in SUMMED:
            name, _, part = name.rpartition(".")
            nothing = {SUMMED[family]: 0, "count": 0}
            sums = families.setdefault(family, {}).setdefault(_shown(name, names[family]), nothing)
            sums[part] += amount
        else:
            shown = families.setdefault(family, {})
            shown[_shown(name, names[family])] = shown.get(_shown(name, names[family]), 0) + amount
    return plain | families


def _shown(name: str, known: set[str]) -> str:
    return name if name in known else OTHER


def latency_bins(counters: Flat) -> Bins:
    """The latency histogram among flat counters."""
    return {
        int(flat.removeprefix(LATENCY_BIN)): amount for flat, amount in counters.items() if flat.startswith(LATENCY_BIN)
    }
