"""Where experiments fail: a probability of success learned from the failures."""

from dataclasses import dataclass

import torch
from torch import Tensor

from gpbop.kernels.closed_form import ClosedForm
from gpbop.kernels.features import Features
from gpbop.kernels.rows import cross_covariance
from gpbop.surrogate.cholesky import cholesky
from gpbop.surrogate.priors import ThetaPrior

# Variance of a label around the probability of success: a neighbour's outcome counts, but never for certain.
LABEL_NOISE = 0.05
# Nothing is impossible: a region that failed stays reachable when it promises enough.
LEAST_PROBABILITY = 0.01


@dataclass(frozen=True)
class Feasibility:
    """Probability that an experiment succeeds, by Gaussian process regression on the outcomes 1 and 0.

    The lengthscales are the prior's mode, not those of the objective: where training diverges has its own, usually
    sharper, borders.

    Attributes:
        form: The covariance.
        theta: `p` kernel hyperparameters.
        features: All `n` experiments.
        weights: `n` weights of the outcomes.
        rate: Share of successes, with one success and one failure added.
    """

    form: ClosedForm
    theta: Tensor
    features: Features
    weights: Tensor
    rate: float

    @staticmethod
    def of(form: ClosedForm, X: Tensor, succeeded: Tensor) -> "Feasibility":
        """Learn from `n x d` encoded points and which of the `n` experiments succeeded.   Cost: O(n^3)."""
        theta = ThetaPrior.of(form, X.shape[-1], device=X.device).start[:-1].clone()
        theta[form.layout.outputscale] = 0.0
        features = form.features(X)
        K = form.evaluate(theta.unsqueeze(0), features, features).covariance[0]
        K.diagonal().add_(LABEL_NOISE)
        labels = succeeded.to(X)
        rate = (float(labels.sum()) + 1.0) / (len(labels) + 2.0)
        weights = torch.cholesky_solve((labels - rate).unsqueeze(-1), cholesky(K, "feasibility"))[:, 0]
        return Feasibility(form, theta, features, weights, rate)

    def probability(self, X: Tensor) -> Tensor:
        """Compute `m` probabilities at `m x d` encoded points, differentiable in the numeric columns."""
        expected = self.rate + cross_covariance(self.form, self.theta, X, self.features) @ self.weights
        return expected.clamp(LEAST_PROBABILITY, 1.0)
