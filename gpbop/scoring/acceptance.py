"""Which candidates can still be among the best: a table in the place of an acquisition function.

At a threshold, an acquisition function that rises with the mean asks of each variance a least mean. That is tabulated
over the standard deviation, by sections of the function's own upper bound, so a candidate costs a square root, a
look-up and a comparison, not some twenty operations of a logarithm of expected improvement.
"""

import math

import torch
from torch import Tensor

from gpbop.scoring.criteria import Criterion
from gpbop.scoring.screening import Bounds

BINS = 512
# Means of each bin that are tried at a time, and how often: intervals shrink to 2^-30 of themselves. One time is some
# fifty operations, which a GPU does on 32,768 numbers as fast as on 512.
TRIED, TIMES = {"cpu": 1, "cuda": 63}, {"cpu": 30, "cuda": 5}
# Means beyond this many standardised units are not told apart.
FARTHEST = 1e4
# The table is made anew after so many times as many blocks as at the last time.
GROWTH = 1.3


class Judge:
    """Tells which candidates may reach a threshold, by the table where there can be one; those it drops cannot.

    Args:
        criterion: The acquisition function.
    """

    def __init__(self, criterion: Criterion) -> None:
        factor, dense = criterion.factor, criterion.dense
        self.criterion = criterion
        self.least = factor.L.new_tensor(dense.least(criterion.least_variance))
        most = float(factor.outputscale + dense.variance(factor.outputscale))
        has_table = dense.is_known and criterion.needs_mean and factor.alpha.reshape(len(factor.L), -1).shape[1] == 1
        self._acceptance = Acceptance(criterion, self.least, most) if has_table else None

    def __call__(self, bounds: Bounds, threshold: float) -> Tensor:
        """Return the numbers of the candidates that may reach the threshold."""
        which = self._acceptance(bounds, threshold) if self._acceptance else None
        return (self.upper(bounds) >= threshold).nonzero()[:, 0] if which is None else which

    def upper(self, bounds: Bounds) -> Tensor:
        """Bound `m` values from above."""
        return self.criterion.upper(bounds.mean, bounds.delta, self.least, bounds.high)


class Acceptance:
    """The table.

    Args:
        criterion: An acquisition function of one mean.
        least: Lower bound of every variance.
        most: Upper bound of every bound of a variance.
    """

    def __init__(self, criterion: Criterion, least: Tensor, most: float) -> None:
        self._criterion, self._least = criterion, least
        self._rate = BINS / math.sqrt(most)
        edges = torch.arange(1, BINS + 1, dtype=torch.float64, device=least.device) / self._rate
        self._variances = edges.mul_(1.0 + 1e-9).square_()
        self._threshold, self._calls, self._due = -torch.inf, 0, 0.0
        self._needed: Tensor | None = None

    def __call__(self, bounds: Bounds, threshold: float) -> Tensor | None:
        """Return the numbers of the candidates that may reach the threshold; None if that cannot be told."""
        self._calls += 1
        if threshold > self._threshold and self._calls >= self._due:
            self._needed, self._threshold = self._tabulated(threshold), threshold
            self._due = max(GROWTH * self._calls, self._calls + 1.0)
        if self._needed is None:
            return None
        bins = bounds.high.clamp_min(0.0).sqrt_().mul_(self._rate).long().clamp_max_(BINS - 1)
        best = torch.add(bounds.delta[:, 0], bounds.mean[:, 0], alpha=self._criterion.sign)
        return (~(best < self._needed[bins])).nonzero()[:, 0]  # where there is no number it may be any

    def _tabulated(self, threshold: float) -> Tensor:
        """Return for each bin a mean below which no value reaches the threshold."""
        low = torch.full_like(self._variances, -FARTHEST)
        high, kind = -low, low.device.type
        shares = torch.arange(1, TRIED[kind] + 1).to(low).div_(TRIED[kind] + 1).unsqueeze(1)
        is_open = self._reaches(low.unsqueeze(0), threshold)[0]
        for _ in range(TIMES[kind]):
            edges = torch.cat([low.unsqueeze(0), torch.lerp(low, high, shares), high.unsqueeze(0)])
            under = self._reaches(edges[1:-1], threshold).logical_not_().cumprod(0).sum(0, keepdim=True)
            low, high = edges.gather(0, under)[0], edges.gather(0, under + 1)[0]
        return torch.where(is_open, -torch.inf, low)

    def _reaches(self, means: Tensor, threshold: float) -> Tensor:
        """Return for `t x BINS` means whether a value may reach the threshold."""
        mean = self._criterion.sign * means.reshape(-1, 1)
        variances = self._variances.expand_as(means).reshape(-1)
        upper = self._criterion.upper(mean, torch.zeros_like(mean), self._least, variances)
        return (upper >= threshold).view_as(means)
