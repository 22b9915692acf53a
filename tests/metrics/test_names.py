"""Names are bounded: by a partition in the order in which they come, by a snapshot in the order of their size."""

import pytest

from metrics.fold import groups, wire
from metrics.fold.groups import OTHER, TOTALS, Names


def test_a_partition_names_the_first_and_says_what_overflowed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(groups, "NAMED_PER_PARTITION", 2)
    names = Names()
    names.restore("model", OTHER)
    names.restore("model", "a")
    assert [names.admit("model", value) for value in ("b", OTHER, "a", "b")] == ["b", OTHER, "a", "b"]
    assert names.truncated == set()
    assert [names.admit("model", "c"), names.admit("tier", "c")] == [OTHER, "c"]
    assert names.truncated == {"model"}


def test_a_snapshot_names_the_largest_and_adds_up_the_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wire, "NAMED_PER_SNAPSHOT", 2)
    whole_run = {(TOTALS, ""): {"results": 9}} | {
        ("model", name): {"results": n, "failed": 1} for name, n in (("a", 2), ("b", 3), ("c", 2), (OTHER, 1))
    }
    models = wire.by_label(whole_run)["model"]
    assert list(models) == ["b", "a", OTHER]
    assert models[OTHER] == {"results": 3, "failed": 2}
    few = wire.by_label({("tier", "1"): {"results": 1}, ("tier", "2"): {"results": 1}})
    assert list(few["tier"]) == ["1", "2"]


def test_families_show_their_largest_names_and_nothing_of_the_bins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wire, "NAMED_PER_SNAPSHOT", 2)
    totals = {
        "results": 5, "failed": 0, "first_ms": 1, "last_ms": 2, "latency_bin.7": 5, "confidence_bin.3": 5,
        "records.t.1": 2, "records.t.2": 3, "records.t.3": 2, f"records.{OTHER}": 9,
        "scores.a.b.sum_micro": -4, "scores.a.b.count": 2, "scores.c.sum_micro": 0, "scores.c.count": 3,
        "scores.d.sum_micro": 5, "scores.d.count": 1,
    }  # fmt: skip
    names = wire.known_names(totals)
    assert (names["records"], names["scores"], names["findings"]) == ({"t.2", "t.1"}, {"c", "a.b"}, set())
    assert wire.nested(totals, names) == {
        "results": 5,
        "records": {"t.2": 3, "t.1": 2, OTHER: 11},
        "scores": {
            "a.b": {"sum_micro": -4, "count": 2},
            "c": {"sum_micro": 0, "count": 3},
            OTHER: {"sum_micro": 5, "count": 1},
        },
    }  # fmt: skip
    assert wire.latency_bins(totals) == {7: 5}
