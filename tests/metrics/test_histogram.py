import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from metrics.fold.histogram import RELATIVE_ERROR, bins_of, percentile, representative

latencies = st.integers(0, 5_000) | st.integers(0, 10**12)


def bin_of(value_ms: int) -> int:
    return int(bins_of(np.array([value_ms], dtype=np.float64))[0])


@given(latencies)
def test_a_bin_stands_for_each_of_its_values_within_one_percent(value: int) -> None:
    assert abs(representative(bin_of(value)) - value) <= RELATIVE_ERROR * value * (1 + 1e-9)


@given(st.lists(latencies, min_size=1, max_size=50), st.sampled_from([0.0, 0.5, 0.95, 0.99, 1.0]))
def test_a_percentile_is_within_one_percent_of_the_exact_one(values: list[int], q: float) -> None:
    histogram: dict[int, int] = {}
    for value in values:
        histogram[bin_of(value)] = histogram.get(bin_of(value), 0) + 1
    found = percentile(histogram, q)
    exact = sorted(values)[int(q * (len(values) - 1))]
    assert found is not None
    assert abs(found - exact) <= RELATIVE_ERROR * exact * (1 + 1e-9)


@given(latencies, latencies)
def test_bins_are_in_the_order_of_their_values(one: int, other: int) -> None:
    low, high = sorted((one, other))
    assert bin_of(low) <= bin_of(high)


def test_a_percentile_is_the_value_at_its_rank() -> None:
    one, two = bin_of(1), bin_of(2)
    assert [percentile({one: 1, two: 1}, q) for q in (0.0, 0.99, 1.0)] == [1.0, 1.0, representative(two)]


def test_nothing_has_no_percentile() -> None:
    assert percentile({}, 0.5) is None
