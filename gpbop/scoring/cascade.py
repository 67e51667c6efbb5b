"""The stages that candidates pass through: cheap bounds for all, better ones for those left, the dense value for few.

A candidate is dropped where the upper bound of its value is under the threshold, the value that k others are known to
reach. The cells of a strip come first, then early stages where they pay, then the first stage, which reads every
training point, and then the later ones. By variance alone, what early stages leave of many candidates, or for a queue,
need not pass the first stage.
"""

from collections.abc import Iterator
from dataclasses import replace
from threading import Lock

import torch

from gpbop.kernels.profiles import Workspace
from gpbop.scoring.acceptance import Judge
from gpbop.scoring.contenders import Pool, Sieve
from gpbop.scoring.criteria import Criterion
from gpbop.scoring.descent import Costs, Descent
from gpbop.scoring.early import EarlyStages
from gpbop.scoring.fused_screening import FusedScreen
from gpbop.scoring.held import Counts, Held
from gpbop.scoring.later import LaterStages
from gpbop.scoring.memory import BLOCK_ROWS, STRIP_PART, WAITING_BYTES, is_out_of_memory
from gpbop.scoring.partial import squared_norm
from gpbop.scoring.pivoting import Projection
from gpbop.scoring.queue import Queue
from gpbop.scoring.refining import Level, Refinement, levels, queue_levels
from gpbop.scoring.rounding import UNIT
from gpbop.scoring.screening import Bounds
from gpbop.scoring.screens import screen_of
from gpbop.scoring.sources.base import Keep
from gpbop.scoring.sources.blocks import Block, Strip
from gpbop.scoring.top import Stage
from gpbop.scoring.trials import StageTrial

# Pivots of the first stage and of the later ones, with the mean (whose full row costs far more than the first pivots)
# and without. With few training points the first stage takes no more than this share of them where the mean is needed.
PIVOTS_WITH_MEAN = (64, 192, 448)
PIVOTS_WITHOUT_MEAN = (256, 512)
FIRST_SHARE = 4
# Pivots of the stages of a queue; it has the values themselves as the last one.
QUEUE_PIVOTS_WITH_MEAN, QUEUE_PIVOTS_WITHOUT_MEAN = (192, 448), (384, 768)
# Candidates, for each training point, from which it is worth telling which points matter by their weights.
WORTH_WEIGHTS = 256
# Candidates after which the first stage is judged, and the share of all that it may leave in float32.
JUDGED, MOST_LEFT = 30_000, 0.1
# Bound of the error of the mean, in standardised units, above which float32 settles too little; the roundings that come
# together in it.
LARGEST_MEAN_ERROR = 0.2
FLOAT32_ROUNDINGS = 64.0


