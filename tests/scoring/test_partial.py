"""The mean of some pivots is as near to the whole one as it says, in extended precision, and the nearer the more."""

import numpy
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from gpbop import Float, Space
from gpbop.scoring.partial import Means, Pivots, squared_norm
from gpbop.scoring.pivoting import Projection
from gpbop.scoring.rounding import DenseRounding
from tests.scoring import extended
from tests.scoring.candidates import process
from tests.scoring.test_screening import candidates
from tests.spaces import spaces

pytestmark = pytest.mark.skipif(
    numpy.finfo(numpy.longdouble).eps > 2.0**-60, reason="no extended precision on this machine"
)


@given(data=st.data())
def test_the_rest_of_the_mean_is_within_its_bound(data: st.DataObject) -> None:
    gp = process(
        data.draw(spaces(most=5)),
        data.draw(st.integers(1, 60)),
        noise=data.draw(st.sampled_from([1e-6, 1e-3, 1.0])),
        lengthscale=data.draw(st.sampled_from([0.02, 0.3, 3.0, 300.0])),
        outputscale=data.draw(st.sampled_from([0.01, 1.0, 600.0])),
        smoothness=data.draw(st.sampled_from(["matern52", "matern32", "rbf"])),
        seed=data.draw(st.integers(0, 10**6)),
    )
    factor, X = gp.factor, candidates(gp, data.draw(st.integers(0, 10**6)))
    R = data.draw(st.integers(1, len(factor.L)))
    projection = Projection.of(factor, R)
    r = data.draw(st.integers(1, R))
    partial = Pivots(factor, projection, Means(factor, DenseRounding.of(factor))).mean(r)
    places = projection.order[:r].numpy()
    K, L = extended.covariances(factor, X), factor.L.numpy().astype(extended.LONG)
    rest = K @ factor.alpha.numpy() - K[:, places] @ partial.weights.numpy()
    A, own = L[places] @ L[places].T, K[:, places]
    left = float(factor.outputscale) - numpy.einsum("mi,im->m", own, solved(A, own.T))
    assert bool((numpy.abs(rest) <= partial.error * numpy.sqrt(numpy.maximum(left, 0.0)) + 1e-18).all())


def solved(A: numpy.ndarray, B: numpy.ndarray) -> numpy.ndarray:
    """Solve A x = B by Gauss in extended precision; A is positive definite."""
    A, B = A.copy(), B.copy()
    for i in range(len(A)):
        B[i], A[i] = B[i] / A[i, i], A[i] / A[i, i]
        factors = A[:, i].copy()
        factors[i] = 0
        A -= factors[:, None] * A[i]
        B -= factors[:, None] * B[i]
    return B


@given(
    seed=st.integers(0, 10**6), noise=st.sampled_from([1e-6, 1e-2, 1.0]), smooth=st.sampled_from(["rbf", "matern32"])
)
def test_norm_of_the_mean(seed: int, noise: float, smooth: str) -> None:
    space = Space({"a": Float(0.0, 1.0), "b": Float(0.0, 1.0)})
    factor = process(space, 40, noise=noise, smoothness=smooth, seed=seed).factor  # type: ignore[arg-type]
    K = extended.covariances(factor, process(space, 40, noise=noise, smoothness=smooth, seed=seed).X)  # type: ignore[arg-type]
    alpha = factor.alpha.numpy().astype(extended.LONG)
    exact = float(alpha @ K @ alpha)
    bound = squared_norm(factor, DenseRounding.of(factor).rho)
    assert exact <= bound <= 1.01 * exact + 1e-9


def test_more_pivots_leave_less() -> None:
    gp = process(Space({f"x{i}": Float(0.0, 1.0) for i in range(3)}), 200, noise=1e-2)
    pivots = Pivots(gp.factor, Projection.of(gp.factor, 200), Means(gp.factor, DenseRounding.of(gp.factor)))
    errors = [pivots.mean(r).error for r in (10, 40, 100, 200)]
    assert errors == sorted(errors, reverse=True)
    assert errors[0] ** 2 <= squared_norm(gp.factor, 0.0)
    assert errors[-1] < 0.6 * errors[0]


def test_the_bound_is_attained() -> None:
    """Beside one pivot, what another point adds is largest at that point, and is the bound but for the noise."""
    gp = process(Space({"a": Float(0.0, 1.0)}), 2, noise=1e-6)
    projection = Projection.of(gp.factor, 1)
    partial = Pivots(gp.factor, projection, Means(gp.factor, DenseRounding.of(gp.factor))).mean(1)
    pivot, other = projection.order.tolist()
    K = gp.factor.rows(gp.X)
    rest = float(K[other] @ gp.factor.alpha - K[other, pivot] * partial.weights[0])
    left = float(gp.factor.outputscale - K[other, pivot] ** 2 / (gp.factor.L @ gp.factor.L.mT)[pivot, pivot])
    assert 0.99 < abs(rest) / (partial.error * left**0.5) <= 1.0


def test_without_a_bound_of_the_noise_there_is_none() -> None:
    gp = process(Space({"a": Float(0.0, 1.0)}), 30)
    dense = DenseRounding.of(gp.factor)
    unknown = type(dense)(**{**vars(dense), "rho": 0.0, "most": 1.0})
    assert Pivots(gp.factor, Projection.of(gp.factor, 10), Means(gp.factor, unknown)).mean(5).error == torch.inf
