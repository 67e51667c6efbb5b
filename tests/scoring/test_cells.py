"""What is said of a cell holds for every candidate in it, and every candidate is in one."""

import math
from collections.abc import Sequence

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from gpbop import Categorical, Float, GaussianProcess, Integer, Ordinal, Space
from gpbop.acquisition import Question
from gpbop.scoring.cells import Cells, Level, Members, sides_of, strides_within
from gpbop.scoring.criteria import criterion
from gpbop.scoring.interpolation import Powers
from gpbop.scoring.partial import squared_norm
from gpbop.scoring.rounding import DenseRounding
from gpbop.scoring.screening import Bounds
from gpbop.scoring.sources.blocks import Axes, Strip
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
# The first halves are a box of `a` and `b`, not all of their levels; the second ones are all of `c` and `d`.
AXES_FIRST, AXES_SECOND = ((7, 0), (2, None)), AXES[2:]
STRIDES = st.tuples(st.integers(1, 12), st.just(1), st.integers(1, 9), st.integers(1, 5))
HALVES = st.tuples(st.integers(1, 7), st.just(1), st.integers(1, 9), st.integers(1, 5))


def whole() -> Tensor:
    """Return the rows of the whole grid."""
    return SPACE.grid_rows(torch.arange(int(SPACE.size)))


def strip() -> Strip:
    """Return a strip of a part of the grid."""
    first = ((torch.arange(3, 10) * 3).unsqueeze(1) + torch.arange(1, 3)).flatten() * 45
    second = torch.arange(45)
    is_second = torch.tensor([False, False, True, True])
    rows = SPACE.grid_rows(first), SPACE.grid_rows(second)
    return Strip(first, second, *rows, is_second, AXES_FIRST, AXES_SECOND)


def cells_of(factor: Factor, strides: Sequence[int], X: Tensor | None = None, axes: Axes = AXES) -> Cells:
    X = whole() if X is None else X
    return Cells.of(torch.arange(len(X)), X, axes, strides, Powers(factor))


def level_of(factor: Factor, strides: Sequence[int]) -> Level:
    part = strip()
    first = cells_of(factor, strides[:2], part.X_first, AXES_FIRST)
    second = cells_of(factor, strides[2:], part.X_second, AXES_SECOND)
    return Level(first, second, squared_norm(factor, DenseRounding.of(factor).rho) ** 0.5)


@given(strides=STRIDES)
def test_every_candidate_is_in_one_cell(strides: tuple[int, ...]) -> None:
    cells = cells_of(process(SPACE, 10).factor, strides)
    order, counts = cells.members
    assert order.sort().values.tolist() == list(range(int(SPACE.size)))
    assert counts.tolist() == [int((cells.cell == number).sum()) for number in range(len(counts))]
    assert int(counts.min()) > 0
    assert len(cells.nodes) == math.prod(cells.shape)


@given(strides=STRIDES)
def test_corners_are_the_nodes_around_a_cell(strides: tuple[int, ...]) -> None:
    cells, X = cells_of(process(SPACE, 10).factor, strides), whole()
    corners = cells.X[cells.corners]
    assert cells.corners.shape == (len(cells.members.counts), 2 ** len(cells.pooled))
    assert torch.equal(cells.X, X[cells.nodes])
    assert bool((corners.amin(1)[cells.cell] <= X).all())
    assert bool((corners.amax(1)[cells.cell] >= X).all())


