"""Candidates whose variances fall as points are believed.

Notation:
    V       `n x m` L^-1 k(X, x) of the candidates, for the process before any point of the queue was believed
    w_t     `m` what the t-th believed point p_t adds:   w_t = (k(p_t, x) - V_p'V - sum_u w_u(p_t) w_u) / d_t,
            d_t^2 = v_t(p_t) + noise; it is the row that a Cholesky factor grows by
    v       s - |V|^2 - sum_t w_t^2

The whole queue is updated with matrix products, whose last digits depend on what is computed side by side; so values
come with bounds on their errors, and where these leave more than one candidate in question, each is computed by itself.
"""

import torch
from torch import Tensor

from gpbop.kernels.features import Features
from gpbop.scoring.contenders import Contenders
from gpbop.scoring.criteria import Criterion


class Queue:
    """Contenders for the next place in a batch.

    Args:
        criterion: The acquisition function.
        contenders: The candidates.
        most: How many may be chosen.
    """

    def __init__(self, criterion: Criterion, contenders: Contenders, most: int) -> None:
        self._criterion, self.candidates = criterion, contenders
        factor = criterion.factor
        mean, V = factor.solve_rows(contenders.X)
        self._mean, self._V = mean.reshape(len(contenders), factor.alpha[:1].numel()), V
        self._variance = factor.outputscale - V.square().sum(0)
        self._features = factor.form.features(contenders.X)
        self._chosen: list[int] = []
        self._W = V.new_empty(most, len(contenders))
        self._own_V, self._own_L = V.new_empty(most, len(V)), V.new_zeros(most, most)
        self._alone: dict[int, tuple[Tensor, Tensor]] = {}
        # Both this computation and the one that counts may be off, each its own way.
        self._delta = 2.0 * criterion.dense.mean

    def __len__(self) -> int:
        return len(self.candidates)

    def best(self) -> tuple[int, float]:
        """Return the place and the value of the best candidate; of equal ones that with the lowest index."""
        error = self._errors()
        low, high = self._variance - error, self._variance + error
        values = self._criterion.lower(self._mean, self._delta, low, high)
        uppers = self._criterion.upper(self._mean, self._delta, low, high)
        values[self._chosen], uppers[self._chosen] = -torch.inf, -torch.inf
        open_ = sorted(set((uppers >= values.max()).nonzero()[:, 0].tolist()) - set(self._chosen))
        index = self.candidates.index
        value, _, place = min((-self._value(place), int(index[place]), place) for place in open_)
        return place, -value

    def _errors(self) -> Tensor:
        """Bound how far each variance may be from that of the candidate computed by itself."""
        return self._criterion.dense.believed(len(self._chosen)).between(self._variance.clamp_min(0.0))

    def believe(self, place: int) -> None:
        """Condition on a candidate as if it had returned its mean."""
        t = len(self._chosen)
        _, V, w = self._by_itself(place)
        scale = (self._variance_of(V, w) + self._criterion.factor.noise).sqrt()
        row = (self._covariances(place, slice(None)) - V @ self._V - w @ self._W[:t]).div_(scale)
        self._variance = self._variance - row.square()
        self._W[t], self._own_V[t], self._own_L[t, :t], self._own_L[t, t] = row, V, w, scale
        self._chosen.append(place)

    def _value(self, place: int) -> float:
        """Compute the value of one candidate by itself."""
        mean, V, w = self._by_itself(place)
        return float(self._criterion(mean, self._variance_of(V, w).reshape(1)))

    def _variance_of(self, V: Tensor, w: Tensor) -> Tensor:
        factor = self._criterion.factor
        return (factor.outputscale - V.square().sum() - w.square().sum()).clamp_min(factor.smallest_variance)

    def _by_itself(self, place: int) -> tuple[Tensor, Tensor, Tensor]:
        """Return mean, V and w of one candidate: numbers that depend on it and the chosen points alone."""
        if place not in self._alone:
            mean, V = self._criterion.factor.solve_rows(self.candidates.X[place : place + 1])
            self._alone[place] = mean.reshape(1, -1), V[:, 0]
        mean, V = self._alone[place]
        t = len(self._chosen)
        prior = self._covariances(place, self._chosen) - self._own_V[:t] @ V
        w = torch.linalg.solve_triangular(self._own_L[:t, :t], prior.unsqueeze(1), upper=False)[:, 0]
        return mean, V, w

    def _covariances(self, place: int, others: slice | list[int]) -> Tensor:
        """Return the prior covariances of one candidate with others."""
        factor = self._criterion.factor
        one, other = self._features.rows(slice(place, place + 1)), Features(*(part[others] for part in self._features))
        return factor.form.evaluate(factor.theta.unsqueeze(0), one, other).covariance[0, 0]
