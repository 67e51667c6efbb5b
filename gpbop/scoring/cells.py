"""Cells of a grid: bounds for many neighbouring candidates at once, from the corners of a cell.

Between the corners of a cell a function f of the process is interpolated linearly along one parameter after another:
I f = sum_c w_c f(c), w_c >= 0, sum_c w_c = 1. For a function of the kernel's space, as the posterior mean is, and for
a draw of the posterior,

    |mu(x) - (I mu)(x)| <= |mu|_k P(x),    sd f(x) <= sd (I f)(x) + P(x),    P(x)^2 = prior variance of f(x) - (I f)(x)

(Cauchy and Schwarz in the space of the kernel; the triangle inequality, and data never raise a variance). Since the
weights are convex, I mu is at most the largest mu(c), and sd I f at most the largest sd f(c). Along one parameter all
else is equal, so P is that of the profile in one dimension; for several the triangle inequality adds them up.
|mu|_k is that of `gpbop.scoring.partial.squared_norm`; the constant mean cancels.

Notation:
    stride      of an axis: how many levels its cells are wide; every stride-th level and the last one is a node
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from gpbop.kernels.fused import SCALES, profile
from gpbop.scoring.criteria import Criterion
from gpbop.scoring.screening import Bounds
from gpbop.scoring.sources.blocks import Strip
from gpbop.surrogate.factor import Factor

# What rounding may make of a residual variance of the profile, as a share of 1.
RESIDUAL_ERROR = 1e-14


@dataclass(frozen=True)
class Cells:
    """The cells of the second halves of strips.

    Attributes:
        nodes: Places of the `q'` nodes among the second halves.
        index: What they add to the index.
        X: `q' x d` rows of the nodes.
        shape: Number of nodes along each axis; their product is q'.
        pooled: The axes whose cells have two nodes.
        power: Bound of P, in standardised units.
        norm: Bound of |mu|_k.
        order: The `q` second halves, cell by cell.
        starts: Where each cell begins in `order`.
        counts: How many second halves each cell has.
    """

    nodes: Tensor
    index: Tensor
    X: Tensor
    shape: tuple[int, ...]
    pooled: tuple[int, ...]
    power: float
    norm: float
    order: Tensor
    starts: Tensor
    counts: Tensor

    @staticmethod
    def of(strip: Strip, factor: Factor, norm: float, strides: Sequence[int]) -> "Cells":
        """Build the cells of a strip with axes; `norm` bounds |mu|_k."""
        device = strip.X_second.device
        sizes = [size for size, _ in strip.axes]
        levels = [torch.arange(size, device=device) for size in sizes]
        along = [_nodes(size, stride) for size, stride in zip(sizes, strides, strict=True)]
        # The last level belongs to the last cell, which may have no other level of its own.
        numbers = [
            (level // stride).clamp_max(max(len(nodes) - 2, 0)) if stride > 1 else level
            for level, nodes, stride in zip(levels, along, strides, strict=True)
        ]
        cell = _mixed(
            numbers, [max(len(nodes) - (stride > 1), 1) for nodes, stride in zip(along, strides, strict=True)]
        )
        counts = torch.bincount(cell)
        nodes = _mixed([torch.tensor(nodes, device=device) for nodes in along], sizes)
        return Cells(
            nodes,
            strip.index_second[nodes],
            strip.X_second[nodes],
            tuple(map(len, along)),
            tuple(axis for axis, stride in enumerate(strides) if stride > 1),
            sum(_power(strip, factor, axis, nodes) for axis, nodes in enumerate(along) if strides[axis] > 1),
            norm,
            cell.argsort(stable=True),
            counts.cumsum(0) - counts,
            counts,
        )

    def strip(self, strip: Strip) -> Strip:
        """Return the nodes of a strip with the second halves that the cells were built for."""
        return replace(strip, index_second=self.index, X_second=self.X, axes=())

    def bounds(self, bounds: Bounds, criterion: Criterion) -> Bounds:
        """Return bounds for the cells of all first halves, from those of the nodes: they hold in the whole cell."""
        needs_mean = bounds.mean.shape[1] > 0
        best = criterion.sign * bounds.mean[:, 0] + bounds.delta[:, 0] if needs_mean else bounds.high
        std = self._largest(bounds.high.clamp_min(0.0).sqrt())
        high = (std + self.power).square_()
        if not needs_mean:
            return Bounds(high.new_empty(len(high), 0), high.new_empty(len(high), 0), high)
        best = self._largest(best) + self.norm * self.power
        return Bounds((criterion.sign * best).unsqueeze(1), torch.zeros_like(best).unsqueeze(1), high)

    def _largest(self, values: Tensor) -> Tensor:
        """Return the largest value at the corners of each cell."""
        values = values.reshape(-1, *self.shape)
        for axis in self.pooled:
            size = self.shape[axis]
            values = torch.maximum(values.narrow(axis + 1, 0, size - 1), values.narrow(axis + 1, 1, size - 1))
        return values.flatten()

    def places(self, cells: Tensor) -> Tensor:
        """Return the places in the strip of all candidates of some cells."""
        first, cell = cells // len(self.counts), cells % len(self.counts)
        counts = self.counts[cell]
        ends = counts.cumsum(0)
        within = torch.arange(int(ends[-1]) if len(ends) else 0, device=cells.device)
        within = within - (ends - counts).repeat_interleave(counts)
        second = self.order[self.starts[cell].repeat_interleave(counts) + within]
        return first.repeat_interleave(counts) * len(self.order) + second


def strides_within(strip: Strip, factor: Factor, most: float) -> list[int]:
    """Choose strides along the axes of a strip: wide ones, with P at most `most` in all."""
    strides = [1 for _ in strip.axes]
    power = [0.0 for _ in strip.axes]
    open_ = [axis for axis, (size, column) in enumerate(strip.axes) if column is not None and size > 2]
    while open_:
        # Doubling the width of the cells of any axis spares the same share of nodes: the one that adds least to P.
        tried = {axis: _power(strip, factor, axis, _nodes(strip.axes[axis][0], 2 * strides[axis])) for axis in open_}
        axis = min(open_, key=lambda axis: tried[axis] - power[axis])
        if sum(power) - power[axis] + tried[axis] > most:
            open_.remove(axis)
            continue
        strides[axis], power[axis] = 2 * strides[axis], tried[axis]
        if strides[axis] >= strip.axes[axis][0] - 1:
            open_.remove(axis)
    return strides


def _nodes(size: int, stride: int) -> list[int]:
    return [*range(0, size - 1, stride), size - 1]


def _mixed(digits: Sequence[Tensor], sizes: Sequence[int]) -> Tensor:
    """Return the numbers of all combinations of digits, the last one varying fastest."""
    numbers = torch.zeros(1, dtype=torch.int64, device=digits[0].device)
    for digit, size in zip(digits, sizes, strict=True):
        numbers = (numbers.unsqueeze(1) * size + digit).flatten()
    return numbers


def _power(strip: Strip, factor: Factor, axis: int, nodes: Sequence[int]) -> float:
    """Bound P between the nodes of one axis."""
    form, theta = factor.form, factor.theta
    size, column = strip.axes[axis]
    assert column is not None, "only numeric parameters have neighbouring levels"
    feature = form.columns.numeric.index(column)
    inverse = theta[form.layout.numeric][feature].neg().exp() * SCALES[form.smoothness]
    fastest = math.prod(count for count, _ in strip.axes[axis + 1 :])
    u = strip.X_second[torch.arange(size, device=theta.device) * fastest, column] * inverse
    ends = torch.tensor(nodes, device=theta.device)
    cell = (torch.searchsorted(ends, torch.arange(size, device=theta.device), right=True) - 1).clamp_max(len(nodes) - 2)
    low, high = u[ends[cell]], u[ends[cell + 1]]
    w = (high - u) / (high - low)

    def k(difference: Tensor) -> Tensor:
        return profile(difference.square(), form.smoothness)

    own = 1.0 + w.square() + (1.0 - w).square() + 2.0 * w * (1.0 - w) * k(high - low)
    residual = own - 2.0 * w * k(u - low) - 2.0 * (1.0 - w) * k(high - u)
    share = 1.0
    if form.has_categorical:
        weight, c = (float(part) for part in form.weights(theta.unsqueeze(0)))
        share = weight + c
    return (1.0 + 1e-9) * math.sqrt(float(factor.outputscale) * share * (float(residual.max()) + RESIDUAL_ERROR))