@given(strides=STRIDES, seed=st.integers(0, 99))
def test_the_largest_at_the_corners_is_that_of_pooled_axes(strides: tuple[int, ...], seed: int) -> None:
    cells = cells_of(process(SPACE, 10).factor, strides)
    values = torch.rand(3, len(cells.nodes), generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    assert torch.equal(cells.largest(values), values[:, cells.corners].amax(2))


@given(wide=STRIDES, narrow=STRIDES)
def test_narrower_cells_are_those_that_share_candidates(wide: tuple[int, ...], narrow: tuple[int, ...]) -> None:
    factor = process(SPACE, 10).factor
    wider, cells = cells_of(factor, wide), cells_of(factor, narrow)
    order, counts = cells.within(wider)
    found = [set(part.tolist()) for part in order.split(counts.tolist())]
    assert found == [set(cells.cell[wider.cell == number].tolist()) for number in range(len(wider.members.counts))]


@given(seed=st.integers(0, 999))
def test_pairs_are_all_pairs_of_members(seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)

    def members(count: int) -> tuple[Members, list[list[int]]]:
        counts = torch.randint(0, 4, (count,), generator=generator)
        order = torch.randperm(int(counts.sum()), generator=generator)
        return Members(order, counts), [part.tolist() for part in order.split(counts.tolist())]

    (one, ones), (other, others) = members(4), members(5)
    cells, other_cells = (torch.randint(0, count, (6,), generator=generator) for count in (4, 5))
    first, second = one.pairs(other, cells, other_cells)
    expected = [
        (a, b) for i, j in zip(cells.tolist(), other_cells.tolist(), strict=True) for a in ones[i] for b in others[j]
    ]
    assert list(zip(first.tolist(), second.tolist(), strict=True)) == expected


@pytest.mark.parametrize("smoothness", ["matern52", "matern32", "rbf"])
@settings(max_examples=25)
@given(
    strides=HALVES,
    noise=st.sampled_from([1e-6, 1e-2, 1.0]),
    lengthscale=st.sampled_from([0.1, 0.5, 3.0]),
    seed=st.integers(0, 1000),
    direction=st.sampled_from(["minimize", "maximize"]),
)
def test_bounds_of_cells_hold(
    smoothness: str, strides: tuple[int, ...], noise: float, lengthscale: float, seed: int, direction: str
) -> None:
    gp = process(SPACE, 15, noise=noise, lengthscale=lengthscale, smoothness=smoothness, seed=seed, outputscale=2.0)
    part, asked = strip(), criterion("ucb", Question(gp, direction))
    level = level_of(gp.factor, strides)
    nodes = level.strip(part, torch.arange(len(level.first.nodes)))
    at_nodes = sides_of(exact(gp, nodes), asked)
    c, other = len(level.first.members.counts), len(level.second.members.counts)
    cell, other_cell = torch.arange(c).repeat_interleave(other), torch.arange(other).repeat(c)
    corners = level.first.corners[cell].unsqueeze(2) * len(level.second.nodes)
    corners = (corners + level.second.corners[other_cell].unsqueeze(1)).flatten(1)
    bounds = level.bounds(at_nodes, corners.mT, asked)
    own = (level.first.cell.unsqueeze(1) * other + level.second.cell).flatten()
    moments = exact(gp, part)
    assert float((asked.sign * (moments.mean - bounds.mean[own])).max()) <= 1e-9
    assert float((moments.high.sqrt() - bounds.high[own].sqrt()).max()) <= 1e-9


def exact(gp: GaussianProcess, strip: Strip) -> Bounds:
    """Return the moments of all candidates of a strip as bounds."""
    mean, variance = gp.factor.moments(strip.block().X)
    return Bounds(mean.unsqueeze(1), torch.zeros_like(mean).unsqueeze(1), variance)


def test_bounds_of_narrow_cells_are_tight() -> None:
    """A bound that is always wide would hold too: along a smooth parameter it must be worth having."""
    gp = process(SPACE, 40, lengthscale=5.0, smoothness="rbf")
    level = level_of(gp.factor, (1, 1, 2, 1))
    assert level.norm * level.second.power.bound < 0.1 * float(gp.factor.moments(whole())[0].std())
    assert level.first.power.bound == 0.0


@given(most=st.floats(1e-4, 10.0))
def test_strides_keep_what_was_asked(most: float) -> None:
    factor = process(SPACE, 10).factor
    strides = strides_within(whole(), AXES, Powers(factor), most)
    assert strides[1] == 1
    if max(strides) > 1:
        assert cells_of(factor, strides).power.bound <= most
    wider = strides_within(whole(), AXES, Powers(factor), 4.0 * most)
    assert all(wide >= narrow for wide, narrow in zip(wider, strides, strict=True))


def test_halves_that_are_no_grid_are_cells_of_their_own() -> None:
    X = whole()[[5, 2, 700]]
    cells = Cells.of(torch.tensor([5, 2, 700]), X, (), (), Powers(process(SPACE, 10).factor))
    assert (cells.cell.tolist(), cells.corners.tolist(), cells.power.bound) == ([0, 1, 2], [[0], [1], [2]], 0.0)
    assert torch.equal(cells.X, X)
