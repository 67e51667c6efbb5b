"""What an acquisition function is to the search: a function of encoded points, and a way uphill."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from typing_extensions import override

from gpbop.bfgs import Objective
from gpbop.surrogate.factor import BLOCK_BYTES, Factor


class Acquisition(ABC):
    """A function of encoded points, in standardised units, that is to be maximised."""

    @abstractmethod
    def value(self, X: Tensor) -> Tensor:
        """Compute the `m` values of one block of `m x d` encoded points, differentiable in the numeric columns."""

    @abstractmethod
    def block_rows(self) -> int:
        """Return how many points make one block under the memory cap."""

    def __call__(self, X: Tensor) -> Tensor:
        """Compute the `m` values of `m x d` encoded points in blocks, differentiable in the numeric columns."""
        rows = self.block_rows()
        if len(X) <= rows:
            return self.value(X)
        return torch.cat([self.value(block) for block in torch.split(X, rows)])

    def ascent(self, X: Tensor, columns: list[int]) -> Objective:
        """Return what a minimiser needs to move some numeric columns of some points uphill.

        Args:
            X: `r x d` encoded points.
            columns: Numeric columns to move; entries that are inactive in a point stay.
        Returns:
            A function from `r' x c` values of these columns and the `r'` numbers of the points to minus the values and
            their gradients.
        """
        active = X[:, columns] >= 0.0

        def objective(x: Tensor, start: Tensor) -> tuple[Tensor, Tensor]:
            rows = X[start]
            rows[:, columns] = torch.where(active[start], x, rows[:, columns])
            rows.requires_grad_(True)
            with torch.enable_grad():
                loss = -self.value(rows)
                (grad,) = torch.autograd.grad(loss.sum(), rows)
            return loss.detach(), grad[:, columns] * active[start]

        return objective


@dataclass(frozen=True)
class FunctionAcquisition(Acquisition):
    """Any differentiable function of encoded points.

    Attributes:
        function: Maps `m x d` encoded points to `m` values.
        numbers: How many numbers of working memory it takes for each point.
        block_bytes: Most bytes a block takes.
    """

    function: Callable[[Tensor], Tensor]
    numbers: int = 1
    block_bytes: int = BLOCK_BYTES

    @override
    def value(self, X: Tensor) -> Tensor:
        return self.function(X)

    @override
    def block_rows(self) -> int:
        return max(1, self.block_bytes // (8 * self.numbers))


Utility = Callable[[Tensor, Tensor], tuple[Tensor, Tensor, Tensor]]
"""Maps `m` means and standard deviations of values to be maximised to `m` utilities and their two derivatives."""


@dataclass(frozen=True)
class MomentAcquisition(Acquisition):
    """A function of mean and standard deviation alone, whose gradient steps record no graph.

    Attributes:
        factor: The factorised process.
        sign: +1 to maximise, -1 to minimise.
        utility: The function of the moments.
    """

    factor: Factor
    sign: float
    utility: Utility

    @override
    def value(self, X: Tensor) -> Tensor:
        mean, variance = self.factor.moments(X)
        return self.utility(self.sign * mean, variance.sqrt())[0]

    @override
    def block_rows(self) -> int:
        return self.factor.block_rows()

    @override
    def ascent(self, X: Tensor, columns: list[int]) -> Objective:
        moments = self.factor.moving_moments(X, columns)

        def objective(x: Tensor, start: Tensor) -> tuple[Tensor, Tensor]:
            mean, variance, pull_back = moments(x, start)
            sigma = variance.sqrt()
            value, by_mean, by_sigma = self.utility(mean.mul_(self.sign), sigma)
            return value.neg_(), pull_back(by_mean.mul_(-self.sign), by_sigma.div_(sigma).mul_(-0.5))

        return objective
