"""What is said of an interpolation is never less than what it is off, and hardly more."""

import math
from collections.abc import Sequence

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from gpbop import Float, Space
from gpbop.scoring.interpolation import Power, Powers, nodes_along
from gpbop.surrogate.factor import Factor
from tests.scoring.candidates import process

SMOOTHNESSES = ["matern52", "matern32", "rbf"]


def weights_along(levels: Tensor, stride: int) -> Tensor:
    """Return the matrix of 1 - I along one axis: what it is that each level differs from its chord by."""
    nodes = nodes_along(len(levels), stride)
    W = torch.zeros(len(levels), len(levels), dtype=torch.float64)
    for i, u in enumerate(levels):
        high = next(node for node in nodes if node >= max(i, 1))
        low = max(node for node in nodes if node < high)
        w = (levels[high] - u) / (levels[high] - levels[low])
        W[i, low] += w
        W[i, high] += 1.0 - w
    return W


def largest_residual(factor: Factor, axes: Sequence[Tensor], strides: Sequence[int]) -> float:
    """Return the largest standard deviation of f - I f over a grid, of a draw of the prior."""
    X = torch.cartesian_prod(*axes).reshape(-1, len(axes))
    features = factor.form.features(X)
    K = factor.form.evaluate(factor.theta.unsqueeze(0), features, features).covariance[0]
    W = torch.ones(1, 1, dtype=torch.float64)
    for levels, stride in zip(axes, strides, strict=True):
        W = torch.kron(W, weights_along(levels, stride))
    R = torch.eye(len(X), dtype=torch.float64) - W
    return math.sqrt(max(float(((R @ K) * R).sum(1).max()), 0.0))


def power_of(factor: Factor, axes: Sequence[Tensor], strides: Sequence[int]) -> Power:
    powers = Powers(factor)
    alone = (powers.along(axes[column], column)(stride) for column, stride in enumerate(strides))
    return sum(alone, Power())


@st.composite
def grids(draw: st.DrawFn) -> tuple[list[Tensor], list[int]]:
    """Draw the levels of up to four axes, unevenly spaced, and strides along them."""
    axes, strides = [], []
    for _ in range(draw(st.integers(1, 4))):
        steps = draw(st.lists(st.floats(0.02, 0.3), min_size=1, max_size=4))
        axes.append(torch.tensor([0.0, *steps], dtype=torch.float64).cumsum(0))
        strides.append(draw(st.integers(1, len(steps))))
    return axes, strides


@pytest.mark.parametrize("smoothness", SMOOTHNESSES)
@given(grid=grids(), lengthscale=st.sampled_from([0.03, 0.3, 1.0, 5.0]))
def test_nothing_is_further_from_its_interpolation(
    smoothness: str, lengthscale: float, grid: tuple[list[Tensor], list[int]]
) -> None:
    axes, strides = grid
    space = Space({f"x{i}": Float(0.0, 1.0) for i in range(len(axes))})
    gp = process(space, 6, smoothness=smoothness, outputscale=2.0, lengthscale=lengthscale)
    power = power_of(gp.factor, axes, strides)
    # The residual is computed with an error of some 1e-16, of which the root is taken.
    assert largest_residual(gp.factor, axes, strides) <= power.bound + 1e-7
    assert power.bound <= power.sums[0] * (1.0 + 1e-8)


@pytest.mark.parametrize("smoothness", SMOOTHNESSES)
@given(grid=grids(), lengthscale=st.sampled_from([0.03, 0.3, 1.0, 5.0]), axis=st.integers(0, 3))
def test_along_one_parameter_it_is_the_largest_residual(
    smoothness: str, lengthscale: float, axis: int, grid: tuple[list[Tensor], list[int]]
) -> None:
    axes, strides = ([part[axis % len(part)]] for part in grid)
    gp = process(Space({"x": Float(0.0, 1.0)}), 6, smoothness=smoothness, lengthscale=lengthscale)
    largest = largest_residual(gp.factor, axes, strides)
    assert power_of(gp.factor, axes, strides).bound <= largest + 1e-6


@pytest.mark.parametrize(("smoothness", "within"), [("rbf", 1.02), ("matern52", 1.15)])
def test_of_narrow_cells_hardly_more_is_said(smoothness: str, within: float) -> None:
    """The residuals along four equal parameters add up to sqrt((4 + 2) / (3 * 4)) of their sum."""
    axes = [torch.tensor([0.0, 0.05, 0.1], dtype=torch.float64)] * 4
    gp = process(Space({f"x{i}": Float(0.0, 1.0) for i in range(4)}), 6, smoothness=smoothness, lengthscale=2.0)
    power = power_of(gp.factor, axes, [2] * 4)
    assert power.bound <= within * largest_residual(gp.factor, axes, [2] * 4)
    assert power.bound < 0.85 * power.sums[0]


def test_powers_of_parameters_add_up_in_any_order() -> None:
    gp = process(Space({f"x{i}": Float(0.0, 1.0) for i in range(3)}), 6)
    axes = [torch.linspace(0.0, 1.0, size, dtype=torch.float64) for size in (3, 5, 9)]
    powers = Powers(gp.factor)
    one, two, three = (powers.along(levels, column)(2) for column, levels in enumerate(axes))
    assert ((one + two) + three).bound == pytest.approx((three + (one + two)).bound, rel=1e-12)
    assert (one + Power()).bound == one.bound
    assert Power().bound == 0.0
    assert powers.along(axes[0], 0)(1) == Power()
