"""No bound is broken by rounding: every one is held against extended precision, where rounding does its worst."""

from typing import Any

import numpy
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from gpbop import Categorical, Float, GaussianProcess, Space
from gpbop.acquisition import Question
from gpbop.kernels.profiles import Workspace
from gpbop.scoring import pivoting
from gpbop.scoring.criteria import MOMENT_CRITERIA, criterion, variance_floor
from gpbop.scoring.pivoting import Projection, pivots
from gpbop.scoring.rounding import DenseRounding, covariance_error
from gpbop.scoring.rows import KernelRows
from gpbop.scoring.screening import TiledScreen
from tests.scoring import extended
from tests.scoring.candidates import process
from tests.spaces import spaces

pytestmark = pytest.mark.skipif(
    numpy.finfo(numpy.longdouble).eps > 2.0**-60, reason="no extended precision on this machine"
)
PROFILES = (torch.float32, torch.float64)


@st.composite
def processes(draw: st.DrawFn) -> GaussianProcess:
    return process(
        draw(spaces(most=5)),
        draw(st.integers(1, 40)),
        noise=draw(st.sampled_from([1e-6, 1e-3, 1.0])),
        lengthscale=draw(st.sampled_from([0.02, 0.3, 3.0, 300.0])),
        outputscale=draw(st.sampled_from([0.01, 1.0, 100.0])),
        smoothness=draw(st.sampled_from(["matern52", "matern32", "rbf"])),
        seed=draw(st.integers(0, 10**6)),
    )


def candidates(gp: GaussianProcess, seed: int) -> Tensor:
    """Return training points, points next to them, corners, and random ones."""
    generator = torch.Generator().manual_seed(seed)
    U = torch.rand(12, gp.space.d, generator=generator, dtype=torch.float64)
    near = gp.X[:8] + 1e-8 * torch.rand(len(gp.X[:8]), gp.space.d, generator=generator, dtype=torch.float64)
    return gp.space.canonicalize(torch.cat([gp.X[:8], near, gp.space.from_unit(torch.cat([U, U.round() * 0.999999]))]))


def largest_excess(error: object, bound: Tensor) -> float:
    """Return by how much errors exceed their bounds; extended precision is good to far less."""
    return float(numpy.max(numpy.asarray(numpy.abs(error), dtype=float) - numpy.asarray(bound)))


def exceeding(variance: Any, high: Tensor, dense: DenseRounding) -> float:
    """Return by how much exact variances exceed their bounds, less half of what the bounds have to spare."""
    exact = torch.from_numpy(variance.astype(float))
    return float((exact + 0.5 * dense.variance(exact) - high).max())


@given(gp=processes(), seed=st.integers(0, 10**6))
def test_dense_moments_are_within_their_rounding_bound(gp: GaussianProcess, seed: int) -> None:
    X, factor = candidates(gp, seed), gp.factor
    mean, variance = factor.moments(X)
    exact_mean, exact_variance = extended.moments(factor, X)
    dense = DenseRounding.of(factor)
    assert largest_excess(mean.numpy()[:, None] - exact_mean, dense.mean) <= 0.0
    clamped = numpy.maximum(exact_variance, factor.smallest_variance)
    bound = dense.variance(torch.from_numpy(exact_variance.astype(float)))
    assert largest_excess(variance.numpy() - clamped, bound) <= 0.0
    alone = torch.cat([factor.moments(x.unsqueeze(0))[1] for x in X])
    assert bool(((variance - alone).abs() <= dense.between(variance)).all())
    assert float(alone.min()) >= dense.least(max(float(exact_variance.min()), 0.0))


@given(gp=processes(), seed=st.integers(0, 10**6))
def test_weights_of_predictions_are_small_where_the_variance_is(gp: GaussianProcess, seed: int) -> None:
    factor = gp.factor
    rho = DenseRounding.of(factor).rho
    assert rho <= float(factor.noise)
    V, variance = extended.solved(factor, candidates(gp, seed))
    w = extended.back_substituted(factor, V)
    assert largest_excess(rho * (w * w).sum(0), torch.from_numpy(variance.astype(float)) * (1.0 + 1e-12)) <= 1e-30


@pytest.mark.parametrize("d", [1, 3, 6])
def test_bounds_are_of_use_where_there_is_almost_no_noise(d: int) -> None:
    """The variance is a billionth of the prior's, and yet it is known to some per cent."""
    gp = process(Space({f"x{i}": Float(0.0, 1.0) for i in range(d)}), 300, noise=1e-6, outputscale=1000.0)
    X, dense = candidates(gp, 0), DenseRounding.of(gp.factor)
    _, variance = gp.factor.moments(X)
    assert float((dense.between(variance) / variance).max()) < 0.2
    order, bounds = TiledScreen(gp.factor, Projection.of(gp.factor, 300), dense, 300, False, torch.float64)(
        X, Workspace()
    )
    assert float((bounds.high / variance[order]).max()) < 1.5


@pytest.mark.parametrize("lengthscale", [1e-3, 1e-2, 1.0])
@pytest.mark.parametrize("smoothness", ["matern52", "matern32", "rbf"])
def test_covariances_are_within_tau(lengthscale: float, smoothness: Any) -> None:
    for d in (1, 3):
        space = Space({f"x{i}": Float(0.0, 1.0) for i in range(d)})
        factor = process(space, 60, lengthscale=lengthscale, smoothness=smoothness).factor
        near = (candidates(process(space, 60), 0)[:8] + 0.3 * lengthscale).clamp(0.0, 1.0)
        X = torch.cat([candidates(process(space, 60), 1), near])
        error = numpy.abs(factor.rows(X).numpy() - extended.covariances(factor, X)).max()
        assert float(error) <= covariance_error(factor.form, factor.theta) * float(factor.outputscale)


