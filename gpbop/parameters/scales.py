"""The scales that carry a continuous parameter to one float64 column in [0, 1] and back: linear and logarithmic.

A scale keeps only *canonical* numbers u in [0, 1]: those that some float64 value encodes to. Encoding, decoding and
encoding again is then exact. The converse cannot be: [-1, 1] holds about 2^62 floats within 1e-16 of zero, and all of
them fall on u = 0.5 (pigeonhole). Decoding therefore returns, among the floats that encode to the same u, the one with
the shortest decimal, so a number that a person typed comes back as typed: every decimal of up to 15 digits on a linear
scale from 0, of up to 14 on a log scale of up to ten decades, and every float64 where the scale loses nothing (linear
from 0 to a power of two). A scale that starts far from 0 resolves about 1e-15 of its largest bound.

Notation: v a value, u its place in [0, 1], low and high the bounds of v, width their distance on the scale.
"""

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor
from typing_extensions import override

TYPED_DIGITS = 15  # every decimal of up to 15 significant digits survives float64; no longer one is looked for


@dataclass(frozen=True)
class Scale(ABC):
    """What a continuous parameter asks of its scale.

    Args:
        low: The value at u = 0.
        high: The value at u = 1.
    """

    low: float
    high: float

    @abstractmethod
    def canonical(self, u: Tensor) -> Tensor:
        """Return the canonical numbers next to `m` numbers in [0, 1], on the CPU."""

    @abstractmethod
    def unit(self, values: Tensor) -> Tensor:
        """Return the canonical u of `m` values in [low, high], on the CPU."""

    @abstractmethod
    def value(self, u: Tensor) -> Tensor:
        """Return, for `m` canonical u on the CPU, one value each that encodes to it."""


def invert(u: Tensor, low: Tensor, high: Tensor, width: Tensor) -> Tensor:
    """Return values of linear scales that encode to u exactly where there are any, else the nearest to u.

    v = low + x with x = u width, where u = (v - low) / width as float64 rounds it. If u encodes some v, its x differs
    from u width by the rounding of one quotient (less than one unit in the last place of x) and of one product (half a
    unit), so x is u width or a neighbour of it, and the neighbours are tried. Repeating v -> u -> v until it stays,
    the simpler idea, can take more than 60 rounds.

    Only operations that IEEE 754 rounds exactly are used: every device gives the same bits. Dividing by a Python
    number is not one of them (CUDA multiplies by its reciprocal), hence the tensors.

    Args:
        u: `... x k` numbers in [0, 1].
        low: `k` lower bounds (or a scalar tensor), as `high` and `width`, which is high - low as float64 rounds it.
        high: `k` upper bounds.
        width: `k` distances.
    Returns:
        `... x k` values in [low, high].
    """
    values = torch.minimum(low + u * width, high)
    missed = (values - low) / width != u
    if not bool(missed.any()):
        return values
    u, low, high, width = (tensor.expand_as(missed)[missed] for tensor in (u, low, high, width))
    found = values[missed]
    for end in (torch.zeros_like(u), torch.full_like(u, math.inf)):
        candidate = torch.minimum(low + torch.nextafter(u * width, end), high)
        found = torch.where((candidate - low) / width == u, candidate, found)
    values[missed] = found
    return values


def settle(u: Tensor, low: Tensor, high: Tensor, width: Tensor) -> Tensor:
    """Return the canonical numbers next to u on linear scales; arguments and device rules as of `invert`."""
    return (invert(u, low, high, width) - low) / width


@dataclass(frozen=True)
class Linear(Scale):
    """v = low + u (high - low), on bounds of any size: halved first where their distance overflows."""

    @cached_property
    def factor(self) -> float:
        """1, or 0.5 where high - low overflows."""
        return 1.0 if math.isfinite(self.high - self.low) else 0.5

    @cached_property
    def scaled(self) -> Tensor:
        """`3` numbers: factor low, factor high and their distance, as `settle` takes them."""
        low, high = self.low * self.factor, self.high * self.factor
        return torch.tensor([low, high, high - low], dtype=torch.float64)

    @override
    def canonical(self, u: Tensor) -> Tensor:
        return settle(u, *self.scaled)

    @override
    def unit(self, values: Tensor) -> Tensor:
        low, _, width = self.scaled
        u: Tensor = (values * self.factor - low) / width
        return u + 0.0  # turns -0.0 into 0.0

    @override
    def value(self, u: Tensor) -> Tensor:
        low, high, width = self.scaled
        values: Tensor = invert(u, low, high, width) / self.factor
        return values


