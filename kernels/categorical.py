"""Covariances of categorical parameters: by equality of the codes, or by learned coordinates.

Notation:
    c_j   code of categorical column j: 0, 1, ..., K_j - 1; an inactive one counts as the last
    E_j   (*batch, K_j, rank) latent coordinates of the codes of column j
"""

from collections.abc import Callable
from copy import deepcopy
from typing import Any

import torch
from gpytorch.kernels import Kernel
from gpytorch.priors import NormalPrior
from torch import Tensor
from torch.nn import Parameter, ParameterList
from typing_extensions import override

from gpbop.kernels.columns import check_codes, take
from gpbop.kernels.continuous import distance, gaussian, reject_last_dim_is_batch

LATENT_RANK = 2  # coordinates of a choice, unless told otherwise: a plane


def read_codes(X: Tensor, categorical: tuple[tuple[int, int], ...]) -> list[Tensor]:
    """Read the codes of categorical columns.

    Args:
        X: `... x n x d` encoded points.
        categorical: Pairs (column, number of codes).

    Returns:
        One `... x n` int64 tensor per column. An inactive entry has the last code.

    Raises:
        ValueError: If X has too few columns.

    Example:
        >>> read_codes(torch.tensor([[0.3, 1.0], [0.4, -1.0]]), ((1, 3),))
        [tensor([1, 2])]
    """
    codes = take(X, [column for column, _ in categorical]).round().long().unbind(dim=-1)
    return [torch.where(c < 0, count - 1, c) for c, (_, count) in zip(codes, categorical, strict=True)]


def _check(name: str, pairs: tuple[tuple[int, int], ...]) -> None:
    check_codes(name, pairs)
    if not pairs:
        raise ValueError(f"`{name}` must name at least one column; got (). Leave the kernel out.")


class ExchangeableKernel(Kernel):  # type: ignore[misc]  # GPyTorch is untyped
    """Covariance by which columns differ: k = exp(-sum_j 1[c_j != c'_j] / lengthscale_j).

    All choices of a parameter are alike: any two different ones are equally far apart.   Cost: O(n m J).

    Args:
        categorical: J pairs (column, number of codes).
        kwargs: Those of `gpytorch.kernels.Kernel`: `batch_shape`, `lengthscale_prior`, `lengthscale_constraint`.

    Raises:
        TypeError: If `categorical` is not a tuple of pairs of integers.
        ValueError: If it is empty, or a pair is impossible.

    Example:
        >>> kernel = ExchangeableKernel(((0, 3), (2, 2))).initialize(lengthscale=1.0)
        >>> kernel(torch.tensor([[0.0, 0.7, 1.0], [2.0, 0.1, 1.0]])).to_dense()[0].tolist()
        [1.0, 0.3678794503211975]
    """

    has_lengthscale = True

    def __init__(self, categorical: tuple[tuple[int, int], ...], **kwargs: Any) -> None:
        _check("categorical", categorical)
        super().__init__(ard_num_dims=len(categorical), **kwargs)
        # From here on GPyTorch would demand that X has just as many columns; X comes whole.
        self.ard_num_dims = None
        self.categorical = categorical

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
        exponents = []
        for j, (c1, c2) in enumerate(
            zip(read_codes(x1, self.categorical), read_codes(x2, self.categorical), strict=True)
        ):
            is_different = c1 != c2 if diag else c1.unsqueeze(-1) != c2.unsqueeze(-2)
            lengthscale: Tensor = self.lengthscale[..., j]  # (*batch, 1)
            exponents.append(is_different / (lengthscale if diag else lengthscale.unsqueeze(-1)))
        return torch.exp(-sum(exponents[1:], start=exponents[0]))


