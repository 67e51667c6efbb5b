"""No bound of the fused pass is broken by rounding, in either precision: held against extended precision."""

from typing import Any
from unittest import mock

import numpy
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from gpbop import Categorical, Float, GaussianProcess, Space
from gpbop.kernels.fused import Sums, Tables, backend
from gpbop.kernels.profiles import Workspace
from gpbop.scoring import fused_screening
from gpbop.scoring.fused_screening import FusedScreen
from gpbop.scoring.partial import Means, Pivots
from gpbop.scoring.pivoting import Projection
from gpbop.scoring.rounding import DenseRounding
from gpbop.scoring.screening import Bounds, Screen
from gpbop.scoring.sources import Grid, grid
from gpbop.scoring.sources.blocks import Strip
from gpbop.surrogate.factor import Factor
from tests.scoring import extended
from tests.scoring.candidates import process
from tests.scoring.test_screening import candidates, exceeding, largest_excess
from tests.spaces import spaces

pytest.importorskip("numba", reason="Numba is not installed")
pytestmark = pytest.mark.skipif(
    numpy.finfo(numpy.longdouble).eps > 2.0**-60, reason="no extended precision on this machine"
)
DTYPES = (torch.float32, torch.float64)
NUMERIC = Space({f"x{i}": Float(0.0, 1.0, step=0.1) for i in range(3)})
MIXED = Space(
    {
        "a": Float(0.0, 1.0, step=0.2),
        "b": Categorical(["x", "y", "z"]),
        "c": Float(0.0, 1.0, step=0.1, when={"b": ["x", "y"]}),
        "d": Categorical(list("uvw")),
        "e": Float(0.0, 1.0, step=0.1),
    }
)


@st.composite
def processes(draw: st.DrawFn, space: st.SearchStrategy[Space]) -> GaussianProcess:
    return process(
        draw(space),
        draw(st.integers(1, 80)),
        noise=draw(st.sampled_from([1e-6, 1e-3, 1.0])),
        lengthscale=draw(st.sampled_from([1e-4, 0.02, 0.3, 3.0, 300.0])),
        outputscale=draw(st.sampled_from([0.01, 1.0, 600.0])),
        smoothness=draw(st.sampled_from(["matern52", "matern32", "rbf"])),
        seed=draw(st.integers(0, 10**6)),
    )


def screen_of(factor: Factor, r: int, dtype: torch.dtype, fast: Any = None, *, is_alone: bool = False) -> FusedScreen:
    fast = fast or backend("cpu")
    R, dense = min(len(factor.L), r), DenseRounding.of(factor)
    projection = Projection.of(factor, R)
    partial = Pivots(factor, projection, Means(factor, dense)).mean(R) if is_alone else None
    return FusedScreen(factor, projection, dense, R, True, dtype, fast, partial)


def assert_bounds_hold(screen: Screen, factor: Factor, X: Tensor, bounds: Bounds) -> None:
    """Hold bounds of candidates, in their order, against extended precision."""
    mean, variance = extended.moments(factor, X)
    # A billionth of the dense bound stands for what is lost in this subtraction, as in tests/scoring/test_screening.py.
    assert largest_excess(bounds.mean.numpy() - mean, bounds.delta - (1.0 - 1e-9) * screen.dense.mean) <= 0.0
    assert exceeding(variance, bounds.high, screen.dense) <= 0.0


@settings(max_examples=60)
@given(gp=processes(spaces(most=5)), data=st.data())
def test_scattered_bounds_hold(gp: GaussianProcess, data: st.DataObject) -> None:
    X, factor = candidates(gp, data.draw(st.integers(0, 10**6))), gp.factor
    if data.draw(st.booleans()):
        factor = factor.believe(X[-3:])
    is_alone = data.draw(st.booleans())
    screen = screen_of(factor, data.draw(st.integers(1, 90)), data.draw(st.sampled_from(DTYPES)), is_alone=is_alone)
    with mock.patch.object(fused_screening, "LEAST_GROUP", data.draw(st.sampled_from([1, 256]))):
        order, bounds = screen(X, Workspace())
    assert sorted(order.tolist()) == list(range(len(X)))
    assert_bounds_hold(screen, factor, X[order], bounds)


