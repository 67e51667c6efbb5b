"""Standardised targets: what the Gaussian process sees of the objective's values."""

import sys
from dataclasses import dataclass

import torch
from torch import Tensor

# Values whose spread is under this share of their size differ by rounding alone and count as constant.
CONSTANT_SPREAD = 1e-13
# Half of it is still a normal number, so that nothing is divided by a rounded zero.
SMALLEST_SCALE = 4.0 * sys.float_info.min


@dataclass(frozen=True)
class Standardization:
    """The map between the objective's units and standardised units, y = mean + scale * z.

    Squares are never formed in the objective's units, so values of 1e-300 and 1e300 are as good as any others.

    Attributes:
        mean: Mean of the values, in the objective's units.
        scale: Standard deviation of the values (n - 1), in the objective's units; their size if they are constant: from
            equal values nothing can be learned about how much others will differ.
    """

    mean: float
    scale: float

    @staticmethod
    def of(values: Tensor) -> "Standardization":
        """Take mean and scale of `n` finite values."""
        size = float(values.abs().max())
        if size == 0.0:
            return Standardization(0.0, 1.0)
        unit = values / size
        mean = float(unit.mean())
        spread = float(unit.std()) if len(values) > 1 else 0.0
        scale = (spread if spread > CONSTANT_SPREAD else 1.0) * size
        return Standardization(mean * size, max(scale, SMALLEST_SCALE))

    def standardize(self, values: Tensor) -> Tensor:
        """Map `n` values to standardised units.   z = y / scale - mean / scale never overflows before it cancels."""
        return (values * 0.5 - self.mean * 0.5) / (self.scale * 0.5)

    def restore_mean(self, mean: Tensor) -> Tensor:
        """Map standardised means back to the objective's units."""
        return self.mean + self.scale * mean

    def restore_std(self, std: Tensor) -> Tensor:
        """Map standardised standard deviations back to the objective's units."""
        return self.scale * std


def group_repeats(X: Tensor) -> tuple[Tensor, Tensor]:
    """Group exactly repeated rows, in order of first appearance.

    Args:
        X: `n x d` encoded points.
    Returns:
        The `u` numbers of the first row of each group, and the `n` numbers of the group that each row belongs to.
    """
    _, group = torch.unique(X, dim=0, return_inverse=True)
    row = torch.arange(len(X), device=X.device)
    first = torch.full((int(group.max()) + 1,), len(X), device=X.device).scatter_reduce(0, group, row, "amin")
    rank = first.argsort().argsort()
    return first.sort().values, rank[group]


def group_means(values: Tensor, group: Tensor) -> tuple[Tensor, Tensor]:
    """Average `n` values over `u` groups.

    Returns:
        The `u` means and the `u` counts, on the CPU.
    """
    # On the CPU: atomic additions on a GPU would add the same values in another order each time.
    group, values = group.cpu(), values.cpu()
    counts = torch.bincount(group).to(values.dtype)
    return torch.zeros_like(counts).index_add_(0, group, values / counts[group]), counts
