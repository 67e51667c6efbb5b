"""The candidates that may still be among the best, and the threshold that all others must reach.

Notation:
    low, high   bounds of a contender's value, the dense arithmetic's rounding errors included
    threshold   the k-th greatest low: k candidates are at least that good, so whoever has high < threshold is not among
                the best k
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from threading import Lock

import torch
from torch import Tensor

from gpbop.scoring.held import Held

# Contenders beyond twice k that are kept before the losers among them are dropped.
SPARE = 1024


@dataclass(frozen=True)
class Contenders:
    """Some candidates with bounds of their values.

    Attributes:
        index: `m` int64 positions in the source.
        X: `m x d` encoded points.
        low: `m` lower bounds.
        high: `m` upper bounds; equal to `low` where the value is known.
    """

    index: Tensor
    X: Tensor
    low: Tensor
    high: Tensor

    def __len__(self) -> int:
        return len(self.index)

    def take(self, which: Tensor | slice) -> "Contenders":
        """Select some."""
        return Contenders(self.index[which], self.X[which], self.low[which], self.high[which])

    def to(self, device: torch.device) -> "Contenders":
        """Move to a device."""
        return Contenders(self.index.to(device), self.X.to(device), self.low.to(device), self.high.to(device))

    @staticmethod
    def none(d: int, device: torch.device) -> "Contenders":
        """Return no candidates, of so many columns."""
        zeros = torch.zeros(0, dtype=torch.float64, device=device)
        return Contenders(zeros.long(), zeros.view(0, 1).expand(0, d), zeros, zeros)

    @staticmethod
    def joined(parts: Sequence["Contenders"]) -> "Contenders":
        """Join some, at least one."""
        return Contenders(*(torch.cat([getattr(part, name) for part in parts]) for name in Contenders.__annotations__))


class Sieve:
    """All candidates that may reach a threshold, or of those the ones with the highest bounds; threads may add to it.

    Args:
        threshold: What candidates must reach.
        most: How many are kept; where there are more, the threshold rises to the highest bound that was dropped.
        d: Columns of an encoded point.
        means: Means that are known of each.
        device: Where the candidates are.
        without: Positions of candidates that are left out.
    """

    def __init__(self, threshold: float, most: int, d: int, means: int, device: torch.device, without: Tensor) -> None:
        self.threshold, self.device, self._most, self._without = threshold, device, most, without
        self._held, self._count = [Held.none(d, means, device)], 0
        self._lock = Lock()

    def add(self, new: Held) -> None:
        """Add candidates."""
        new = new.to(self.device)
        new = new.take(~torch.isin(new.places, self._without))
        with self._lock:
            self._held.append(new)
            self._count += len(new)
            if self._count > 2 * self._most:
                self._trim()

    def contenders(self) -> tuple[Held, float]:
        """Return the candidates, and a value that no other candidate exceeds."""
        with self._lock:
            return self._trim(), self.threshold

    def _trim(self) -> Held:
        held = Held.joined(self._held)
        # A block that is begun again, in halves for want of memory, may bring what is already there.
        held = held.take(_distinct(held.places))
        held = held.reaching(self.threshold)
        if len(held) > self._most:
            order = held.upper.argsort(descending=True)
            self.threshold = float(held.upper[order[self._most]])
            held = held.take(order[: self._most])
        self._held, self._count = [held], len(held)
        return held


class Pool:
    """The contenders for the best k; any number of threads may add to it.

    Args:
        k: How many are wanted.
        d: Columns of an encoded point.
        values: The values of candidates, `m x d` -> `m`, by the dense arithmetic. Its last digits depend on what is
            computed side by side; so those of one candidate by itself count, where bounds leave it open which of
            several is better.
        device: Where the candidates are.
        without: Positions of candidates that are left out.
    """

    def __init__(
        self,
        k: int,
        d: int,
        values: Callable[[Tensor], Tensor],
        device: torch.device,
        without: Tensor | None = None,
    ) -> None:
        self.k, self._values, self._without = k, values, without
        self._held = Contenders.none(d, device)
        self._lock = Lock()
        self.device, self.threshold = device, -torch.inf

    def raise_threshold(self, value: float) -> None:
        """Drop from now on what does not reach a value; k candidates must be known to reach it."""
        with self._lock:
            self.threshold = max(self.threshold, value)

    def add(self, new: Contenders) -> None:
        """Add contenders, and drop those that cannot be among the best k any more."""
        new = new.to(self.device)
        if self._without is not None and len(self._without):
            new = new.take(~torch.isin(new.index, self._without))
        with self._lock:
            # A block that is begun again, in halves for want of memory, may bring what is already there.
            new = new.take(_distinct(new.index))
            new = new.take((new.high >= self.threshold) & ~torch.isin(new.index, self._held.index))
            self._held = Contenders.joined([self._held, new])
            if len(self._held) >= self.k:
                self._raise_threshold()
            if len(self._held) > 2 * self.k + SPARE:
                self._settle()

    @property
    def is_filled(self) -> bool:
        """Whether anything was added that is still there."""
        return len(self._held) > 0

    def best(self) -> tuple[Contenders, Tensor]:
        """Return the best k in order, by value, then by index; and their values, whose last digits are those of all."""
        with self._lock:
            self._settle()
            held = self._held
        if not len(held):
            return held, held.low
        rows, inverse = torch.unique(held.X, dim=0, return_inverse=True)
        # Side by side, rounding may turn the order of neighbours, which is known better.
        return held, self._values(rows)[inverse].cummin(0).values

    def _raise_threshold(self) -> None:
        # The k-th greatest is taken among the held ones, so it never falls: whoever was dropped had no part in it.
        kth = float(self._held.low.topk(self.k).values[-1])
        self.threshold = max(self.threshold, kth)
        self._held = self._held.take(self._held.high >= self.threshold)

    def _settle(self) -> None:
        """Put contenders in order, and keep the best k."""
        held = self._held
        if not len(held):
            return
        held = held.take(held.low.argsort(descending=True))
        # Groups whose intervals overlap, the best first; who is alone in one needs no more to be known.
        highest = held.high.flip(0).cummax(0).values.flip(0)
        begins = torch.ones_like(held.index, dtype=torch.bool)
        begins[1:] = highest[1:] < held.low[:-1]
        group = begins.cumsum(0) - 1
        count = int((group <= group[min(self.k, len(held)) - 1]).sum())  # the last group whole
        held, group = held.take(slice(0, count)), group[:count]
        value = self._within(held, group)
        order = held.index.argsort(stable=True)
        order = order[value[order].argsort(descending=True, stable=True)]
        order = order[group[order].argsort(stable=True)][: self.k]
        self._held = held.take(order)
        if len(order) == self.k:
            self.threshold = max(self.threshold, float(self._held.low.min()))

    def _within(self, held: Contenders, group: Tensor) -> Tensor:
        """Return what sets the members of each group in order: values, each computed by itself, unless all are equal.

        Intervals of those that are computed shrink to their values.
        """
        rows, inverse = torch.unique(held.X, dim=0, return_inverse=True)
        ends = inverse.new_zeros(int(group[-1]) + 1)
        first, last = (ends.scatter_reduce(0, group, inverse, how, include_self=False) for how in ("amin", "amax"))
        differ = (first < last)[group]
        open_ = (differ & (held.low < held.high)).nonzero()[:, 0]
        of_rows = held.low.new_zeros(len(rows))
        for row in torch.unique(inverse[open_]).tolist():
            of_rows[row] = self._values(rows[row : row + 1])[0]
        held.low[open_] = held.high[open_] = of_rows[inverse[open_]]
        return torch.where(differ, held.low, 0.0)


def _distinct(places: Tensor) -> Tensor:
    """Return where each position comes for the first time, in the order of positions."""
    order = places.argsort(stable=True)
    is_first = torch.ones_like(order, dtype=torch.bool)
    is_first[1:] = places[order[1:]] != places[order[:-1]]
    return order[is_first]
