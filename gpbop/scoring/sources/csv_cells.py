"""One column of a CSV file: text, read as its parameter needs it."""

from typing import Any

import numpy as np
from typing_extensions import override

from gpbop.parameters import Categorical, Json, Ordinal, Parameter
from gpbop.scoring.sources.arrow import arrow
from gpbop.scoring.sources.cells import ABSENT, INVALID, ArrowCells, BadCell, level_of
from gpbop.scoring.sources.text import number, readings, scalar


class TextCells(ArrowCells):
    """Cells of a CSV file: text, which the choices say how to read; an empty cell is None or the choice ""."""

    @override
    def values(self) -> list[Json]:
        return [None if text is None else scalar(text) for text in self.array.to_pylist()]

    @override
    def level(self, parameter: Parameter, value: Json) -> int:
        levels = self._levels(parameter, value)
        return levels.pop() if len(levels) == 1 else INVALID

    @override
    def bad(self, parameter: Parameter, position: int, value: Json) -> BadCell:
        if len(self._levels(parameter, value)) > 1:
            return BadCell(position, value, "stand for one choice only")
        if not value:
            return BadCell(position, ABSENT)
        is_listed = isinstance(parameter, Categorical | Ordinal)
        return BadCell(position, value if is_listed else number(value))

    @override
    def numbers(self) -> np.ndarray[Any, Any]:
        pc = arrow().compute
        trimmed = pc.utf8_trim_whitespace(self.array)
        array = pc.if_else(pc.equal(trimmed, ""), arrow().scalar(None, arrow().string()), trimmed)
        try:
            return ArrowCells(array.cast(arrow().float64())).numbers()
        except arrow().ArrowInvalid:
            position = _first_failure(array)
            raise BadCell(position, array[position].as_py()) from None

    def _levels(self, parameter: Parameter, text: str | None) -> set[int]:
        """Return the levels that a text may stand for."""
        if text is None:  # some writers of CSV write "" so too
            return {level_of(parameter, value) for value in (None, "")} - {INVALID}
        if not text:
            found = [level_of(parameter, value) for value in ("", None)]
            return set([level for level in found if level != INVALID][:1])
        values = [text, *readings(text)] if isinstance(parameter, Categorical | Ordinal) else [number(text)]
        return {level_of(parameter, value) for value in values} - {INVALID}


def _first_failure(array: Any) -> int:
    """Return the number of the first text that is no number, by halving."""
    low, high = 0, len(array)
    while high - low > 1:
        middle = (low + high) // 2
        try:
            array.slice(low, middle - low).cast(arrow().float64())
            low = middle
        except arrow().ArrowInvalid:
            high = middle
    return low
