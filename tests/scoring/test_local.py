"""Bounds by points nearby hold in extended precision, and are nearer than those of as many pivots."""

import dataclasses
from unittest import mock

import numpy
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from gpbop import Categorical, Float, GaussianProcess, Space, score
from gpbop.acquisition import Question
from gpbop.kernels.fused import backend
from gpbop.kernels.profiles import Workspace
from gpbop.scoring import as_source, cascade, early, local
from gpbop.scoring.cascade import Cascade
from gpbop.scoring.criteria import criterion
from gpbop.scoring.fused_screening import FusedScreen
from gpbop.scoring.local import LocalScreen, Neighbourhoods, is_local_known, queue_points, spread
from gpbop.scoring.partial import Means
from gpbop.scoring.pivoting import Projection
from gpbop.scoring.rounding import DenseRounding
from gpbop.scoring.screening import Bounds
from gpbop.scoring.sources import Grid, grid
from gpbop.scoring.sources.blocks import Strip
from gpbop.surrogate.factor import Factor
from tests.scoring import extended
from tests.scoring.candidates import InMemory, process
from tests.scoring.test_fused_screening import assert_bounds_hold, processes
from tests.scoring.test_screening import candidates
from tests.spaces import spaces

pytest.importorskip("numba", reason="Numba is not installed")
needs_extended = pytest.mark.skipif(
    numpy.finfo(numpy.longdouble).eps > 2.0**-60, reason="no extended precision on this machine"
)
DTYPES = (torch.float32, torch.float64)
MIXED = Space({"a": Float(0.0, 1.0), "b": Categorical(["x", "y", "z"]), "c": Float(0.0, 1.0)})


def points(space: Space, m: int) -> Tensor:
    return space.from_unit(torch.rand(m, space.d, generator=torch.Generator().manual_seed(1), dtype=torch.float64))


def screen_of(
    factor: Factor,
    r: int,
    dtype: torch.dtype,
    X: Tensor,
    *,
    needs_mean: bool = True,
    R: int = 9,
    by_weight: bool = False,
) -> LocalScreen:
    dense = DenseRounding.of(factor)
    near = Neighbourhoods(factor, Projection.of(factor, R), dense, X, Means(factor, dense), by_weight)
    return LocalScreen(near, r, needs_mean, dtype)


@needs_extended
@settings(max_examples=60)
@given(gp=processes(spaces(most=5)), data=st.data())
def test_bounds_hold(gp: GaussianProcess, data: st.DataObject) -> None:
    X, factor = candidates(gp, data.draw(st.integers(0, 10**6))), gp.factor
    if data.draw(st.booleans()):
        factor = factor.believe(X[-3:])
    r = data.draw(st.integers(1, 60))
    if not is_local_known(factor, DenseRounding.of(factor), r):
        return
    R, by_weight = data.draw(st.integers(1, len(factor.L))), data.draw(st.booleans())
    known = X[:: data.draw(st.integers(1, 9))]
    screen = screen_of(factor, r, data.draw(st.sampled_from(DTYPES)), known, R=R, by_weight=by_weight)
    order, bounds = screen(X, Workspace())
    assert sorted(order.tolist()) == list(range(len(X)))
    assert_bounds_hold(screen, factor, X[order], bounds)


def by_candidate(order: Tensor, part: Tensor) -> Tensor:
    return torch.empty_like(part).index_copy_(0, order, part)


@pytest.mark.parametrize("needs_mean", [True, False])
def test_a_group_is_bounded_as_by_a_screen_of_its_points_alone(needs_mean: bool) -> None:
    """What `FusedScreen` says of a process in which these points are the pivots."""
    gp, r = process(MIXED, 60, noise=1e-2), 12
    X, factor, fused = candidates(gp, 0), gp.factor, backend("cpu")
    screen, dense = screen_of(factor, r, torch.float64, X[::9], needs_mean=needs_mean), DenseRounding.of(factor)
    order, bounds = screen(X, Workspace())
    near, means = screen._neighbourhoods, Means(factor, dense)
    _, ends = near.sorted(X)
    assert fused is not None
    for own, start, end in zip(near.built(r).points, [0, *ends.tolist()], ends.tolist(), strict=False):
        if start == end:
            continue
        places = near.projection.order[own]
        rows, rest = factor.L[places], torch.tensor([i for i in range(60) if i not in places.tolist()])
        projection = Projection(torch.cat([places, rest]), rows, torch.linalg.cholesky(rows @ rows.mT), 1e-12)
        K = factor.form.evaluate(factor.theta.unsqueeze(0), *[factor.features.rows(places)] * 2).covariance[0]
        partial = means.of(K, means.at(places)) if needs_mean else None
        alone = FusedScreen(factor, projection, dense, r, needs_mean, torch.float64, fused, partial)
        found = Bounds(*(part[start:end] for part in bounds))
        for part, expected in zip(found, alone(X[order[start:end]], Workspace())[1], strict=True):
            torch.testing.assert_close(part, expected, rtol=1e-6, atol=1e-9)


