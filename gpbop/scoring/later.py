"""The stages after the first: more pivots for the candidates that it leaves, and the dense value for the last few.

A block leaves few candidates, and few are computed no faster than many; so they wait until there are enough. Then those
with the highest bounds go on, which raises the threshold. All others wait on, for most of them are under the threshold
by the time that more of the source was seen.
"""

from threading import Lock

import torch

from gpbop.kernels.profiles import Workspace
from gpbop.scoring.acceptance import Judge
from gpbop.scoring.contenders import Contenders, Pool, Sieve
from gpbop.scoring.held import Counts, Held
from gpbop.scoring.memory import WAITING_BYTES, halving
from gpbop.scoring.pivoting import Projection
from gpbop.scoring.refining import BUILDING, screened
from gpbop.scoring.screening import Screen
from gpbop.scoring.screens import screen_of

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
        pivots: Number of pivots of each stage, ascending.
    """

    def __init__(self, judge: Judge, first: Screen, projection: Projection, pivots: list[int]) -> None:
        self._judge, self._criterion, self._pivots = judge, judge.criterion, pivots
        self._screens: list[Screen | None] = [None] * len(pivots)
        self._device = first.G.device
        if pivots and pivots[0] <= len(projection.G):
            # A mean in float32 is computed once more for those that are left.
            has_mean = first.dtype == torch.float32 and self._criterion.needs_mean
            self._screens[0] = screen_of(self._criterion, projection, pivots[0], torch.float64, has_mean)
        self._arrived = [0] * len(pivots)
        self._names = [f"{r} pivots, float64" for r in pivots]
        self._waiting: list[Held] = []
        self._rounds = self._arriving = 0
        self._due = 0.0
        # The first stage, these, and dense.
        self.counts = Counts.of(len(pivots) + 2)
        self._lock, self._building = Lock(), Lock()

    def add(self, held: Held | None, entered: int, pool: Pool | Sieve, workspace: Workspace) -> None:
        """Take over what the first stage left of a block that `entered` it."""
        with self._lock:
            self.counts.count(0, entered, 0 if held is None else len(held))
            if held is not None and len(held) and isinstance(pool, Pool):
                self._waiting.append(held)
                self._arriving += len(held)
            is_due = self._arriving >= WAITING[self._device.type] and self.counts.entered[0] >= self._due
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
            self._due = GROWTH * self.counts.entered[0]
        if not waiting:
            return
        counts = Counts.of(len(self.counts.entered))
        try:
            joined, first = Held.joined(waiting), max(CHUNK[self._device.type], 2 * pool.k)
            held = joined.reaching(pool.threshold)
            held = held.take(held.upper.argsort(descending=True))
            self._halving(held.take(slice(0, first)), pool, workspace, counts)
            rest = held.take(slice(first, None)).reaching(pool.threshold)
            counts.settled[0] += len(joined) - min(len(held), first) - len(rest)
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
        for number in range(len(self._pivots)):
            screen = self._screen(number, len(held)) if len(held) else None
            if screen is None:
                break
            left = screened(held, screen, self._judge, workspace).reaching(pool.threshold)
            counts.count(1 + number, len(held), len(left))
            held = left
        counts.count(-1, len(held), 0)
        if not len(held):
            return
        pool.add(Contenders(held.places, held.X, *self._criterion.around(held.X)))

    def _screen(self, number: int, arriving: int) -> Screen | None:
        """Return a stage; None while too few candidates have arrived there to pay for building it."""
        with self._building:
            self._arrived[number] += arriving
            screen, r, factor = self._screens[number], self._pivots[number], self._criterion.factor
            # On a GPU all pivots cost more than the dense value, which is one product of matrices.
            pays = self._arrived[number] > BUILDING * r**2 / len(factor.L)
            if screen is None and pays and (r < len(factor.L) or self._device.type == "cpu"):
                screen = screen_of(self._criterion, Projection.of(factor, r), r, torch.float64, False)
                self._screens[number] = screen
            return screen

    @property
    def names(self) -> list[str]:
        """What is computed after the first stage, for the certificate."""
        return [*self._names, "dense"]

    @property
    def multiplications(self) -> list[float]:
        """Number of multiplications for one candidate, of each, but for dense."""
        return [screen.multiplications() if screen else 0.0 for screen in self._screens]
