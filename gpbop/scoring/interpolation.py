"""How far a function of a process is from its interpolation between the corners of a cell, at most.

Notation:
    I       linear interpolation along one parameter after another: I f = sum_c w_c f(c), w_c >= 0, sum_c w_c = 1
    P       a bound of sd(f - I f), f a draw of the prior: the same number bounds |f - I f| for a function of norm 1
    P_i     the same along parameter i alone; all else is equal, so it is that of the profile in one dimension
    g_i     the profile along parameter i, were it a Gaussian of some random scale: all of them are means of such
            profiles over the scale (Schoenberg), for which covariances are products over the parameters
    a_i     1 - sum_c w_c g_i(x, c), between 0 and 1
    b_i     1 - sum_cc' w_c w_c' g_i(c, c') = 2 w (1 - w) (1 - g_i(low, high)), likewise; b_i <= 2 a_i

The triangle inequality gives P <= sum_i P_i, one parameter after another. But these residuals have little to do with
each other. For one scale the variance of f - I f is

    1 - 2 prod_i (1 - a_i) + prod_i (1 - b_i) <= sum_i (2 a_i - b_i) + 1/2 sum_i<j b_i b_j

By induction: with the products A and B of those before and the sum S of their b, parameter i adds 2 a_i A - b_i B on
the left. On the right it adds 2 a_i - b_i + b_i S / 2, which is at least b_i (B - A + S / 2) more, as 2 a_i >= b_i; and
A - B <= prod (1 - b / 2) - prod (1 - b) <= S / 2. So, in the mean over the scales, by Cauchy-Schwarz,

    P^2 <= sum_i P_i^2 + 1/2 sum_i<j B_i B_j,    B_i^2 = E b_i^2

Of d parameters alike, in narrow cells, that is sqrt((d + 2) / 3d) of the sum. E (1 - g)^2 takes profiles alone, since
g^2 at some distance is g at sqrt(2) times that.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from gpbop.kernels.continuous import Smoothness
from gpbop.kernels.fused import SCALES, profile
from gpbop.surrogate.factor import Factor

# What rounding may make of a mean of squares that is the profile at a few distances, as a share of 1.
RESIDUAL_ERROR = 1e-14


@dataclass(frozen=True)
class Power:
    """What bounds P along some parameters; it adds up over parameters.

    Attributes:
        sums: Those of P_i, P_i^2, B_i and B_i^2, in standardised units.
    """

    sums: tuple[float, ...] = (0.0,) * 4

    def __add__(self, other: "Power") -> "Power":
        return Power(tuple(one + another for one, another in zip(self.sums, other.sums, strict=True)))

    def __sub__(self, other: "Power") -> "Power":
        return Power(tuple(one - another for one, another in zip(self.sums, other.sums, strict=True)))

    @cached_property
    def bound(self) -> float:
        """The bound P."""
        one_by_one, squares, b, bb = self.sums
        together = squares + 0.25 * (b * b - bb)
        return (1.0 + 1e-9) * min(one_by_one, math.sqrt(max(together, 0.0)))


class Powers:
    """Bounds between the nodes of the axes of one grid, in standardised units; each is computed once.

    Args:
        factor: The factorised process.
    """

    def __init__(self, factor: Factor) -> None:
        form, theta = factor.form, factor.theta.cpu()  # some dozens of numbers: no work for a GPU
        self._columns = form.columns.numeric
        self._smoothness: Smoothness = form.smoothness
        self._inverse = theta[form.layout.numeric].neg().exp() * SCALES[form.smoothness]
        share = (
            sum(float(part) for part in form.weights(theta.unsqueeze(0)))
            if form.has_numeric and form.has_categorical
            else 1.0
        )
        self._scale = float(factor.outputscale) * share
        self._known: dict[tuple[int, int, float, float], dict[int, Power]] = {}

    def along(self, levels: Tensor, column: int) -> Callable[[int], Power]:
        """Return what bounds P along an axis by its stride; it has the ascending values of a column, on the CPU."""
        # Levels that follow each other in one grid are known by their ends.
        known = self._known.setdefault((column, len(levels), float(levels[0]), float(levels[-1])), {1: Power()})

        def power(stride: int) -> Power:
            if stride not in known:
                known[stride] = self._power(levels * self._inverse[self._columns.index(column)], stride)
            return known[stride]

        return power

    def _power(self, u: Tensor, stride: int) -> Power:
        ends = torch.tensor(nodes_along(len(u), stride))
        cell = (torch.searchsorted(ends, torch.arange(len(u)), right=True) - 1).clamp_max(len(ends) - 2)
        low, high = u[ends[cell]], u[ends[cell + 1]]
        w, s = (high - u) / (high - low), self._scale

        def k(difference: Tensor, power: int = 1) -> Tensor:
            return profile(difference.square().mul(power), self._smoothness)

        own = 1.0 + w.square() + (1.0 - w).square() + 2.0 * w * (1.0 - w) * k(high - low)
        residual = own - 2.0 * w * k(u - low) - 2.0 * (1.0 - w) * k(high - u)
        squares = (1.0 - 2.0 * k(high - low) + k(high - low, 2)).clamp_min_(0.0) + RESIDUAL_ERROR
        b = float((2.0 * w * (1.0 - w) * squares.sqrt()).max()) * s**0.5
        square = s * (float(residual.max()) + RESIDUAL_ERROR)
        return Power((math.sqrt(square), square, b, b * b))


def nodes_along(size: int, stride: int) -> Sequence[int]:
    """Return the nodes of an axis of so many levels: the ends of as few cells as are no wider than a stride, evenly."""
    cells = max(-(-(size - 1) // stride), 1)
    return sorted({(i * (size - 1) + cells // 2) // cells for i in range(cells + 1)})
