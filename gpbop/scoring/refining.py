"""Better bounds of candidates that some stage left, by more pivots or by training points next to them."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor

from gpbop.kernels.profiles import Workspace
from gpbop.scoring.acceptance import Judge
from gpbop.scoring.criteria import Criterion
from gpbop.scoring.held import Held
from gpbop.scoring.local import CENTRES, LATER, LocalScreen, Neighbourhoods, centres_of, is_local_known
from gpbop.scoring.memory import BLOCK_ROWS, halving
from gpbop.scoring.pivoting import Projection
from gpbop.scoring.scan import side_by_side
from gpbop.scoring.screening import Bounds, Screen
from gpbop.scoring.screens import screen_of, solves

# A projection on R pivots takes as long as so many times R^2 / n dense values, and R points for each of c
# neighbourhoods as long as it takes to bound so many times c R^3 / n^2 candidates by all points; CPU: as measured.
BUILDING, BUILDING_LOCAL = 6.0, 12.0
# Candidates that a group is computed along with.
TILE = 128
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
    """

    r: int
    is_local: bool = False
    has_mean: bool = False

    @property
    def name(self) -> str:
        """What it computes, for the certificate."""
        return f"{self.r} {'points nearby' if self.is_local else 'pivots'}, float64"

    def pays(self, arrived: int, criterion: Criterion, projection: Projection) -> bool:
        """Return whether it is worth building for so many candidates."""
        r, n = self.r, len(criterion.factor.L)
        if self.is_local:
            return arrived >= BUILDING_LOCAL * CENTRES * r**3 / n**2
        is_there = r <= len(projection) or (r == n and solves(criterion.factor))  # L as it is
        return is_there or arrived >= BUILDING * r**2 / n

    def suits(self, candidates: int, n: int) -> bool:
        """Return whether so many at a time take less than by all points: a group takes a whole tile."""
        return not self.is_local or candidates >= CENTRES * TILE * self.r**2 / n**2

    def built(self, criterion: Criterion, projection: Projection, X: Tensor) -> Screen:
        """Build it.

        Args:
            criterion: The acquisition function.
            projection: Pivots that are known already.
            X: `m x d` candidates like those to come.
        """
        factor = criterion.factor
        if self.is_local:
            near = Neighbourhoods(factor, projection, criterion.dense, centres_of(X))
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


class Refinement:
    """Stages of bounds in float64 for the candidates of a queue, each better than the one before.

    Args:
        judge: Knows the acquisition function.
        projection: Pivots that are known already.
        pivots: Number of pivots of each stage, ascending; see `levels`.
        renews_mean: Whether the mean is to be computed once more, which was computed in float32.
        threads: Number of CPU threads.
    """

    def __init__(
        self, judge: Judge, projection: Projection, pivots: list[int], renews_mean: bool, threads: int = 1
    ) -> None:
        self._judge, self._projection, self._threads = judge, projection, threads
        self._levels = levels(judge.criterion, pivots, renews_mean)
        self._screens: list[Screen | None] = [None] * len(self)
        self._asked = [0] * len(self)

    def __len__(self) -> int:
        return len(self._levels)

    def pays(self, level: int, wanted: int) -> bool:
        """Return whether a stage is there, or is worth building for so many more candidates than it was wanted for."""
        self._asked[level] += wanted
        known = self._judge.criterion, self._projection
        return self._screens[level] is not None or self._levels[level].pays(self._asked[level], *known)

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
