"""The covariance of whole encoded points: numeric, conditional and categorical parameters together."""

from typing import Any

import torch
from gpytorch.constraints import Interval
from torch import Tensor
from torch.nn import Parameter
from typing_extensions import override

from gpbop.kernels.categorical import LATENT_RANK, ExchangeableKernel, LatentKernel
from gpbop.kernels.columns import Columns
from gpbop.kernels.composed import ComposedKernel
from gpbop.kernels.conditional import ConditionalKernel
from gpbop.kernels.continuous import Smoothness, reject_last_dim_is_batch


class MixedKernel(ComposedKernel):
    """Product and sum of a numeric and a categorical covariance, in learned shares.

    k = w k_x k_h + (1 - w) (k_x + k_h) / 2, 0 < w < 1: the product lets every choice have its own function of the
    numeric parameters, the sum lets all choices share one. k_h is the product of the exchangeable and the latent part.
    With numeric columns only k = k_x, without any k = k_h; there is no weight then.
    k(x, x) = 1: put a ScaleKernel around it.

    Attributes:
        numeric_kernel: k_x, or None.
        categorical_kernel: The exchangeable part of k_h, or None.
        latent_kernel: The latent part of k_h, or None.

    Args:
        columns: The columns of X.
        smoothness: "matern52", "matern32" or "rbf", of k_x.
        rank: Number of latent coordinates per choice.
        batch_shape: Shape of the batch of hyperparameters.

    Raises:
        ValueError: If `smoothness` is unknown, or `rank` below 1.

    References:
        Ru, Alvi, Nguyen, Osborne & Roberts (2020), Bayesian optimisation over multiple continuous and categorical
        inputs. https://arxiv.org/abs/1906.08878 (the weighted sum and product)

    Example:
        >>> kernel = MixedKernel(Columns(numeric=(0,), categorical=((1, 3),)))
        >>> kernel.weight.item()
        0.5
        >>> kernel(torch.rand(5, 2)).shape
        torch.Size([5, 5])
    """

    raw_weight: Parameter
    raw_weight_constraint: Interval

    def __init__(
        self,
        columns: Columns,
        smoothness: Smoothness = "matern52",
        *,
        rank: int = LATENT_RANK,
        batch_shape: torch.Size | None = None,
    ) -> None:
        super().__init__()
        self.columns = columns
        self.numeric_kernel = (
            ConditionalKernel(columns, smoothness, batch_shape=batch_shape) if columns.numeric else None
        )
        self.categorical_kernel = (
            ExchangeableKernel(columns.categorical, batch_shape=batch_shape) if columns.categorical else None
        )
        self.latent_kernel = LatentKernel(columns.latent, rank, batch_shape=batch_shape) if columns.latent else None
        if columns.numeric and (columns.categorical or columns.latent):
            self.register_parameter("raw_weight", Parameter(torch.zeros(self.batch_shape)))
            self.register_constraint("raw_weight", Interval(0.0, 1.0))

    @property
    def weight(self) -> Tensor:
        """`batch_shape` share of the product, in (0, 1)."""
        weight: Tensor = self.raw_weight_constraint.transform(self.raw_weight)
        return weight

    @weight.setter
    def weight(self, value: Tensor | float) -> None:
        weight = torch.as_tensor(value, dtype=self.raw_weight.dtype, device=self.raw_weight.device)
        self.initialize(raw_weight=self.raw_weight_constraint.inverse_transform(weight))

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
        k_h = self._categorical(x1, x2, diag)
        if self.numeric_kernel is None:
            assert k_h is not None, "Columns hold at least one column"
            return k_h
        k_x = self.numeric_kernel.forward(x1, x2, diag=diag)
        if k_h is None:
            return k_x
        w = self.weight.unsqueeze(-1) if diag else self.weight[..., None, None]
        return w * (k_x * k_h) + (1.0 - w) * (0.5 * (k_x + k_h))

    def _categorical(self, x1: Tensor, x2: Tensor, diag: bool) -> Tensor | None:
        exchangeable = None if self.categorical_kernel is None else self.categorical_kernel.forward(x1, x2, diag=diag)
        if self.latent_kernel is None:
            return exchangeable
        latent = self.latent_kernel.forward(x1, x2, diag=diag)
        return latent if exchangeable is None else exchangeable * latent