def test_points_nearby_say_more_than_as_many_pivots() -> None:
    space = Space({f"x{i}": Float(0.0, 1.0) for i in range(3)})
    gp, r = process(space, 400, noise=1e-2, lengthscale=0.5), 48
    X, factor = points(space, 2000), gp.factor
    _, variance = factor.moments(X)
    fused, dense = backend("cpu"), DenseRounding.of(factor)
    assert fused is not None
    pivots = FusedScreen(factor, Projection.of(factor, r), dense, r, False, torch.float64, fused)
    excess = []
    nearby = (screen_of(factor, r, torch.float64, X, needs_mean=False, R=48, by_weight=way) for way in (False, True))
    for screen in (pivots, *nearby):
        order, bounds = screen(X, Workspace())
        excess.append(float((by_candidate(order, bounds.high) / variance - 1.0).median()))
    assert excess[1] < 0.5 * excess[0]
    assert excess[2] < 0.8 * excess[1]


def test_weights_are_those_of_the_predictions_of_a_neighbourhood() -> None:
    """Those of K^-1 k, by an inverse; a neighbourhood of which no candidate is known has its centre's own."""
    gp, X = process(MIXED, 30), points(MIXED, 20)
    factor = gp.factor
    K = factor.L @ factor.L.mT
    for known in (X, X[:4]):
        with mock.patch.multiple(local, CENTRES=4, PROBES=4):
            near = Neighbourhoods(factor, Projection.of(factor, 9), DenseRounding.of(factor), known, by_weight=True)
        order, ends = near.sorted(known)
        weights = (factor.rows(known) @ torch.linalg.inv(K))[:, near.projection.order].abs()
        for i, (start, end) in enumerate(zip([0, *ends.tolist()], ends.tolist(), strict=False)):
            torch.testing.assert_close(near._near[i], weights[order[start:end]].sum(0), rtol=1e-6, atol=1e-9)
        chosen = near.built(6).points
        assert torch.equal(chosen, near._near.topk(6, 1).indices.sort(1).values)


def test_candidates_are_spread_over_those_that_may_be_sorted() -> None:
    X = torch.arange(1000.0).unsqueeze(1)
    assert len(spread(X, 64)) == 64
    assert float(spread(X, 64).max()) > 900.0
    assert float(spread(X[:100], 64).max()) > 95.0
    assert torch.equal(spread(X[:3], 64), X[:3])


@given(n=st.integers(1, 20_000))
def test_points_for_a_queue_are_some_and_few_of_all(n: int) -> None:
    r = queue_points(n)
    assert 0 <= 2 * r < n
    assert (r > 0) == (n > 2)
    assert r <= 512


def test_where_they_are_of_use() -> None:
    factor = process(MIXED, 60).factor
    dense = DenseRounding.of(factor)
    assert is_local_known(factor, dense, 29)
    assert not is_local_known(factor, dense, 30)
    assert not is_local_known(factor, dense, 0)
    assert not is_local_known(factor, DenseRounding(**{**vars(dense), "rho": 0.0}), 10)


def test_strips_have_none() -> None:
    space = Space({"a": Float(0.0, 1.0, step=0.1), "b": Float(0.0, 1.0, step=0.1)})
    gp = process(space, 30)
    with mock.patch.multiple(grid, LEAST_SECOND=2, MOST_SECOND=5):
        strip = next(piece for piece in Grid(space).pieces(1000) if isinstance(piece, Strip))
    with pytest.raises(NotImplementedError, match="strip"):
        screen_of(gp.factor, 4, torch.float64, gp.X[:2]).strip(strip)


@pytest.mark.parametrize(
    ("name", "is_indexed", "worth"),
    [("ei", True, 256), ("ei", False, 256), ("max_variance", True, 256), ("max_variance", False, 0)],
)
def test_large_sources_are_passed_by_points_nearby(name: str, is_indexed: bool, worth: int) -> None:
    """A trial chooses them by itself, and the answer is that of a search without them.

    Where they are chosen by weight, what they leave goes around the first stage.
    """
    space = Space({f"x{i}": Float(0.0, 1.0) for i in range(3)})
    gp, X = process(space, 800, noise=1e-2, lengthscale=0.5), points(space, 60_000)
    tops = []
    for least in (10_000, 10**9):
        nearby = mock.patch.multiple(early, FEW=(), EARLY=(48,), EARLY_BY_WEIGHT=(48,), LOCAL_FROM=least)
        with nearby, mock.patch.object(cascade, "WORTH_WEIGHTS", worth):
            options = {"block_rows": 8000, "threads": 1, "skip_observed": False}
            source = as_source(space, X) if is_indexed else InMemory(space, X)
            tops.append(score(gp, source, acquisition=name, k=10, **options))
    first, second = tops
    assert (first.indices, first.values) == (second.indices, second.values)
    entered = [stage.entered for stage in first.certificate.stages if stage.name.startswith("48 points nearby")]
    assert sum(entered) > 10_000


