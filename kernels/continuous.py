"""Stationary covariance functions of continuous and ordinal features.

Notation:
    Z   (*batch, n, F)   features, such as `embed` makes of encoded points
    r   (*batch, n, m)   distance, r^2 = sum_f ((z_f - z'_f) / lengthscale_f)^2
"""

import math
from collections.abc import Callable
from typing import Any, Literal

import torch
from gpytorch.kernels import Kernel
from torch import Tensor
from typing_extensions import override

Smoothness = Literal["matern52", "matern32", "rbf"]


def _matern52(r: Tensor) -> Tensor:
    t = r * math.sqrt(5.0)
    return (1.0 + t + t.square() / 3.0) * torch.exp(-t)


def _matern32(r: Tensor) -> Tensor:
    t = r * math.sqrt(3.0)
    return (1.0 + t) * torch.exp(-t)


def gaussian(r: Tensor) -> Tensor:
    """Correlation exp(-r^2 / 2) at distance r."""
    return torch.exp(r.square() * -0.5)


CORRELATIONS: dict[str, Callable[[Tensor], Tensor]] = {"matern52": _matern52, "matern32": _matern32, "rbf": gaussian}


def distance(Z1: Tensor, Z2: Tensor, *, diag: bool) -> Tensor:
    """Euclidean distance, from differences: |z|^2 - 2 z.z' + |z'|^2 cancels for close points.

    So the error is that of rounding Z1 and Z2. The gradient at distance 0 is 0, which makes the gradient of every
    correlation here right there: their slopes in r are 0 at r = 0. There is no second derivative.

    Args:
        Z1: `... x n x F` features.
        Z2: `... x m x F` features.
        diag: Whether to compare row i with row i only (then n = m).

    Returns:
        `... x n x m` distances, or `... x n` with `diag`.
    """
    if diag:
        difference: Tensor = torch.linalg.vector_norm(Z1 - Z2, dim=-1)
        return difference
    return torch.cdist(Z1, Z2, compute_mode="donot_use_mm_for_euclid_dist")


def reject_last_dim_is_batch(last_dim_is_batch: bool) -> None:
    """Refuse GPyTorch's deprecated way to make one kernel per column, which has no meaning for kernels across columns.

    Args:
        last_dim_is_batch: The argument of `forward`.

    Raises:
        ValueError: If it is set.
    """
    if last_dim_is_batch:
        raise ValueError(
            "`last_dim_is_batch` must be False; got True. Use `batch_shape`, and X with the batch in front: b x n x d."
        )


class ContinuousKernel(Kernel):  # type: ignore[misc]  # GPyTorch is untyped
    """Matern-5/2, Matern-3/2 or squared exponential covariance of features.

    matern52: k = (1 + t + t^2 / 3) exp(-t), t = sqrt(5) r;   matern32: k = (1 + t) exp(-t), t = sqrt(3) r;
    rbf: k = exp(-r^2 / 2).   k = 1 at r = 0.   Cost: O(n m F) time, O(n m) memory.

    GPyTorch's own MaternKernel and RBFKernel are not used: they expand |z - z'|^2, which cancels: at lengthscale 0.02
    their float32 errors are more than 5 times as large.

    Args:
        smoothness: Which of the three.
        kwargs: Those of `gpytorch.kernels.Kernel`: `ard_num_dims` (F, one lengthscale per feature; otherwise all share
            one), `batch_shape`, `lengthscale_prior`, `lengthscale_constraint`, `active_dims`.

    Raises:
        ValueError: If `smoothness` is unknown.

    References:
        Rasmussen & Williams (2006), Gaussian Processes for Machine Learning, Section 4.2.1.

    Example:
        >>> kernel = ContinuousKernel("rbf", ard_num_dims=2).initialize(lengthscale=1.0)
        >>> Z = torch.tensor([[0.0, 0.0], [1.0, 1.0]])
        >>> round(kernel(Z).to_dense()[0, 1].item(), 4)
        0.3679
    """

    has_lengthscale = True

    def __init__(self, smoothness: Smoothness = "matern52", **kwargs: Any) -> None:
        if smoothness not in CORRELATIONS:
            raise ValueError(f"`smoothness` must be known; got {smoothness!r}. Use one of {', '.join(CORRELATIONS)}.")
        super().__init__(**kwargs)
        self.smoothness = smoothness

    @override
    def forward(
        self, x1: Tensor, x2: Tensor, diag: bool = False, last_dim_is_batch: bool = False, **params: Any
    ) -> Tensor:
        """Covariances of features.

        Args:
            x1: `... x n x F` features.
            x2: `... x m x F` features.
            diag: Whether to compare row i with row i only.
            last_dim_is_batch: Not supported.
            params: Ignored.

        Returns:
            `... x n x m` covariances, or `... x n` with `diag`.

        Raises:
            ValueError: If `last_dim_is_batch` is set.
        """
        reject_last_dim_is_batch(last_dim_is_batch)
        r = distance(x1 / self.lengthscale, x2 / self.lengthscale, diag=diag)
        return CORRELATIONS[self.smoothness](r)