class Cascade:
    """Stages of bounds for one criterion, and the dense value as the last.

    Args:
        criterion: The acquisition function, on the device where the work is done.
        keep: Which candidates count; None: all.
        extent: How many will come, at most; None: that is not known.
    """

    def __init__(self, criterion: Criterion, keep: Keep | None = None, extent: int | None = None) -> None:
        self.criterion, self._keep = criterion, keep
        factor = criterion.factor
        self.device = factor.L.device
        n = len(factor.L)
        first, *later = PIVOTS_WITH_MEAN if criterion.needs_mean else PIVOTS_WITHOUT_MEAN
        first = min(first, -(-n // FIRST_SHARE) if criterion.needs_mean else n)
        later = sorted({min(r, n) for r in (*later, n)} - {first})
        for_queue = QUEUE_PIVOTS_WITH_MEAN if criterion.needs_mean else QUEUE_PIVOTS_WITHOUT_MEAN
        self._queue_pivots = [r for r in for_queue if first < r < n]
        self._queue_levels = [] if criterion.needs_mean else queue_levels(criterion, self._queue_pivots)
        # What is known of the variances at first: enough for the second stage where the mean costs more than that.
        self._projection = Projection.of(factor, later[0] if criterion.needs_mean and later else first)
        dtype = torch.float32 if self._suits_float32() else torch.float64
        self.first = screen_of(criterion, self._projection, first, dtype, True)
        self._judge = Judge(criterion)
        self._later = LaterStages(self._judge, self.first, self._projection, later)
        self._early = EarlyStages(criterion, self._projection, self.first, self._next_level(extent))
        # Strips and scattered candidates, which may be what cells leave of strips, take different paths.
        self._trials = {kind: StageTrial(self._judge, self._early) for kind in (Strip, Block)}
        square = squared_norm(factor, criterion.dense.rho) if criterion.needs_mean else 0.0
        self._descent = Descent(self._judge, max(square, 0.0) ** 0.5)
        self._second: tuple[torch.Tensor | None, torch.Tensor] = None, factor.L[:0]
        self.candidates, self._scattered, self._on_nodes = 0, 0, 0.0
        # Cells and early stages.
        self._counts = Counts.of(1 + len(self._early))
        self._lock = Lock()

    def _next_level(self, extent: int | None) -> Level | None:
        """Return what may come after early stages in the place of the first one: by variance alone, points nearby.

        The last of those stages is as good as the first one then, by points that are chosen by their weights: that is
        worth it for a queue, and for many candidates.
        """
        if self.criterion.needs_mean:
            return None
        if self.criterion.believes:
            return next(iter(self._queue_levels), None)
        is_worth_it = extent is None or extent >= WORTH_WEIGHTS * len(self.criterion.factor.L)
        return next((level for level in self._later.levels[:1] if level.is_local and is_worth_it), None)

    @property
    def takes_strips(self) -> bool:
        """Whether strips cost less than their candidates do, and no more memory than the sums of some of them."""
        return isinstance(self.first, FusedScreen)

    def upper(self, X: torch.Tensor) -> torch.Tensor:
        """Bound the values of `m x d` candidates from above, by the first stage."""
        self._early.expect(X)
        order, bounds = self.first(X, Workspace())
        upper = self._judge.upper(bounds)
        return torch.empty_like(upper).index_copy_(0, order, upper)

    def process(self, work: Block | Strip, pool: Pool | Sieve, workspace: Workspace) -> None:
        """Pass one block through all stages; what is left is in the pool, or waits until `finish`."""
        counts, first = Counts.of(len(self._counts.entered)), Counts.of(1)
        left, scattered = list[Held](), 0
        with torch.no_grad():
            for part in self._parts(self._here(work), pool, counts):
                scattered += len(part) if isinstance(part, Block) else 0
                narrowed, held = self._narrowed(part, pool, counts)
                if held is not None:
                    left.append(held)
                elif len(narrowed):
                    left.append(self._bounded(narrowed, pool, workspace))
                    first.count(0, len(narrowed), len(left[-1]))
                # Where a strip leaves so many that they cannot stay, they may be here twice if it is begun again.
                if sum(held.bytes for held in left) > WAITING_BYTES[self.device.type]:
                    self._later.add(Held.joined(left), 0, first, pool, workspace)
                    left, first = [], Counts.of(1)
            # Else all at once, and last: a block that is begun again, for want of memory, is here once.
            self._later.add(Held.joined(left) if left else None, len(work), first, pool, workspace)
        with self._lock:
            self.candidates, self._scattered = self.candidates + len(work), self._scattered + scattered
            self._counts.add(counts)
            self._reconsider()

    def finish(self, pool: Pool | Sieve) -> None:
        """Pass what still waits through the later stages."""
        if isinstance(pool, Pool):
            with torch.no_grad():
                self._later.go_on(pool, Workspace())

    def queue(self, contenders: Held, threshold: float, most: int, threads: int = 1) -> Queue:
        """Return a queue of what a pass left, of which so many may be chosen while they reach the threshold.

        By variance alone most bounds stay above what is chosen, so candidates are bounded further when they may be
        next. Where the mean counts, most are under the threshold, and are dropped at once: many cost less than few.
        """
        if not self.criterion.needs_mean:
            refinement = Refinement(self._judge, self._projection, self._queue_levels, threads)
            return Queue(self.criterion, contenders, most, refinement, threads)
        stages = levels(self.criterion, self._queue_pivots, self.first.dtype == torch.float32)
        refinement = Refinement(self._judge, self._projection, stages, threads)
        for level in range(len(refinement)):
            if len(contenders) and refinement.pays(level, len(contenders)):
                contenders = refinement(contenders, level).reaching(threshold)
        return Queue(self.criterion, contenders, most, threads=threads)

    def _reconsider(self) -> None:
        """Go over to float64 where the first stage leaves so much in float32 that the later ones take longer."""
        counts = self._later.counts
        left = counts.entered[0] - counts.settled[0] - counts.settled[1]
        if self.first.dtype == torch.float32 and self.candidates >= JUDGED and left > MOST_LEFT * self.candidates:
            try:
                self.first = screen_of(self.criterion, self._projection, self.first.r, torch.float64, True)
                self._early.first, self._later.renews_mean = self.first, False
            except RuntimeError as error:
                if not is_out_of_memory(error):
                    raise  # else it stays, for the block that was passed is counted

    def _here(self, work: Block | Strip) -> Block | Strip:
        """Move candidates to the device; strips that follow each other go on sharing their second halves there."""
        if isinstance(work, Strip):
            source, second = self._second
            if source is not work.X_second:
                source, second = self._second = work.X_second, work.X_second.to(self.device)
            work = replace(work, X_second=second)
        return work.to(self.device)

    def _parts(self, work: Block | Strip, pool: Pool | Sieve, counts: Counts) -> Iterator[Block | Strip]:
        """Return what is left of a strip when its cells were looked at; a block as it is."""
        if isinstance(work, Block):
            yield work
        elif not self.criterion.dense.rho:  # cells need L L' above K
            yield from work.within(STRIP_PART[self.device.type])
        else:
            assert isinstance(self.first, FusedScreen), "nothing else takes strips"
            ratio = self._early.scattered
            costs = Costs(self._trials[Strip].cost, ratio * self._trials[Block].cost, ratio)
            left = self._descent(work, self.first, pool.threshold, costs)
            if left.nodes:
                counts.count(0, len(work), left.candidates)
                with self._lock:
                    self._on_nodes += left.multiplications
            if left.places is None:
                yield from left.strip.within(STRIP_PART[self.device.type])
                return
            for places in left.places:
                for some in torch.split(places, BLOCK_ROWS[self.device.type]):
                    yield work.take(some)

    def _narrowed(self, work: Block | Strip, pool: Pool | Sieve, counts: Counts) -> tuple[Block | Strip, Held | None]:
        """Return what the early stages leave; with its bounds where it need not pass the first stage."""
        with self._lock:
            if isinstance(work, Block):
                self._early.see(self._scattered, work.X)
            trial, whole = self._trials[type(work)], work
            path = trial.chosen(work, pool.threshold)
        shares, held = list[float](), None
        for number in path:
            order, bounds = self._early.bounds(number, work)
            which = self._judge(bounds, pool.threshold)
            counts.count(1 + number, len(work), len(which))
            work = block = work.take(which if order is None else order[which])
            shares.append(len(work) / max(len(whole), 1))
            if self._early.after is not None and number == path[-1]:
                held = self._held(block, Bounds(*(part[which] for part in bounds)), pool)
                counts.settled[1 + number] += len(work) - len(held)
        if path:
            with self._lock:
                trial.note(whole, path, shares)
        return work, held

    def _bounded(self, work: Block | Strip, pool: Pool | Sieve, workspace: Workspace) -> Held:
        """Return the candidates that the first stage leaves."""
        order: torch.Tensor | None = None
        if isinstance(work, Strip):
            assert isinstance(self.first, FusedScreen), "nothing else takes strips"
            bounds = self.first.strip(work)
        else:
            order, bounds = self.first(work.X, workspace)
        which = self._judge(bounds, pool.threshold)
        block, bounds = work.take(which if order is None else order[which]), Bounds(*(part[which] for part in bounds))
        return self._held(block, bounds, pool)

    def _held(self, block: Block, bounds: Bounds, pool: Pool | Sieve) -> Held:
        """Return the candidates that count of some that may reach the threshold."""
        held = Held(block.index, block.X, bounds.mean, bounds.delta, self._judge.upper(bounds))
        held = held.reaching(pool.threshold)
        return held if self._keep is None else held.take(self._keep(held.X))

    def _suits_float32(self) -> bool:
        """Return whether float32 may leave the mean accurate enough to bound with; variances alone need more."""
        factor = self.criterion.factor
        size = float(factor.outputscale * factor.alpha.abs().sum(0).max())
        return self.criterion.needs_mean and FLOAT32_ROUNDINGS * UNIT[torch.float32] * size < LARGEST_MEAN_ERROR

    def stages_done(self) -> tuple[Stage, ...]:
        """Return what was computed for how many."""
        names = ["cells", *self._early.names, self.first.name, *self._later.names]
        entered, settled = (
            [*getattr(self._counts, name), *getattr(self._later.counts, name)] for name in ("entered", "settled")
        )
        return tuple(map(Stage, names, entered, settled))

    def dense_share(self) -> float:
        """Multiplications done, as a share of those of dense scoring."""
        factor = self.criterion.factor
        n, F = len(factor.L), factor.features.numeric.shape[1]
        dense = n * (F + factor.alpha.reshape(n, -1).shape[1] + 1) + n * n / 2
        first = self.first.multiplications()
        costs = [*self._early.multiplications, first, *self._later.multiplications, dense]
        counts = [*self._counts.entered[1:], *self._later.counts.entered]
        done = self._on_nodes + sum(cost * count for cost, count in zip(costs, counts, strict=True))
        return done / (dense * max(self.candidates, 1))
