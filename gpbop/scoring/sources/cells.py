"""One column of a table, as Python objects or as an Arrow array, and how it is encoded.

A parameter with finitely many values is encoded by arithmetic where that is certain, and else by looking up the
distinct cells, each once; a continuous one as a vector of numbers. Nothing is rounded to a valid value: a cell that is
none stops the reading.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor
from typing_extensions import override

from gpbop.errors import ConfigError
from gpbop.parameters import Categorical, Json, Ordinal, Parameter
from gpbop.parameters.choices import identity
from gpbop.parameters.placements import LARGEST_TABLE, Uneven
from gpbop.scoring.sources.arrow import arrow
from gpbop.scoring.sources.levels import UNCERTAIN, certain_levels
from gpbop.scoring.sources.text import readings

ABSENT = object()  # stands where a row has no such cell, since None may be a value
INVALID = -1  # the level of a cell that the parameter cannot hold


class BadCell(Exception):
    """A cell cannot be encoded.

    Args:
        position: Its number among the cells given.
        value: What it holds; ABSENT for nothing.
        note: What is wrong, where the value alone does not say it.
    """

    def __init__(self, position: int, value: object, note: str = "") -> None:
        super().__init__(position, value, note)
        self.position, self.value, self.note = position, value, note


class Cells(ABC):
    """The cells of one column in some consecutive rows."""

    @abstractmethod
    def take(self, rows: np.ndarray[Any, Any]) -> "Cells":
        """Return the cells of `k` int64 row numbers."""

    @abstractmethod
    def encode(self, parameter: Parameter) -> Tensor:
        """Return the `m` encoded float64 values, on the CPU.

        Raises:
            BadCell: If the parameter cannot hold one of the cells.
        """

    @abstractmethod
    def values(self) -> list[Json]:
        """Return the cells as Python values; None where there is none."""


@dataclass(frozen=True)
class Objects(Cells):
    """Cells that are Python objects.

    Args:
        cells: `m` of them, ABSENT where there is none.
    """

    cells: Sequence[object]

    @override
    def take(self, rows: np.ndarray[Any, Any]) -> "Objects":
        return Objects([self.cells[row] for row in rows.tolist()])

    @override
    def encode(self, parameter: Parameter) -> Tensor:
        try:
            return parameter.encode_all(self.cells)
        except ConfigError:
            for position, value in enumerate(self.cells):  # once more, to say which one it was
                try:
                    parameter.encode_all([value])
                except ConfigError:
                    raise BadCell(position, value) from None
            raise

    @override
    def values(self) -> list[Json]:
        return [None if cell is ABSENT else cell for cell in self.cells]


@dataclass(frozen=True)
class ArrowCells(Cells):
    """Cells of an Arrow array.

    Args:
        array: `m` cells of a type that is not nested; see `arrow_cells`.
    """

    array: Any

    @override
    def take(self, rows: np.ndarray[Any, Any]) -> "ArrowCells":
        return type(self)(self.array.take(arrow().array(rows)))

    @override
    def encode(self, parameter: Parameter) -> Tensor:
        return self._finite(parameter) if parameter.placement else self._continuous(parameter)

    @override
    def values(self) -> list[Json]:
        values: list[Json] = self.array.to_pylist()
        return values

    def level(self, parameter: Parameter, value: Json) -> int:
        """Return the level of a distinct cell, or INVALID. Text is read as JSON where choices are of several types."""
        level = level_of(parameter, value)
        if level == INVALID and isinstance(value, str) and _has_mixed_choices(parameter):
            return next((found for found in (level_of(parameter, v) for v in readings(value)) if found >= 0), INVALID)
        return level

    def numbers(self) -> np.ndarray[Any, Any]:
        """Return the cells as float64.

        Raises:
            BadCell: If one is missing, or they are no numbers.
        """
        types, array = arrow().types, self.array
        if array.null_count:
            raise BadCell(array.is_null().to_numpy(zero_copy_only=False).argmax(), ABSENT)
        if types.is_dictionary(array.type):
            return type(self)(array.dictionary_decode()).numbers()
        if not (types.is_integer(array.type) or types.is_floating(array.type)) and len(array):
            raise BadCell(0, array[0].as_py())
        numbers: np.ndarray[Any, Any] = array.to_numpy(zero_copy_only=False).astype(np.float64)
        return numbers

    def _continuous(self, parameter: Any) -> Tensor:
        numbers = self.numbers()
        outside = ~((numbers >= parameter.low) & (numbers <= parameter.high))  # true for NaN
        if outside.any():
            position = int(outside.argmax())
            raise BadCell(position, float(numbers[position]))
        encoded: Tensor = parameter.scale.unit(torch.from_numpy(numbers))
        return encoded

    def _finite(self, parameter: Parameter) -> Tensor:
        levels = self._certain(parameter)
        uncertain = np.flatnonzero(levels == UNCERTAIN)
        everywhere = len(uncertain) == len(levels)
        try:
            found = (self if everywhere else self.take(uncertain))._looked_up(parameter)
        except BadCell as bad:
            raise BadCell(int(uncertain[bad.position]), bad.value, bad.note) from None
        levels[uncertain] = found
        distinct, codes = np.unique(levels, return_inverse=True) if _is_slow(parameter) else (levels, None)
        places = parameter.level(torch.from_numpy(distinct))
        return places if codes is None else places[torch.from_numpy(codes)]

    def _certain(self, parameter: Parameter) -> np.ndarray[Any, Any]:
        """Return the levels that arithmetic gives, UNCERTAIN elsewhere."""
        types, array = arrow().types, self.array
        if array.null_count or not (types.is_integer(array.type) or types.is_floating(array.type)):
            return np.full(len(array), UNCERTAIN)
        return certain_levels(parameter, array.to_numpy(zero_copy_only=False))

    def _looked_up(self, parameter: Parameter) -> np.ndarray[Any, Any]:
        """Return the levels of the cells, each distinct one looked up once."""
        array = self.array
        encoded = array if arrow().types.is_dictionary(array.type) else array.dictionary_encode()
        distinct = [*encoded.dictionary.to_pylist(), None]
        codes = encoded.indices.cast(arrow().int64()).fill_null(len(distinct) - 1).to_numpy(zero_copy_only=False)
        used = np.zeros(len(distinct), dtype=bool)
        used[codes] = True
        levels = np.array([self.level(parameter, v) if u else 0 for v, u in zip(distinct, used, strict=True)])
        invalid = levels[codes] == INVALID
        if invalid.any():
            position = int(invalid.argmax())
            raise self.bad(parameter, position, distinct[codes[position]])
        found: np.ndarray[Any, Any] = levels[codes]
        return found

    def bad(self, parameter: Parameter, position: int, value: Json) -> BadCell:
        """Return the exception for a distinct cell without a level."""
        return BadCell(position, ABSENT if value is None else value)


def arrow_cells(array: Any) -> Cells:
    """Return the cells of an Arrow array: as Python objects if its type is nested."""
    pa = arrow()
    if isinstance(array, pa.ChunkedArray):
        array = array.combine_chunks()
    if isinstance(array, pa.ExtensionArray):
        array = array.storage
    if pa.types.is_null(array.type):
        array = array.cast(pa.string())
    if pa.types.is_decimal(array.type):
        array = array.cast(pa.string()).cast(pa.float64())  # rounded once, to nearest
    kind = array.type.value_type if pa.types.is_dictionary(array.type) else array.type
    return Objects(array.to_pylist()) if pa.types.is_nested(kind) else ArrowCells(array)


def level_of(parameter: Parameter, value: object) -> int:
    """Return the level of a value, or INVALID."""
    try:
        return parameter.level_of(value, "value")
    except ConfigError:
        return INVALID


def _is_slow(parameter: Parameter) -> bool:
    """Return whether the places of levels are computed one by one."""
    return isinstance(parameter.placement, Uneven) and parameter.placement.count > LARGEST_TABLE


def _has_mixed_choices(parameter: Parameter) -> bool:
    if not isinstance(parameter, Categorical | Ordinal):
        return False
    kinds = {identity(value)[0] for value in parameter.listed if value is not None}  # type: ignore[index]
    return len(kinds) > 1 or bool(kinds & {"list", "dict"})
