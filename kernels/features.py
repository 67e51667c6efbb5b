"""What the closed-form covariance reads of encoded points: numeric features and one-hot codes."""

from typing import NamedTuple

import torch
from torch import Tensor


class Features(NamedTuple):
    """What the kernel reads of encoded points: numeric features and one-hot codes.

    Attributes:
        numeric: `n x F` wedge-embedded numeric features.
        onehot: `n x H` one-hot codes of all exchangeable columns, side by side.
        latent: `n x J` one-hot codes of all latent columns, side by side.
    """

    numeric: Tensor
    onehot: Tensor
    latent: Tensor

    def rows(self, index: slice | Tensor) -> "Features":
        """Select rows."""
        return Features(self.numeric[index], self.onehot[index], self.latent[index])


def concatenate(first: Features, second: Features) -> Features:
    """Stack the rows of two sets of features."""
    return Features(*(torch.cat(pair) for pair in zip(first, second, strict=True)))


class OneHot:
    """One-hot codes of some columns side by side; an inactive code (-1) is the last one of its column.

    Args:
        columns: Pairs (column, number of codes).
        device: Where the tensors will be.
    """

    def __init__(self, columns: tuple[tuple[int, int], ...], device: torch.device | None) -> None:
        sizes = torch.tensor([k for _, k in columns], dtype=torch.long, device=device)
        self._columns = torch.tensor([j for j, _ in columns], dtype=torch.long, device=device)
        self._last = sizes - 1
        self._offsets = sizes.cumsum(0) - sizes
        self._width = sum(k for _, k in columns)
        # Which column each code belongs to, (H,), and as a matrix, (H, C).
        self.owner = torch.arange(len(columns), device=device).repeat_interleave(sizes)
        self.membership = (self.owner.unsqueeze(-1) == torch.arange(len(columns), device=device)).double()

    def __call__(self, X: Tensor) -> Tensor:
        """Return the `n x H` codes of `n x d` encoded points."""
        if not self._width:
            return X[:, :0]
        codes = X[:, self._columns].round().long()
        position = torch.where(codes < 0, self._last, codes).add_(self._offsets)
        return X.new_zeros(len(X), self._width).scatter_(1, position, 1.0)
