"""Partial variances: which training points explain most, and a projection whose sum of squares bounds the variance.

Notation:
    L       `n x n` Cholesky factor of K + noise
    t       `n` numbers L^-1 k(X, x) of a candidate, |t|^2 = s - variance
    p       the order of the training points: each next one has the largest variance given those before
    G       `R x R` lower triangular; y = G k(X[p], x) are R of the n numbers t, in another basis: y = M t, M = G L[p]
    D       M M' - 1, how far the rows of M are from orthonormal

For any G with D small, |t|^2 >= y'(1 + D)^-1 y >= |y|^2 - y'D y, so

    variance <= s - |y|^2 + |y'D y|

and that whatever rounding errors G was made with, since D is measured on the G that is used. The same holds for the
first r rows of G, which read the first r points alone. With g_i = sum_j |G_ij|, large where y_i is small,

    |y'D y| <= max_ij |D_ij| / (g_i g_j) (sum_i g_i |y_i|)^2

for the measured D. The measured M carries an error E, row by row at most gamma_R |G| |L[p]|, that is gamma_R g_i
sqrt(s_max), for a row of L has norm sqrt(s_max) at most; it adds |E'y| (2 |M'y| + |E'y|) to |y'D y|, and the product
M M' another gamma_n |M|^2 |y|^2.

Where y is solved for instead, L[p] = L1 Q, it obeys L1 y = k + e with small errors e of the solve and of k, and w =
L1'^-1 y are weights of a prediction. Those of the best one leave no more of the variance; with A = L[p] L[p]' and the
measured E = L1 L1' - A,

    variance <= s - 2 w'k + w'A w = c + 2 w'e - w'E w,    c = s - |y|^2

No eigenvalue of A - K[p] is below rho (see `gpbop.scoring.rounding`), and s - 2 w'k + w'K[p] w is a variance, so the
right side is at least rho |w|^2. With m = |e| / sqrt(rho - |E|), that solved for |w| is

    |w| sqrt(rho - |E|) <= m + sqrt(m^2 + c)

Or, where there is hardly any noise, |w| <= N |y| with N >= |L1^-1|. Of e: a row of L1 y is off by at most gamma times
its length, under sqrt(s_max), times |y|, where gamma counts the roundings of its terms, and |y| <= sqrt(s) + N |e|: no
candidate is bounded whose computed y is longer.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import torch
from torch import Tensor

from gpbop.scoring.rounding import SAFETY, UNIT, gamma
from gpbop.surrogate.factor import Factor

LARGEST_DEFECT = 0.1
# Pivots of which L1^-1 is bounded.
MOST_INVERTED = 1024
# Covariances for each pivot up to which those of all points take less time at once than row by row; CPU: as measured.
AT_ONCE = {"cpu": 5000, "cuda": 2**19}
# Numbers read to choose pivots one by one up to which a GPU takes longer than a CPU; by reasoning, not measured.
ON_CPU = 2**27


class Product(NamedTuple):
    """What bounds the variance where y = G k.

    Attributes:
        G: `R x R` lower triangular.
        defect: Largest |D_ij| / (g_i g_j) that was measured.
        sway: What E adds to y'D y: this much of sum_i g_i |y_i| sqrt(s).
        eta: What the product adds, as a share of s; infinite where D is not small.
    """

    G: Tensor
    defect: float
    sway: float
    eta: float


@dataclass(frozen=True)
class Projection:
    """The first R pivots, and what their covariances say of the variance.

    Attributes:
        order: `n` numbers of the training points, pivots first.
        rows: `R x n` rows of L of the pivots.
        L1: `R x R` lower triangular.
        apart: A bound of |E|.
    """

    order: Tensor
    rows: Tensor
    L1: Tensor
    apart: float

    def __len__(self) -> int:
        return len(self.L1)

    @staticmethod
    def of(factor: Factor, R: int) -> "Projection":
        """Choose `R` pivots.   Cost: O(n R^2) time, O(n R) memory."""
        L = factor.L
        n, R = len(L), min(R, len(L))
        theta, features, diagonal = factor.theta.unsqueeze(0), factor.features, L.square().sum(1)

        def row(p: int) -> Tensor:
            return factor.form.evaluate(theta, features.rows(slice(p, p + 1)), features).covariance[0, 0]

        if n * n <= AT_ONCE[L.device.type] * R:
            K = factor.form.evaluate(theta, features, features).covariance[0]
            K = K.cpu() if n * R**2 <= ON_CPU else K
            order = pivots(diagonal.to(K.device), K.__getitem__, R).to(L.device)
        else:
            order = pivots(diagonal, row, R)
        rows, unit = L[order[:R]], UNIT[torch.float64]
        # L[p] = L1 Q: an LQ factorisation never squares the condition number, as a new Cholesky factor would.
        L1 = torch.linalg.qr(rows.mT, mode="r").R.mT.tril()
        E = torch.addmm(rows @ rows.mT, L1, L1.mT, beta=-1.0)
        longest = float(rows.square().sum(1).max())
        return Projection(order, rows, L1, float(E.norm()) + SAFETY * (gamma(R, unit) + gamma(n, unit)) * R * longest)

    @staticmethod
    def whole(factor: Factor) -> "Projection":
        """Take all points, in no order: nothing is left to choose or to compute."""
        return Projection(torch.arange(len(factor.L), device=factor.L.device), factor.L, factor.L, 0.0)

    def extended(self, points: int) -> "Projection":
        """Return the same pivots for a factor that has so many more points, at its end."""
        n = len(self.order)
        order = torch.cat([self.order, torch.arange(n, n + points, device=self.order.device)])
        rows = torch.cat([self.rows, self.rows.new_zeros(len(self), points)], 1)
        return Projection(order, rows, self.L1, self.apart)

    @cached_property
    def product(self) -> Product:
        """What bounds the variance where y = G k.   Cost: O(n R^2)."""
        rows, L1, unit, (R, n) = self.rows, self.L1, UNIT[torch.float64], self.rows.shape
        G = torch.linalg.solve_triangular(L1, torch.eye(R).to(L1), upper=False).tril_()
        M = G @ rows
        D = M @ M.mT
        D.diagonal().sub_(1.0)
        eta = SAFETY * gamma(n, unit) * float(M.norm()) ** 2
        error = gamma(R, unit) * float((G.abs() @ rows.abs()).norm())
        # Not small: no bound. Else |y|^2 <= (1 + LARGEST_DEFECT) s.
        is_small = float(D.norm()) + eta + SAFETY * 2.0 * error < LARGEST_DEFECT
        g = G.abs().sum(1)
        defect = float((D.abs_() / g / g.unsqueeze(1)).max())
        sway = SAFETY * 2.0 * gamma(R, unit) * float(rows.square().sum(1).max().sqrt())
        return Product(G, defect, sway, (1.0 + LARGEST_DEFECT) * eta if is_small else torch.inf)

    @cached_property
    def steepest(self) -> Tensor:
        """R bounds of |L1^-1| for the first 1, 2, ... pivots, by Frobenius' norm.   Cost: O(R^3).

        L1 times its computed inverse G is off 1 by gamma_R |L1| |G| at most, so G is off by as large a share of
        |L1^-1|. Infinite where that would take long.
        """
        L1 = self.L1
        if len(L1) > MOST_INVERTED:
            return torch.full_like(L1[0], torch.inf)
        G = torch.linalg.solve_triangular(L1, torch.eye(len(L1)).to(L1), upper=False)
        squares = G.square().sum(1).cumsum(0)
        off = SAFETY * gamma(len(L1), UNIT[torch.float64]) * squares.sqrt() * L1.square().sum(1).cumsum(0).sqrt()
        return torch.where(off < LARGEST_DEFECT, squares.sqrt() * (1.0 + off / (1.0 - off)), torch.inf)


def pivots(diagonal: Tensor, row: Callable[[int], Tensor], R: int) -> Tensor:
    """Order points by pivoted Cholesky, as far as the first `R`.

    Args:
        diagonal: `n` elements of a positive definite matrix A.
        row: Returns the `n` elements of a row of A, whose element on the diagonal is not read.
        R: Number of pivots.
    Returns:
        `n` numbers: the pivots in order, then all others as they stood.
    """
    n = len(diagonal)
    left = diagonal.clone()
    C = left.new_empty(R, n)
    chosen: list[int] = []
    for j in range(R):
        p = int(left.argmax())
        pivot = left[p]
        if not float(pivot) > 0.0:
            break
        torch.sub(row(p), C[:j, p] @ C[:j], out=C[j]).div_(pivot.sqrt())
        left.sub_(C[j].square())
        left[p] = -torch.inf
        chosen.append(p)
    first = torch.tensor(chosen, dtype=torch.long, device=left.device)
    rest = torch.ones(n, dtype=torch.bool, device=left.device)
    rest[first] = False
    return torch.cat([first, rest.nonzero()[:, 0]])