class LatentKernel(Kernel):  # type: ignore[misc]  # GPyTorch is untyped
    """Covariance by learned coordinates: k = exp(-sum_j |E_j[c_j] - E_j[c'_j]|^2 / 2).

    Each choice gets a place in a plane, and choices that act alike come to lie close: `rank` numbers per choice instead
    of one per pair of choices. A standard normal prior holds the coordinates together.

    Attributes:
        embedding: List of the E_j, `batch_shape x K_j x rank` parameters. They start at fixed normal draws, different
            for every member of the batch: at equal coordinates the gradient would be 0.

    Args:
        latent: J pairs (column, number of codes).
        rank: Number of coordinates.
        batch_shape: Shape of the batch of hyperparameters.

    Raises:
        TypeError: If `latent` is not a tuple of pairs of integers.
        ValueError: If it is empty, a pair is impossible, or `rank` is below 1.

    References:
        Zhang, Tao, Chen & Apley (2020), A latent variable approach to Gaussian process modeling with qualitative and
        quantitative factors. https://doi.org/10.1080/00401706.2019.1638834

    Example:
        >>> kernel = LatentKernel(((1, 20),))
        >>> kernel.embedding[0].shape
        torch.Size([20, 2])
        >>> kernel(torch.tensor([[0.3, 17.0], [0.4, 17.0]])).to_dense()[0].tolist()
        [1.0, 1.0]
    """

    def __init__(
        self, latent: tuple[tuple[int, int], ...], rank: int = LATENT_RANK, *, batch_shape: torch.Size | None = None
    ) -> None:
        _check("latent", latent)
        if rank < 1:
            raise ValueError(f"`rank` must be at least 1; got {rank}. Two coordinates suit most parameters.")
        super().__init__(batch_shape=batch_shape)
        self.latent = latent
        generator = torch.Generator().manual_seed(0)
        self.embedding = ParameterList(
            Parameter(torch.randn(*self.batch_shape, count, rank, generator=generator)) for _, count in latent
        )
        self.register_prior(
            "embedding_prior", NormalPrior(0.0, 1.0), LatentKernel._coordinates, LatentKernel._set_coordinates
        )

    def _coordinates(self) -> Tensor:
        """`batch_shape x (sum_j K_j rank)`: all coordinates in a row."""
        return torch.cat([E.flatten(start_dim=-2) for E in self.embedding], dim=-1)

    def _set_coordinates(self, value: Tensor | float) -> None:
        sizes = [E.shape[-2:].numel() for E in self.embedding]
        parts = torch.split(torch.as_tensor(value).expand(*self.batch_shape, sum(sizes)), sizes, dim=-1)
        with torch.no_grad():
            for E, part in zip(self.embedding, parts, strict=True):
                E.copy_(part.reshape(E.shape))

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
        return gaussian(distance(self._place(x1), self._place(x2), diag=diag))

    def _place(self, X: Tensor) -> Tensor:
        """`... x n x (J rank)` latent coordinates of the rows of X."""
        codes = read_codes(X, self.latent)
        return torch.cat([_look_up(E, c) for E, c in zip(self.embedding, codes, strict=True)], dim=-1)

    @override
    def __getitem__(self, index: Any) -> "LatentKernel":
        return self._copy(lambda E: E[index]) if self.batch_shape else self

    @override
    def expand_batch(self, *sizes: Any) -> "LatentKernel":
        """Repeat the coordinates.

        Args:
            sizes: The new batch shape.

        Returns:
            A kernel with this batch shape.
        """
        batch_shape = torch.Size(sizes if isinstance(sizes[0], int) else sizes[0])
        return self._copy(lambda E: E.expand(*batch_shape, *E.shape[-2:]))

    def _copy(self, change: Callable[[Tensor], Tensor]) -> "LatentKernel":
        # GPyTorch changes the parameters that a kernel holds itself, not those in a list.
        kernel = deepcopy(self)
        kernel.embedding = ParameterList(Parameter(change(E.detach()).clone()) for E in self.embedding)
        kernel.batch_shape = kernel.embedding[0].shape[:-2]
        return kernel


def _look_up(E: Tensor, codes: Tensor) -> Tensor:
    """Rows of E by code, for every member of a batch: (*batch, K, rank), (*batch, n) -> (*batch, n, rank)."""
    batch_shape = torch.broadcast_shapes(E.shape[:-2], codes.shape[:-1])  # type: ignore[no-untyped-call]
    E = E.expand(*batch_shape, *E.shape[-2:]).reshape(-1, *E.shape[-2:])
    # Plain indexing, not `gather`: its gradient adds up in the same order on every run, on CUDA too.
    member = torch.arange(len(E), device=E.device).unsqueeze(-1)
    rows = E[member, codes.expand(*batch_shape, -1).reshape(len(E), codes.shape[-1])]
    return rows.reshape(*batch_shape, codes.shape[-1], E.shape[-1])
