"""What is tried on some candidates before it is used on all: cells of grids, and stages before the first.

Which of them spare work depends on the process, the candidates and the threshold; so each is tried on a few candidates,
and tried again when many more have passed. Answers do not depend on it.
"""

from collections.abc import Sequence
from itertools import combinations
from typing import Protocol

import torch
from torch import Tensor

from gpbop.scoring.acceptance import Judge
from gpbop.scoring.cells import Cells, strides_within
from gpbop.scoring.fused_screening import FusedScreen
from gpbop.scoring.screening import Bounds
from gpbop.scoring.sources.blocks import Block, Strip

# What scattered candidates cost beside those of a strip.
SCATTERED = 2.5

# Cells: how much looser than the corners a bound may be, in standardised units of the mean (or, without a mean, as a
# share of the threshold); the first halves on which they are tried; the share of the work above which cells are not
# worth it.
LOOSENESS = (1.6, 0.8, 0.4, 0.2, 0.1, 0.05)
PROBES = 32
WORTH_IT = 0.7
# Covariances of a strip from which on trying cells is worth its time; after how many times as many strips to try again.
WORTH_TUNING = 2**25
LEAST_FIRSTS = 24
TUNE_AGAIN = 2

# Stages: covariances of a block from which on trying is worth its time; on how many candidates; after how many times as
# many blocks to try again; the most stages before the first.
WORTH_TRYING = 2**21
TRIED = 1024
TRY_AGAIN = 3
MOST_STAGES = 3


class CellTrial:
    """Chooses the cells of strips.

    Args:
        judge: Tells which bounds reach a threshold.
        norm: Bound of the norm of the mean, see `gpbop.scoring.cells`.
    """

    def __init__(self, judge: Judge, norm: float) -> None:
        self._judge, self._norm = judge, norm
        self._cells: Cells | None = None
        self._strips, self._due = 0, 1

    def forget(self) -> None:
        """Let the next strip choose anew."""
        self._cells, self._due = None, self._strips

    def chosen(self, strip: Strip, screen: FusedScreen, threshold: float, cost: float) -> Cells | None:
        """Return cells that spare work; None where none does.

        Args:
            strip: The strip that is to be passed.
            screen: Bounds its candidates and the nodes of cells.
            threshold: What candidates must reach.
            cost: What a candidate costs without cells, in units of a call of `screen`.
        """
        covariances = len(strip) * len(self._judge.criterion.factor.L)
        has_firsts = len(strip.index_first) >= LEAST_FIRSTS  # else tables of the nodes take longer than all the rest
        if not strip.axes or not has_firsts or covariances < WORTH_TUNING or threshold == -torch.inf:
            return None
        self._strips += 1
        if self._strips >= self._due:
            self._due = TUNE_AGAIN * self._strips
            self._cells = self._best(strip, screen, threshold, cost)
        return self._cells

    def reaching(self, strip: Strip, cells: Cells, screen: FusedScreen, threshold: float) -> Tensor:
        """Return the numbers of the cells that may hold a candidate that reaches the threshold."""
        return self._judge(cells.bounds(screen.strip(cells.strip(strip)), self._judge.criterion), threshold)

    def _best(self, strip: Strip, screen: FusedScreen, threshold: float, cost: float) -> Cells | None:
        """Try cells of several widths on some first halves, and return those that cost the least."""
        factor, has_mean = self._judge.criterion.factor, self._judge.criterion.needs_mean
        some = strip.with_first(slice(None, None, -(-len(strip.index_first) // PROBES)))
        best, least, seen = None, WORTH_IT * cost * len(some), set()
        for looseness in LOOSENESS:
            most = looseness / max(self._norm, 1e-300) if has_mean else looseness * threshold
            strides = tuple(strides_within(strip, factor, most))
            if max(strides) == 1 or strides in seen:
                continue
            seen.add(strides)
            cells = Cells.of(strip, factor, self._norm, strides)
            if len(some.index_first) * len(cells.nodes) >= least:
                break
            left = len(cells.places(self.reaching(some, cells, screen, threshold)))
            new = len(some.index_first) * len(cells.nodes) + SCATTERED * cost * left
            if new < least:
                best, least = cells, new
        return best


class Stages(Protocol):
    """Stages to choose from, each with a cost of its own."""

    def bounds(self, number: int, work: Block | Strip) -> tuple[Tensor | None, Bounds]:
        """Bound candidates by a stage; as `Screen` does, None standing for their own order."""
        ...


class StageTrial:
    """Chooses stages that are to come before the first.

    Args:
        judge: Tells which bounds reach a threshold.
        stages: The stages to choose from.
        costs: What a candidate costs in each of them, in units of the first.
    """

    def __init__(self, judge: Judge, stages: Stages, costs: Sequence[float]) -> None:
        self._judge, self._stages, self._costs = judge, stages, costs
        self._blocks, self._due = 0, 1
        self.path: tuple[int, ...] = ()
        self.cost = 1.0

    def chosen(self, work: Block | Strip, threshold: float) -> tuple[int, ...]:
        """Return the numbers of the stages that a block is to pass beforehand, in order."""
        covariances = len(work) * len(self._judge.criterion.factor.L)
        if self._costs and covariances >= WORTH_TRYING and threshold > -torch.inf:
            self._blocks += 1
            if self._blocks >= self._due:
                self._due = TRY_AGAIN * self._blocks
                self._choose(work, threshold)
        return self.path

    def _choose(self, work: Block | Strip, threshold: float) -> None:
        generator = torch.Generator().manual_seed(0)
        some = work.take(torch.randint(len(work), (TRIED,), generator=generator).to(work.device))
        left = [self._left(number, some, threshold) for number in range(len(self._costs))]
        numbers = sorted(range(len(left)), key=lambda number: self._costs[number])
        paths = [path for size in range(MOST_STAGES + 1) for path in combinations(numbers, size)]
        scale = 1.0 / SCATTERED if isinstance(work, Strip) else 1.0
        self.cost, self.path = min((self._expected(path, left, scale), path) for path in paths)

    def _left(self, number: int, some: Block, threshold: float) -> Tensor:
        """Return whether a stage leaves each of some candidates."""
        order, bounds = self._stages.bounds(number, some)
        which = self._judge(bounds, threshold)
        left = torch.zeros(len(some), dtype=torch.bool, device=some.device)
        left[which if order is None else order[which]] = True
        return left

    def _expected(self, path: tuple[int, ...], left: list[Tensor], scale: float) -> float:
        """Return what a candidate costs on a path; what comes first costs a share `scale` of its own."""
        cost, share, still = 0.0, scale, torch.ones_like(left[0])
        for number in path:
            cost += share * self._costs[number]
            still = still & left[number]
            share = float(still.double().mean())
        return cost + share
