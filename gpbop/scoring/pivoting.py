"""Partial variances: which training points explain most, and a projection whose sum of squares bounds the variance.

Notation:
    L       `n x n` Cholesky factor of K + noise
    p       the order of the training points: each next one has the largest variance given those before
    G       `R x R` lower triangular; G k(X[p], x) are R of the n numbers L^-1 k(X, x), in another basis
    eta     how far the rows of G L[p] are from orthonormal

For any G, |G k|^2 = |G L (L^-1 k)|^2 <= |G L|_2^2 |L^-1 k|^2. With orthonormal rows up to eta:

    variance = s - |L^-1 k|^2 <= s - |G k|^2 / (1 + eta)

and that whatever rounding errors G was made with, since eta is measured on the G that is used. The same holds for the
first r rows of G, which read the first r points alone.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from gpbop.scoring.rounding import SAFETY, UNIT, gamma
from gpbop.surrogate.factor import Factor


@dataclass(frozen=True)
class Projection:
    """The first R pivots, and what their covariances say of the variance.

    Attributes:
        order: `n` numbers of the training points, pivots first.
        G: `R x R` lower triangular.
        eta: Defect of orthonormality, with the rounding errors of measuring it.
    """

    order: Tensor
    G: Tensor
    eta: float

    @staticmethod
    def of(factor: Factor, R: int) -> "Projection":
        """Choose `R` pivots.   Cost: O(n R^2) and one `n x n` covariance matrix."""
        L = factor.L
        n, R = len(L), min(R, len(L))
        K = factor.form.evaluate(factor.theta.unsqueeze(0), factor.features, factor.features).covariance[0]
        K.diagonal().copy_(L.square().sum(1))
        order = pivots(K, R)
        rows = L[order[:R]]
        # L[p] = L1 Q: an LQ factorisation never squares the condition number, as a new Cholesky factor would.
        L1 = torch.linalg.qr(rows.mT, mode="r").R.mT
        G = torch.linalg.solve_triangular(L1, torch.eye(R).to(L), upper=False).tril_()
        M = G @ rows
        unit = UNIT[torch.float64]
        size, measured = float((G.abs() @ rows.abs()).norm()), float(M.norm())
        rounding = 2.0 * gamma(R, unit) * size * (measured + size * unit * R) + gamma(n, unit) * measured**2
        defect = M @ M.mT
        defect.diagonal().sub_(1.0)
        return Projection(order, G, float(defect.norm()) + SAFETY * rounding)


def pivots(A: Tensor, R: int) -> Tensor:
    """Order points by pivoted Cholesky, as far as the first `R`.

    Args:
        A: `n x n` positive definite matrix.
        R: Number of pivots.
    Returns:
        `n` numbers: the pivots in order, then all others as they stood.
    """
    n = len(A)
    left = A.diagonal().clone()
    C = A.new_empty(R, n)
    chosen: list[int] = []
    for j in range(R):
        p = int(left.argmax())
        pivot = left[p]
        if not float(pivot) > 0.0:
            break
        torch.sub(A[p], C[:j, p] @ C[:j], out=C[j]).div_(pivot.sqrt())
        left.sub_(C[j].square())
        left[p] = -torch.inf
        chosen.append(p)
    first = torch.tensor(chosen, dtype=torch.long, device=A.device)
    rest = torch.ones(n, dtype=torch.bool, device=A.device)
    rest[first] = False
    return torch.cat([first, rest.nonzero()[:, 0]])
