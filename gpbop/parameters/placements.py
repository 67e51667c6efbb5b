"""Where the levels of a finite parameter stand in its encoded column: evenly, on a log scale, or as codes.

A level is an integer 0..count-1. `level` carries levels to encoded numbers and `index` finds the nearest level of an
encoded number; index(level(i)) == i for every i.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Protocol

import torch
from torch import Tensor

from gpbop.errors import SpaceError, explain
from gpbop.parameters.scales import Log

LARGEST_TABLE = 2**16  # levels whose places are kept in a table (512 KiB); beyond it they are computed when asked for
ROUNDING_IS_SAFE = 2**51  # up to this count, rounding u (count - 1) finds the level; beyond, neighbours are compared
LEAST_LOG_GAP = 2.0**-50  # between two levels on a log scale, whose places are rounded to about 2^-52


class Placement(Protocol):
    """What a finite parameter asks of its placement."""

    @property
    def count(self) -> int:
        """The number of levels."""

    def level(self, index: Tensor) -> Tensor:
        """Return the encoded float64 numbers of int64 levels, of the same shape and device."""

    def index(self, column: Tensor) -> Tensor:
        """Return the int64 level nearest to each encoded number, of the same shape and device."""


@dataclass(frozen=True)
class Codes:
    """Level i stands at i: a categorical parameter."""

    count: int

    def level(self, index: Tensor) -> Tensor:
        """Return the levels as float64."""
        return index.to(torch.float64)

    def index(self, column: Tensor) -> Tensor:
        """Return the nearest code."""
        return column.round().clamp(0, self.count - 1).long()


@dataclass(frozen=True)
class Even:
    """Level i stands at i / (count - 1), and a single level at 0."""

    count: int

    def level(self, index: Tensor) -> Tensor:
        """Return i / (count - 1)."""
        return index.to(torch.float64) / torch.tensor(max(self.count - 1, 1), dtype=torch.float64, device=index.device)

    def index(self, column: Tensor) -> Tensor:
        """Return the nearest level."""
        nearest = (column.to(torch.float64) * (self.count - 1)).round().clamp(0, self.count - 1).long()
        if self.count <= ROUNDING_IS_SAFE:
            return nearest
        best = nearest
        for step in (-1, 1):
            other = (nearest + step).clamp(0, self.count - 1)
            best = torch.where((self.level(other) - column).abs() < (self.level(best) - column).abs(), other, best)
        return best


@dataclass(frozen=True)
class Uneven:
    """Level i stands where its value does on a log scale; computed on the CPU, so equal bits on every device.

    Args:
        count: The number of levels, at least 2.
        scale: The log scale.
        value_of: From a level to its value; values are evenly spaced from scale.low to scale.high.
    Raises:
        SpaceError: If float64 cannot tell the highest levels apart on the scale.
    """

    count: int
    scale: Log
    value_of: Callable[[int], float] = field(repr=False)

    def __post_init__(self) -> None:
        """Check that the last two levels, the closest ones, differ clearly."""
        if self.position(self.count - 1) - self.position(self.count - 2) < LEAST_LOG_GAP:
            got = f"{self.count} levels up to {self.scale.high!r}"
            advice = "Use a larger step, a lower `high`, or log=False."
            raise SpaceError(explain("log", "leave levels that float64 can tell apart", got, advice))

    @cached_property
    def _table(self) -> Tensor:
        return torch.tensor([self.position(i) for i in range(self.count)], dtype=torch.float64)

    @cached_property
    def _middles(self) -> Tensor:
        return (self._table[1:] + self._table[:-1]) / 2

    def position(self, level: int) -> float:
        """Return the place of one level."""
        return self.scale.position(self.value_of(level))

    def level(self, index: Tensor) -> Tensor:
        """Return the places of the levels."""
        if self.count <= LARGEST_TABLE:
            return self._table.to(index.device)[index]
        places = [self.position(i) for i in index.flatten().tolist()]
        return torch.tensor(places, dtype=torch.float64, device=index.device).reshape(index.shape)

    def index(self, column: Tensor) -> Tensor:
        """Return the nearest level."""
        if self.count <= LARGEST_TABLE:
            return torch.searchsorted(self._middles.to(column.device), column.to(torch.float64).contiguous())
        levels = [self._nearest(place) for place in column.flatten().tolist()]
        return torch.tensor(levels, dtype=torch.int64, device=column.device).reshape(column.shape)

    def _nearest(self, place: float) -> int:
        low, high = self.scale.low, self.scale.high
        guess = round((self.scale.invert(min(max(place, 0.0), 1.0)) - low) / (high - low) * (self.count - 1))
        around = (min(max(i, 0), self.count - 1) for i in (guess - 1, guess, guess + 1))
        return min(around, key=lambda i: abs(self.position(i) - place))
