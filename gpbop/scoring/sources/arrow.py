"""PyArrow, imported when a table is read and not before, and its cells as Python values."""

from functools import cache
from importlib import import_module
from typing import Any

import numpy as np

from gpbop.errors import explain
from gpbop.scoring.sources.base import SourceError


@cache
def arrow() -> Any:
    """Return the module pyarrow with its submodules.

    Raises:
        SourceError: If it is not installed.
    """
    try:
        for name in ("compute", "csv", "dataset", "fs", "parquet", "types"):
            import_module(f"pyarrow.{name}")
        return import_module("pyarrow")
    except ImportError as error:
        got, advice = f"no {error.name}", "Install it: pip install pyarrow. Lists of configs need none."
        raise SourceError(explain("pyarrow", "be installed to read tables", got, advice)) from error


def python_values(array: Any) -> list[Any]:
    """Return the cells of an Arrow array as Python values, None where there is none.

    What Python has no value for is text: times beyond the year 9999, for example.
    """
    kind = array.type
    if not (arrow().types.is_time64(kind) and kind.unit == "ns"):  # it has microseconds, and the rest would be cut off
        try:
            values: list[Any] = array.to_pylist()
            return values
        except (OverflowError, ValueError):
            pass
    return [_value(scalar) for scalar in array]


def _value(scalar: Any) -> Any:
    types, kind = arrow().types, scalar.type
    if types.is_time64(kind) and scalar.is_valid and kind.unit == "ns" and scalar.value % 1000:
        return scalar.cast(arrow().string()).as_py()
    try:
        return scalar.as_py()
    except (OverflowError, ValueError):
        if types.is_struct(kind):
            return {name: _value(item) for name, item in scalar.items()}
        if types.is_nested(kind):
            return [_value(item) for item in scalar.values]
        if types.is_temporal(kind):
            unit = "D" if types.is_date32(kind) else "ms" if types.is_date64(kind) else kind.unit
            of: Any = np.timedelta64 if types.is_duration(kind) else np.datetime64
            return f"{of(scalar.value, unit)}{'Z' if getattr(kind, 'tz', None) else ''}"
        if hasattr(scalar, "as_buffer"):  # text that is no UTF-8
            return scalar.as_buffer().to_pybytes()
        return _value(scalar.value)  # of a dictionary, or of an extension type
