"""Better bounds of candidates that some stage left, by more pivots."""

from functools import partial

import torch

from gpbop.kernels.profiles import Workspace
from gpbop.scoring.acceptance import Judge
from gpbop.scoring.held import Held
from gpbop.scoring.memory import BLOCK_ROWS, halving
from gpbop.scoring.pivoting import Projection
from gpbop.scoring.scan import side_by_side
from gpbop.scoring.screening import Bounds, Screen
from gpbop.scoring.screens import screen_of

# A projection on R pivots takes as long as so many times R^2 / n dense values.
BUILDING = 6.0
# Fewer candidates are not shared out between threads.
LEAST_PART = 512


def screened(held: Held, screen: Screen, judge: Judge, workspace: Workspace) -> Held:
    """Return candidates with the bounds of a stage, in its order; where it computes no mean theirs is kept."""
    order, bounds = screen(held.X, workspace)
    held = held.take(order)
    mean, delta = (bounds.mean, bounds.delta) if screen.alpha.shape[1] else (held.mean, held.delta)
    upper = torch.minimum(held.upper, judge.upper(Bounds(mean, delta, bounds.high)))
    return Held(held.places, held.X, mean, delta, upper)


class Refinement:
    """Stages of bounds in float64 for the candidates of a queue, each better than the one before.

    Args:
        judge: Knows the acquisition function.
        projection: Pivots that are known already.
        pivots: Number of pivots of each stage, ascending.
        renews_mean: Whether the first of them is to compute the mean once more, which was computed in float32.
        threads: Number of CPU threads.
    """

    def __init__(
        self, judge: Judge, projection: Projection, pivots: list[int], renews_mean: bool, threads: int = 1
    ) -> None:
        self._judge, self._projection, self._pivots, self._renews_mean = judge, projection, pivots, renews_mean
        self._threads = threads
        self._screens: list[Screen | None] = [None] * len(pivots)
        self._asked = [0] * len(pivots)

    def __len__(self) -> int:
        return len(self._pivots)

    def pays(self, level: int, wanted: int) -> bool:
        """Return whether a stage is there, or is worth building for so many more candidates than it was wanted for."""
        r = self._pivots[level]
        self._asked[level] += wanted
        is_known = self._screens[level] is not None or r <= len(self._projection.G)
        return is_known or self._asked[level] >= BUILDING * r**2 / len(self._judge.criterion.factor.L)

    def __call__(self, held: Held, level: int) -> Held:
        """Bound candidates by a stage, which is built if it is not there; they come back in another order.

        Raises:
            DeviceError: If the device has no memory for one candidate.
        """
        if self._screens[level] is None:
            self._screens[level] = self._built(level)
        screen, m = self._screens[level], len(held)
        assert screen is not None, "it was built"
        most = BLOCK_ROWS[held.X.device.type]
        rows = max(1, min(most, max(LEAST_PART, -(-m // self._threads))))
        parts = [held.take(slice(start, start + rows)) for start in range(0, max(m, 1), rows)]
        return Held.joined(side_by_side(partial(self._bounded, screen), parts, min(self._threads, len(parts))))

    def _built(self, level: int) -> Screen:
        r, criterion, projection = self._pivots[level], self._judge.criterion, self._projection
        projection = projection if r <= len(projection.G) else Projection.of(criterion.factor, r)
        return screen_of(criterion, projection, r, torch.float64, self._renews_mean and not level)

    def _bounded(self, screen: Screen, held: Held) -> Held:
        with torch.no_grad():  # threads do not inherit it
            parts = halving(lambda some: screened(some, screen, self._judge, Workspace()), held, held.X.device)
        return Held.joined(parts)
