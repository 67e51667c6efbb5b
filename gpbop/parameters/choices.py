"""JSON values as choices: plain copies of them, and the identity by which two of them are the same.

True and 1 are different, and so are False and 0; 1 and 1.0 are the same number, as in JSON. A tuple is the list it
becomes in JSON; NumPy scalars and 0-d arrays or tensors are the Python values they hold.
"""

import difflib
import math
from collections.abc import Hashable, Iterable, Sequence
from typing import Any, TypeAlias

import numpy as np
from torch import Tensor

from gpbop.errors import SpaceError, explain

Json: TypeAlias = Any  # None, bool, int, float, str, list of Json, dict from str to Json


def plain(value: object) -> Any:
    """Return the Python value of a NumPy scalar, a 0-d array or a 0-d tensor, and anything else as it is."""
    if isinstance(value, np.generic) or (isinstance(value, np.ndarray | Tensor) and value.ndim == 0):
        return value.item()
    return value


def identity(value: object) -> Hashable:
    """Return a hashable key, equal for two JSON values exactly when they are the same choice.

    Raises:
        TypeError: If the value is no JSON value; NaN and infinities are none.
    """
    value = plain(value)
    if value is None or isinstance(value, bool | str):
        return type(value).__name__, value
    if isinstance(value, int | float) and math.isfinite(value):
        return "number", value
    if isinstance(value, list | tuple):
        return "list", tuple(identity(item) for item in value)
    if isinstance(value, dict) and all(isinstance(key, str) for key in value):
        return "dict", frozenset((key, identity(item)) for key, item in value.items())
    raise TypeError(f"{value!r} is not a JSON value")


def copy(value: Json) -> Json:
    """Return a copy of a JSON value that shares no list or dict with it, as plain Python values."""
    value = plain(value)
    if isinstance(value, list | tuple):
        return [copy(item) for item in value]
    if isinstance(value, dict):
        return {key: copy(item) for key, item in value.items()}
    return value


def distinct(values: object, argument: str) -> tuple[Json, ...]:
    """Check that `values` is a non-empty list of distinct JSON values, and return plain copies of them.

    Raises:
        SpaceError: If it is not.
    """
    if isinstance(values, str | bytes | dict) or not isinstance(values, Iterable):
        raise SpaceError(explain(argument, "be a list of values", repr(values), f"Write [{values!r}]."))
    listed = list(values)
    if not listed:
        raise SpaceError(explain(argument, "hold at least one value", repr(values), "Add one, or drop the parameter."))
    seen: dict[Hashable, object] = {}
    for value in listed:
        try:
            key = identity(value)
        except TypeError:
            advice = "Use None, bools, finite numbers, strings, and lists or dicts of them."
            raise SpaceError(explain(argument, "hold JSON values only", repr(value), advice)) from None
        if key in seen:
            advice = "Remove one of them (1 and 1.0 are one number; True and 1 are two choices)."
            raise SpaceError(explain(argument, "hold no value twice", f"{seen[key]!r} and {value!r}", advice))
        seen[key] = value
    return tuple(copy(value) for value in listed)


def suggest(given: object, known: Sequence[Json]) -> str:
    """Return the sentence that follows an unknown name or choice: the closest one known, or all of them."""
    names = [name for name in known if isinstance(name, str)]
    close = difflib.get_close_matches(given, names, n=1) if isinstance(given, str) else []
    return f"Did you mean {close[0]!r}?" if close else f"Use one of {', '.join(map(repr, known))}."
