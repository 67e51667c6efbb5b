"""The stages that candidates pass through: cheap bounds for all, better ones for those left, the dense value for few.

A candidate is dropped where the upper bound of its value is under the threshold, the value that k others are known to
reach. Those left of a block go on in the order of their bounds, the highest first and a few at a time, so that the
threshold is high before most of them are looked at again.
"""

from dataclasses import dataclass
from threading import Lock
from typing import NamedTuple

import torch
from torch import Tensor

from gpbop.kernels.profiles import Workspace
from gpbop.scoring.contenders import Contenders, Pool
from gpbop.scoring.criteria import Criterion
from gpbop.scoring.pivoting import Projection
from gpbop.scoring.rounding import UNIT, DenseRounding
from gpbop.scoring.screening import Screen
from gpbop.scoring.sources.base import Block
from gpbop.scoring.top import Stage

# Pivots of the stages, with the mean (whose full row costs far more than the first pivots) and without.
PIVOTS_WITH_MEAN = (64, 192, 384)
PIVOTS_WITHOUT_MEAN = (192, 384)
# Candidates of one block that go on first, to raise the threshold; at least twice as many as are wanted.
CHUNK = 128
# Bound of the error of the mean, in standardised units, above which float32 profiles settle too little.
LARGEST_MEAN_ERROR = 0.3


@dataclass
class Counts:
    """How many candidates entered each stage, and how many were looked at in all."""

    candidates: int
    entered: list[int]


class _Held(NamedTuple):
    """Candidates between two stages, with what is known of them."""

    places: Tensor
    X: Tensor
    mean: Tensor
    delta: Tensor
    upper: Tensor

    def take(self, which: Tensor | slice) -> "_Held":
        """Select some."""
        return _Held(*(part[which] for part in self))

    def reaching(self, threshold: float) -> "_Held":
        """Select those whose bound reaches the threshold."""
        return self.take((self.upper >= threshold).nonzero()[:, 0])


class Cascade:
    """Stages of bounds for one criterion, and the dense value as the last.

    Args:
        criterion: The acquisition function.
    """

    def __init__(self, criterion: Criterion) -> None:
        self.criterion = criterion
        factor = criterion.factor
        self.dense = DenseRounding.of(factor)
        n = len(factor.L)
        self._least = factor.L.new_tensor(criterion.least_variance - self.dense.variance)
        pivots = [r for r in (PIVOTS_WITH_MEAN if criterion.needs_mean else PIVOTS_WITHOUT_MEAN) if r < n] or [n]
        projection = Projection.of(factor, pivots[-1])
        self.stages: list[Screen] = []
        for r in pivots:
            with_mean = criterion.needs_mean and not self.stages
            dtype = torch.float32 if with_mean and self._suits_float32() else torch.float64
            self.stages.append(Screen(factor, projection, self.dense, r, with_mean, dtype))
        self.counts = Counts(0, [0] * (len(self.stages) + 1))
        self._lock = Lock()

    def process(self, block: Block, pool: Pool, workspace: Workspace) -> None:
        """Pass one block through all stages and add what is left to the pool."""
        entered = [0] * len(self.counts.entered)
        entered[0] = len(block.index)
        with torch.no_grad():
            none = block.X[:, :0]
            everyone = _Held(block.index, block.X, none, none, block.X[:, 0])
            held = self._screened(self.stages[0], everyone, pool, workspace)
            held = held.take(held.upper.argsort(descending=True))
            first = max(CHUNK, 2 * pool.k)
            for part in (slice(0, first), slice(first, None)):
                self._finish(held.take(part).reaching(pool.threshold), pool, workspace, entered)
        with self._lock:
            self.counts.candidates += len(block.index)
            self.counts.entered = [a + b for a, b in zip(self.counts.entered, entered, strict=True)]

    def _finish(self, held: "_Held", pool: Pool, workspace: Workspace, entered: list[int]) -> None:
        for number, stage in enumerate(self.stages[1:], 1):
            entered[number] += len(held.places)
            if not len(held.places):
                return
            held = self._screened(stage, held, pool, workspace)
        entered[-1] += len(held.places)
        if not len(held.places):
            return
        mean, variance = self.criterion.factor.moments(held.X)
        # Both this computation, in a block, and the one that counts, of one candidate, may be off, each its own way.
        delta, error = 2.0 * self.dense.mean, 2.0 * self.dense.variance
        bounds = mean.reshape(len(held.X), -1), delta, variance - error, variance + error
        pool.add(Contenders(held.places, held.X, self.criterion.lower(*bounds), self.criterion.upper(*bounds)))

    def _screened(self, stage: Screen, held: "_Held", pool: Pool, workspace: Workspace) -> "_Held":
        """Return the candidates that a stage leaves, with their new upper bounds; the mean is that of the first."""
        order, bounds = stage(held.X, workspace)
        held = held.take(order)
        mean, delta = (bounds.mean, bounds.delta) if stage is self.stages[0] else (held.mean, held.delta)
        upper = self.criterion.upper(mean, delta, self._least, bounds.high)
        return _Held(held.places, held.X, mean, delta, upper).reaching(pool.threshold)

    def _suits_float32(self) -> bool:
        """Return whether float32 profiles, good to some 16 roundings, leave the mean accurate enough to bound with."""
        factor = self.criterion.factor
        size = float(factor.outputscale * factor.alpha.abs().sum(0).max())
        return 16.0 * UNIT[torch.float32] * size < LARGEST_MEAN_ERROR

    def stages_done(self) -> tuple[Stage, ...]:
        """Return what was computed for how many."""
        entered = self.counts.entered
        names = [*(stage.name for stage in self.stages), "dense"]
        left = [*entered[1:], 0]
        return tuple(Stage(*stage) for stage in zip(names, entered, map(int.__sub__, entered, left), strict=True))

    def dense_share(self) -> float:
        """Multiplications done, as a share of those of dense scoring."""
        factor = self.criterion.factor
        n, F = len(factor.L), factor.features.numeric.shape[1]
        dense = n * (F + factor.alpha.reshape(n, -1).shape[1] + 1) + n * n / 2
        costs = [*(stage.multiplications() for stage in self.stages), dense]
        done = sum(cost * count for cost, count in zip(costs, self.counts.entered, strict=True))
        return done / (dense * max(self.counts.candidates, 1))
