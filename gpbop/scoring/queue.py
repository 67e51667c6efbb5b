"""Candidates whose variances fall as points are believed.

Notation:
    V       `n x m` L^-1 k(X, x) of the candidates, for the process before any point of the queue was believed
    w_t     `m` what the t-th believed point p_t adds:   w_t = (k(p_t, x) - V_p'V - sum_u w_u(p_t) w_u) / d_t,
            d_t^2 = v_t(p_t) + noise; it is the row that a Cholesky factor grows by
    v       s - |V|^2 - sum_t w_t^2

The whole queue is updated with matrix products, whose last digits depend on what is computed side by side; so values
come with bounds on their errors, and where these leave more than one candidate in question, each is computed by itself.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from gpbop.scoring.contenders import Contenders
from gpbop.scoring.criteria import Criterion


@dataclass
class _Alone:
    """One candidate computed by itself.

    Attributes:
        place: Its number in the queue.
        mean: `1 x s` means.
        V: `n` numbers of the notation.
        w: Those of the notation, for the points that were chosen when it was last looked at.
        scale: d of the notation, once it was chosen.
    """

    place: int
    mean: Tensor
    V: Tensor
    w: Tensor
    scale: float = 0.0


class Queue:
    """Contenders for the next place in a batch.

    Args:
        criterion: The acquisition function.
        contenders: The candidates.
    """

    def __init__(self, criterion: Criterion, contenders: Contenders) -> None:
        self._criterion, self.candidates = criterion, contenders
        factor = criterion.factor
        mean, V = factor.solve_rows(contenders.X)
        self._mean, self._V = mean.reshape(len(contenders), factor.alpha[:1].numel()), V
        self._variance = factor.outputscale - V.square().sum(0)
        self._features = factor.form.features(contenders.X)
        self._chosen: list[_Alone] = []
        self._W: list[Tensor] = []
        self._alone: dict[int, _Alone] = {}
        # Both this computation and the one that counts may be off, each its own way.
        self._delta, self._error = 2.0 * criterion.dense.mean, 2.0 * criterion.dense.variance

    def __len__(self) -> int:
        return len(self.candidates)

    def best(self) -> tuple[int, float]:
        """Return the place and the value of the best candidate; of equal ones that with the lowest index."""
        low, high = self._variance - self._error, self._variance + self._error
        values = self._criterion.lower(self._mean, self._delta, low, high)
        uppers = self._criterion.upper(self._mean, self._delta, low, high)
        for chosen in self._chosen:
            values[chosen.place], uppers[chosen.place] = -torch.inf, -torch.inf
        taken = {chosen.place for chosen in self._chosen}
        open_ = [place for place in (uppers >= values.max()).nonzero()[:, 0].tolist() if place not in taken]
        index = self.candidates.index
        value, _, place = min((-self._value(place), int(index[place]), place) for place in open_)
        return place, -value

    def believe(self, place: int) -> None:
        """Condition on a candidate as if it had returned its mean."""
        point = self._by_itself(place)
        point.scale = float((self._variance_of(point) + self._criterion.factor.noise).sqrt())
        W = torch.stack(self._W) if self._W else self._V[:0]
        w = (self._covariances(place, slice(None)) - point.V @ self._V - point.w @ W).div_(point.scale)
        self._variance = self._variance - w.square()
        self._W.append(w)
        self._chosen.append(point)

    def _value(self, place: int) -> float:
        """Compute the value of one candidate by itself."""
        alone = self._by_itself(place)
        return float(self._criterion(alone.mean, self._variance_of(alone).reshape(1)))

    def _variance_of(self, alone: "_Alone") -> Tensor:
        factor = self._criterion.factor
        return (factor.outputscale - alone.V.square().sum() - alone.w.square().sum()).clamp_min(
            factor.smallest_variance
        )

    def _by_itself(self, place: int) -> "_Alone":
        """Return what is known of one candidate, conditioned on all chosen points, computed by itself."""
        if place not in self._alone:
            mean, V = self._criterion.factor.solve_rows(self.candidates.X[place : place + 1])
            self._alone[place] = _Alone(place, mean.reshape(1, -1), V[:, 0], V[:0, 0])
        alone = self._alone[place]
        for t in range(len(alone.w), len(self._chosen)):
            point = self._chosen[t]
            prior = self._covariances(point.place, slice(place, place + 1))
            w = (prior - point.V @ alone.V - point.w @ alone.w) / point.scale
            alone.w = torch.cat([alone.w, w])
        return alone

    def _covariances(self, place: int, others: slice) -> Tensor:
        """Return the prior covariances of one candidate with others."""
        factor = self._criterion.factor
        one, other = self._features.rows(slice(place, place + 1)), self._features.rows(others)
        return factor.form.evaluate(factor.theta.unsqueeze(0), one, other).covariance[0, 0]
