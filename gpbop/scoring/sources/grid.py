"""All configs of a finite space, or of the part of it that `fixed` and a constraint leave, made when asked for."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from copy import copy
from dataclasses import dataclass, replace
from math import isqrt, prod
from typing import TypeAlias

import torch
from torch import Tensor
from typing_extensions import override

from gpbop.configs import Config
from gpbop.errors import ConfigError, SpaceError, explain
from gpbop.parameters import INACTIVE, Categorical, Json, Parameter
from gpbop.parameters.choices import suggest
from gpbop.scoring.sources.base import Device, Indexed, Keep, Source, SourceError, check_index, regroup
from gpbop.scoring.sources.blocks import Axes, Block, Strip
from gpbop.space import LARGEST_INDEX, Space

Constraint: TypeAlias = Callable[[Tensor], Tensor]

# Configs of a second half, at least and at most: whole tiles of lanes, and as many axes for cells as memory allows.
LEAST_SECOND, MOST_SECOND = 512, 2**17
# Second halves at most, in units of the square root of all: cells of them are to be ruled out for many first halves.
BALANCE = 4
# First halves of a strip at most, and configs; strips at least: enough to share between threads.
MOST_FIRST, MOST_CONFIGS, STRIPS = 4096, 2**26, 8
# How many times fewer configs there are where first halves have no neighbours: each is a cell, for which there is less
# room.
NARROW = 8


@dataclass(frozen=True)
class _Part:
    """A part of a grid that has nothing to do with the others.

    Attributes:
        size: Number of its configs.
        stride: How far apart in the grid those of consecutive numbers are.
        columns: Its columns.
        numeric: Its column, if it is a single numeric parameter, which then has its levels in ascending order.
    """

    size: int
    stride: int
    columns: tuple[int, ...]
    numeric: int | None


class Grid(Indexed):
    """Every config of a space, each once: parameters that a config does not have are no reason to list it again.

    Nothing is stored: a row is made from its index, so a grid may have up to 2**63 - 1 configs.

    Args:
        space: The search space.
        fixed: Values by the name of a parameter: one value, or a list of those it may have (write [[1, 2]] for the one
            value [1, 2]). A config that does not have the parameter stays. Continuous parameters must be fixed.
        constraint: Which configs stay: a function from `m x d` encoded rows to `m` bools on the same device. The
            others keep no place in a block, but their index. The rows are a copy of its own.
    Raises:
        SpaceError: If what is left is infinite or has 2**63 configs or more, or a fixed name or value is not valid.
        SourceError: If the constraint is no function.

    Example:
        >>> from gpbop.parameters import Float, Integer
        >>> space = Space({"width": Integer(1, 4), "rate": Float(0.0, 1.0)})
        >>> grid = Grid(space, fixed={"rate": [0.1, 0.5]}, constraint=lambda X: X[:, 0] > 0.5)
        >>> [block.index.tolist() for block in grid.blocks(3)]
        [[4, 5, 6], [7]]
        >>> grid.configs([5])
        [{'width': 3, 'rate': 0.5}]
    """

    def __init__(
        self, space: Space, fixed: Mapping[str, Json] | None = None, constraint: Constraint | None = None
    ) -> None:
        _check_types(space, fixed, constraint)
        kept = {name: _places(space, name, values) for name, values in (fixed or {}).items()}
        self._part = Space(_part(space, kept)) if kept else space
        super().__init__(space, _finite_size(self._part))
        self._constraint = constraint
        self._columns = [(space.names.index(name), j) for j, name in enumerate(self._part.names)]
        self._kept = {j: kept[name] for j, name in enumerate(space.names) if name in kept}

    @property
    @override
    def size(self) -> int | None:
        return self.extent if self._constraint is None else None

    @override
    def rows(self, index: Tensor) -> Tensor:
        X = self._part.grid_rows(index)
        if self._part is self._space:
            return X
        whole = torch.full((len(X), self._space.d), INACTIVE, dtype=torch.float64, device=X.device)
        for column, part_column in self._columns:
            whole[:, column] = X[:, part_column]
        for column, places in self._kept.items():  # a code of the part is a number of `places`; inactive is the last
            ends = torch.cat([places, places.new_full((1,), INACTIVE)]).to(X.device)
            whole[:, column] = ends[whole[:, column].long()]
        return whole

    @override
    def blocks(self, rows: int, *, device: Device = None, start: int = 0, stop: int | None = None) -> Iterator[Block]:
        everything = super().blocks(rows, device=device, start=start, stop=stop)
        if self._constraint is None:
            yield from everything
            return
        is_empty = True
        for block in regroup(map(self._allowed, everything), rows):
            yield block
            is_empty = False
        if is_empty and start == 0 and stop is None:
            raise SourceError(explain("constraint", "let a config through", "none of them", "Loosen it."))

    @override
    def pieces(self, rows: int, *, device: Device = None) -> Iterator[Block | Strip]:
        parts = self._parts()
        chosen = _second_half(parts)
        if self._constraint is not None or len(chosen) == len(parts):
            yield from self.blocks(rows, device=device)
            return
        halves = [[part for part in parts if (part in chosen) is is_second] for is_second in (False, True)]
        is_second = torch.zeros(self._space.d, dtype=torch.bool, device=device)
        is_second[[column for part in chosen for column in part.columns]] = True
        p, q = (prod(part.size for part in half) for half in halves)
        has_wide = any(part.numeric is not None and part.size > 2 for part in halves[0])
        most = MOST_CONFIGS if has_wide else MOST_CONFIGS // NARROW
        firsts = max(1, min(MOST_FIRST, most // min(q, MOST_SECOND), p // STRIPS))
        for box in _boxes(halves[1], MOST_SECOND):  # never all at once: a single parameter may have 2^40 levels
            second, axes = _positions(halves[1], box, device), _axes(halves[1], box)
            X_second = self.rows(second)
            for own in _boxes(halves[0], firsts):
                first = _positions(halves[0], own, device)
                yield Strip(first, second, self.rows(first), X_second, is_second, _axes(halves[0], own), axes)

    @override
    def unfiltered(self) -> tuple[Source, Keep | None]:
        if self._constraint is None:
            return self, None
        whole = copy(self)
        whole._constraint = None
        return whole, self._mask

    @property
    @override
    def strides(self) -> tuple[int, ...]:
        return tuple(part.stride for part in self._parts())

    def _parts(self) -> list[_Part]:
        """Return the independent parts of the grid, slowest first."""
        parts, stride = [], 1
        for size, own in reversed(self._part.grid_parts()):
            names = [self._part.names[j] for j in own]
            columns = tuple(self._space.names.index(name) for name in names)
            parameter = self._space.parameters[names[0]]
            is_numeric = len(names) == 1 and not parameter.is_categorical and not parameter.when
            parts.append(_Part(size, stride, columns, columns[0] if is_numeric else None))
            stride *= size
        return parts[::-1]

    @override
    def configs(self, index: Sequence[int]) -> list[Config]:
        X = self.rows(check_index(index, self.extent))
        if self._constraint is not None and not bool((mask := self._mask(X)).all()):
            first = int((~mask).nonzero()[0])
            got = f"{int(index[first])}, which it leaves out"
            raise SourceError(explain("index", "satisfy the constraint", got, "Use indices that `blocks` gave."))
        return self._space.decode(X)

    def _allowed(self, block: Block) -> Block:
        mask = self._mask(block.X)
        return Block(block.index[mask], block.X[mask])

    def _mask(self, X: Tensor) -> Tensor:
        assert self._constraint is not None, "asked only where there is one"
        if not len(X):  # functions that stack an answer for each row need one
            return torch.ones(0, dtype=torch.bool, device=X.device)
        mask = self._constraint(X.clone())  # which it may change
        if not isinstance(mask, Tensor) or mask.dtype != torch.bool or mask.shape != (len(X),):
            got = f"{tuple(mask.shape)}, {mask.dtype}" if isinstance(mask, Tensor) else type(mask).__name__
            raise SourceError(explain("constraint", "return one bool a row", got, f"Return a mask of {len(X)} bools."))
        return mask.to(X.device)


def _check_types(space: object, fixed: object, constraint: object) -> None:
    if not isinstance(space, Space):
        raise SpaceError(explain("space", "be a Space", repr(space), "Write Space({'width': Integer(1, 4)})."))
    if fixed is not None and not isinstance(fixed, Mapping):
        raise SpaceError(explain("fixed", "be a dict", repr(fixed), "Write {'rate': [0.1, 0.5]}."))
    if constraint is not None and not callable(constraint):
        advice = "Write lambda X: X[:, 0] > 0.5."
        raise SourceError(explain("constraint", "be a function of encoded rows", repr(constraint), advice))


def _second_half(parts: Sequence[_Part]) -> list[_Part]:
    """Choose the parts of a second half, of some thousand configs: numeric ones first, whose levels are neighbours."""
    chosen: list[_Part] = []
    number = 1
    most = min(MOST_SECOND, BALANCE * isqrt(prod(part.size for part in parts)))
    backwards = list(reversed(parts))
    for part in sorted(backwards, key=lambda part: part.numeric is None):
        if number < LEAST_SECOND or number * part.size <= most:
            chosen.append(part)
            number *= part.size
    return chosen


def _boxes(parts: Sequence[_Part], most: int) -> Iterator[list[range]]:
    """Cut the product of some parts into boxes of at most so many configs: ranges of levels, as long as each other.

    Parts whose levels are no neighbours are cut first.
    """
    lengths = [part.size for part in parts]
    while prod(lengths) > most:
        cut = max(range(len(parts)), key=lambda j: (lengths[j] > 1 and parts[j].numeric is None, lengths[j]))
        lengths[cut] = -(-lengths[cut] // 2)
    counts = [-(-part.size // length) for part, length in zip(parts, lengths, strict=True)]
    for number in range(prod(counts)):
        box = []
        for part, length, count in reversed(list(zip(parts, lengths, counts, strict=True))):
            number, place = divmod(number, count)
            box.append(range(place * length, min((place + 1) * length, part.size)))
        yield box[::-1]


def _positions(parts: Sequence[_Part], box: Sequence[range], device: Device) -> Tensor:
    """Return the positions in the grid of the configs of a box; the last part is fastest."""
    positions = torch.zeros(1, dtype=torch.int64, device=device)
    for part, levels in zip(parts, box, strict=True):
        along = torch.arange(levels.start, levels.stop, device=device) * part.stride
        positions = (positions.unsqueeze(1) + along).flatten()
    return positions


def _axes(parts: Sequence[_Part], box: Sequence[range]) -> Axes:
    """Return what a box is a grid of, see `Strip`."""
    return tuple((len(levels), part.numeric) for part, levels in zip(parts, box, strict=True))


def _places(space: Space, name: str, values: Json) -> Tensor:
    """Return the encoded values that a fixed parameter may have, ascending, each once."""
    if name not in space.parameters:
        rule = "name parameters of the space"
        raise SpaceError(explain("fixed", rule, repr(name), suggest(name, space.names)))
    listed = list(values) if isinstance(values, list | tuple) else [values]
    if not listed:
        raise SpaceError(explain(f"`fixed` of `{name}`", "hold a value", "an empty list", "Add one, or leave it out."))
    try:
        places = space.parameters[name].encode_all(listed, f"`fixed` of `{name}`")
    except ConfigError as error:
        raise SpaceError(str(error)) from None
    return torch.tensor(sorted(set(places.tolist())), dtype=torch.float64)


def _part(space: Space, kept: Mapping[str, Tensor]) -> dict[str, Parameter]:
    """Return the parameters of the part: the fixed ones have codes 0, 1, ..., those never active are left out."""
    part: dict[str, Parameter] = {}
    waiting = dict(space.parameters)
    while waiting:
        for name, parameter in list(waiting.items()):
            parents = parameter.when or {}
            if any(parent in waiting for parent in parents):
                continue
            del waiting[name]
            when = {parent: _left(space, kept, parent, values) for parent, values in parents.items()}
            if all(parent in part for parent in parents) and all(when.values()):
                chosen = Categorical(range(len(kept[name]))) if name in kept else parameter
                part[name] = replace(chosen, when=when or None)
    return {name: part[name] for name in space.names if name in part}


def _left(space: Space, kept: Mapping[str, Tensor], parent: str, values: Sequence[Json]) -> list[Json]:
    """Return the values of a `when` that are left of a parent, as the part writes them."""
    if parent not in kept:
        return list(values)
    listed = space.parameters[parent].encode_all(list(values), parent)
    return torch.isin(kept[parent], listed).nonzero().squeeze(-1).tolist()


def _finite_size(part: Space) -> int:
    if isinstance(part.size, float):
        names = [name for name, parameter in part.parameters.items() if parameter.placement is None]
        advice = "Give them a step, fix them to a list of values, or use Sample."
        raise SpaceError(explain("space", "be finite to have a grid", f"continuous {names}", advice))
    if part.size >= LARGEST_INDEX:
        advice = "Fix some parameters, or use Sample."
        raise SpaceError(explain("space", "have fewer than 2**63 configs", str(part.size), advice))
    return part.size
