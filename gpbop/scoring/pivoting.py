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
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from gpbop.scoring.rounding import SAFETY, UNIT, gamma
from gpbop.surrogate.factor import Factor

LARGEST_DEFECT = 0.1
# Covariances for each pivot up to which those of all points take less time at once than row by row; CPU: as measured.
AT_ONCE = {"cpu": 5000, "cuda": 2**19}
# Numbers read to choose pivots one by one up to which a GPU takes longer than a CPU; by reasoning, not measured.
ON_CPU = 2**27


@dataclass(frozen=True)
class Projection:
    """The first R pivots, and what their covariances say of the variance.

    Attributes:
        order: `n` numbers of the training points, pivots first.
        G: `R x R` lower triangular.
        defect: Largest |D_ij| / (g_i g_j) that was measured.
        sway: What E adds to y'D y: this much of sum_i g_i |y_i| sqrt(s).
        eta: What the product adds, as a share of s; infinite where D is not small.
    """

    order: Tensor
    G: Tensor
    defect: float
    sway: float
    eta: float

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
        rows = L[order[:R]]
        # L[p] = L1 Q: an LQ factorisation never squares the condition number, as a new Cholesky factor would.
        L1 = torch.linalg.qr(rows.mT, mode="r").R.mT
        G = torch.linalg.solve_triangular(L1, torch.eye(R).to(L), upper=False).tril_()
        M = G @ rows
        unit = UNIT[torch.float64]
        D = M @ M.mT
        D.diagonal().sub_(1.0)
        eta = SAFETY * gamma(n, unit) * float(M.norm()) ** 2
        error = gamma(R, unit) * float((G.abs() @ rows.abs()).norm())
        # Not small: no bound. Else |y|^2 <= (1 + LARGEST_DEFECT) s.
        is_small = float(D.norm()) + eta + SAFETY * 2.0 * error < LARGEST_DEFECT
        g = G.abs().sum(1)
        defect = float((D.abs_() / g / g.unsqueeze(1)).max())
        sway = SAFETY * 2.0 * gamma(R, unit) * float(rows.square().sum(1).max().sqrt())
        return Projection(order, G, defect, sway, (1.0 + LARGEST_DEFECT) * eta if is_small else torch.inf)


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
