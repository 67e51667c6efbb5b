"""Cells of several widths rule out what does not reach the threshold, nothing else, and only where that is cheap."""

import math
from unittest import mock

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from gpbop import Categorical, Float, Space
from gpbop.acquisition import Question
from gpbop.kernels.fused import backend
from gpbop.scoring import descent
from gpbop.scoring.acceptance import Judge
from gpbop.scoring.criteria import criterion
from gpbop.scoring.descent import Costs, Descent, Left
from gpbop.scoring.fused_screening import FusedScreen
from gpbop.scoring.partial import squared_norm
from gpbop.scoring.pivoting import Projection
from gpbop.scoring.sources import Grid, grid
from gpbop.scoring.sources.blocks import Strip
from tests.scoring.candidates import process

pytest.importorskip("numba", reason="Numba is not installed")
SPACE = Space(
    {
        "a": Float(0.0, 1.0, step=0.1),
        "b": Categorical(["x", "y"]),
        "c": Float(0.0, 1.0, step=0.1),
        "d": Float(0.0, 1.0, step=0.05),
        "e": Float(0.0, 1.0, step=0.05),
    }
)
GP = process(SPACE, 60, lengthscale=1.5, noise=1e-2)
EQUAL = Costs(1.0, 1.0, 1.0)


def strips() -> list[Strip]:
    pieces = list(Grid(SPACE).pieces(1000))
    assert all(isinstance(piece, Strip) for piece in pieces)
    return pieces  # type: ignore[return-value]


def descended(name: str, strip: Strip, threshold: float, *, costs: Costs = EQUAL) -> Left:
    return descent_of(name)(strip, screen_of(name), threshold, costs)


def screen_of(name: str) -> FusedScreen:
    asked, fast = criterion(name, Question(GP)), backend("cpu")
    assert fast is not None
    return FusedScreen(GP.factor, Projection.of(GP.factor, 30), asked.dense, 30, asked.needs_mean, torch.float64, fast)


def descent_of(name: str) -> Descent:
    asked = criterion(name, Question(GP))
    return Descent(Judge(asked), squared_norm(GP.factor, asked.dense.rho) ** 0.5)


def values(name: str, strip: Strip) -> Tensor:
    mean, variance = GP.factor.moments(strip.block().X)
    return criterion(name, Question(GP))(mean.unsqueeze(1), variance)


def kept(left: Left) -> Tensor:
    index = left.strip.block().index
    index = index if left.places is None else index[torch.cat(list(left.places))]
    assert len(index) == len(index.unique()) == left.candidates
    return index


@settings(max_examples=15)
@given(
    name=st.sampled_from(["ei", "ucb", "pi", "max_variance"]),
    quantile=st.floats(0.0, 1.0),
    number=st.integers(0, 3),
    costs=st.builds(Costs, st.floats(0.01, 1.0), st.floats(0.01, 1.0), st.sampled_from([0.1, 1.0, 10.0])),
    worth=st.sampled_from([0.5, 1e9]),
    tried_from=st.sampled_from([0.0, 8.0, 1e9]),
    part=st.sampled_from([64, 1000, 2**19]),
)
def test_nothing_that_reaches_the_threshold_is_lost(
    name: str, quantile: float, number: int, costs: Costs, worth: float, tried_from: float, part: int
) -> None:
    strip = strips()[number]
    exact = values(name, strip)
    threshold = float(exact.quantile(quantile))
    sizes = {"STRIP_PART": {"cpu": part}, "MOST_CELLS": {"cpu": 4 * part}}
    changed = {"WORTH_IT": worth, "TRIED_FROM": tried_from, **sizes}
    with mock.patch.multiple(descent, LEAST_FIRSTS=1, LEAST_COVARIANCES=0, **changed):
        found = kept(descended(name, strip, threshold, costs=costs))
    reaching = strip.block().index[exact >= threshold]
    assert bool(torch.isin(reaching, found).all())
    assert bool(torch.isin(found, strip.block().index).all())


@pytest.mark.parametrize("name", ["ei", "ucb", "max_variance"])
def test_most_is_ruled_out_by_few_nodes(name: str) -> None:
    strip = max(strips(), key=lambda strip: float(values(name, strip).max()))
    threshold = float(values(name, strip).topk(20).values[-1])
    with mock.patch.multiple(descent, LEAST_FIRSTS=1, LEAST_COVARIANCES=0):
        left = descended(name, strip, threshold)
    assert 0 < left.nodes < 0.5 * len(strip)
    assert 20 <= len(kept(left)) < 0.5 * len(strip)


