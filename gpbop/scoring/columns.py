"""Python values as columns of Arrow tables, so that `Table` reads them back."""

import datetime
import json
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any

import numpy as np
from torch import Tensor

from gpbop.errors import ArgumentError, explain
from gpbop.parameters import Categorical, Integer, Json, Ordinal, Parameter
from gpbop.parameters.choices import plain
from gpbop.scoring.sources.arrow import arrow, python_values

LARGEST_EXACT = 2**53  # whole numbers up to here are float64 without loss
PYTHON = {type(None), bool, int, float, str, bytes}  # types that are no others' scalars, and have an Arrow type each
TYPED = (datetime.date, datetime.time, datetime.timedelta, Decimal, np.datetime64, np.timedelta64)


class Column:
    """A column whose values decide its type: that of all of them, float64 for numbers of both kinds, or else text.

    So is what no type holds exactly: whole numbers beyond 64 bits, or times of several units. Text of what is no text
    itself is JSON, or what `str` makes of a value that JSON does not have. None, NaT and NA are an empty cell of any
    type.

    Example:
        >>> column = Column([1, None])
        >>> column.see([2.5])
        >>> column.array([1, 2.5, None]).to_pylist()
        [1.0, 2.5, None]
        >>> Column([True, "a", [1]]).array([True, "a", [1]]).to_pylist()
        ['true', 'a', '[1]']
    """

    def __init__(self, values: Iterable[Json] = ()) -> None:
        self._seen: set[type] = set()  # those of PYTHON
        self._types: set[Any] = set()
        self._least = self._most = 0  # of the whole numbers
        self.see(values)

    def see(self, values: Iterable[Json]) -> None:
        """Let some of the values, all of which must be seen before the first `array`, decide too."""
        for given in values:
            value = _scalar(given)
            if isinstance(value, int):
                self._least, self._most = min(self._least, value), max(self._most, value)
            if type(value) not in self._seen:
                self._types.add(_type_of(value))
                self._seen |= {type(value)} & PYTHON

    def array(self, values: Sequence[Json]) -> Any:
        """Return values as an Arrow array of the column's type."""
        kind = self._type()
        convert = _text if kind == arrow().string() else _scalar
        return arrow().array([convert(value) for value in values], kind)

    def _type(self) -> Any:
        """Return the Arrow type."""
        pa = arrow()
        types = self._types - {pa.null()}
        if not types:
            return pa.null()
        if types == {pa.int64(), pa.float64()} and max(-self._least, self._most) <= LARGEST_EXACT:
            return pa.float64()
        if types == {pa.int64()}:
            return _whole(self._least, self._most)
        if all(map(pa.types.is_decimal, types)):
            return _decimal(types)
        return types.pop() if len(types) == 1 else pa.string()


def parameter_column(parameter: Parameter) -> Column:
    """Return the column of a parameter's values."""
    if isinstance(parameter, Categorical | Ordinal):
        return Column(parameter.listed)
    return Column([parameter.low, parameter.high] if isinstance(parameter, Integer) else [0.0])


def arrays(columns: Mapping[str, Column], values: Mapping[str, Sequence[Json]]) -> dict[str, Any]:
    """Return the values of columns as Arrow arrays.

    Raises:
        ArgumentError: If a column cannot be written.
    """
    found = {}
    for name, column in values.items():
        try:
            found[name] = columns[name].array(column)
            arrow().field(name, found[name].type)  # checks the name
        except Exception as error:  # whatever `str` of somebody's object raises
            got, advice = f"{type(error).__name__}: {error}", "Leave it out: Table(..., columns=[...]) keeps others."
            raise ArgumentError(explain(f"`{name}`", "be a column that can be written", got, advice)) from error
    return found


def csv_array(array: Any) -> Any:
    """Return an array as a CSV file shows it: durations with their unit, bytes that are no UTF-8 as Python does."""
    pa = arrow()
    if pa.types.is_binary(array.type):
        try:
            return array.cast(pa.string())
        except pa.ArrowInvalid:
            pass
    elif not pa.types.is_duration(array.type):
        return array
    return pa.array(map(_text, python_values(array)), pa.string())


def score_names(taken: Iterable[str]) -> dict[str, str]:
    """Return the names of the columns of scores: with dashes below until no parameter or other column has the name."""
    names, found = set(taken), {}
    for name in ("mean", "std", "value", "index"):
        found[name] = name
        while found[name] in names:
            found[name] += "_"
    return found


def _scalar(value: Json) -> Json:
    """Return the Python value of a scalar of NumPy or PyTorch, None for NaT and NA, and anything else as it is."""
    if type(value) in PYTHON:
        return value
    if isinstance(value, np.ndarray) and value.ndim == 0:
        value = value[()]
    if isinstance(value, np.datetime64 | np.timedelta64):
        return None if np.isnat(value) else value  # its Python value may be a number
    return None if type(value).__name__ in ("NaTType", "NAType") else plain(value)  # those of pandas


def _type_of(value: Json) -> Any:
    """Return the Arrow type of a value, int64 for every whole number; that of text if no type holds the value."""
    pa = arrow()
    simple = {bool: pa.bool_(), int: pa.int64(), float: pa.float64(), bytes: pa.binary(), type(None): pa.null()}
    for kind, found in simple.items():  # in this order, since a bool is an int
        if isinstance(value, kind):
            return found
    if not isinstance(value, TYPED):
        return pa.string()
    try:
        scalar = pa.scalar(value)
        if getattr(value, "unit", None) == "ns":  # of pandas; PyArrow would cut it to microseconds
            is_span = isinstance(value, datetime.timedelta)
            return pa.duration("ns") if is_span else pa.timestamp("ns", scalar.type.tz)
        return scalar.type if scalar.as_py() == value else pa.string()
    except (TypeError, ValueError, OverflowError, NotImplementedError, pa.ArrowException):
        return pa.string()


def _whole(least: int, most: int) -> Any:
    """Return the type of whole numbers between two."""
    pa = arrow()
    if least >= -(2**63) and most < 2**63:
        return pa.int64()
    return pa.uint64() if least >= 0 and most < 2**64 else pa.string()


def _decimal(types: Iterable[Any]) -> Any:
    """Return the type of decimals that holds all that some hold."""
    pa = arrow()
    scale = max(kind.scale for kind in types)
    digits = scale + max(kind.precision - kind.scale for kind in types)
    if digits > 76:  # the most there are
        return pa.string()
    return pa.decimal128(digits, scale) if digits <= 38 else pa.decimal256(digits, scale)


def _text(value: Json) -> str | None:
    if type(value) is str and value.isascii():  # most are, and a file may have many
        return value
    value = _json(value)
    if value is None:
        return None
    text = value if isinstance(value, str) else json.dumps(value)
    return text.encode(errors="backslashreplace").decode()  # half a surrogate pair is no UTF-8


def _json(value: Json) -> Json:
    """Return a value as JSON has it; text of what it does not have, such as dicts whose keys are no text."""
    value = _scalar(value)
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, str):
        return str.__str__(value)  # that of an Enum, whose own is its name
    if isinstance(value, list | tuple | np.ndarray | Tensor):
        return [_json(item) for item in value]
    if isinstance(value, dict) and all(isinstance(key, str) for key in value):
        return {key: _json(item) for key, item in value.items()}
    return repr(value) if isinstance(value, bytes) else str(value)
