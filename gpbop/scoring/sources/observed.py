"""Leaving out the candidates that were observed already.

A random projection of each row is looked up among those of the observed rows; only rows whose projections agree up to
rounding are compared in full. So `m` candidates beside `n` observations cost one matrix-vector product and `m log n`
comparisons, and the answer is exact.
"""

import sys
from collections.abc import Iterator, Sequence

import torch
from torch import Tensor
from typing_extensions import override

from gpbop.configs import Config
from gpbop.errors import ShapeError, explain
from gpbop.parameters import Json
from gpbop.scoring.sources.base import Block, Device, Keep, Source
from gpbop.space import Space


class Observed:
    """The encoded points that were observed, to be recognised among candidates.

    Args:
        X: `n x d` canonical encoded rows.
        device: Where the candidates will be; None: where X is.
    Raises:
        ShapeError: If X is not a matrix.
    """

    def __init__(self, X: Tensor, *, device: Device = None) -> None:
        if X.ndim != 2:
            raise ShapeError(explain("X_observed", "have shape n x d", str(tuple(X.shape)), "Encode the configs."))
        rows: Tensor = torch.unique(X.detach().to(device or X.device, torch.float64), dim=0)
        generator = torch.Generator().manual_seed(0)
        self._weights = (torch.rand(X.shape[1], generator=generator, dtype=torch.float64) + 1.0).to(rows.device)
        self._projections, order = (rows @ self._weights).sort()
        self._rows = rows[order]
        # A sum of d products is off by less than d units in the last place of its sum of absolute products, in
        # whatever order it is taken; two projections of one row differ by twice that, and twice again is to be safe.
        largest = float((rows.abs() @ self._weights).max()) if len(rows) else 0.0
        self._margin = 4.0 * X.shape[1] * sys.float_info.epsilon * largest

    def __len__(self) -> int:
        """Return the number of distinct rows."""
        return len(self._rows)

    def mask(self, X: Tensor) -> Tensor:
        """Return which of `m x d` canonical candidates were observed: `m` bools."""
        found = torch.zeros(len(X), dtype=torch.bool, device=X.device)
        if not len(self) or not len(X):
            return found
        projections = X @ self._weights
        first = torch.searchsorted(self._projections, projections - self._margin)
        last = torch.searchsorted(self._projections, projections + self._margin, right=True)
        rows = (last > first).nonzero().squeeze(-1)
        first, last = first[rows], last[rows]
        while len(rows):  # a round for each observed row that a candidate may equal: nearly always one
            equal = (X[rows] == self._rows[first]).all(-1)
            found[rows[equal]] = True
            first = first + 1
            left = (first < last) & ~equal
            rows, first, last = rows[left], first[left], last[left]
        return found


def skip_observed(source: Source, X_observed: Tensor) -> Source:
    """Return a source without the candidates that were observed; the others keep their indices.

    Args:
        source: The candidates.
        X_observed: `n x d` canonical encoded rows.
    Raises:
        ShapeError: If X_observed has another number of columns than the space.
    """
    if X_observed.ndim != 2 or X_observed.shape[1] != source.space.d:
        rule, got = f"have shape n x {source.space.d}", str(tuple(X_observed.shape))
        raise ShapeError(explain("X_observed", rule, got, "Encode the configs with the space of the source."))
    return Unobserved(source, X_observed) if len(X_observed) else source


class Unobserved(Source):
    """A source without some candidates; see `skip_observed`. Its blocks may be smaller than asked for.

    A pass gives no block at all if everything was observed.
    """

    def __init__(self, source: Source, X_observed: Tensor) -> None:
        self._source = source
        self._X_observed = X_observed

    @property
    @override
    def space(self) -> Space:
        return self._source.space

    @property
    @override
    def size(self) -> int | None:
        return None

    @property
    @override
    def extent(self) -> int | None:
        return self._source.extent

    @override
    def blocks(self, rows: int, *, device: Device = None) -> Iterator[Block]:
        observed = Observed(self._X_observed, device=device or "cpu")
        for block in self._source.blocks(rows, device=device):
            new = ~observed.mask(block.X)
            if bool(new.all()):
                yield block
            elif bool(new.any()):
                yield Block(block.index[new], block.X[new])

    @override
    def unfiltered(self) -> tuple[Source, Keep | None]:
        inner, keep = self._source.unfiltered()
        by_device: dict[torch.device, Observed] = {}

        def is_new(X: Tensor) -> Tensor:
            if X.device not in by_device:
                by_device[X.device] = Observed(self._X_observed, device=X.device)
            new = ~by_device[X.device].mask(X)
            return new if keep is None else new & keep(X)

        return inner, is_new

    @override
    def configs(self, index: Sequence[int]) -> list[Config]:
        return self._source.configs(index)

    @override
    def extras(self, index: Sequence[int]) -> dict[str, list[Json]]:
        return self._source.extras(index)

    @override
    def extras_in_order(self, rows: int) -> Iterator[tuple[Sequence[int], dict[str, list[Json]]]]:
        return self._source.extras_in_order(rows)
