"""The stages after the first: more pivots for the candidates that it leaves, and the dense value for the last few.

A block leaves few candidates, and few are computed no faster than many; so they wait until there are enough. Then those
with the highest bounds go on, which raises the threshold. All others wait on, for most of them are under the threshold
by the time that more of the source was seen.
"""

from threading import Lock

import torch
from torch import Tensor

from gpbop.kernels.profiles import Workspace
from gpbop.scoring.acceptance import Judge
from gpbop.scoring.contenders import Contenders, Pool, Sieve
from gpbop.scoring.held import Counts, Held
from gpbop.scoring.memory import WAITING_BYTES, halving
from gpbop.scoring.pivoting import Projection
from gpbop.scoring.refining import levels, screened
from gpbop.scoring.screening import Screen

# New candidates that are waited for, enough to fill a GPU, and how many times as many of the source must have been seen
# as at the last time; the first few times neither is waited for, to raise the threshold.
WAITING, GROWTH, IMPATIENT = {"cpu": 1024, "cuda": 2**16}, 1.2, 4
# Candidates that go on first; at least twice as many as are wanted.
CHUNK = {"cpu": 128, "cuda": 4096}


class LaterStages:
    """Stages of bounds in float64 for what the first one leaves, and the dense value as the last.

    Args:
        judge: Tells which bounds reach a threshold.
        first: The first stage.
        projection: Pivots that are known already.
        pivots: Number of pivots of each stage, ascending; see `gpbop.scoring.refining.levels`.
    """

    def __init__(self, judge: Judge, first: Screen, projection: Projection, pivots: list[int]) -> None:
        self._judge, self._criterion, self._projection = judge, judge.criterion, projection
        # A mean in float32 is computed once more for those that are left.
        self.renews_mean = first.dtype == torch.float32 and self._criterion.needs_mean
        self.levels = levels(judge.criterion, pivots, self.renews_mean)
        self._screens: list[Screen | None] = [None] * len(self.levels)
        self._device = self._criterion.factor.L.device
        self._arrived = [0] * len(self.levels)
        self._waiting: list[Held] = []
        self._rounds = self._arriving = self._seen = 0
        self._due = 0.0
        # The first stage, waiting, these, and dense.
        self.counts = Counts.of(len(self.levels) + 3)
        self._lock, self._building = Lock(), Lock()

    def add(self, held: Held | None, seen: int, first: Counts, pool: Pool | Sieve, workspace: Workspace) -> None:
        """Take over what the stages before left of so many candidates, and how many of these entered the first one."""
        with self._lock:
            self._seen += seen
            self.counts.entered[0] += first.entered[0]
            self.counts.settled[0] += first.settled[0]
            if held is not None and len(held) and isinstance(pool, Pool):
                self._waiting.append(held)
                self._arriving += len(held)
                self.counts.entered[1] += len(held)
            is_due = self._arriving >= WAITING[self._device.type] and self._seen >= self._due
            is_full = sum(part.bytes for part in self._waiting) > WAITING_BYTES[self._device.type]
        if isinstance(pool, Pool):
            if is_full or is_due or self._rounds < IMPATIENT:
                self.go_on(pool, workspace, is_full)
        elif held is not None:  # a queue bounds them further when they may be next
            pool.add(held)

    def go_on(self, pool: Pool, workspace: Workspace, everything: bool = True) -> None:
        """Pass all that wait through the stages, or those with the highest bounds, and add what is left to the pool."""
        with self._lock:
            waiting, self._waiting, self._arriving = self._waiting, [], 0
            self._rounds += 1
            self._due = GROWTH * self._seen
        if not waiting:
            return
        counts = Counts.of(len(self.counts.entered))
        try:
            joined, first = Held.joined(waiting), max(CHUNK[self._device.type], 2 * pool.k)
            held = joined.reaching(pool.threshold)
            held = held.take(held.upper.argsort(descending=True))
            self._halving(held.take(slice(0, first)), pool, workspace, counts)
            rest = held.take(slice(first, None)).reaching(pool.threshold)
            counts.settled[1] += len(joined) - min(len(held), first) - len(rest)
            if everything:
                self._halving(rest, pool, workspace, counts)
        except BaseException:  # Ctrl-C among them: they wait on, whatever blocks they are of
            with self._lock:
                self._waiting += waiting
            raise
        with self._lock:
            self.counts.add(counts)
            if not everything and len(rest):
                self._waiting.append(rest)

    def _halving(self, held: Held, pool: Pool, workspace: Workspace, counts: Counts) -> None:
        """Finish some candidates; in halves where the device has not enough memory for them."""

        def work(some: Held) -> None:
            own = Counts.of(len(counts.entered))
            self._finish(some, pool, workspace, own)
            counts.add(own)  # what was begun in vain does not count

        halving(work, held, held.X.device)

    def _finish(self, held: Held, pool: Pool, workspace: Workspace, counts: Counts) -> None:
        """Pass some candidates through all stages; nothing is added to the pool before all is done."""
        for number, level in enumerate(self.levels):
            # Points nearby, which come before it then, say as much of the variance.
            if level.has_mean and not self.renews_mean and self.levels[0].is_local:
                continue
            screen = self._screen(number, held.X) if len(held) else None
            if screen is None:
                continue
            left = screened(held, screen, self._judge, workspace).reaching(pool.threshold)
            counts.count(2 + number, len(held), len(left))
            held = left
        counts.count(-1, len(held), 0)
        if not len(held):
            return
        pool.add(Contenders(held.places, held.X, *self._criterion.around(held.X)))

    def _screen(self, number: int, X: Tensor) -> Screen | None:
        """Return a stage for some candidates; None if these are too few, or all that came do not pay to build it."""
        level, known, n = self.levels[number], (self._criterion, self._projection), len(self._criterion.factor.L)
        if not level.suits(len(X), self._criterion.factor):
            return None
        with self._building:
            self._arrived[number] += len(X)
            screen = self._screens[number]
            # On a GPU all pivots cost more than the dense value, which is one product of matrices.
            can_pay = level.r < n or self._device.type == "cpu" or n <= len(self._projection)
            if screen is None and can_pay and level.pays(self._arrived[number], *known):
                self._screens[number] = screen = level.built(*known, X)
            return screen

    @property
    def names(self) -> list[str]:
        """What is computed after the first stage, for the certificate."""
        return ["waiting", *(level.name for level in self.levels), "dense"]

    @property
    def multiplications(self) -> list[float]:
        """Number of multiplications for one candidate, of each, but for dense."""
        return [0.0, *(screen.multiplications() if screen else 0.0 for screen in self._screens)]
