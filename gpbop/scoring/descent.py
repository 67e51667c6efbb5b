"""Cells of a strip, level by level: wide cells at first, narrower ones where those leave something.

A level costs a pass over its nodes. The next one follows while that costs little beside what is left to do, so little
is lost where it rules nothing out, and nothing has to be foreseen.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from gpbop.kernels.profiles import Workspace
from gpbop.scoring.acceptance import Judge
from gpbop.scoring.cells import Cells, Level, Members, sides_of, strides_within
from gpbop.scoring.fused_screening import FusedScreen
from gpbop.scoring.interpolation import Powers
from gpbop.scoring.memory import MOST_CELLS, STRIP_PART
from gpbop.scoring.sources.blocks import MOST_TABLE, Axes, Strip

# How much looser than the corners the bounds of a level may be, in standardised units of the mean (or, without a mean,
# as a share of the threshold).
LOOSENESS = (2.5, 1.6, 0.8, 0.4, 0.2, 0.1, 0.05, 0.025, 0.0125, 0.006)
# What a level may cost, as a share of what is left to do without it.
WORTH_IT = 0.5
# Cells that are tried before a level that costs so many times as much.
TRIED, TRIED_FROM = 32, 8
# Where a share f of the cells is left, they have a share of the nodes of about f to this power.
NODES = 0.8
# First halves under which tables of the nodes take longer than all the rest, though strips share them;
# covariances of a strip under which its cells do.
LEAST_FIRSTS = 4
LEAST_COVARIANCES = 2**22


class Costs(NamedTuple):
    """What a candidate costs, in units of a node in a strip.

    Attributes:
        whole: In a strip without cells.
        scattered: By itself, as cells may leave it.
        node: One by itself that is a node.
    """

    whole: float
    scattered: float
    node: float


@dataclass(frozen=True)
class Left:
    """What cells leave of a strip.

    Attributes:
        strip: The first halves that are left, with all second halves; the whole strip where there are `places`.
        candidates: How many candidates are left.
        places: Where they are in the strip, part by part; None: all of `strip`.
        nodes: Number of nodes that were bounded, each time one was.
        multiplications: What that took.
    """

    strip: Strip
    candidates: int
    places: Iterator[Tensor] | None = None
    nodes: int = 0
    multiplications: float = 0.0


@dataclass(frozen=True)
class _Some:
    """Some cells of a level: each is a cell of the first halves with one of the second."""

    level: Level
    first: Tensor
    second: Tensor

    def take(self, which: Tensor | slice) -> "_Some":
        """Select some of them."""
        return _Some(self.level, self.first[which], self.second[which])

    @property
    def corners(self) -> int:
        """How many corners they have, those of neighbours counted for each."""
        return len(self.first) * self.level.first.corners.shape[1] * self.level.second.corners.shape[1]

    @property
    def candidates(self) -> int:
        """How many candidates are in them."""
        first, second = self.level.first.members, self.level.second.members
        return int((first.counts[self.first] * second.counts[self.second]).sum())

    def few(self) -> "_Some":
        """Return some of them, here and there."""
        generator = torch.Generator().manual_seed(0)
        which = torch.randint(len(self.first), (min(TRIED, len(self.first)),), generator=generator)
        return self.take(which.to(self.first.device))

    @property
    def own_nodes(self) -> float:
        """How many nodes they have, more or less."""
        first, second = self.level.first, self.level.second
        share = len(self.first) / (len(first.members.counts) * len(second.members.counts))
        return float(len(first.nodes) * len(second.nodes) * share**NODES)

    def dense_cost(self, rows: int) -> float:
        """Return how many nodes of the second halves there are for so many of the first, if there is room for them."""
        second, most = self.level.second, MOST_CELLS[self.first.device.type]
        has_room = len(second.nodes) <= MOST_TABLE and rows * len(second.members.counts) <= most
        return float(rows * len(second.nodes)) if has_room else math.inf

    def places(self) -> Iterator[Tensor]:
        """Return the places of their candidates in the strip, some of the first halves at a time if they are many."""
        first, second, q = self.level.first.members, self.level.second.members, len(self.level.second.cell)
        most, p = STRIP_PART[self.first.device.type], len(self.level.first.cell)
        size = p if self.candidates <= most else max(1, most // q)
        for start in range(0, p, size):
            inside = (first.order >= start) & (first.order < start + size)
            counts = torch.bincount(self.level.first.cell[start : start + size], minlength=len(first.counts))
            one, other = Members(first.order[inside], counts).pairs(second, self.first, self.second)
            yield one * q + other

    def parts(self) -> Iterator["_Some"]:
        """Cut into parts with as many corners as there is memory for."""
        each = max(1, len(self.first) * STRIP_PART[self.first.device.type] // max(self.corners, 1))
        for start in range(0, len(self.first), each):
            yield self.take(slice(start, start + each))


@dataclass
class _Done:
    """What was done."""

    nodes: int = 0
    multiplications: float = 0.0

    def add(self, nodes: int, screen: FusedScreen) -> None:
        """Count nodes that a stage bounded."""
        self.nodes += nodes
        self.multiplications += nodes * screen.multiplications()


class Descent:
    """Descends from wide cells to narrow ones.

    Args:
        judge: Tells which bounds reach a threshold.
        norm: Bound of the norm of the mean, see `gpbop.scoring.cells`.
    """

    def __init__(self, judge: Judge, norm: float) -> None:
        self._judge, self._norm = judge, norm
        self._powers = Powers(judge.criterion.factor)
        self._seconds: tuple[Tensor | None, list[tuple[float, Cells]]] = (None, [])
        # The cells are kept with it, so that no others come to have their ids.
        self._within_second: dict[tuple[int, int], tuple[Members, Cells, Cells]] = {}

    def __call__(self, strip: Strip, screen: FusedScreen, threshold: float, costs: Costs) -> Left:
        """Rule out cells of a strip.

        Args:
            strip: The strip.
            screen: Bounds the nodes of cells.
            threshold: What candidates must reach.
            costs: What candidates cost otherwise.
        Returns:
            What is left; the whole strip where no level is worth its time.
        """
        count, q = len(strip), len(strip.index_second)
        is_small = len(strip.index_first) < LEAST_FIRSTS or count * screen.points < LEAST_COVARIANCES
        if not strip.axes_second or threshold == -torch.inf or is_small:
            return Left(strip, count)
        left: _Some | None = None
        ends, done = (costs.whole * count, costs.scattered * count), _Done()
        for level in self._levels(strip, threshold):
            some = self._within(left, level)
            if some is None:
                break
            rows = torch.unique(level.first.corners[torch.unique(some.first)])
            dense, sparse = some.dense_cost(len(rows)), costs.node * some.own_nodes
            cost, few = min(dense, sparse), some.few()
            if cost > WORTH_IT * min(ends):
                break
            if cost > TRIED_FROM * costs.node * few.corners:
                share = len(self._sparse(strip, few, screen, threshold, done).first) / len(few.first)
                if cost > (1.0 - share) * min(ends):
                    continue
            if dense <= sparse:
                left = self._dense(strip, some, rows, screen, threshold, done)
            else:
                parts = [self._sparse(strip, part, screen, threshold, done) for part in some.parts()]
                cells = (torch.cat(numbers) for numbers in zip(*((p.first, p.second) for p in parts), strict=True))
                left = _Some(level, *cells)
            # First halves that cells leave are not those that cost little.
            firsts = int(level.first.members.counts[torch.unique(left.first)].sum())
            ends = float(firsts * q), costs.scattered * left.candidates
            if not firsts:
                break
        spent = done.nodes, done.multiplications
        if left is None:
            return Left(strip, count, None, *spent)
        if ends[0] <= ends[1]:
            kept = strip.with_first(torch.isin(left.level.first.cell, left.first))
            return Left(kept, len(kept), None, *spent)
        return Left(strip, left.candidates, left.places(), *spent)

    def _within(self, wider: _Some | None, level: Level) -> _Some | None:
        """Return the cells of a level that share candidates with some others, or all; None if there is no room."""
        first, second = level.first.members, level.second.members
        count, most = len(second.counts), MOST_CELLS[second.counts.device.type]
        if wider is None:
            if len(first.counts) * count > most:
                return None
            cells = torch.arange(len(first.counts) * count, device=first.counts.device)
        else:
            own = level.first.within(wider.level.first)
            others = self._seconds_in(wider.level.second, level.second)
            if int((own.counts[wider.first] * others.counts[wider.second]).sum()) > most:
                return None
            one, other = own.pairs(others, wider.first, wider.second)
            cells = torch.unique(one * count + other)
        return _Some(level, cells // count, cells % count)

    def _seconds_in(self, wider: Cells, cells: Cells) -> Members:
        """Return which cells of second halves are in wider ones; once for all strips and threads that share both."""
        known = self._within_second.get((id(wider), id(cells)))
        if known is None:
            known = cells.within(wider), wider, cells
            self._within_second[id(wider), id(cells)] = known
        return known[0]

    def _dense(
        self, strip: Strip, some: _Some, rows: Tensor, screen: FusedScreen, threshold: float, done: "_Done"
    ) -> _Some:
        """Return the cells that all pairs of some nodes of the first halves with those of the second leave of some."""
        level, criterion = some.level, self._judge.criterion
        second, count = level.second, len(level.second.members.counts)
        done.add(len(rows) * len(second.nodes), screen)
        parts = []
        for part in level.strip(strip, rows).within(STRIP_PART[strip.device.type]):
            sides = sides_of(screen.strip(part), criterion)
            parts.append([second.largest(side.view(-1, len(second.nodes))).flatten() for side in sides])
        sides = [torch.cat(side) for side in zip(*parts, strict=True)]
        corners = level.first.corners.mT
        places = (torch.searchsorted(rows, corner[some.first]) * count + some.second for corner in corners)
        return some.take(self._judge(level.bounds(sides, places, criterion), threshold))

    def _sparse(self, strip: Strip, some: _Some, screen: FusedScreen, threshold: float, done: "_Done") -> _Some:
        """Return the cells that their own nodes leave of some."""
        level, t, criterion = some.level, len(some.level.second.nodes), self._judge.criterion
        first, second = level.first.corners[some.first], level.second.corners[some.second]
        pairs = (first.unsqueeze(2) * t + second.unsqueeze(1)).flatten(1)
        nodes, corners = torch.unique(pairs, return_inverse=True)
        X = torch.where(strip.is_second, level.second.X[nodes % t], level.first.X[nodes // t])
        order, bounds = screen(X, Workspace())
        done.add(len(nodes), screen)
        sides = [torch.empty_like(side).index_copy_(0, order, side) for side in sides_of(bounds, criterion)]
        return some.take(self._judge(level.bounds(sides, corners.mT, criterion), threshold))

    def _levels(self, strip: Strip, threshold: float) -> Iterator[Level]:
        """Return cells of several widths, the widest first; strips with the same second halves share those of these."""
        X_second, seconds = self._seconds
        if X_second is not strip.X_second:
            wide = _wide(strip.axes_first), _wide(strip.axes_second)
            seconds = self._seconds_within(strip, wide[1] / max(sum(wide), 1), threshold)
            self._seconds, self._within_second = (strip.X_second, seconds), {}
        last: Level | None = None
        for most, second in seconds:
            strides = strides_within(strip.X_first, strip.axes_first, self._powers, most, second.power)
            first = Cells.of(strip.index_first, strip.X_first, strip.axes_first, strides, self._powers)
            is_new = last is None or first.shape != last.first.shape or second is not last.second
            if (first.pooled or second.pooled) and is_new:
                last = Level(first, second, self._norm)
                yield last

    def _seconds_within(self, strip: Strip, share: float, threshold: float) -> list[tuple[float, Cells]]:
        """Return bounds of P, and cells of the second halves that take such a share of them."""
        has_mean, cells = self._judge.criterion.needs_mean, dict[tuple[int, ...], Cells]()
        seconds = []
        for looseness in LOOSENESS:
            most = looseness / max(self._norm, 1e-300) if has_mean else looseness * threshold
            strides = strides_within(strip.X_second, strip.axes_second, self._powers, share * most)
            if strides not in cells:
                own = strip.index_second, strip.X_second, strip.axes_second
                cells[strides] = Cells.of(*own, strides, self._powers)
            seconds.append((most, cells[strides]))
        return seconds


def _wide(axes: Axes) -> int:
    """Return along how many axes cells may be wide."""
    return sum(column is not None and size > 2 for size, column in axes)
