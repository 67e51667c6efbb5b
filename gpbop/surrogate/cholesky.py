"""Cholesky factors that never fail quietly."""

import warnings

import torch
from torch import Tensor

from gpbop.errors import NumericalError, NumericalWarning

FIRST_JITTER = 1e-10  # relative to the mean of the diagonal
LAST_JITTER = 1e-2


def cholesky(A: Tensor, name: str = "covariance") -> Tensor:
    """Factorise A = L L', adding as little jitter to the diagonal as makes it possible.

    Args:
        A: `n x n` symmetric matrix.
        name: What the matrix is, for messages.
    Returns:
        `n x n` lower triangular L. A warning tells the jitter when some was added.
    Raises:
        NumericalError: If A holds NaN or infinity, or is not positive definite with the largest jitter.
    """
    L: Tensor
    L, info = torch.linalg.cholesky_ex(A)
    if not bool(info.any()) and bool(torch.isfinite(L.diagonal()).all()):
        return L
    bad = int((~torch.isfinite(A)).sum())
    if bad:
        raise NumericalError(
            f"the {name} matrix must be finite; got {bad} of {A.numel()} entries that are NaN or infinite. "
            "Check the hyperparameters for extreme values."
        )
    size = float(A.diagonal().mean())
    jitter = FIRST_JITTER
    while jitter <= LAST_JITTER:
        L, info = torch.linalg.cholesky_ex(A + torch.eye(len(A), dtype=A.dtype, device=A.device) * (jitter * size))
        if not bool(info.any()):
            warnings.warn(
                f"the {name} matrix is not positive definite to working precision; "
                f"added jitter {jitter * size:.1e} to its diagonal",
                NumericalWarning,
                stacklevel=2,
            )
            return L
        jitter *= 10.0
    raise NumericalError(
        f"the {name} matrix must be positive definite; got one that is not even with jitter {LAST_JITTER * size:.1e}. "
        "Raise the noise, or remove nearly repeated observations."
    )


def append_rows(L: Tensor, cross: Tensor, corner: Tensor) -> Tensor:
    """Extend a factor by k rows:   L22 L22' = corner - V'V with V = L^-1 cross.   Cost: O(k n^2).

    Args:
        L: `n x n` factor of the old matrix.
        cross: `n x k` new columns.
        corner: `k x k` new corner.
    Returns:
        `(n + k) x (n + k)` factor of the extended matrix.
    """
    n, k = cross.shape
    V = torch.linalg.solve_triangular(L, cross, upper=False)
    extended = L.new_zeros(n + k, n + k)
    extended[:n, :n] = L
    extended[n:, :n] = V.mT
    extended[n:, n:] = cholesky(corner - V.mT @ V, "updated covariance")
    return extended
