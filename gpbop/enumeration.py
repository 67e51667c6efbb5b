"""Numbering the configs of a finite space, so that any of them is found by its number alone.

Configs form a tree. Parameters that have nothing to do with each other multiply; a parent with conditional children is
split into blocks of levels that switch on the same children, and blocks add up. So a number's digits in mixed radix,
and the block whose range holds it, lead to one config; nothing is listed beforehand. Independent conditions multiply
too: twenty switches cost forty nodes, not a million contexts.

Order: the first parameter varies slowest, except that a parent takes the place of the first parameter of its family,
and that its levels come block by block.
"""

import math
from abc import ABC, abstractmethod
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate

import torch
from torch import Tensor
from typing_extensions import override

from gpbop.conditions import Conditions
from gpbop.parameters import Parameter


@dataclass(frozen=True)
class Node(ABC):
    """A part of a space.

    Args:
        size: The exact number of its configs, or math.inf.
    """

    size: int | float

    @property
    @abstractmethod
    def columns(self) -> frozenset[int]:
        """The columns that are written."""

    @abstractmethod
    def fill(self, X: Tensor, rows: Tensor, index: Tensor) -> None:
        """Write configs number `index` (`k` int64 in [0, size)) of this part into the rows `rows` (`k`) of X."""


@dataclass(frozen=True)
class Levels(Node):
    """Levels of one parameter: the listed ones, or all but them."""

    column: int
    parameter: Parameter
    listed: tuple[int, ...] = ()
    excluded: bool = True

    @property
    @override
    def columns(self) -> frozenset[int]:
        return frozenset([self.column])

    @override
    def fill(self, X: Tensor, rows: Tensor, index: Tensor) -> None:
        listed = torch.tensor(self.listed, dtype=torch.int64, device=index.device)
        if not self.excluded:
            index = listed[index]
        elif self.listed:  # level i is behind every listed level l_k with l_k - k <= i
            index = index + torch.searchsorted(
                listed - torch.arange(len(listed), device=index.device), index, right=True
            )
        X[rows, self.column] = self.parameter.level(index)


@dataclass(frozen=True)
class Product(Node):
    """Every combination of the parts; the first varies slowest."""

    parts: tuple[Node, ...]

    @property
    @override
    def columns(self) -> frozenset[int]:
        return frozenset(column for part in self.parts for column in part.columns)

    @override
    def fill(self, X: Tensor, rows: Tensor, index: Tensor) -> None:
        for part in reversed(self.parts):
            part.fill(X, rows, index % int(part.size))
            index = index // int(part.size)


@dataclass(frozen=True)
class Sum(Node):
    """One of the parts, after another."""

    parts: tuple[Node, ...]

    @property
    @override
    def columns(self) -> frozenset[int]:
        return frozenset(column for part in self.parts for column in part.columns)

    @override
    def fill(self, X: Tensor, rows: Tensor, index: Tensor) -> None:
        ends = list(accumulate(int(part.size) for part in self.parts))
        which = torch.bucketize(index, torch.tensor(ends, dtype=torch.int64, device=index.device), right=True)
        for number, (part, end) in enumerate(zip(self.parts, ends, strict=True)):
            inside = (which == number).nonzero().squeeze(-1)
            if len(inside):
                part.fill(X, rows[inside], index[inside] - (end - int(part.size)))


def enumerate_space(parameters: Sequence[Parameter], conditions: Conditions) -> Product:
    """Return the tree of all configs of a space."""
    return _Builder(parameters, conditions).node(list(range(len(parameters))), {})


@dataclass(frozen=True)
class _Builder:
    parameters: Sequence[Parameter]
    conditions: Conditions

    def node(self, columns: list[int], chosen: Mapping[int, frozenset[int]]) -> Product:
        """Return the tree over `columns`, given which children the chosen parents switch on.

        A parent that is inactive switches on no child.
        """
        open_columns = list(columns)
        known = dict(chosen)
        while off := [j for j in open_columns if self._is_off(j, known)]:
            open_columns = [j for j in open_columns if j not in off]
            known |= {j: frozenset() for j in off}
        parts = tuple(self._family(family, known) for family in self._families(open_columns))
        return _combined(parts)

    def _is_off(self, column: int, known: Mapping[int, frozenset[int]]) -> bool:
        return any(c.parent in known and column not in known[c.parent] for c in self.conditions.of.get(column, ()))

    def _families(self, columns: list[int]) -> list[list[int]]:
        """Return the columns in groups that conditions connect, each sorted, in the order of their first columns."""
        group = {column: [column] for column in columns}
        for child in columns:
            for condition in self.conditions.of.get(child, ()):
                one, other = group.get(condition.parent), group[child]
                if one is not None and one is not other:
                    one += other
                    group |= dict.fromkeys(other, one)
        return sorted({id(family): sorted(family) for family in group.values()}.values())

    def _family(self, family: list[int], known: Mapping[int, frozenset[int]]) -> Node:
        """Return the tree of connected columns: one node for a single column, else the sum over a root's blocks."""
        if len(family) == 1:
            return Levels(self.parameters[family[0]].count, family[0], self.parameters[family[0]])
        parents = {c.parent for j in family for c in self.conditions.of.get(j, ())}
        root = next(j for j in family if j in parents and all(c.parent in known for c in self.conditions.of.get(j, ())))
        rest = [j for j in family if j != root]
        parts = []
        for levels, children in self._blocks(root, rest):
            if levels.size:
                below = self.node(rest, {**known, root: children})
                parts.append(_combined((levels, below)))
        return Sum(sum(part.size for part in parts), tuple(parts))

    def _blocks(self, root: int, rest: list[int]) -> list[tuple[Levels, frozenset[int]]]:
        """Return the levels of a root in blocks that switch on the same children; the last one switches on none."""
        switched: dict[int, set[int]] = {}
        for child in rest:
            for condition in self.conditions.of.get(child, ()):
                if condition.parent == root:
                    for level in condition.levels:
                        switched.setdefault(level, set()).add(child)
        blocks: dict[frozenset[int], list[int]] = {}
        for level in sorted(switched):
            blocks.setdefault(frozenset(switched[level]), []).append(level)
        parameter = self.parameters[root]
        listed = [(Levels(len(block), root, parameter, tuple(block), False), on) for on, block in blocks.items()]
        others = Levels(parameter.count - len(switched), root, parameter, tuple(sorted(switched)))
        first = next((i for i in range(len(switched) + 1) if i not in switched), 0)
        position = bisect_right([levels.listed[0] for levels, _ in listed], first)
        return [*listed[:position], (others, frozenset()), *listed[position:]]


def _combined(parts: tuple[Node, ...]) -> Product:
    sizes = [part.size for part in parts]
    return Product(math.inf if math.inf in sizes else math.prod(sizes), parts)
