"""The factorised Gaussian process: posterior mean and variance of any number of points, in standardised units.

Nothing here goes through GPyTorch: `ExactGP.__call__` forms the full test covariance (GPyTorch issues 2736 and 2754),
and copies the training inputs for each candidate of a batch.

Notation:
    L, alpha    Cholesky factor of K + diag(noise / counts);  K^-1 (y - m)
    mu(x)       m + k(x, X) alpha
    v(x)        s - |L^-1 k(X, x)|^2
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property

import torch
from torch import Tensor

from gpbop.kernels.closed_form import ClosedForm
from gpbop.kernels.features import Features, concatenate
from gpbop.kernels.rows import MovingRows, cross_covariance
from gpbop.surrogate.cholesky import append_rows, cholesky
from gpbop.surrogate.marginal_likelihood import TrainingData

MovingMoments = Callable[[Tensor, Tensor], tuple[Tensor, Tensor, Callable[[Tensor, Tensor], Tensor]]]
"""Maps values of the moving columns and the numbers of the points to means, variances, and the way back from them."""

# Bytes that one block of rows may take when no cap is given; blocks of this size already run at full speed.
BLOCK_BYTES = 256 * 2**20
# Arrays of a block's shape that are alive at once in `moments` (distances, two profiles, product, solve).
BLOCK_ARRAYS = 6


@dataclass(frozen=True)
class Factor:
    """A Gaussian process with fixed hyperparameters, conditioned on data.

    Attributes:
        form: The covariance.
        theta: `p` kernel hyperparameters.
        noise: Noise variance of one observation, a 0-d tensor.
        features: The `n` training points.
        L: `n x n` Cholesky factor.
        alpha: `n` or `n x s` weights of the mean; s columns are s mean functions over one variance.
        mean: Constant mean, a 0-d tensor.
        block_bytes: Most bytes a block of candidates takes.
    """

    form: ClosedForm
    theta: Tensor
    noise: Tensor
    features: Features
    L: Tensor
    alpha: Tensor
    mean: Tensor
    block_bytes: int = BLOCK_BYTES

    @staticmethod
    def of(form: ClosedForm, theta: Tensor, data: TrainingData, mean: Tensor | None = None) -> "Factor":
        """Factorise for merged data and `p + 1` hyperparameters, the last the log noise.   Cost: O(n^3).

        The constant mean is the most probable one unless `mean` gives it.
        """
        noise = theta[-1].exp()
        K = form.evaluate(theta[None, :-1], data.features, data.features).covariance[0]
        K.diagonal().add_(noise / data.counts)
        L = cholesky(K)
        return Factor._solved(form, theta[:-1], noise, data.features, L, data.y, mean)

    @staticmethod
    def _solved(
        form: ClosedForm, theta: Tensor, noise: Tensor, features: Features, L: Tensor, y: Tensor, mean: Tensor | None
    ) -> "Factor":
        rhs = torch.stack([y, torch.ones_like(y)], -1)
        solved = torch.cholesky_solve(rhs, L)
        if mean is None:
            mean = solved[:, 0].sum() / solved[:, 1].sum()
        return Factor(form, theta, noise, features, L, solved[:, 0] - mean * solved[:, 1], mean)

    def to(self, device: torch.device) -> "Factor":
        """Return the same factor on another device, number for number."""
        form = ClosedForm(self.form.columns, self.form.smoothness, device)
        features = Features(*(part.to(device) for part in self.features))
        theta, noise, L, alpha, mean = (
            part.to(device) for part in (self.theta, self.noise, self.L, self.alpha, self.mean)
        )
        return Factor(form, theta, noise, features, L, alpha, mean, self.block_bytes)

    @cached_property
    def outputscale(self) -> Tensor:
        """Prior variance s, a 0-d tensor."""
        return self.theta[self.form.layout.outputscale].exp()[0]

    def rows(self, X: Tensor) -> Tensor:
        """Compute `m x n` covariances with the training points, differentiable in the numeric columns of X."""
        return cross_covariance(self.form, self.theta, X, self.features)

    def moments(self, X: Tensor) -> tuple[Tensor, Tensor]:
        """Compute the marginal posterior.

        Cost: O(m n^2) time; memory for one block of rows and the answer, whatever m is.

        Args:
            X: `m x d` encoded points; gradients flow to its numeric columns.
        Returns:
            `m` (or `m x s`) means and `m` variances, in standardised units, without observation noise.
        """
        size = self.block_rows()
        if len(X) <= size:
            return self._block_moments(X)
        blocks = [self._block_moments(block) for block in torch.split(X, size)]
        return torch.cat([mean for mean, _ in blocks]), torch.cat([variance for _, variance in blocks])

    def block_rows(self) -> int:
        """Return how many candidates make one block under the memory cap."""
        return max(1, self.block_bytes // (BLOCK_ARRAYS * 8 * len(self.L)))

    def _block_moments(self, X: Tensor) -> tuple[Tensor, Tensor]:
        rows = self.rows(X)
        V = torch.linalg.solve_triangular(self.L, rows.mT, upper=False)
        variance = self.outputscale - V.square().sum(0)
        return self.mean + rows @ self.alpha, variance.clamp_min(self.smallest_variance)

    def moving_moments(self, X: Tensor, columns: list[int]) -> "MovingMoments":
        """Return the moments of `r x d` points as functions of some of their numeric columns, with gradients."""
        first = self.form.features(X)
        places = [self.form.columns.numeric.index(column) for column in columns]
        rows = MovingRows(self.form, self.theta, first, self.features)

        def moments(x: Tensor, start: Tensor) -> tuple[Tensor, Tensor, Callable[[Tensor, Tensor], Tensor]]:
            z = first.numeric[start]
            moves = active[start]
            z[:, places] = torch.where(moves, x, z[:, places])
            K, pull_rows = rows(z, start)
            V = torch.linalg.solve_triangular(self.L, K.mT, upper=False)
            variance = self.outputscale - V.square().sum(0)

            def pull_back(by_mean: Tensor, by_variance: Tensor) -> Tensor:
                W = torch.linalg.solve_triangular(self.L.mT, V, upper=True).mT  # (r', n)
                G = W.mul_(by_variance.mul(-2.0).unsqueeze(-1)).addcmul_(by_mean.unsqueeze(-1), self.alpha)
                return pull_rows(G)[:, places].mul_(moves)

            return self.mean + K @ self.alpha, variance.clamp_min_(self.smallest_variance), pull_back

        active = X[:, columns] >= 0.0
        return moments

    @cached_property
    def smallest_variance(self) -> float:
        """Rounding level of the variance: differences of numbers of size s carry no information below it."""
        return float(self.outputscale) * 1e-14

    def rows_with(self, others: Features) -> Callable[[Tensor], tuple[Tensor, Tensor]]:
        """Return a function from `m x d` points to their covariances with training points and with r others."""
        both, n = concatenate(self.features, others), len(self.L)

        def rows(X: Tensor) -> tuple[Tensor, Tensor]:
            together = cross_covariance(self.form, self.theta, X, both)
            return together[:, :n], together[:, n:]

        return rows

    def solve_rows(self, X: Tensor) -> tuple[Tensor, Tensor]:
        """Return `m` means and `n x m` V = L^-1 k(X_train, X), whose products are posterior covariances."""
        rows = self.rows(X)
        return self.mean + rows @ self.alpha, torch.linalg.solve_triangular(self.L, rows.mT, upper=False)

    def append(self, X: Tensor, y: Tensor, mean: Tensor | None = None) -> "Factor":
        """Condition on further observations at fixed hyperparameters.   Cost: O(k n^2).

        Args:
            X: `k x d` encoded points, repeats allowed.
            y: `n + k` standardised values of the old and new training points.
            mean: The constant mean; the most probable one if absent.
        Returns:
            The factor of the extended data; it equals a new factorisation.
        """
        features, L = self._extended(X)
        solved = Factor._solved(self.form, self.theta, self.noise, features, L, y, mean)
        return replace(solved, block_bytes=self.block_bytes)

    def believe(self, X: Tensor) -> "Factor":
        """Condition on pending points as if they had returned the mean: the variance falls, the mean stays.

        Args:
            X: `k x d` encoded points.
        Returns:
            The factor with k more rows, whose weights are zero.
        References:
            Desautels et al. (2014), GP-BUCB; Ginsbourger et al. (2010), kriging believer.
        """
        features, L = self._extended(X)
        padding = self.alpha.new_zeros(len(X), *self.alpha.shape[1:])
        return replace(self, features=features, L=L, alpha=torch.cat([self.alpha, padding]))

    def _extended(self, X: Tensor) -> tuple[Features, Tensor]:
        new = self.form.features(X)
        theta = self.theta.unsqueeze(0)
        cross = self.form.evaluate(theta, self.features, new).covariance[0]
        corner = self.form.evaluate(theta, new, new).covariance[0]
        corner.diagonal().add_(self.noise)
        return concatenate(self.features, new), append_rows(self.L, cross, corner)
