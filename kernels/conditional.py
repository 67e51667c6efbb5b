"""Numeric parameters, some of which exist only while others hold certain values.

Notation:
    u_j     value of numeric column j in [0, 1], or INACTIVE
    a_j     1 where column j is active, 0 where not
    v_j     u_j where active, 1/2 where not
    z       features: all v_j, then a_j of each conditional column
"""

from typing import Any

import torch
from gpytorch.constraints import Interval
from gpytorch.priors import Prior
from torch import Tensor
from typing_extensions import override

from gpbop.kernels.columns import INACTIVE, Columns, take
from gpbop.kernels.composed import ComposedKernel
from gpbop.kernels.continuous import ContinuousKernel, Smoothness, reject_last_dim_is_batch


def embed(X: Tensor, columns: Columns) -> Tensor:
    """Map encoded points to features in which Euclidean distance is right for inactive parameters too.

    A conditional column becomes two features (v_j, a_j). Active values lie on the segment a = 1; the inactive one is a
    single point, at a = 0 over the middle of the segment: the apex of an isosceles wedge. So two inactive rows are 0
    apart, an active and an inactive one keep a learned distance (the lengthscale of a_j), and a kernel that is positive
    definite in Euclidean space stays so.

    Args:
        X: `... x n x d` encoded points.
        columns: The columns to embed.

    Returns:
        `... x n x F` features in [0, 1]. The gradient of an inactive entry is 0.

    Raises:
        ValueError: If there is no numeric column, or X has too few columns.

    References:
        Horn, Stork, Schüßler & Zaefferer (2019), Surrogates for hierarchical search spaces: the wedge-kernel.
        https://doi.org/10.1145/3321707.3321765

    Example:
        >>> X = torch.tensor([[0.25, 0.75], [0.25, INACTIVE]])
        >>> embed(X, Columns(numeric=(0, 1), conditional=(1,))).tolist()
        [[0.25, 0.75, 1.0], [0.25, 0.5, 0.0]]
    """
    if not columns.numeric:
        raise ValueError(f"`columns` must have a numeric column; got {columns}. Use a categorical kernel alone.")
    u = take(X, columns.numeric)
    if not columns.conditional:
        return u
    # Half way to the sentinel, so that neither a rounded -1 nor a value a hair below 0 changes sides.
    is_active = u > INACTIVE / 2
    v = torch.where(is_active, u, 0.5)
    a = is_active[..., [columns.numeric.index(column) for column in columns.conditional]]
    return torch.cat([v, a.to(u)], dim=-1)


class ConditionalKernel(ComposedKernel):
    """Stationary covariance of the embedded numeric columns: k(x, x') = k_base(embed(x), embed(x')).

    Args:
        columns: The columns of X; only the numeric ones are read.
        smoothness: "matern52", "matern32" or "rbf".
        batch_shape: Shape of the batch of hyperparameters.
        lengthscale_prior: Prior of the F lengthscales.
        lengthscale_constraint: Constraint of the lengthscales; positive by default.

    Raises:
        ValueError: If there is no numeric column, or `smoothness` is unknown.

    Example:
        >>> kernel = ConditionalKernel(Columns(numeric=(0, 1), conditional=(1,)))
        >>> kernel.lengthscale.shape
        torch.Size([1, 3])
        >>> kernel(torch.tensor([[0.2, INACTIVE], [0.2, INACTIVE]])).to_dense().tolist()
        [[1.0, 1.0], [1.0, 1.0]]
    """

    def __init__(
        self,
        columns: Columns,
        smoothness: Smoothness = "matern52",
        *,
        batch_shape: torch.Size | None = None,
        lengthscale_prior: Prior | None = None,
        lengthscale_constraint: Interval | None = None,
    ) -> None:
        if not columns.numeric:
            raise ValueError(f"`columns` must have a numeric column; got {columns}. Use a categorical kernel alone.")
        super().__init__()
        self.columns = columns
        self.base_kernel = ContinuousKernel(
            smoothness,
            ard_num_dims=columns.num_features,
            batch_shape=batch_shape,
            lengthscale_prior=lengthscale_prior,
            lengthscale_constraint=lengthscale_constraint,
        )

    @property
    @override
    def lengthscale(self) -> Tensor:
        """`batch_shape x 1 x F` lengthscales of the features: all v_j, then the a_j."""
        lengthscale: Tensor = self.base_kernel.lengthscale
        return lengthscale

    @lengthscale.setter
    def lengthscale(self, value: Tensor | float) -> None:
        # A tensor, because GPyTorch 1.15.2 rounds a plain number to float32 on its way.
        lengthscale = self.base_kernel.lengthscale
        self.base_kernel.lengthscale = torch.as_tensor(value, dtype=lengthscale.dtype, device=lengthscale.device)

    @override
    def forward(
        self, x1: Tensor, x2: Tensor, diag: bool = False, last_dim_is_batch: bool = False, **params: Any
    ) -> Tensor:
        """Covariances of encoded points.

        Args:
            x1: `... x n x d` encoded points.
            x2: `... x m x d` encoded points.
            diag: Whether to compare row i with row i only.
            last_dim_is_batch: Not supported.
            params: Ignored.

        Returns:
            `... x n x m` covariances, or `... x n` with `diag`.

        Raises:
            ValueError: If X has too few columns, or `last_dim_is_batch` is set.
        """
        reject_last_dim_is_batch(last_dim_is_batch)
        return self.base_kernel.forward(embed(x1, self.columns), embed(x2, self.columns), diag=diag)