def test_where_cells_cannot_pay_none_is_computed() -> None:
    strip = max(strips(), key=len)
    threshold = float(values("ei", strip).max())
    for smallest, reached, costs in (
        ({"LEAST_FIRSTS": 1, "LEAST_COVARIANCES": 0}, -torch.inf, EQUAL),
        ({"LEAST_FIRSTS": len(strip.index_first) + 1, "LEAST_COVARIANCES": 0}, threshold, EQUAL),
        ({"LEAST_FIRSTS": 1, "LEAST_COVARIANCES": 10**9}, threshold, EQUAL),
        ({"LEAST_FIRSTS": 1, "LEAST_COVARIANCES": 0}, threshold, Costs(1e-6, 1e-6, 1.0)),
    ):
        with mock.patch.multiple(descent, **smallest):
            left = descended("ei", strip, reached, costs=costs)
        assert (left.nodes, left.places) == (0, None)
        assert left.strip is strip
    with mock.patch.multiple(descent, LEAST_FIRSTS=1, LEAST_COVARIANCES=0):
        assert descended("ei", strip, threshold).nodes > 0  # and else they do


def test_a_level_that_rules_nothing_out_is_the_last_that_costs() -> None:
    """A threshold that all reach: the levels together cost no more than what there is to do anyway."""
    strip = max(strips(), key=len)
    with mock.patch.multiple(descent, LEAST_FIRSTS=1, LEAST_COVARIANCES=0):
        left = descended("ucb", strip, float(values("ucb", strip).min()))
    assert len(kept(left)) == len(strip)
    assert 0 < left.nodes <= 2.0 * len(strip)


def test_strips_with_the_same_second_halves_share_their_cells() -> None:
    way, screen = descent_of("ei"), screen_of("ei")
    first, second, *_ = strips()
    assert first.X_second is second.X_second
    with mock.patch.multiple(descent, LEAST_FIRSTS=1, LEAST_COVARIANCES=0):
        way(first, screen, 0.0, EQUAL)
        _, levels = way._seconds
        way(second, screen, 0.0, EQUAL)
    assert way._seconds[1] is levels
    assert len(levels) > 1
    shapes = [math.prod(cells.shape) for _, cells in levels]
    assert shapes == sorted(shapes)


def test_first_halves_have_wide_cells_too() -> None:
    """What a level of wide cells costs does not grow with the first halves."""
    space = Space({name: Float(0.0, 1.0, step=0.03125) for name in "abcd"})
    asked = criterion("ei", Question(process(space, 30, lengthscale=1.5)))
    strip = next(Grid(space).pieces(1000))
    assert isinstance(strip, Strip)
    level = next(Descent(Judge(asked), squared_norm(asked.factor, asked.dense.rho) ** 0.5)._levels(strip, 0.0))
    assert len(level.first.nodes) < 0.1 * len(strip.index_first)
    assert len(level.second.nodes) < 0.1 * len(strip.index_second)
    parts = [strip.with_first(slice(0, 9)), strip.with_second(slice(0, 9))]
    assert [(part.axes_first == (), part.axes_second == ()) for part in parts] == [(True, False), (False, True)]


@pytest.mark.parametrize("name", ["ei", "ucb", "max_variance"])
def test_both_ways_to_compute_nodes_leave_the_same_cells(name: str) -> None:
    """At every level: by all pairs of nodes, and by those of each cell."""
    space = Space({letter: Float(0.0, 1.0, step=0.05) for letter in "abc"})
    gp = process(space, 60, lengthscale=1.0, noise=1e-3, smoothness="rbf")
    asked, fast = criterion(name, Question(gp)), backend("cpu")
    assert fast is not None
    dense, needs_mean = asked.dense, asked.needs_mean
    screen = FusedScreen(gp.factor, Projection.of(gp.factor, 60), dense, 60, needs_mean, torch.float64, fast)
    compared = 0
    with mock.patch.multiple(grid, LEAST_SECOND=20, MOST_SECOND=500):
        pieces = list(Grid(space).pieces(1000))
    for strip in pieces[::3]:
        assert isinstance(strip, Strip)
        mean, variance = gp.factor.moments(strip.block().X)
        threshold = float(asked(mean.unsqueeze(1), variance).quantile(0.9))
        way = Descent(Judge(asked), squared_norm(gp.factor, dense.rho) ** 0.5)
        for level in way._levels(strip, threshold):
            some = way._within(None, level)
            assert some is not None
            rows, done = torch.arange(len(level.first.nodes)), descent._Done()
            one = way._dense(strip, some, rows, screen, threshold, done)
            other = way._sparse(strip, some, screen, threshold, done)
            assert torch.equal(one.first, other.first)
            assert torch.equal(one.second, other.second)
            compared += 0 < len(one.first) < len(some.first) and bool(level.first.pooled)
    assert compared > 2