@settings(max_examples=40)
@given(gp=processes(spaces(finite=True, most=5)), data=st.data())
def test_strip_bounds_hold(gp: GaussianProcess, data: st.DataObject) -> None:
    r, dtype, is_alone = data.draw(st.tuples(st.integers(1, 90), st.sampled_from(DTYPES), st.booleans()))
    screen = screen_of(gp.factor, r, dtype, is_alone=is_alone)
    least = data.draw(st.sampled_from([2, 5, 17]))
    with mock.patch.multiple(grid, LEAST_SECOND=least, MOST_SECOND=data.draw(st.sampled_from([3, 16, 150]))):
        pieces = list(Grid(gp.space).pieces(data.draw(st.sampled_from([1, 20]))))
    strips = [piece for piece in pieces if isinstance(piece, Strip)]
    for piece in (*strips[:2], *strips[-3:]):
        assert_bounds_hold(screen, gp.factor, piece.block().X[:400], Bounds(*(b[:400] for b in screen.strip(piece))))


@settings(max_examples=25)
@given(gp=processes(st.sampled_from([NUMERIC, MIXED])), seed=st.integers(0, 10**6), dtype=st.sampled_from(DTYPES))
def test_errors_are_within_what_the_proof_allows(gp: GaussianProcess, seed: int, dtype: torch.dtype) -> None:
    """The mean's error without that of the dense arithmetic, and that of |y|^2 before it becomes a variance."""
    X, screen = candidates(gp, seed), screen_of(gp.factor, 40, dtype)
    mean, norm = shares(screen, gp.factor, X)
    assert mean <= 1.0
    assert norm <= 1.0


def shares(screen: FusedScreen, factor: Factor, X: Tensor) -> tuple[float, float]:
    """Return the largest errors of the mean, and of |y|^2 from above, as shares of their bounds."""
    seen: dict[str, Tensor] = {}
    variance = screen.variance_by_solve

    def spy(norm: Tensor, error: float, roundings: int) -> Tensor:
        high = variance(norm.clone(), error, roundings)
        return seen.update(norm=norm.clone(), high=high.clone()) or high

    with mock.patch.object(screen, "variance_by_solve", spy):
        order, bounds = screen(X, Workspace())
    if not seen:
        return 0.0, 0.0  # nothing is promised
    K = extended.covariances(factor, X[order])
    mean = float(factor.mean) + K @ factor.alpha.numpy().astype(extended.LONG)
    delta = (bounds.delta - screen.dense.mean)[:, 0].numpy() + 1e-9 * screen.dense.mean.numpy()
    L1 = Projection.of(factor, screen.r).L1.numpy().astype(extended.LONG)
    places = Projection.of(factor, screen.r).order[: screen.r].numpy()
    norm = (extended.forward_substituted(L1, K[:, places].T) ** 2).sum(0)
    computed = seen["norm"].numpy().astype(extended.LONG)
    # What is promised beside the computed variance, less what is promised for the dense arithmetic.
    allowed = seen["high"].numpy() - screen.scale + computed
    is_open = seen["high"].numpy() < screen.scale
    off = numpy.maximum(computed - norm - 1e-16 * screen.scale, 0.0)  # less would only raise a variance
    errors = numpy.abs(bounds.mean[:, 0].numpy() - mean) / delta, numpy.where(is_open, off / allowed, 0.0)
    return float(errors[0].max()), float(errors[1].max())


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("smoothness", ["matern52", "matern32", "rbf"])
def test_bounds_are_not_much_larger_than_errors(smoothness: Any, dtype: torch.dtype) -> None:
    """Two training points leave errors little room to cancel: bounds a hundredth as large would be broken."""
    space = Space({f"x{i}": Float(0.0, 1.0) for i in range(3)})
    found = []
    for lengthscale in (0.03, 0.1, 1.0):
        gp = process(space, 2, noise=1e-6, lengthscale=lengthscale, smoothness=smoothness)
        X = torch.cat([candidates(gp, seed) for seed in range(10)])
        found.append(shares(screen_of(gp.factor, 2, dtype), gp.factor, X))
    mean, norm = (max(share) for share in zip(*found, strict=True))
    least = 0.01 if dtype == torch.float32 else 0.003
    assert least < mean < 1.0
    assert 0.25 * least < norm < 1.0