def test_nothing_is_promised_where_nothing_can_be() -> None:
    gp = process(Space({"a": Float(0.0, 1.0), "b": Float(0.0, 1.0)}), 40, lengthscale=1e-25)
    bounds: Bounds = screen_of(gp.factor, 8, torch.float32, gp.X[:4])(gp.X, Workspace())[1]
    assert bool((bounds.high >= float(gp.factor.outputscale)).all())
    assert not bool((bounds.mean.isnan() | bounds.delta.isnan()).any())


@needs_extended
def test_factors_are_as_near_as_is_said() -> None:
    """L1 L1' beside the product of rows of L, both in extended precision."""
    factor = process(MIXED, 80, noise=1e-4).factor
    near = Neighbourhoods(factor, Projection.of(factor, 9), DenseRounding.of(factor), factor_centres(factor))
    built = near.built(30)
    for points_of, L1 in zip(built.points, built.L1, strict=True):
        rows = factor.L[near.projection.order[points_of]].numpy().astype(extended.LONG)
        one = L1.numpy().astype(extended.LONG)
        assert float(numpy.linalg.norm((one @ one.T - rows @ rows.T).astype(float), 2)) <= near.apart(30)


def factor_centres(factor: Factor) -> Tensor:
    return candidates(process(MIXED, 80), 0)[: len(factor.L) // 16]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("outputscale", [1e-150, 1e-44, 1e-42, 1e-20, 1e20, 1e39, 1e60, 1e150])
def test_scales_beyond_the_range_leave_nothing_known(outputscale: float, dtype: torch.dtype) -> None:
    """A bound is at least the variance, and a number, whatever the data are scaled by."""
    gp = process(Space({"a": Float(0.0, 1.0), "b": Float(0.0, 1.0)}), 40)
    theta = gp.factor.theta.clone()
    theta[gp.factor.form.layout.outputscale] = torch.tensor(outputscale, dtype=torch.float64).log()
    factor = dataclasses.replace(gp.factor, theta=theta, noise=gp.factor.noise * 0.0 + 1e-2 * outputscale)
    K = factor.form.evaluate(theta.unsqueeze(0), factor.features, factor.features).covariance[0]
    K.diagonal().add_(factor.noise)
    factor = dataclasses.replace(factor, L=torch.linalg.cholesky(K), alpha=torch.zeros_like(K[0]))
    X, fused, dense = gp.X[:16].roll(1, 0), backend("cpu"), DenseRounding.of(factor)
    assert fused is not None
    _, variance = factor.moments(X)
    screens = [FusedScreen(factor, Projection.of(factor, 9), dense, 9, False, dtype, fused)]
    if is_local_known(factor, dense, 9):
        near = Neighbourhoods(factor, Projection.of(factor, 9), dense, X[:3])
        screens.append(LocalScreen(near, 9, False, dtype))
    for screen in screens:
        order, bounds = screen(X, Workspace())
        assert bool((bounds.high >= variance[order] * (1.0 - 1e-6)).all())


def test_a_believed_point_has_no_more_than_the_noise_on_the_diagonal() -> None:
    """What was added to the diagonal of the others, for want of precision, is not there."""
    gp = process(
        Space({"a": Float(0.0, 1.0), "b": Float(0.0, 1.0)}),
        150,
        noise=1e-12,
        lengthscale=30.0,
        outputscale=1e4,
        smoothness="rbf",
    )
    dense = DenseRounding.of(gp.factor)
    assert dense.rho > float(gp.factor.noise)
    assert dense.believed(0).rho == dense.rho
    assert dense.believed(2).rho <= float(gp.factor.noise)


@pytest.mark.parametrize(
    ("expected", "here", "first"),
    [(300, 10, 0.0), (300, 300, 0.0), (100, 300, 0.5), (None, 300, 0.5), (None, 100, None), (100, 100, None)],
)
def test_centres_come_from_all_over_a_source_if_enough_is_known_of_it(
    expected: int | None, here: int, first: float | None
) -> None:
    space = Space({"a": Float(0.0, 1.0)})
    stages = Cascade(criterion("ei", Question(process(space, 400, noise=1e-2))))._early
    if expected is not None:
        stages.expect(torch.linspace(0.0, 0.4, expected, dtype=torch.float64).unsqueeze(1))
    X = torch.linspace(0.5, 1.0, here, dtype=torch.float64).unsqueeze(1)
    stages.see(early.LOCAL_FROM - 1, X)
    assert stages._known is None
    stages.see(early.LOCAL_FROM, X)
    assert (None if stages._known is None else float(stages._known[0])) == first
