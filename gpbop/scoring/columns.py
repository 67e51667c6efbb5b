"""Python values as columns of Arrow tables, so that `Table` reads them back."""

import json
from collections.abc import Iterable, Sequence
from typing import Any

from gpbop.parameters import Categorical, Integer, Json, Ordinal, Parameter
from gpbop.scoring.sources.arrow import arrow

LARGEST_EXACT = 2**53  # whole numbers up to here are float64 without loss


class Column:
    """A column whose values decide its type: that of all of them, float64 for numbers of both kinds, or else text.

    Text of what is no text itself is JSON. None is an empty cell of any type.

    Example:
        >>> column = Column([1, None])
        >>> column.see([2.5])
        >>> column.array([1, 2.5, None]).to_pylist()
        [1.0, 2.5, None]
        >>> Column([True, "a", [1]]).array([True, "a", [1]]).to_pylist()
        ['true', 'a', '[1]']
    """

    def __init__(self, values: Iterable[Json] = ()) -> None:
        self._examples: dict[type, Json] = {}
        self._is_exact = True
        self.see(values)

    def see(self, values: Iterable[Json]) -> None:
        """Let some of the values, all of which must be seen before the first `array`, decide too."""
        for value in values:
            self._examples[type(value)] = value
            if type(value) is int and abs(value) > LARGEST_EXACT:
                self._is_exact = False

    def array(self, values: Sequence[Json]) -> Any:
        """Return values as an Arrow array of the column's type."""
        kind = self._type()
        if kind is None:
            texts = [v if v is None or isinstance(v, str) else json.dumps(v, default=str) for v in values]
            return arrow().array(texts, arrow().string())
        return arrow().array(values, kind)

    def _type(self) -> Any:
        """Return the Arrow type; None for text."""
        pa = arrow()
        kinds = set(self._examples) - {type(None)}
        if kinds == {int, float} and self._is_exact:
            return pa.float64()
        if len(kinds) != 1 or kinds & {list, dict, tuple}:
            return None
        if kinds == {int}:
            return pa.int64() if self._is_exact else None
        return pa.scalar(self._examples[kinds.pop()]).type


def parameter_column(parameter: Parameter) -> Column:
    """Return the column of a parameter's values."""
    if isinstance(parameter, Categorical | Ordinal):
        return Column(parameter.listed)
    return Column([parameter.low, parameter.high] if isinstance(parameter, Integer) else [0.0])


def score_names(taken: Iterable[str]) -> dict[str, str]:
    """Return the names of the columns of scores: with a dash below where a parameter or another column has the name."""
    names = set(taken)
    return {name: f"{name}_" if name in names else name for name in ("mean", "std", "value", "index")}
