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

from gpbop.kernels.fused import backend
from gpbop.kernels.profiles import Workspace
from gpbop.scoring.acceptance import Acceptance
from gpbop.scoring.contenders import Contenders, Pool
from gpbop.scoring.criteria import Criterion
from gpbop.scoring.fused_screening import FusedScreen
from gpbop.scoring.pivoting import Projection
from gpbop.scoring.rounding import UNIT
from gpbop.scoring.screening import Bounds, Screen, TiledScreen
from gpbop.scoring.sources.base import Keep
from gpbop.scoring.sources.blocks import Block, Strip
from gpbop.scoring.top import Stage

# Pivots of the stages, with the mean (whose full row costs far more than the first pivots) and without; the last stage
# takes all there are. With few training points the first one takes no more than this share of them.
PIVOTS_WITH_MEAN = (64, 192, 448)
PIVOTS_WITHOUT_MEAN = (256, 512)
FIRST_SHARE = 4
# Candidates of one block that go on first, to raise the threshold; at least twice as many as are wanted.
CHUNK = 128
# Bounds of the errors of the mean, in standardised units, and of the variance, as a share of the outputscale, above
# which float32 settles too little; roundings that come together in either.
LARGEST_MEAN_ERROR = 0.2
LARGEST_VARIANCE_ERROR = 0.02
FLOAT32_ROUNDINGS = 64.0


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
        criterion: The acquisition function, on the device where the work is done.
        keep: Which candidates count; None: all.
    """

    def __init__(self, criterion: Criterion, keep: Keep | None = None) -> None:
        self.criterion, self._keep = criterion, keep
        factor = criterion.factor
        self.device = factor.L.device
        self.dense = criterion.dense
        n = len(factor.L)
        self._least = factor.L.new_tensor(criterion.least_variance - self.dense.variance)
        first, *later = PIVOTS_WITH_MEAN if criterion.needs_mean else PIVOTS_WITHOUT_MEAN
        pivots = [min(first, -(-n // FIRST_SHARE)), *(r for r in later if r < n), n]
        projection = Projection.of(factor, n)
        self.stages: list[Screen] = []
        for r in pivots:
            self.stages.append(self._stage(projection, r))
        is_table = criterion.needs_mean and factor.alpha.reshape(n, -1).shape[1] == 1
        most = float(factor.outputscale) + self.dense.variance
        self._acceptance = Acceptance(criterion, self._least, most) if is_table else None
        self.counts = Counts(0, [0] * (len(self.stages) + 1))
        self._lock = Lock()

    def process(self, work: Block | Strip, pool: Pool, workspace: Workspace) -> None:
        """Pass one block through all stages and add what is left to the pool."""
        entered = [0] * len(self.counts.entered)
        entered[0] = len(work)
        with torch.no_grad():
            held = self._first(work.to(self.device), pool, workspace)
            held = held.take(held.upper.argsort(descending=True))
            first = max(CHUNK, 2 * pool.k)
            for part in (slice(0, first), slice(first, None)):
                self._finish(held.take(part).reaching(pool.threshold), pool, workspace, entered)
        with self._lock:
            self.counts.candidates += len(work)
            self.counts.entered = [a + b for a, b in zip(self.counts.entered, entered, strict=True)]

    def _first(self, work: Block | Strip, pool: Pool, workspace: Workspace) -> "_Held":
        """Return the candidates that the first stage leaves."""
        stage = self.stages[0]
        if isinstance(work, Strip) and isinstance(stage, FusedScreen):
            order, bounds = None, stage.strip(work)
        else:
            work = work.block() if isinstance(work, Strip) else work
            order, bounds = stage(work.X, workspace)
        which = self._acceptance(bounds, pool.threshold) if self._acceptance else None
        if which is not None:
            bounds = Bounds(*(part[which] for part in bounds))
            order = which if order is None else order[which]
        block = work.take(torch.arange(len(work), device=self.device) if order is None else order)
        held = self._held(block.index, block.X, bounds, bounds.mean, bounds.delta).reaching(pool.threshold)
        return held if self._keep is None else held.take(self._keep(held.X))

    def _held(self, places: Tensor, X: Tensor, bounds: Bounds, mean: Tensor, delta: Tensor) -> "_Held":
        return _Held(places, X, mean, delta, self.criterion.upper(mean, delta, self._least, bounds.high))

    def _stage(self, projection: Projection, r: int) -> Screen:
        """Build the next stage; the mean is computed by the first one, and once more if that was in float32."""
        factor, fused = self.criterion.factor, backend(self.device.type)
        is_first, has_one_mean = not self.stages, factor.alpha.reshape(len(factor.L), -1).shape[1] == 1
        again = len(self.stages) == 1 and self.stages[0].dtype == torch.float32
        needs_mean = self.criterion.needs_mean and (is_first or again)
        if fused is None or (needs_mean and not has_one_mean):
            dtype = torch.float32 if is_first and needs_mean and self._suits_float32(0.0) else torch.float64
            return TiledScreen(factor, projection, self.dense, r, needs_mean, dtype)
        G = float(projection.G[:r, :r].abs().sum(1).norm())
        dtype = torch.float32 if is_first and self._suits_float32(G) else torch.float64
        return FusedScreen(factor, projection, self.dense, r, needs_mean, dtype, fused)

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
        """Return the candidates that a later stage leaves, with their new upper bounds."""
        order, bounds = stage(held.X, workspace)
        held = held.take(order)
        mean, delta = (bounds.mean, bounds.delta) if stage.alpha.shape[1] else (held.mean, held.delta)
        return self._held(held.places, held.X, bounds, mean, delta).reaching(pool.threshold)

    def _suits_float32(self, size_of_G: float) -> bool:
        """Return whether float32 leaves mean and variance accurate enough to bound with."""
        factor, unit = self.criterion.factor, FLOAT32_ROUNDINGS * UNIT[torch.float32]
        s = float(factor.outputscale)
        mean = s * float(factor.alpha.abs().sum(0).max()) if self.criterion.needs_mean else 0.0
        return unit * mean < LARGEST_MEAN_ERROR and 2.0 * unit * s**0.5 * size_of_G < LARGEST_VARIANCE_ERROR

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
