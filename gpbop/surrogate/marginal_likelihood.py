"""The log marginal likelihood with priors and its hand-derived gradient, for a batch of hyperparameters.

Notation, for u merged rows of n observations with counts c and means y:
    K       s k + diag(noise / c)
    m       1'K^-1 y / 1'K^-1 1, the constant mean that maximises the likelihood; by the envelope theorem gradients
    ignore it
    alpha   K^-1 (y - m)
    log p(all n) = log N(y | m, K) - sum_g [(c_g - 1) log(2 pi noise) + log c_g] / 2 - S / (2 noise),
                   S the sum of squares within the merged rows
    d(-log p) / dK = (K^-1 - alpha alpha') / 2                     Rasmussen & Williams (2006), eq. 5.9
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from gpbop.kernels.closed_form import ClosedForm
from gpbop.kernels.features import Features
from gpbop.kernels.profiles import Workspace
from gpbop.surrogate.priors import ThetaPrior
from gpbop.surrogate.targets import group_means, group_repeats

# Step of the central differences behind a metric, on logarithms.
DIFFERENCE = 1e-4


@dataclass(frozen=True)
class TrainingData:
    """Merged training data, as the likelihood reads it.

    Attributes:
        features: The features of the different rows.
        y: `u` means of the standardised values.
        counts: `u` numbers of observations.
        within: Sum of squared deviations of the observations from their row's mean.
        group: `n` numbers of the merged row of each observation.
    """

    features: Features
    y: Tensor
    counts: Tensor
    within: float
    group: Tensor

    @staticmethod
    def of(form: ClosedForm, X: Tensor, z: Tensor) -> "TrainingData":
        """Merge `n x d` rows with `n` standardised values."""
        first, group = group_repeats(X)
        means, counts = (part.to(z) for part in group_means(z, group))
        within = float((z - means[group]).square().sum())
        return TrainingData(form.features(X[first]), means, counts, within, group)

    def subset(self, index: Tensor) -> "TrainingData":
        """Keep some of the merged rows, their repeats counted once."""
        once = torch.ones_like(self.counts[index])
        return TrainingData(self.features.rows(index), self.y[index], once, 0.0, torch.arange(len(index)).to(index))


class NegativeLogPosterior:
    """-log p(y | theta) - log p(theta), the objective of the MAP fit, in nats.

    Args:
        form: The covariance.
        data: The training data.
        prior: The prior of theta = (kernel hyperparameters, log noise).
    """

    def __init__(self, form: ClosedForm, data: TrainingData, prior: ThetaPrior) -> None:
        self.form, self.data, self.prior = form, data, prior
        self._rhs = torch.stack([data.y, torch.ones_like(data.y)], -1)
        self._shares = 1.0 / data.counts
        self._workspace = Workspace()
        self._repeats = float((data.counts - 1.0).sum())
        self._constant = 0.5 * float(data.counts.log().sum()) + 0.5 * len(data.y) * math.log(2.0 * math.pi)

    def __call__(self, theta: Tensor, _start: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Compute `b` values and `b x p` gradients at `b x p` hyperparameters.

        Where K is not numerically positive definite the value is infinite, so that an optimiser steps back.
        Cost: O(b u^3) time, O(b u^2) memory.
        """
        kernel_theta, noise = theta[:, :-1], theta[:, -1:].exp()
        features, counts = self.data.features, self.data.counts
        parts = self.form.evaluate(kernel_theta, features, features, self._workspace)
        K = parts.covariance
        diagonal = noise / counts
        K.diagonal(dim1=-2, dim2=-1).add_(diagonal)
        L, info = torch.linalg.cholesky_ex(K)
        K.diagonal(dim1=-2, dim2=-1).sub_(diagonal)
        failed = info != 0
        any_failed = bool(failed.any())
        if any_failed:
            L[failed] = torch.eye(L.shape[-1], dtype=L.dtype, device=L.device)
        alpha, quadratic = self._solve(L)
        noise = noise[:, 0]
        value = quadratic.mul_(0.5).add_(L.diagonal(dim1=-2, dim2=-1).log().sum(-1)).add_(self._constant)
        G = torch.cholesky_inverse(L).baddbmm_(alpha, alpha.mT, beta=0.5, alpha=-0.5)
        grad_noise = (G.diagonal(dim1=-2, dim2=-1) @ self._shares) * noise
        if self._repeats:
            value += 0.5 * self._repeats * torch.log(2.0 * math.pi * noise) + 0.5 * self.data.within / noise
            grad_noise += 0.5 * self._repeats - 0.5 * self.data.within / noise
        grad = self.form.grad_theta(kernel_theta, features, features, parts, G, self._workspace)
        log_prior, grad_prior = self.prior.log_prob(theta)
        value -= log_prior
        if any_failed:
            value[failed] = math.inf
        return value, torch.cat([grad, grad_noise.unsqueeze(-1)], -1).sub_(grad_prior)

    def metric(self, theta: Tensor) -> Tensor:
        """Compute the inverse expected Hessian at `b x p` hyperparameters: a metric for a quasi-Newton method.

        F_ij = tr(K^-1 K_i K^-1 K_j) / 2 plus the curvature of the prior. The derivatives K_i are central differences:
        all steps are one batch, and a metric needs no digits.   Cost: O(b p u^3), for small u.

        Args:
            theta: `b x p` hyperparameters.
        Returns:
            `b x p x p` matrices; the identity where K is not positive definite.
        """
        b, p = theta.shape
        features = self.data.features
        steps = torch.eye(p - 1, p - 1, dtype=theta.dtype, device=theta.device) * DIFFERENCE
        around = torch.cat([theta[:, None, :-1] + steps, theta[:, None, :-1] - steps], 1).flatten(0, 1)
        K = self.form.evaluate(around, features, features).covariance
        K = K.reshape(b, 2, p - 1, *K.shape[-2:])
        noise = (theta[:, -1:].exp() / self.data.counts).diag_embed()
        L, info = torch.linalg.cholesky_ex(K[:, 0, 0] + noise)
        slopes = torch.cat([(K[:, 0] - K[:, 1]) / (2.0 * DIFFERENCE), noise.unsqueeze(1)], 1)
        half = torch.linalg.solve_triangular(L.unsqueeze(1), slopes, upper=False)
        whole = torch.linalg.solve_triangular(L.unsqueeze(1), half.mT, upper=False).flatten(-2)
        hessian = 0.5 * whole @ whole.mT + self.prior.curvature(theta).diag_embed()
        inverse, singular = torch.linalg.inv_ex(hessian)
        usable = (info == 0) & (singular == 0) & torch.isfinite(inverse).flatten(1).all(-1)
        return torch.where(usable[:, None, None], inverse, torch.eye(p, dtype=theta.dtype, device=theta.device))

    def _solve(self, L: Tensor) -> tuple[Tensor, Tensor]:
        """Return alpha, `b x u x 1`, and (y - m)'alpha, `b`."""
        solved = torch.cholesky_solve(self._rhs.expand(*L.shape[:-2], -1, -1), L)
        mean = solved[..., :1].sum(-2, keepdim=True) / solved[..., 1:].sum(-2, keepdim=True)
        alpha = solved[..., :1] - mean * solved[..., 1:]
        residual = self._rhs[:, :1] - mean
        return alpha, (residual * alpha).sum((-2, -1))