@given(gp=processes(), seed=st.integers(0, 10**6), profile=st.sampled_from(PROFILES))
def test_covariance_rows_are_within_their_bound(gp: GaussianProcess, seed: int, profile: torch.dtype) -> None:
    X, factor = candidates(gp, seed), gp.factor
    rows = KernelRows(factor, torch.arange(len(factor.L)).flip(0), profile)
    left, error = rows.left(X)
    a, b = rows.tables(X)
    kx = rows.numeric(left, Workspace()) if rows.has_numeric else torch.zeros_like(a)
    exact = extended.covariances(factor, X)[:, ::-1]
    slack = 1e-13 * float(factor.outputscale)
    assert largest_excess((kx * a + b).numpy() - exact, error.unsqueeze(1) * (kx * a).abs() + slack) <= 0.0


@settings(max_examples=40)
@given(gp=processes(), data=st.data())
def test_screening_never_promises_too_little(gp: GaussianProcess, data: st.DataObject) -> None:
    X, factor = candidates(gp, data.draw(st.integers(0, 10**6))), gp.factor
    if data.draw(st.booleans()):
        factor = factor.believe(X[-3:])
    R = data.draw(st.integers(1, len(factor.L)))
    r = data.draw(st.integers(1, R))
    dense = DenseRounding.of(factor)
    screen = TiledScreen(factor, Projection.of(factor, R), dense, r, True, data.draw(st.sampled_from(PROFILES)))
    X = X.repeat(data.draw(st.sampled_from([1, 40])), 1)  # with and without tables for equal codes
    order, bounds = screen(X, Workspace())
    mean, variance = extended.moments(factor, X[order])
    # A billionth of the dense bound stands for what is lost in this subtraction, as where a covariance underflows.
    assert largest_excess(bounds.mean.numpy() - mean, bounds.delta - (1.0 - 1e-9) * dense.mean) <= 0.0
    assert exceeding(variance, bounds.high, dense) <= 0.0


def test_partial_variances_close_in_on_the_variance() -> None:
    space = Space({"a": Float(0.0, 1.0), "b": Float(0.0, 1.0), "c": Categorical(["x", "y"])})
    gp = process(space, 60)
    X = candidates(gp, 0)
    projection, dense = Projection.of(gp.factor, 60), DenseRounding.of(gp.factor)
    assert projection.product.eta < 1e-11
    _, variance = gp.factor.moments(X)
    highs = []
    for r in (5, 20, 60):
        order, bounds = TiledScreen(gp.factor, projection, dense, r, False, torch.float64)(X, Workspace())
        highs.append(torch.empty_like(bounds.high).scatter_(0, order, bounds.high))
    assert bool((highs[0] >= highs[1] - 1e-12).all())
    assert bool((highs[1] >= highs[2] - 1e-12).all())
    torch.testing.assert_close(highs[2], variance, rtol=1e-8, atol=1e-9)


def test_pivots_take_the_largest_remaining_variance() -> None:
    A = torch.tensor([[1.0, 0.99, 0.0], [0.99, 1.0, 0.0], [0.0, 0.0, 0.9]], dtype=torch.float64)
    assert pivots(A.diagonal(), A.__getitem__, 2).tolist() == [0, 2, 1]
    ones = torch.ones(3, 3, dtype=torch.float64)
    assert pivots(ones.diagonal(), ones.__getitem__, 3).tolist() == [0, 1, 2]


@pytest.mark.parametrize("R", [1, 20, 60])
def test_covariances_at_once_give_the_pivots_that_rows_give(R: int, monkeypatch: pytest.MonkeyPatch) -> None:
    gp = process(Space({"a": Float(0.0, 1.0), "b": Float(0.0, 1.0), "c": Categorical(["x", "y"])}), 60)
    found = []
    for at_once in (0, 10**6):
        monkeypatch.setitem(pivoting.AT_ONCE, "cpu", at_once)
        found.append(Projection.of(gp.factor, R))
    assert found[0].order.tolist() == found[1].order.tolist()
    assert torch.equal(found[0].L1, found[1].L1)
    assert sorted(found[0].order.tolist()) == list(range(60))


@given(gp=processes())
def test_no_variance_is_below_its_floor(gp: GaussianProcess) -> None:
    _, variance = extended.moments(gp.factor, candidates(gp, 0))
    floor = variance_floor(gp.factor, len(gp.y))
    # L is rounded too: its K + noise is off by far less than this.
    assert float(variance.min()) >= floor - 1e-11 * float(gp.factor.outputscale)


@pytest.mark.parametrize("name", MOMENT_CRITERIA)
def test_acquisition_bounds_hold_everywhere_in_the_box(name: str) -> None:
    gp = process(Space({"a": Float(0.0, 1.0)}), 12)
    judge = criterion(name, Question(gp))
    s = judge.factor.alpha.reshape(len(judge.factor.L), -1).shape[1]
    generator = torch.Generator().manual_seed(0)
    mean = 3.0 * torch.randn(500, 1, generator=generator, dtype=torch.float64).expand(500, s)
    delta = torch.rand(500, 1, generator=generator, dtype=torch.float64).pow(3).expand(500, s)
    low = torch.rand(500, generator=generator, dtype=torch.float64).pow(6) + 1e-9
    high = low + torch.rand(500, generator=generator, dtype=torch.float64).pow(4)
    upper, lower = judge.upper(mean, delta, low, high), judge.lower(mean, delta, low, high)
    for _ in range(100):
        share, other = torch.rand(2, 500, generator=generator, dtype=torch.float64)
        value = judge(mean + (2.0 * share.unsqueeze(1) - 1.0) * delta, low + other * (high - low))
        assert bool((value <= upper).all())
        assert bool((value >= lower).all())
