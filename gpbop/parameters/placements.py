"""Where the levels of a finite parameter stand in its encoded column: evenly, on a log scale, or as codes.

A level is an integer 0..count-1. `level` carries levels to encoded numbers and `index` finds the nearest level of an
encoded number; index(level(i)) == i for every i.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import cached_property

import torch
from torch import Tensor
from typing_extensions import override

from gpbop.errors import SpaceError, explain
from gpbop.parameters.scales import Log

LARGEST_TABLE = 2**16  # levels whose places are kept in a table (512 KiB); beyond it they are computed when asked for
ROUNDING_IS_SAFE = 2**52  # up to this count u (count - 1) is off by less than 1/4; beyond, neighbours are compared
LEAST_LOG_GAP = 2.0**-50  # between two levels on a log scale, whose places are rounded to about 2^-52


@dataclass(frozen=True)
class Placement(ABC):
    """What a finite parameter asks of its placement.

    Args:
        count: The number of levels.
    """

    count: int

    @abstractmethod
    def level(self, index: Tensor) -> Tensor:
        """Return the encoded float64 numbers of int64 levels, of the same shape and device."""

    @abstractmethod
    def index(self, column: Tensor) -> Tensor:
        """Return the int64 level nearest to each encoded number, of the same shape and device."""

    def spread(self, U: Tensor) -> Tensor:
        """Return the int64 levels of uniform numbers in [0, 1], of the same shape: every level has an equal share."""
        return (U * self.count).floor().clamp_max(self.count - 1).long()


@dataclass(frozen=True)
class Codes(Placement):
    """Level i stands at i: a categorical parameter."""

    @override
    def level(self, index: Tensor) -> Tensor:
        return index.to(torch.float64)

    @override
    def index(self, column: Tensor) -> Tensor:
        return column.round().clamp(0, self.count - 1).long()


@dataclass(frozen=True)
class Even(Placement):
    """Level i stands at i / (count - 1), and a single level at 0."""

    @override
    def level(self, index: Tensor) -> Tensor:
        return index.to(torch.float64) / torch.tensor(max(self.count - 1, 1), dtype=torch.float64, device=index.device)

    @override
    def index(self, column: Tensor) -> Tensor:
        nearest = (column.to(torch.float64) * (self.count - 1)).round().clamp(0, self.count - 1).long()
        if self.count <= ROUNDING_IS_SAFE:
            return nearest
        best = nearest
        for step in (-1, 1):
            other = (nearest + step).clamp(0, self.count - 1)
            best = torch.where((self.level(other) - column).abs() < (self.level(best) - column).abs(), other, best)
        return best


@dataclass(frozen=True)
class Uneven(Placement):
    """Level i stands where its value does on a log scale; computed on the CPU, so equal bits on every device.

    Args:
        count: The number of levels, at least 2.
        scale: The log scale.
        value_of: From a level to its value; values are evenly spaced from scale.low to scale.high.
    Raises:
        SpaceError: If float64 cannot tell the highest levels apart on the scale.
    """

    scale: Log
    value_of: Callable[[int], float] = field(repr=False)

    def __post_init__(self) -> None:
        """Check that the last two levels, the closest ones, differ clearly."""
        below, top = self._places(range(self.count - 2, self.count)).tolist()
        if top - below < LEAST_LOG_GAP:
            got = f"{self.count} levels up to {self.scale.high!r}"
            advice = "Use a larger step, a lower `high`, or log=False."
            raise SpaceError(explain("log", "leave levels that float64 can tell apart", got, advice))

    @cached_property
    def _table(self) -> Tensor:
        return self._places(range(self.count))

    @cached_property
    def _middles(self) -> Tensor:
        return (self._table[1:] + self._table[:-1]) / 2

    def _places(self, levels: Iterable[int]) -> Tensor:
        return self.scale.positions(torch.tensor([self.value_of(level) for level in levels], dtype=torch.float64))

    @override
    def level(self, index: Tensor) -> Tensor:
        if self.count <= LARGEST_TABLE:
            return self._table.to(index.device)[index]
        return self._places(index.flatten().tolist()).to(index.device).reshape(index.shape)

    @override
    def index(self, column: Tensor) -> Tensor:
        if self.count <= LARGEST_TABLE:
            return torch.searchsorted(self._middles.to(column.device), column.to(torch.float64).contiguous())
        places = column.detach().to("cpu", torch.float64).flatten()
        low, high = self.scale.low, self.scale.high
        share = (self.scale.value(places.clamp(0.0, 1.0)) - low) / (high - low)
        guess = (share * (self.count - 1)).round().long()
        around = torch.stack([guess - 1, guess, guess + 1]).clamp(0, self.count - 1)
        nearest = (self.level(around) - places).abs().argmin(0)
        return around.gather(0, nearest[None])[0].reshape(column.shape).to(column.device)

    @override
    def spread(self, U: Tensor) -> Tensor:
        """Return the levels of uniform numbers in [0, 1]: shares are even on the log scale, not among the levels.

        The first and the last level own half a gap beyond themselves, as the levels between do on both sides.
        """
        ends = torch.tensor([0, 1, self.count - 2, self.count - 1], device=U.device)
        first, second, below, last = self.level(ends)
        low, high = first - (second - first) / 2, last + (last - below) / 2
        return self.index(low + U * (high - low))
