"""Cells of a grid: bounds for many neighbouring candidates at once, from the corners of a cell.

Between the corners of a cell a function f of the process is interpolated linearly along one parameter after another:
I f = sum_c w_c f(c), w_c >= 0, sum_c w_c = 1. For a function of the kernel's space, as the posterior mean is, and for
a draw of the posterior,

    |mu(x) - (I mu)(x)| <= |mu|_k P(x),    sd f(x) <= sd (I f)(x) + P(x),    P(x)^2 = prior variance of f(x) - (I f)(x)

(Cauchy and Schwarz in the space of the kernel; the triangle inequality, and data never raise a variance). Since the
weights are convex, I mu is at most the largest mu(c), and sd I f at most the largest sd f(c). P is bounded in
`gpbop.scoring.interpolation`; |mu|_k is that of `gpbop.scoring.partial.squared_norm`; the constant mean cancels.

A cell of a strip is a cell of its first halves with one of its second halves: its corners are all pairs of theirs, and
P is that along the parameters of both.

Notation:
    stride      of an axis: how many levels its cells are wide at most; where they meet, and at its ends, are nodes
"""

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import torch
from torch import Tensor

from gpbop.scoring.criteria import Criterion
from gpbop.scoring.interpolation import Power, Powers, nodes_along
from gpbop.scoring.screening import Bounds
from gpbop.scoring.sources.blocks import Axes, Strip


