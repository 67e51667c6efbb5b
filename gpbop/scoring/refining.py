"""Better bounds of candidates that some stage left, by more pivots or by training points next to them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

import torch
from torch import Tensor

from gpbop.kernels.profiles import Workspace
from gpbop.scoring.acceptance import Judge
from gpbop.scoring.criteria import Criterion
from gpbop.scoring.held import Held
from gpbop.scoring.local import CENTRES, LATER, PROBES, LocalScreen, Neighbourhoods, is_local_known, queue_points, tile
from gpbop.scoring.memory import BLOCK_ROWS, halving, is_out_of_memory
from gpbop.scoring.pivoting import Projection
from gpbop.scoring.scan import side_by_side
from gpbop.scoring.screening import NEARBY, Bounds, Screen, stage_name
from gpbop.scoring.screens import screen_of, solves
from gpbop.surrogate.factor import Factor

# A projection on R pivots takes as long as so many times R^2 / n dense values, and R points for each of c
# neighbourhoods as long as it takes to bound so many times c R^3 / n^2 candidates by all points; CPU: as measured.
BUILDING, BUILDING_LOCAL = 6.0, 12.0
# By weight they take as long as so many times that and the candidates that tell the weights; they serve many.
BUILDING_QUEUE = 1.5
# Fewer candidates are not shared out between threads.
LEAST_PART = 512


def screened(held: Held, screen: Screen, judge: Judge, workspace: Workspace) -> Held:
    """Return candidates with the bounds of a stage, in its order; where it computes no mean theirs is kept."""
    order, bounds = screen(held.X, workspace)
    held = held.take(order)
    mean, delta = (bounds.mean, bounds.delta) if screen.alpha.shape[1] else (held.mean, held.delta)
    upper = torch.minimum(held.upper, judge.upper(Bounds(mean, delta, bounds.high)))
    return Held(held.places, held.X, mean, delta, upper)


@dataclass(frozen=True)
class Level:
    """A stage in float64: of the first `r` pivots, or of `r` points of each neighbourhood.

    Attributes:
        r: Number of training points.
        is_local: Whether these are nearby.
        has_mean: Whether the mean is computed once more.
        by_weight: Whether points nearby are chosen by their weights, and anew as more points are believed.
    """

    r: int
    is_local: bool = False
    has_mean: bool = False
    by_weight: bool = False

    @property
    def name(self) -> str:
        """What it computes, for the certificate."""
        return stage_name(self.r, torch.float64, NEARBY if self.is_local else "pivots")

    def pays(self, arrived: int, criterion: Criterion, projection: Projection) -> bool:
        """Return whether it is worth building for so many candidates."""
        r, n = self.r, len(criterion.factor.L)
        if self.by_weight:
            return arrived >= BUILDING_QUEUE * CENTRES * (r**3 / n**2 + 1 + PROBES)
        if self.is_local:
            return arrived >= BUILDING_LOCAL * CENTRES * r**3 / n**2
        is_there = r <= len(projection) or (r == n and solves(criterion.factor))  # L as it is
        return is_there or arrived >= BUILDING * r**2 / n

    def suits(self, candidates: int, factor: Factor) -> bool:
        """Return whether so many at a time take less than by all points: a group takes a whole tile."""
        return not self.is_local or candidates >= CENTRES * tile(factor) * self.r**2 / len(factor.L) ** 2

    def built(self, criterion: Criterion, projection: Projection, X: Tensor) -> Screen:
        """Build it.

        Args:
            criterion: The acquisition function.
            projection: Pivots that are known already.
            X: `m x d` candidates like those to come.
        """
        factor = criterion.factor
        if self.is_local:
            near = Neighbourhoods(factor, projection, criterion.dense, X, by_weight=self.by_weight)
            return LocalScreen(near, self.r, False, torch.float64)
        if self.r > len(projection):
            is_all = self.r == len(factor.L)
            projection = Projection.whole(factor) if is_all else Projection.of(factor, self.r)
        return screen_of(criterion, projection, self.r, torch.float64, self.has_mean)


def levels(criterion: Criterion, pivots: Sequence[int], renews_mean: bool) -> list[Level]:
    """Return stages of more and more pivots; or, where there are any, of points nearby, and of all points at last.

    Args:
        criterion: The acquisition function.
        pivots: Numbers of pivots, ascending.
        renews_mean: Whether the first of these stages is to compute the mean once more; points nearby come before.
    """
    n = len(criterion.factor.L)
    local = [Level(r, True) for r in LATER if is_local_known(criterion.factor, criterion.dense, r)]
    stages = [Level(r, has_mean=renews_mean and not i) for i, r in enumerate(pivots)]
    if not local:
        return stages
    renewing = [level for level in stages if level.has_mean]
    return [local[0], *renewing, *local[1:], *(level for level in stages if level.r == n and not level.has_mean)]


def queue_levels(criterion: Criterion, pivots: Sequence[int]) -> list[Level]:
    """Return stages for a queue by variance alone: points nearby, to which those that are believed can be added.

    Where there are none, more and more pivots.
    """
    r = queue_points(len(criterion.factor.L))
    if is_local_known(criterion.factor, criterion.dense, r):
        return [Level(r, True, by_weight=True)]
    return [Level(r) for r in pivots]


class Refinement:
    """Stages of bounds in float64 for the candidates of a queue, each better than the one before.

    Args:
        judge: Knows the acquisition function.
        projection: Pivots that are known already.
        levels: The stages; see `levels` and `queue_levels`.
        threads: Number of CPU threads.
    """

    def __init__(self, judge: Judge, projection: Projection, levels: Sequence[Level], threads: int = 1) -> None:
        self._judge, self._projection, self._threads = judge, projection, threads
        self._levels = levels
        self._screens: list[Screen | None] = [None] * len(self)
        self._asked = [0] * len(self)
        # The process that the last stage was made for, how many of the believed points it knows, and what passed it.
        self._known, self._believed, self._passed = judge.criterion, 0, 0

    def __len__(self) -> int:
        return len(self._levels)

    def pays(self, level: int, wanted: int) -> bool:
        """Return whether a stage is there, or is worth building for so many more candidates than it was wanted for."""
        self._asked[level] += wanted
        known = self._judge.criterion, self._projection
        return self._screens[level] is not None or self._levels[level].pays(self._asked[level], *known)

    def renews(self, passed: int, believed: int) -> bool:
        """Return whether it is worth making the last stage anew.

        Args:
            passed: How many more candidates passed it and must be bounded further.
            believed: How many points are believed by now.
        """
        if not self._levels or not self._levels[-1].by_weight or self._screens[-1] is None:
            return False
        self._passed += passed
        is_worth_it = self._levels[-1].pays(self._passed, self._known, self._projection)
        return is_worth_it and passed > 0 and believed > self._believed

    def renew(self, points: Tensor, X: Tensor) -> bool:
        """Make the last stage anew, for the process that believes some points, which may be among those nearby.

        Args:
            points: `t x d` points, those that are believed already first.
            X: `m x d` candidates like those to come.
        Returns:
            Whether it was; else it stays as it was, for want of memory or of a bound.
        """
        level, new, self._passed = self._levels[-1], points[self._believed :], 0
        try:
            # One more than nothing: two ways to believe the same points differ.
            believes = max(self._judge.criterion.believes - len(points), 1)
            known = replace(self._known, factor=self._known.factor.believe(new), believes=believes)
            if not is_local_known(known.factor, known.dense, level.r):
                return False
            self._screens[-1] = level.built(known, self._projection.extended(len(points)), X)
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
            return False
        self._known, self._believed = known, len(points)
        return True

    def __call__(self, held: Held, level: int) -> Held:
        """Bound candidates by a stage, which is built if it is not there; they come back in another order.

        Raises:
            DeviceError: If the device has no memory for one candidate.
        """
        if self._screens[level] is None:
            self._screens[level] = self._levels[level].built(self._judge.criterion, self._projection, held.X)
        screen, m = self._screens[level], len(held)
        assert screen is not None, "it was built"
        most = BLOCK_ROWS[held.X.device.type]
        rows = max(1, min(most, max(LEAST_PART, -(-m // self._threads))))
        parts = [held.take(slice(start, start + rows)) for start in range(0, max(m, 1), rows)]
        return Held.joined(side_by_side(partial(self._bounded, screen), parts, min(self._threads, len(parts))))

    def _bounded(self, screen: Screen, held: Held) -> Held:
        with torch.no_grad():  # threads do not inherit it
            parts = halving(lambda some: screened(some, screen, self._judge, Workspace()), held, held.X.device)
        return Held.joined(parts)