class _Off:
    """The fast implementation, with an error in what it returns."""

    def __init__(self, share: float) -> None:
        self._share = share

    def __getattr__(self, name: str) -> Any:
        return getattr(backend("cpu"), name)

    def scattered(self, z: Tensor, codes: Tensor, tables: Tables) -> Sums:
        fast = backend("cpu")
        assert fast is not None
        sums = fast.scattered(z, codes, tables)
        norm = sums.norm * (1.0 + self._share) ** 2
        return Sums(sums.mean + self._share * sums.size, sums.size, norm, sums.sway)

    strips = scattered


@pytest.mark.parametrize(("dtype", "share"), [(torch.float32, 1e-2), (torch.float64, 1e-10)])
def test_an_error_beyond_the_bounds_would_be_seen(dtype: torch.dtype, share: float) -> None:
    gp = process(NUMERIC, 60, noise=1e-2)
    X = candidates(gp, 0)
    mean, norm = shares(screen_of(gp.factor, 40, dtype, _Off(share)), gp.factor, X)
    assert min(mean, norm) > 1.0


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("lengthscale", [1e-12, 1e-25, 1e-30])
def test_where_nothing_can_be_promised_nothing_is(dtype: torch.dtype, lengthscale: float) -> None:
    """Distances beyond the precision, or even its range: bounds are infinite, or hold, but are no NaN.

    Only of what was observed itself, at a distance of zero, may a variance below the prior's be promised.
    """
    gp = process(NUMERIC, 30, lengthscale=lengthscale)
    X = candidates(gp, 0)
    order, bounds = screen_of(gp.factor, 8, dtype)(X, Workspace())
    assert not bool((bounds.mean.isnan() | bounds.delta.isnan()).any())
    is_observed = (X[order].unsqueeze(1) == gp.X).all(2).any(1)
    assert not bool(is_observed.all())
    assert bool(((bounds.high >= float(gp.factor.outputscale)) | is_observed).all())


def test_strips_and_scattered_candidates_have_the_same_bounds() -> None:
    """Up to rounding, for all strips that share a second half or do not."""
    gp = process(MIXED, 50)
    screen = screen_of(gp.factor, 20, torch.float64)
    with mock.patch.multiple(grid, LEAST_SECOND=10, MOST_SECOND=5):
        strips = [piece for piece in Grid(MIXED).pieces(130) if isinstance(piece, Strip)]
    assert len(strips) > 3
    for strip in (*strips, *strips[::-1], strips[0]):
        order, bounds = screen(strip.block().X, Workspace())
        found = screen.strip(strip)
        torch.testing.assert_close(found.mean[order], bounds.mean, rtol=1e-11, atol=1e-11)
        torch.testing.assert_close(found.high[order], bounds.high, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("most", [5, 12, 8192])
def test_tables_of_second_halves_are_shared_while_there_is_room(most: int) -> None:
    screen = screen_of(process(MIXED, 20).factor, 8, torch.float64)
    with mock.patch.multiple(grid, LEAST_SECOND=10, MOST_SECOND=5):
        strips = [piece for piece in Grid(MIXED).pieces(130) if isinstance(piece, Strip)]
    expected = [screen_of(process(MIXED, 20).factor, 8, torch.float64).strip(strip) for strip in strips]
    with mock.patch.object(fused_screening, "MOST_TABLE", most):
        for number in (*range(len(strips)), *range(len(strips))):
            found = screen.strip(strips[number])
            assert all(torch.equal(a, b) for a, b in zip(found, expected[number], strict=True))
            sizes = [len(second.X) for second in screen._seconds]
            assert sum(sizes) <= max(most, sizes[0])
    distinct = {id(strip.X_second) for strip in strips}
    assert (len(screen._seconds) == len(distinct)) == (most > 5)
