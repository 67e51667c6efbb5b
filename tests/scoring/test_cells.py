"""What is said of a cell holds for every candidate in it."""

import math
from collections.abc import Sequence
from itertools import pairwise

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from gpbop import Categorical, Float, Integer, Ordinal, Space
from gpbop.acquisition import Question
from gpbop.scoring.cells import Cells, strides_within
from gpbop.scoring.criteria import criterion
from gpbop.scoring.partial import squared_norm
from gpbop.scoring.rounding import DenseRounding
from gpbop.scoring.screening import Bounds
from gpbop.scoring.sources.blocks import Strip
from gpbop.surrogate.factor import Factor
from tests.scoring.candidates import process

SPACE = Space(
    {
        "a": Integer(1, 12, log=True),
        "b": Categorical(["x", "y", "z"]),
        "c": Float(0.0, 1.0, step=0.125),
        "d": Ordinal([1, 2, 5, 10, 20]),
    }
)
AXES = ((12, 0), (3, None), (9, 2), (5, 3))


def strip() -> Strip:
    """Return the whole grid as the second halves of one strip."""
    index = torch.arange(int(SPACE.size))
    X = SPACE.grid_rows(index)
    is_second = torch.ones(SPACE.d, dtype=torch.bool)
    return Strip(index[:1], index, X[:1], X, is_second, AXES)


def cells_of(factor: Factor, strides: Sequence[int]) -> Cells:
    norm = squared_norm(factor, DenseRounding.of(factor).rho) ** 0.5
    return Cells.of(strip(), factor, norm, strides)


STRIDES = st.tuples(st.integers(1, 12), st.just(1), st.integers(1, 9), st.integers(1, 5))


@given(strides=STRIDES)
def test_every_candidate_is_in_one_cell(strides: tuple[int, ...]) -> None:
    cells = cells_of(process(SPACE, 10).factor, strides)
    everything = cells.places(torch.arange(len(cells.counts)))
    assert everything.sort().values.tolist() == list(range(int(SPACE.size)))
    assert int(cells.counts.sum()) == int(SPACE.size)
    assert len(cells.nodes) == math.prod(cells.shape)


@pytest.mark.parametrize("smoothness", ["matern52", "matern32", "rbf"])
@settings(max_examples=25)
@given(
    strides=STRIDES,
    noise=st.sampled_from([1e-6, 1e-2, 1.0]),
    lengthscale=st.sampled_from([0.1, 0.5, 3.0]),
    seed=st.integers(0, 1000),
    direction=st.sampled_from(["minimize", "maximize"]),
)
def test_bounds_of_cells_hold(
    smoothness: str, strides: tuple[int, ...], noise: float, lengthscale: float, seed: int, direction: str
) -> None:
    gp = process(SPACE, 15, noise=noise, lengthscale=lengthscale, smoothness=smoothness, seed=seed, outputscale=2.0)
    whole, asked = strip(), criterion("ucb", Question(gp, direction))
    cells = cells_of(gp.factor, strides)
    mean, variance = gp.factor.moments(whole.X_second)
    at_nodes = Bounds(mean[cells.nodes].unsqueeze(1), torch.zeros(len(cells.nodes), 1).double(), variance[cells.nodes])
    bounds = cells.bounds(at_nodes, asked)
    cell = torch.empty(len(mean), dtype=torch.long)
    for number in range(len(cells.counts)):
        cell[cells.places(torch.tensor([number]))] = number
    assert float((asked.sign * (mean - bounds.mean[cell, 0])).max()) <= 1e-9
    assert float((variance.sqrt() - bounds.high[cell].sqrt()).max()) <= 1e-9


def test_bounds_of_narrow_cells_are_tight() -> None:
    """A bound that is always wide would hold too: along a smooth parameter it must be worth having."""
    gp, whole = process(SPACE, 40, lengthscale=5.0, smoothness="rbf"), strip()
    cells = cells_of(gp.factor, (1, 1, 2, 1))
    assert cells.norm * cells.power < 0.1 * float(gp.factor.moments(whole.X_second)[0].std())


@given(most=st.floats(1e-4, 10.0))
def test_strides_keep_what_was_asked(most: float) -> None:
    factor, whole = process(SPACE, 10).factor, strip()
    strides = strides_within(whole, factor, most)
    assert strides[1] == 1
    if max(strides) > 1:
        assert cells_of(factor, strides).power <= most
    wider = strides_within(whole, factor, 4.0 * most)
    assert math.prod(wider) >= math.prod(strides)


def test_all_second_halves_of_some_first_halves() -> None:
    cells = cells_of(process(SPACE, 10).factor, (4, 1, 3, 2))
    q, number = int(SPACE.size), len(cells.counts)
    places = cells.places(torch.tensor([0, number + 2]))
    assert set((places // q).tolist()) == {0, 1}
    assert sorted((places[places >= q] - q).tolist()) == sorted(cells.places(torch.tensor([2])).tolist())


@pytest.mark.parametrize("smoothness", ["matern52", "matern32", "rbf"])
@pytest.mark.parametrize(("axis", "stride"), [(0, 4), (0, 11), (2, 3), (3, 2)])
def test_the_power_is_the_largest_deviation_from_the_chord(smoothness: str, axis: int, stride: int) -> None:
    factor, whole = process(SPACE, 10, smoothness=smoothness, outputscale=2.0).factor, strip()
    strides = [stride if other == axis else 1 for other in range(len(AXES))]
    cells = cells_of(factor, strides)
    size, column = AXES[axis]
    rows = whole.X_second[0].repeat(size, 1)
    rows[:, column] = whole.X_second[:, column].unique()
    features = factor.form.features(rows)
    K = factor.form.evaluate(factor.theta.unsqueeze(0), features, features).covariance[0]
    nodes = [*range(0, size - 1, stride), size - 1]
    largest = 0.0
    for low, high in pairwise(nodes):
        for level in range(low, high):
            w = (rows[high, column] - rows[level, column]) / (rows[high, column] - rows[low, column])
            weights = torch.zeros(size, dtype=torch.float64)
            weights[level] += 1.0
            weights[low] -= w
            weights[high] -= 1.0 - w
            largest = max(largest, float(weights @ K @ weights) ** 0.5)
    assert largest <= cells.power <= largest + 1e-6