@dataclass(frozen=True)
class Cells:
    """The cells of one half of strips.

    Attributes:
        nodes: Places of the `t` nodes among the halves.
        index: Their positions.
        X: `t x d` rows of the nodes.
        shape: Number of nodes along each axis; their product is t.
        pooled: The axes whose cells have two nodes.
        cell: The cell of each half.
        power: What bounds P, in standardised units.
    """

    nodes: Tensor
    index: Tensor
    X: Tensor
    shape: tuple[int, ...]
    pooled: tuple[int, ...]
    cell: Tensor
    power: Power

    @staticmethod
    def of(index: Tensor, X: Tensor, axes: Axes, strides: Sequence[int], powers: Powers) -> "Cells":
        """Build the cells of halves; without axes each is a cell.

        Args:
            index: `p` positions.
            X: `p x d` encoded rows.
            axes: What they are a grid of, see `Strip`.
            strides: One for each axis; those of axes without a column are 1.
            powers: Bound P.
        """
        if not axes:
            axes, strides = ((len(index), None),), (1,)
        device = X.device
        along = [nodes_along(size, stride) for (size, _), stride in zip(axes, strides, strict=True)]
        counts = [max(len(nodes) - (stride > 1), 1) for nodes, stride in zip(along, strides, strict=True)]
        # The last level belongs to the last cell, which may have no other level of its own.
        numbers = [
            torch.bucketize(torch.arange(size, device=device), torch.tensor(nodes[1:count], device=device), right=True)
            for (size, _), nodes, count in zip(axes, along, counts, strict=True)
        ]
        nodes = _mixed([torch.tensor(nodes, device=device) for nodes in along], [size for size, _ in axes])
        power = Power()
        for (levels, column), stride in zip(levels_of(X, axes), strides, strict=True):
            power += powers.along(levels, column)(stride) if column is not None else Power()
        pooled = tuple(axis for axis, stride in enumerate(strides) if stride > 1)
        shape = tuple(map(len, along))
        return Cells(nodes, index[nodes], X[nodes], shape, pooled, _mixed(numbers, counts), power)

    @cached_property
    def members(self) -> "Members":
        """The halves in each cell."""
        return Members(self.cell.argsort(stable=True), torch.bincount(self.cell))

    def within(self, wider: "Cells") -> "Members":
        """Return which of these cells have halves in each of some others, which may be wider."""
        count = len(self.members.counts)
        pairs = torch.unique(wider.cell * count + self.cell)
        return Members(pairs % count, torch.bincount(pairs // count, minlength=len(wider.members.counts)))

    @cached_property
    def corners(self) -> Tensor:
        """`c x 2^a` numbers of the nodes at the corners of each cell, of `a` pooled axes."""
        numbers = torch.arange(len(self.nodes), device=self.nodes.device).view(self.shape)
        steps = numbers.new_zeros(1)
        for axis in self.pooled:
            numbers = numbers.narrow(axis, 0, self.shape[axis] - 1)
            steps = torch.cat([steps, steps + math.prod(self.shape[axis + 1 :])])
        return numbers.flatten().unsqueeze(1) + steps

    def largest(self, values: Tensor) -> Tensor:
        """Return the largest of `rows x t` values at the corners of each cell."""
        values = values.view(-1, *self.shape)
        for axis in self.pooled:
            size = self.shape[axis]
            values = torch.maximum(values.narrow(axis + 1, 0, size - 1), values.narrow(axis + 1, 1, size - 1))
        return values.flatten(1)


class Members(NamedTuple):
    """What is in each of some cells: `order`, cell by cell, `counts` of them in each."""

    order: Tensor
    counts: Tensor

    def pairs(self, others: "Members", cells: Tensor, other_cells: Tensor) -> tuple[Tensor, Tensor]:
        """Return all pairs of what is in one of these cells and what is in one of the others, pair by pair of cells."""
        across = others.counts[other_cells]
        counts = self.counts[cells] * across
        ends = counts.cumsum(0)
        at = torch.arange(int(ends[-1]) if len(ends) else 0, device=cells.device)
        at -= (ends - counts).repeat_interleave(counts)
        across = across.repeat_interleave(counts)
        starts = (self.counts.cumsum(0) - self.counts)[cells].repeat_interleave(counts)
        other_starts = (others.counts.cumsum(0) - others.counts)[other_cells].repeat_interleave(counts)
        return self.order[starts + at // across], others.order[other_starts + at % across]


@dataclass(frozen=True)
class Level:
    """Cells of a strip: those of its first halves with those of its second halves.

    Attributes:
        first: Cells of the first halves.
        second: Cells of the second halves.
        norm: Bound of |mu|_k.
    """

    first: Cells
    second: Cells
    norm: float

    def strip(self, strip: Strip, nodes: Tensor) -> Strip:
        """Return the nodes of a strip: some of the first halves, by their numbers, with all of the second."""
        second = self.second
        return Strip(self.first.index[nodes], second.index, self.first.X[nodes], second.X, strip.is_second)

    def bounds(self, sides: list[Tensor], corners: Iterable[Tensor], criterion: Criterion) -> Bounds:
        """Return bounds that hold in whole cells.

        Args:
            sides: What is known somewhere, see `sides_of`.
            corners: For each corner of a cell, where this is among them, for each of `c` cells.
            criterion: The acquisition function.
        """
        largest: list[Tensor] = []
        for at in corners:
            found = [side[at] for side in sides]
            largest = [torch.maximum(*pair) for pair in zip(largest, found, strict=True)] if largest else found
        std, *best = largest
        power = (self.first.power + self.second.power).bound
        # The bounds of believed points hold up to a share of the variance, see `DenseRounding`: so P counts with it.
        high = (std + math.sqrt(1.0 + criterion.dense.apart) * power).square_()
        if not best:
            return Bounds(high.new_empty(len(high), 0), high.new_empty(len(high), 0), high)
        mean = criterion.sign * (best[0] + self.norm * power).unsqueeze(1)
        return Bounds(mean, torch.zeros_like(mean), high)


def sides_of(bounds: Bounds, criterion: Criterion) -> list[Tensor]:
    """Return upper bounds of standard deviations and, where it is needed, of the mean of maximised values."""
    std = bounds.high.clamp_min(0.0).sqrt_()
    return [std, criterion.sign * bounds.mean[:, 0] + bounds.delta[:, 0]] if bounds.mean.shape[1] else [std]


def strides_within(X: Tensor, axes: Axes, powers: Powers, most: float, beside: Power | None = None) -> tuple[int, ...]:
    """Choose strides along the axes of halves: wide ones, with P at most `most`, along with that of other axes."""
    strides, power, total = [1 for _ in axes], [Power() for _ in axes], beside or Power()
    along = {
        axis: powers.along(levels, column)
        for axis, (levels, column) in enumerate(levels_of(X, axes))
        if column is not None and len(levels) > 2
    }
    open_ = list(along)
    while open_:
        # Doubling the width of the cells of any axis spares the same share of nodes: the one that adds least to P.
        tried = {axis: along[axis](2 * strides[axis]) for axis in open_}
        axis = min(open_, key=lambda axis: tried[axis].sums[0] - power[axis].sums[0])
        wider = total - power[axis] + tried[axis]
        if wider.bound > most:
            open_.remove(axis)
            continue
        total = wider
        strides[axis], power[axis] = 2 * strides[axis], tried[axis]
        if strides[axis] >= axes[axis][0] - 1:
            open_.remove(axis)
    return tuple(strides)


def levels_of(X: Tensor, axes: Axes) -> Iterator[tuple[Tensor, int | None]]:
    """Return the levels of each axis of `p x d` halves on the CPU, and their column; none where it is not numeric."""
    for number, (size, column) in enumerate(axes):
        fastest = math.prod(count for count, _ in axes[number + 1 :])
        places = torch.arange(size, device=X.device) * fastest
        yield (X[places, column].cpu() if column is not None else X[:0, 0].cpu()), column


def _mixed(digits: Sequence[Tensor], sizes: Sequence[int]) -> Tensor:
    """Return the numbers of all combinations of digits, the last one varying fastest."""
    numbers = torch.zeros(1, dtype=torch.int64, device=digits[0].device)
    for digit, size in zip(digits, sizes, strict=True):
        numbers = (numbers.unsqueeze(1) * size + digit).flatten()
    return numbers
