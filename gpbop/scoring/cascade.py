"""The stages that candidates pass through: cheap bounds for all, better ones for those left, the dense value for few.

A candidate is dropped where the upper bound of its value is under the threshold, the value that k others are known to
reach. Those left of a block go on in the order of their bounds, the highest first and a few at a time, so that the
threshold is high before most of them are looked at again.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from threading import Lock

import torch
from torch import Tensor

from gpbop.kernels.fused import backend
from gpbop.kernels.profiles import Workspace
from gpbop.scoring.acceptance import Acceptance
from gpbop.scoring.cells import Cells, mean_norm, strides_within
from gpbop.scoring.contenders import Contenders, Pool
from gpbop.scoring.criteria import Criterion
from gpbop.scoring.fused_screening import FusedScreen
from gpbop.scoring.memory import BLOCK_ROWS, STRIP_PART
from gpbop.scoring.pivoting import Projection
from gpbop.scoring.rounding import UNIT
from gpbop.scoring.screening import Bounds, Screen, TiledScreen
from gpbop.scoring.sources.base import Keep
from gpbop.scoring.sources.blocks import Block, Strip
from gpbop.scoring.top import Stage

# Pivots of the stages, with the mean (whose full row costs far more than the first pivots) and without. With few
# training points the first stage takes no more than this share of them where the mean is needed, the last one all.
PIVOTS_WITH_MEAN = (64, 192, 448)
PIVOTS_WITHOUT_MEAN = (256, 512)
FIRST_SHARE = 4
# Places in the counts.
CELLS, FIRST = 0, 1
# Cells of grids: how much looser than the corners a bound may be, in standardised units of the mean (or, without a
# mean, as a share of the threshold); the first halves on which they are tried; what scattered candidates cost beside
# those of a strip; the share of the work above which cells are not worth it.
LOOSENESS = (1.6, 0.8, 0.4, 0.2, 0.1, 0.05)
PROBES = 32
SCATTERED = 2.5
WORTH_IT = 0.7
# Covariances of a strip from which on trying cells is worth its time; after how many times as many strips to try again.
WORTH_TUNING = 2**25
LEAST_FIRSTS = 24
TUNE_AGAIN = 2
# Candidates after which the first stage is judged, and the share it may leave in float32.
JUDGED, MOST_LEFT = 30_000, 0.1
# Candidates of one block that are worth a stage of all pivots; building it costs as much as some hundred dense values.
MANY = 512
# Candidates of one block that go on first, to raise the threshold; at least twice as many as are wanted.
CHUNK = 128
# Bound of the error of the mean, in standardised units, above which float32 settles too little; the roundings that come
# together in it.
LARGEST_MEAN_ERROR = 0.2
FLOAT32_ROUNDINGS = 64.0


@dataclass
class Counts:
    """How many candidates were looked at in all, nodes of cells computed; entered each stage, and settled by it."""

    candidates: int
    nodes: int
    entered: list[int]
    settled: list[int]

    @staticmethod
    def of(stages: int) -> "Counts":
        """Return zeros."""
        return Counts(0, 0, [0] * stages, [0] * stages)

    def count(self, stage: int, entered: int, left: int) -> None:
        """Count what one stage did."""
        self.entered[stage] += entered
        self.settled[stage] += entered - left

    def add(self, other: "Counts") -> None:
        """Add what another thread counted."""
        self.candidates, self.nodes = self.candidates + other.candidates, self.nodes + other.nodes
        for own, new in ((self.entered, other.entered), (self.settled, other.settled)):
            own[:] = map(int.__add__, own, new)


@dataclass(frozen=True)
class _Held:
    """Candidates between two stages, with what is known of them."""

    places: Tensor
    X: Tensor
    mean: Tensor
    delta: Tensor
    upper: Tensor

    def __len__(self) -> int:
        return len(self.places)

    def take(self, which: Tensor | slice) -> "_Held":
        """Select some."""
        return _Held(self.places[which], self.X[which], self.mean[which], self.delta[which], self.upper[which])

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
        self._least = factor.L.new_tensor(self.dense.least(criterion.least_variance))
        first, *later = PIVOTS_WITH_MEAN if criterion.needs_mean else PIVOTS_WITHOUT_MEAN
        first = min(first, -(-n // FIRST_SHARE) if criterion.needs_mean else n)
        pivots = sorted({first, *(r for r in (*later, n) if first < r <= min(n, later[-1]))})
        self._projection = Projection.of(factor, pivots[-1])
        self.stages: list[Screen] = []
        first_dtype = torch.float32 if self._suits_float32() else torch.float64
        for number, r in enumerate(pivots):
            # A mean in float32 is computed once more for those that are left.
            has_mean = number == 0 or (number == 1 and first_dtype == torch.float32)
            dtype = torch.float64 if number else first_dtype
            self.stages.append(self._stage(self._projection, r, dtype, has_mean))
        self._last: Screen | None = None
        is_table = criterion.needs_mean and factor.alpha.reshape(n, -1).shape[1] == 1
        most = float(factor.outputscale + self.dense.variance(factor.outputscale))
        self._acceptance = Acceptance(criterion, self._least, most) if is_table else None
        self.counts = Counts.of(len(self.stages) + 3)
        self._cells: Cells | None = None
        self._strips, self._tune_at = 0, 1
        self._lock = Lock()

    def process(self, work: Block | Strip, pool: Pool, workspace: Workspace) -> None:
        """Pass one block through all stages and add what is left to the pool."""
        counts = Counts.of(len(self.counts.entered))
        counts.candidates = len(work)
        with torch.no_grad():
            for part in self._parts(work.to(self.device), pool, counts):
                self._pass(part, pool, workspace, counts)
        with self._lock:
            self.counts.add(counts)
            self._reconsider()

    def _reconsider(self) -> None:
        """Go over to float64 where the first stage leaves so much in float32 that the later ones take longer."""
        entered, left = self.counts.entered[FIRST], self.counts.entered[FIRST] - self.counts.settled[FIRST]
        if self.stages[0].dtype == torch.float32 and entered >= JUDGED and left > MOST_LEFT * entered:
            self.stages[0] = self._stage(self._projection, self.stages[0].r, torch.float64, True)
            self._cells, self._tune_at = None, self._strips

    def _parts(self, work: Block | Strip, pool: Pool, counts: Counts) -> Iterator[Block | Strip]:
        """Return what is left of a strip when its cells were looked at, block by block; anything else as it is."""
        cells = self._chosen_cells(work, pool) if isinstance(work, Strip) else None
        if cells is None:
            yield from work.within(STRIP_PART) if isinstance(work, Strip) else [work]
            return
        assert isinstance(work, Strip), "only strips have cells"
        reaching = self._reaching_cells(work, cells, pool)
        counts.nodes += len(work.index_first) * len(cells.nodes)
        places = cells.places(reaching)
        counts.count(CELLS, len(work), len(places))
        rows = BLOCK_ROWS[self.device.type]
        for start in range(0, len(places), rows):
            yield work.take(places[start : start + rows])

    def _chosen_cells(self, strip: Strip, pool: Pool) -> Cells | None:
        """Return cells that spare work, as found by trying some; None where none does."""
        stage = self.stages[0]
        covariances = len(strip) * len(self.criterion.factor.L)
        has_firsts = len(strip.index_first) >= LEAST_FIRSTS  # else tables of the nodes take longer than all the rest
        is_worth_it = has_firsts and covariances >= WORTH_TUNING and pool.threshold > -torch.inf
        if not strip.axes or not isinstance(stage, FusedScreen) or not is_worth_it:
            return None
        with self._lock:
            self._strips += 1
            if self._strips >= self._tune_at:
                self._tune_at = TUNE_AGAIN * self._strips
                self._cells = self._best_cells(strip, pool)
            return self._cells

    def _best_cells(self, strip: Strip, pool: Pool) -> Cells | None:
        """Try cells of several widths on some first halves, and return those that cost the least."""
        factor, has_mean = self.criterion.factor, self.criterion.needs_mean
        some = strip.with_first(slice(None, None, -(-len(strip.index_first) // PROBES)))
        best, cost, seen = None, WORTH_IT * len(some), set()
        for looseness in LOOSENESS:
            most = looseness / max(mean_norm(factor), 1e-300) if has_mean else looseness * pool.threshold
            strides = tuple(strides_within(strip, factor, most))
            if max(strides) == 1 or strides in seen:
                continue
            seen.add(strides)
            cells = Cells.of(strip, factor, strides)
            if len(some.index_first) * len(cells.nodes) >= cost:
                break
            left = len(cells.places(self._reaching_cells(some, cells, pool)))
            new = len(some.index_first) * len(cells.nodes) + SCATTERED * left
            if new < cost:
                best, cost = cells, new
        return best

    def _reaching_cells(self, strip: Strip, cells: Cells, pool: Pool) -> Tensor:
        """Return the numbers of the cells that may hold a candidate that reaches the threshold."""
        stage = self.stages[0]
        assert isinstance(stage, FusedScreen), "cells are for strips"
        bounds = cells.bounds(stage.strip(cells.strip(strip)), self.criterion)
        which = self._acceptance(bounds, pool.threshold) if self._acceptance else None
        if which is None:
            upper = self.criterion.upper(bounds.mean, bounds.delta, self._least, bounds.high)
            which = (upper >= pool.threshold).nonzero()[:, 0]
        return which

    def _pass(self, work: Block | Strip, pool: Pool, workspace: Workspace, counts: Counts) -> None:
        held = self._first(work, pool, workspace)
        held = held.take(held.upper.argsort(descending=True))
        first, went_on = max(CHUNK, 2 * pool.k), 0
        for part in (slice(0, first), slice(first, None)):
            reaching = held.take(part).reaching(pool.threshold)
            went_on += len(reaching)
            self._finish(reaching, pool, workspace, counts)
        counts.count(FIRST, len(work), went_on)

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

    def _stage(self, projection: Projection, r: int, dtype: torch.dtype, has_mean: bool) -> Screen:
        """Build a stage, by the compiled evaluation where there is one."""
        factor, fused = self.criterion.factor, backend(self.device.type)
        needs_mean = self.criterion.needs_mean and has_mean
        if fused is None or (needs_mean and factor.alpha.reshape(len(factor.L), -1).shape[1] > 1):
            return TiledScreen(factor, projection, self.dense, r, needs_mean, dtype)
        return FusedScreen(factor, projection, self.dense, r, needs_mean, dtype, fused)

    def _finish(self, held: "_Held", pool: Pool, workspace: Workspace, counts: Counts) -> None:
        for number in range(1, len(self.stages) + 1):
            if number == len(self.stages) and (len(held) < MANY or self.stages[-1].r == len(self.criterion.factor.L)):
                break
            stage = self.stages[number] if number < len(self.stages) else self._with_all_pivots()
            left = self._screened(stage, held, pool, workspace) if len(held) else held
            counts.count(FIRST + number, len(held), len(left))
            held = left
        counts.count(-1, len(held), 0)
        if not len(held):
            return
        mean, variance = self.criterion.factor.moments(held.X)
        # Both this computation, in a block, and the one that counts, of one candidate, may be off, each its own way.
        delta, error = 2.0 * self.dense.mean, self.dense.between(variance)
        bounds = mean.reshape(len(held.X), -1), delta, variance - error, variance + error
        pool.add(Contenders(held.places, held.X, self.criterion.lower(*bounds), self.criterion.upper(*bounds)))

    def _with_all_pivots(self) -> Screen:
        """Return the stage before the dense one: exact but for its rounding bounds, and several times as fast."""
        with self._lock:
            if self._last is None:
                factor = self.criterion.factor
                self._last = self._stage(Projection.of(factor, len(factor.L)), len(factor.L), torch.float64, False)
            return self._last

    def _screened(self, stage: Screen, held: "_Held", pool: Pool, workspace: Workspace) -> "_Held":
        """Return the candidates that a later stage leaves, with their new upper bounds."""
        order, bounds = stage(held.X, workspace)
        held = held.take(order)
        mean, delta = (bounds.mean, bounds.delta) if stage.alpha.shape[1] else (held.mean, held.delta)
        return self._held(held.places, held.X, bounds, mean, delta).reaching(pool.threshold)

    def _suits_float32(self) -> bool:
        """Return whether float32 may leave the mean accurate enough to bound with; variances alone need more."""
        factor = self.criterion.factor
        size = float(factor.outputscale * factor.alpha.abs().sum(0).max())
        return self.criterion.needs_mean and FLOAT32_ROUNDINGS * UNIT[torch.float32] * size < LARGEST_MEAN_ERROR

    def stages_done(self) -> tuple[Stage, ...]:
        """Return what was computed for how many."""
        names = ["cells", *(stage.name for stage in self.stages), "all pivots", "dense"]
        return tuple(map(Stage, names, self.counts.entered, self.counts.settled))

    def dense_share(self) -> float:
        """Multiplications done, as a share of those of dense scoring."""
        factor = self.criterion.factor
        n, F = len(factor.L), factor.features.numeric.shape[1]
        dense = n * (F + factor.alpha.reshape(n, -1).shape[1] + 1) + n * n / 2
        costs = [*(stage.multiplications() for stage in self.stages), dense, dense]
        done = sum(cost * count for cost, count in zip(costs, self.counts.entered[FIRST:], strict=True))
        done += costs[0] * self.counts.nodes
        return done / (dense * max(self.counts.candidates, 1))
