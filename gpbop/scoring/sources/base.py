"""What a candidate source is: configs that are never held whole, read or made in blocks of encoded rows.

Positions: every candidate has a number, its `index`, that stays the same for any block size; where a source leaves some
out (a constraint, observed rows), the others keep theirs.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence

import torch
from torch import Tensor
from typing_extensions import override

from gpbop.configs import Config
from gpbop.errors import GpbopError, explain
from gpbop.parameters import Json
from gpbop.scoring.sources.blocks import Block as Block
from gpbop.scoring.sources.blocks import Strip
from gpbop.space import Space

Device = torch.device | str | None
Keep = Callable[[Tensor], Tensor]
"""Tells which of `m x d` rows stay: `m` bools."""


class SourceError(GpbopError, ValueError):
    """A candidate source is empty, cannot be read, or holds something that is no candidate of the space."""


class Source(ABC):
    """A set of candidates that is never held whole; every pass over it gives the same candidates in the same order."""

    @property
    @abstractmethod
    def space(self) -> Space:
        """The search space that every candidate belongs to."""

    @property
    @abstractmethod
    def size(self) -> int | None:
        """The number of candidates; None where only a pass over them tells."""

    @property
    def extent(self) -> int | None:
        """A number above every index; None where unknown. It is more than `size` where some are left out."""
        return self.size

    @abstractmethod
    def blocks(self, rows: int, *, device: Device = None) -> Iterator[Block]:
        """Iterate over all candidates.

        Args:
            rows: Candidates of a block; the last block may have fewer.
            device: Where to put the blocks; None: the CPU.
        Returns:
            An iterator of blocks, never an empty one. Memory is bounded by one block.
        Raises:
            SourceError: If there is no candidate, or something that is none; while iterating.
        """

    def pieces(self, rows: int, *, device: Device = None) -> Iterator[Block | Strip]:
        """Iterate over all candidates in the form that is cheapest to score; otherwise as `blocks`."""
        return self.blocks(rows, device=device)

    def unfiltered(self) -> tuple["Source", Keep | None]:
        """Return a source of these candidates and maybe others, and which of those stay; None: all of them.

        A filter that is asked about the few candidates that come into question is cheaper than one that all pass.
        """
        return self, None

    @abstractmethod
    def configs(self, index: Sequence[int]) -> list[Config]:
        """Return the configs of some candidates, in the order of `index`.

        Raises:
            SourceError: If the source has no such index.
        """

    def extras(self, index: Sequence[int]) -> dict[str, list[Json]]:
        """Return the columns that are no parameters for some candidates, in the order of `index`; {} if none.

        Raises:
            SourceError: If the source has no such index.
        """
        return {}

    def extras_in_order(self, rows: int) -> Iterator[tuple[Sequence[int], dict[str, list[Json]]]]:
        """Iterate once over the columns that are no parameters, for the candidates of every block and maybe others.

        Args:
            rows: Candidates of a part, at most.
        Returns:
            An iterator of parts: ascending positions, beyond those of the part before, and the columns there. It may
            be empty where there are no such columns.
        """
        for block in self.blocks(rows):
            index = block.index.tolist()
            yield index, self.extras(index)


class Indexed(Source):
    """A source whose rows are made from their indices alone, on any device, in any order.

    Args:
        space: The search space.
        extent: A number above every index.
    """

    def __init__(self, space: Space, extent: int) -> None:
        self._space, self._extent = space, extent

    @property
    @override
    def space(self) -> Space:
        return self._space

    @property
    @override
    def size(self) -> int | None:
        return self._extent

    @property
    @override
    def extent(self) -> int:
        return self._extent

    @property
    def strides(self) -> tuple[int, ...]:
        """Distances between the indices of candidates that are alike."""
        return (1,)

    @abstractmethod
    def rows(self, index: Tensor) -> Tensor:
        """Return the `m x d` encoded rows of `m` int64 indices in [0, extent), on the same device."""

    def consecutive(self, first: int, index: Tensor) -> Tensor:
        """Return the rows of indices `first`, `first` + 1, ..."""
        return self.rows(index)

    @override
    def blocks(self, rows: int, *, device: Device = None, start: int = 0, stop: int | None = None) -> Iterator[Block]:
        """Iterate over the candidates of index `start` to `stop` - 1; otherwise as every source does."""
        check_rows(rows)
        stop = self.extent if stop is None else min(stop, self.extent)
        for first in range(start, stop, rows):
            index = torch.arange(first, min(first + rows, stop), device=device)
            yield Block(index, self.consecutive(first, index))

    @override
    def configs(self, index: Sequence[int]) -> list[Config]:
        return self.space.decode(self.rows(check_index(index, self.extent)))

    @override
    def extras_in_order(self, rows: int) -> Iterator[tuple[Sequence[int], dict[str, list[Json]]]]:
        return iter(())


def check_rows(rows: int) -> None:
    """Check the size of a block.

    Raises:
        SourceError: If it is not a positive int.
    """
    if isinstance(rows, bool) or not isinstance(rows, int) or rows < 1:
        raise SourceError(explain("rows", "be a positive int", repr(rows), "Take 65536 if in doubt."))


def check_index(index: Sequence[int], extent: int | None) -> Tensor:
    """Return indices as an int64 tensor.

    Raises:
        SourceError: If one is negative, or not below `extent`.
    """
    try:
        tensor = torch.as_tensor(index, dtype=torch.int64).reshape(-1)
    except (OverflowError, RuntimeError, TypeError, ValueError) as error:
        raise SourceError(
            explain("index", "hold whole numbers", str(error), "Use indices that `blocks` gave.")
        ) from None
    least, most = (int(tensor.min()), int(tensor.max())) if len(tensor) else (0, -1)
    if least < 0 or (extent is not None and most >= extent):
        rule = "be positions in the source" if extent is None else f"lie in [0, {extent})"
        raise SourceError(explain("index", rule, f"{least} to {most}", "Use indices that `blocks` gave."))
    return tensor


def regroup(pieces: Iterable[Block], rows: int) -> Iterator[Block]:
    """Join and cut pieces to blocks of `rows` candidates; the last one may have fewer."""
    waiting: list[Block] = []
    count = 0
    for piece in pieces:
        waiting, count = [*waiting, piece], count + len(piece)
        while count >= rows:
            joined = _joined(waiting)
            yield Block(joined.index[:rows], joined.X[:rows])
            waiting, count = [Block(joined.index[rows:], joined.X[rows:])], count - rows
    if count:
        yield _joined(waiting)


def _joined(pieces: Sequence[Block]) -> Block:
    if len(pieces) == 1:
        return pieces[0]
    return Block(torch.cat([piece.index for piece in pieces]), torch.cat([piece.X for piece in pieces]))
