"""Standardisation and merging of repeats."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from gpbop.surrogate.targets import Standardization, group_means, group_repeats


@given(st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=20), st.floats(0.1, 10.0), st.floats(-10.0, 10.0))
def test_round_trip_and_invariance(values: list[float], factor: float, shift: float) -> None:
    y = torch.tensor(values, dtype=torch.float64)
    standardization = Standardization.of(y)
    z = standardization.standardize(y)
    size = float(y.abs().max()) + 1e-300
    torch.testing.assert_close(standardization.restore_mean(z), y, rtol=1e-9, atol=1e-9 * size)
    if float(y.std()) > 1e-6 * size:
        torch.testing.assert_close(z.mean(), torch.zeros_like(z[0]), rtol=0, atol=1e-7)
        torch.testing.assert_close(z.std(), torch.ones_like(z[0]), rtol=1e-7, atol=0)
        moved = y * factor + shift * size
        torch.testing.assert_close(Standardization.of(moved).standardize(moved), z, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("size", [1e-300, 1e-150, 1.0, 1e150, 1e300, 1.7e308])
def test_extreme_sizes_stay_finite(size: float) -> None:
    y = torch.tensor([-1.0, 0.25, 0.5, 1.0], dtype=torch.float64)
    expected = Standardization.of(y).standardize(y)
    torch.testing.assert_close(Standardization.of(y * size).standardize(y * size), expected, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("value", [0.0, 3.5, -1e300, 1e-300, 5e-324])
@pytest.mark.parametrize("n", [1, 4])
def test_constant_values_become_zero(value: float, n: int) -> None:
    y = torch.full((n,), value, dtype=torch.float64)
    standardization = Standardization.of(y)
    assert torch.equal(standardization.standardize(y), torch.zeros(n, dtype=torch.float64))
    assert standardization.scale > 0.0


@given(st.lists(st.integers(0, 4), min_size=1, max_size=30))
def test_grouping_equals_a_dictionary(codes: list[int]) -> None:
    X = torch.tensor([[float(c), float(c % 2)] for c in codes], dtype=torch.float64)
    values = torch.arange(len(codes), dtype=torch.float64)
    first, group = group_repeats(X)
    means, counts = group_means(values, group)
    seen: dict[int, list[int]] = {}
    for i, code in enumerate(codes):
        seen.setdefault(code, []).append(i)
    assert first.tolist() == [rows[0] for rows in seen.values()]
    assert counts.tolist() == [len(rows) for rows in seen.values()]
    expected = torch.tensor([sum(rows) / len(rows) for rows in seen.values()], dtype=torch.float64)
    torch.testing.assert_close(means, expected)
    assert torch.equal(X[first][group], X)
