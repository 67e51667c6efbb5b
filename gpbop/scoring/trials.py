"""Which stages are to come before the first one: each is tried on some candidates, and again when more have passed.

Whether they spare work depends on the process, the candidates and the threshold. Answers do not depend on it.
"""

from collections.abc import Sequence
from itertools import combinations
from typing import Protocol

import torch
from torch import Tensor

from gpbop.scoring.acceptance import Judge
from gpbop.scoring.screening import Bounds
from gpbop.scoring.sources.blocks import Block, Strip

# Covariances of a block from which on trying is worth its time; on how many candidates; after how many times as
# many blocks to try again; the most stages before the first.
WORTH_TRYING = 2**21
TRIED = 1024
TRY_AGAIN = 3
MOST_STAGES = 3


class Stages(Protocol):
    """Stages to choose from, each with a cost of its own."""

    @property
    def costs(self) -> Sequence[float]:
        """What a candidate costs in each of them, in units of the first stage."""
        ...

    @property
    def scattered(self) -> float:
        """What a scattered candidate costs in the first stage beside one of a strip."""
        ...

    @property
    def after(self) -> float | None:
        """What a candidate costs that they leave, in units of the first stage; None where it passes that one."""
        ...

    def takes_strips(self, number: int) -> bool:
        """Whether a stage takes strips as they are."""
        ...

    def is_ready(self, number: int) -> bool:
        """Whether a stage may be built."""
        ...

    def ends(self, number: int) -> bool:
        """Whether what a stage leaves may go on without the first one, where there is an `after`."""
        ...

    def some(self, work: Block | Strip, count: int, seed: int) -> Block:
        """Return about so many of the candidates to try stages on."""
        ...

    def bounds(self, number: int, work: Block | Strip) -> tuple[Tensor | None, Bounds]:
        """Bound candidates by a stage; as `Screen` does, None standing for their own order."""
        ...


class StageTrial:
    """Chooses stages that are to come before the first.

    Args:
        judge: Tells which bounds reach a threshold.
        stages: The stages to choose from.
    """

    def __init__(self, judge: Judge, stages: Stages) -> None:
        self._judge, self._stages = judge, stages
        self._blocks, self._due = 0, 1
        self.path: tuple[int, ...] = ()
        self.cost = 1.0

    def chosen(self, work: Block | Strip, threshold: float) -> tuple[int, ...]:
        """Return the numbers of the stages that a block is to pass beforehand, in order."""
        covariances = len(work) * len(self._judge.criterion.factor.L)
        if self._stages.costs and covariances >= WORTH_TRYING and threshold > -torch.inf:
            self._blocks += 1
            if self._blocks >= self._due:
                self._due = TRY_AGAIN * self._blocks
                self._choose(work, threshold)
        return self.path

    def note(self, work: Block | Strip, path: tuple[int, ...], shares: Sequence[float]) -> None:
        """Take note of the shares that the stages of a path left: one that spared nothing is given up until a trial.

        Candidates of a source may differ more from those that were tried than from each other.
        """
        scale = self._scale(work)
        without = self._cost((), (), scale)
        if path == self.path and self._cost(path, shares, scale) > without:
            self.path, self.cost = (), without / scale

    def _scale(self, work: Block | Strip) -> float:
        """What comes first of a strip costs less; all costs are in units of what a candidate costs that is alone."""
        return 1.0 / self._stages.scattered if isinstance(work, Strip) else 1.0

    def _choose(self, work: Block | Strip, threshold: float) -> None:
        costs, stages = self._stages.costs, self._stages
        some = stages.some(work, TRIED, self._blocks)
        numbers = sorted(filter(stages.is_ready, range(len(costs))), key=costs.__getitem__)
        left = {number: self._left(number, some, threshold) for number in numbers}
        paths = [path for size in range(MOST_STAGES + 1) for path in combinations(numbers, size)]
        if stages.after is not None:  # the first stage is one to choose then
            paths = [path for path in paths if path and stages.ends(path[-1])]
        if isinstance(work, Strip):
            paths = [path for path in paths if not path or stages.takes_strips(path[0])]
        scale = self._scale(work)
        cost, self.path = min((self._expected(path, left, scale), path) for path in paths)
        self.cost = cost / scale

    def _left(self, number: int, some: Block, threshold: float) -> Tensor:
        """Return whether a stage leaves each of some candidates."""
        order, bounds = self._stages.bounds(number, some)
        which = self._judge(bounds, threshold)
        left = torch.zeros(len(some), dtype=torch.bool, device=some.device)
        left[which if order is None else order[which]] = True
        return left

    def _expected(self, path: tuple[int, ...], left: dict[int, Tensor], scale: float) -> float:
        """Return what a candidate costs on a path, where stages leave such candidates."""
        shares, still = [], None
        for number in path:
            still = left[number] if still is None else still & left[number]
            shares.append(float(still.double().mean()))
        return self._cost(path, shares, scale)

    def _cost(self, path: tuple[int, ...], shares: Sequence[float], scale: float) -> float:
        """Return what a candidate costs on a path that leaves such shares; what is first costs `scale` of its own."""
        costs, after = self._stages.costs, self._stages.after
        cost, share = 0.0, scale
        for number, left in zip(path, shares, strict=True):
            cost, share = cost + share * costs[number], left
        if after is None:
            return cost + share
        return cost + share * after if path else scale + after