@dataclass(frozen=True)
class Log(Scale):
    """v = low (high / low)^u, with u on a grid of `resolution`, so that no device's logarithm enters the search.

    Logarithms are taken here only, on the CPU, one number at a time: vectorised ones may differ in the last bit with
    the length of the vector.
    """

    @cached_property
    def fits(self) -> bool:
        """Whether high / low is far enough from overflow; log1p((v - low) / low) is then exact to the last bits."""
        return math.log(self.high) - math.log(self.low) < 690.0

    @cached_property
    def width(self) -> float:
        """ln(high / low)."""
        if self.fits:
            return math.log1p((self.high - self.low) / self.low)
        return math.log(self.high) - math.log(self.low)

    @cached_property
    def resolution(self) -> float:
        """The spacing of canonical u: a power of two wide enough that every canonical u has values of its own.

        Neighbouring floats are up to 2^-52 apart relative to their size, that is 2^-52 / width on the scale, and the
        way there and back rounds u by less than 2^-52, also where the logarithms themselves are rounded (by 2^-44
        near 700, on a width of at least 690); both are doubled.
        """
        gap = 2.0**-51 * (1.0 + 1.0 / self.width)
        return min(1.0, 2.0 ** math.ceil(math.log2(gap)))

    def positions(self, values: Tensor) -> Tensor:
        """Return u of `m` values, not yet on the grid."""
        if self.fits:
            distance = list(map(math.log1p, ((values - self.low) / self.low).tolist()))
            return torch.tensor(distance, dtype=torch.float64) / self.width
        logarithms = list(map(math.log, values.tolist()))
        return (torch.tensor(logarithms, dtype=torch.float64) - math.log(self.low)) / self.width

    @override
    def canonical(self, u: Tensor) -> Tensor:
        return (u / self.resolution).round() * self.resolution

    @override
    def unit(self, values: Tensor) -> Tensor:
        return self.canonical(self.positions(values))

    @override
    def value(self, u: Tensor) -> Tensor:
        if self.fits:
            growth = torch.tensor(list(map(math.expm1, (u * self.width).tolist())), dtype=torch.float64)
            values = self.low + self.low * growth
        else:
            exponents = (math.log(self.low) + u * self.width).clamp(max=math.log(self.high))
            values = torch.tensor(list(map(math.exp, exponents.tolist())), dtype=torch.float64)
        return values.clamp(self.low, self.high)


def shortest(scale: Scale, u: Tensor) -> Tensor:
    """Return the values of canonical u, of all that encode to it the one with the fewest decimal digits.

    The bounds come back bit for bit, and zero wherever it encodes to u. Otherwise the decimal of p digits next to the
    scale's own inverse is tried for p = 15, 14, ...: while it encodes to u it replaces the last. The inverse lies in
    the middle of the interval of values that encode to u, so its nearest decimal is in the interval if any is.

    Args:
        scale: Linear or Log.
        u: `m` canonical numbers, on the CPU.
    Returns:
        `m` values in [low, high].
    """
    inverse = scale.value(u)
    values = torch.where(u <= 0, scale.low, torch.where(u >= 1, scale.high, inverse))
    searched = (u > 0) & (u < 1)
    if scale.low < 0 < scale.high:
        at_zero = u == scale.unit(u.new_zeros(1))
        values = torch.where(at_zero & searched, 0.0, values)
        searched &= ~at_zero
    rows = searched.nonzero().squeeze(-1)
    for digits in range(TYPED_DIGITS, 0, -1):
        if rows.numel() == 0:
            break
        decimals = map(f"{{:.{digits - 1}e}}".format, inverse[rows].tolist())
        candidates = torch.tensor([float(decimal) for decimal in decimals], dtype=torch.float64)
        candidates = candidates.clamp(scale.low, scale.high)
        kept = scale.unit(candidates) == u[rows]
        rows = rows[kept]
        values[rows] = candidates[kept]
    return values
