"""The mean read off a few training points, the pivots, with a bound on what the others add.

Any mean function is mu = m + sum_j k_j alpha_j; let d = mu - m - sum_{j in P} c_j k_j be what is left of it beside some
weights c of the pivots P. With the weights w = (L L')_PP^-1 k_P of a prediction from the pivots alone, and v_P = s -
k_P'w its variance,

    d(x) = <d, k_x - sum_j w_j k_j> + sum_j w_j d(p_j),    |k_x - sum_j w_j k_j|^2 <= v_P - rho |w|^2

(the reproducing property; rho as in `gpbop.scoring.rounding`), so by Cauchy and Schwarz, twice,

    |d(x)| <= |d|_k P + |w| |d_P| <= sqrt(|d|_k^2 + |d_P|^2 / rho) sqrt(v_P)

Both norms are numbers: |mu - m|_k^2 = alpha'K alpha <= |L'alpha|^2 - rho |alpha|^2, and |d|_k^2 = |mu - m|_k^2 - c'b -
c'd_P with the values b of mu - m at the pivots. Of all c, K_PP^-1 b leaves least; with rho on the diagonal of K_PP
hardly more is left, by smaller weights, which rounding harms less.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from gpbop.scoring.pivoting import Projection
from gpbop.scoring.rounding import SAFETY, UNIT, DenseRounding, gamma
from gpbop.surrogate.factor import Factor

# Rows of L of which absolute values are made at a time, and of covariances.
ROWS = 1024


@dataclass(frozen=True)
class PartialMean:
    """A mean function of some pivots.

    Attributes:
        weights: `r` weights c of their covariances.
        error: What the mean may differ by, for each unit of the standard deviation that the pivots leave; infinite
            where that is not known.
    """

    weights: Tensor
    error: float


class Means:
    """The mean of a factor, as some of its training points see it.

    Args:
        factor: The factorised process, of one mean function.
        dense: Rounding errors of the dense arithmetic.
    """

    def __init__(self, factor: Factor, dense: DenseRounding) -> None:
        self._factor, self._dense, self._alpha = factor, dense, factor.alpha.reshape(len(factor.L))
        self._square = squared_norm(factor, dense.rho)

    def at(self, points: Tensor) -> Tensor:
        """Return the mean, less its constant, at some training points of the given numbers.   Cost: O(n) each."""
        factor, theta, b = self._factor, self._factor.theta.unsqueeze(0), self._alpha.new_empty(len(points))
        for some in torch.split(torch.arange(len(points), device=points.device), ROWS):
            rows = factor.form.evaluate(theta, factor.features.rows(points[some]), factor.features).covariance[0]
            b[some] = rows @ self._alpha
        return b

    def of(self, K: Tensor, b: Tensor) -> PartialMean:
        """Return the mean of `r` points, of `r x r` covariances K, at which it is b.   Cost: O(r^3)."""
        rho, unit, s, r = self._dense.rho, UNIT[torch.float64], self._dense.scale, len(b)
        if rho == 0.0:
            return PartialMean(torch.zeros_like(b), torch.inf)
        weights = torch.linalg.solve(K + rho * torch.eye(r).to(K), b)
        left = b - K @ weights
        # Computed b and K c are off by so much at most.
        off_b = SAFETY * (self._dense.tau + gamma(self._dense.n + 2, unit)) * s * float(self._alpha.abs().sum())
        off_left = off_b + SAFETY * (self._dense.tau + gamma(r + 2, unit)) * s * float(weights.abs().sum())
        rounding = float(weights.abs().sum()) * (off_b + off_left + 2.0 * gamma(r + 2, unit) * float(b.abs().max()))
        square = self._square - float(weights @ b) - float(weights @ left) + SAFETY * rounding
        at_points = float(left.norm()) + math.sqrt(r) * off_left
        error = (1.0 + 1e-9) * math.sqrt(max(square, 0.0) + at_points**2 / rho)
        return PartialMean(weights, error if math.isfinite(error) else torch.inf)


class Pivots:
    """The mean of a factor, as its pivots see it.

    Args:
        factor: The factorised process, of one mean function.
        projection: Its pivots.
        means: Its mean.
    """

    def __init__(self, factor: Factor, projection: Projection, means: Means) -> None:
        order, theta = projection.order[: len(projection)], factor.theta.unsqueeze(0)
        self._means, some = means, factor.features.rows(order)
        self._K, self._b = factor.form.evaluate(theta, some, some).covariance[0], self._means.at(order)

    def mean(self, r: int) -> PartialMean:
        """Return the mean of the first `r` pivots.   Cost: O(r^3)."""
        return self._means.of(self._K[:r, :r], self._b[:r])


def squared_norm(factor: Factor, rho: float) -> float:
    """Bound alpha'K alpha, the squared norm of the mean (but for its constant) in the space of the kernel."""
    n = len(factor.L)
    alpha = factor.alpha.reshape(n, -1)
    size = torch.zeros_like(alpha)
    for rows in torch.split(torch.arange(n, device=alpha.device), ROWS):
        size += factor.L[rows].abs_().mT @ alpha[rows].abs()
    whole = (factor.L.mT @ alpha).abs() + SAFETY * gamma(n, UNIT[torch.float64]) * size
    return (1.0 + 1e-9) * float(whole.norm()) ** 2 - (1.0 - 1e-9) * rho * float(alpha.norm()) ** 2
