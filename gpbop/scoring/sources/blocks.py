"""What a source is read in: blocks of rows, and strips of a grid, which are rows by the product.

The configs of a strip are all pairs of a first and a second half, which share no parameter. What a kernel reads of a
pair is a sum or a product of what it reads of the halves, so `p q` candidates cost little more than `p + q` rows.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TypeAlias

import torch
from torch import Tensor


@dataclass(frozen=True)
class Block:
    """Consecutive candidates of a source.

    Args:
        index: `m` int64 positions in the source, ascending.
        X: `m x d` canonical encoded float64 rows, on the same device.
    """

    index: Tensor
    X: Tensor

    def __len__(self) -> int:
        return len(self.index)

    def take(self, which: Tensor | slice) -> "Block":
        """Return some of the candidates."""
        return Block(self.index[which], self.X[which])

    def halves(self) -> tuple["Block", "Block"]:
        """Cut into two."""
        cut = len(self) // 2
        return self.take(slice(0, cut)), self.take(slice(cut, None))

    def within(self, most: int) -> Iterator["Block"]:
        """Cut into parts of at most so many candidates."""
        for start in range(0, len(self), most):
            yield self.take(slice(start, start + most))

    @property
    def device(self) -> torch.device:
        """Where it is."""
        return self.index.device

    def to(self, device: torch.device) -> "Block":
        """Move to a device."""
        return Block(self.index.to(device), self.X.to(device))


Axes: TypeAlias = tuple[tuple[int, int | None], ...]
# Second halves of which tables are made at a time: with n training points they take 16 n bytes each.
MOST_TABLE = 8192


@dataclass(frozen=True)
class Strip:
    """`p q` candidates: every first half with every second half.

    Attributes:
        index_first: `p` int64 positions of the first halves with the second half at position 0.
        index_second: `q` int64 positions of the second halves; the index of a pair is the sum of both.
        X_first: `p x d` canonical rows whose columns of the first half count.
        X_second: `q x d` canonical rows whose columns of the second half count.
        is_second: `d` bools: which columns belong to the second half.
        axes_first: What the first half is a grid of, the slowest first: the number of levels, and the column if they
            are ascending levels of one numeric parameter, else None. Empty if it is not a grid.
        axes_second: What the second half is a grid of.
    """

    index_first: Tensor
    index_second: Tensor
    X_first: Tensor
    X_second: Tensor
    is_second: Tensor
    axes_first: Axes = ()
    axes_second: Axes = ()

    def __len__(self) -> int:
        return len(self.index_first) * len(self.index_second)

    def take(self, places: Tensor) -> Block:
        """Return the candidates of some places; the second half varies fastest."""
        one, other = places // len(self.index_second), places % len(self.index_second)
        X = torch.where(self.is_second, self.X_second[other], self.X_first[one])
        return Block(self.index_first[one] + self.index_second[other], X)

    def block(self) -> Block:
        """Return all candidates as rows."""
        return self.take(torch.arange(len(self), device=self.index_first.device))

    def halves(self) -> tuple["Strip", "Strip"]:
        """Cut into two."""
        if len(self.index_first) > 1:
            cut = len(self.index_first) // 2
            parts = (slice(0, cut), slice(cut, None))
            one, other = (self.with_first(at) for at in parts)
        else:
            cut = len(self.index_second) // 2
            parts = (slice(0, cut), slice(cut, None))
            one, other = (self.with_second(at) for at in parts)
        return one, other

    @property
    def device(self) -> torch.device:
        """Where it is."""
        return self.index_first.device

    def with_first(self, places: Tensor | slice) -> "Strip":
        """Return the part with some of the first halves."""
        return replace(self, index_first=self.index_first[places], X_first=self.X_first[places], axes_first=())

    def within(self, most: int) -> Iterator["Strip"]:
        """Cut into parts of at most so many candidates, with at most `MOST_TABLE` second halves."""
        q = len(self.index_second)
        for place in range(0, q, MOST_TABLE):
            part = self if q <= MOST_TABLE else self.with_second(slice(place, place + MOST_TABLE))
            firsts = max(1, most // len(part.index_second))
            for start in range(0, len(self.index_first), firsts):
                yield part.with_first(slice(start, start + firsts))

    def with_second(self, places: Tensor | slice) -> "Strip":
        """Return the part with some of the second halves."""
        return replace(self, index_second=self.index_second[places], X_second=self.X_second[places], axes_second=())

    def to(self, device: torch.device) -> "Strip":
        """Move to a device."""
        index_first, index_second = self.index_first.to(device), self.index_second.to(device)
        X_first, X_second = self.X_first.to(device), self.X_second.to(device)
        axes = self.axes_first, self.axes_second
        return Strip(index_first, index_second, X_first, X_second, self.is_second.to(device), *axes)
