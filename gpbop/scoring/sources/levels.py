"""Levels of many numbers at once, for the evenly spaced parameters; what is not certain is left to `level_of`."""

import sys
from typing import Any

import numpy as np

from gpbop.parameters import Float, Integer, Parameter
from gpbop.parameters.bounds import STEP_TOLERANCE
from gpbop.parameters.placements import Even

Array = np.ndarray[Any, Any]

UNCERTAIN = -1


def certain_levels(parameter: Parameter, numbers: Array) -> Array:
    """Return the levels of numbers, UNCERTAIN where rounding might decide, or the number is none of the parameter.

    Floats of fewer than 64 bits are on the level that they are the nearest such number to: 0.10000000149 on 0.1.

    Args:
        parameter: A finite parameter.
        numbers: `m` integers or floats.
    Returns:
        `m` int64 levels.
    """
    if isinstance(parameter, Integer) and isinstance(parameter.placement, Even):
        return _of_integer(parameter, numbers)
    if isinstance(parameter, Float) and numbers.dtype.kind == "f" and numbers.dtype.itemsize < 8:
        return _of_short(parameter, numbers)
    if isinstance(parameter, Float) and isinstance(parameter.placement, Even):
        return _of_stepped(parameter, numbers.astype(np.float64))
    return np.full(len(numbers), UNCERTAIN)


def _of_integer(parameter: Integer, numbers: Array) -> Array:
    if numbers.dtype.kind == "f":
        is_whole = (np.abs(numbers) < 2.0**53) & (np.floor(numbers) == numbers)
        whole = np.where(is_whole, numbers, 0).astype(np.int64)
    else:
        is_whole = numbers <= np.iinfo(np.int64).max
        whole = numbers.astype(np.int64)
    is_inside = is_whole & (whole >= parameter.low) & (whole <= parameter.high)
    # Unsigned, modulo 2^64: the distance to `low` may not fit into int64, but is right once inside.
    distance = whole.astype(np.uint64) - np.uint64(parameter.low % 2**64)
    levels, rest = np.divmod(distance, np.uint64(parameter.step))
    return np.where(is_inside & (rest == 0), levels.astype(np.int64), UNCERTAIN)


def _of_stepped(parameter: Float, numbers: Array) -> Array:
    """A number is on a level if it is nearer than half of STEP_TOLERANCE, whatever rounding did to the difference."""
    low, high, step = parameter.low, parameter.high, parameter.step or 1.0
    rounding = 8 * sys.float_info.epsilon * (abs(low) + abs(high))
    margin = 0.5 * STEP_TOLERANCE * step - rounding
    if not margin > 0:
        return np.full(len(numbers), UNCERTAIN)
    is_inside = (numbers >= low) & (numbers <= high)
    levels = np.rint((np.where(is_inside, numbers, low) - low) / step)
    is_certain = is_inside & (np.abs(numbers - (low + levels * step)) <= margin)
    return np.where(is_certain, levels.astype(np.int64), UNCERTAIN)


def _of_short(parameter: Float, numbers: Array) -> Array:
    low, high, step = parameter.low, parameter.high, parameter.step or 1.0
    gap = float(np.finfo(numbers.dtype).eps) * max(abs(low), abs(high))
    if not step > 2 * gap:  # two levels may be one number
        return np.full(len(numbers), UNCERTAIN)
    wide = np.where(np.isfinite(numbers), numbers, low).astype(np.float64)
    levels = np.clip(np.rint((wide - low) / step), 0, parameter.count - 1)
    with np.errstate(over="ignore"):  # of levels beyond float16
        is_nearest = (low + levels * step).astype(numbers.dtype) == numbers
    return np.where(np.isfinite(numbers) & is_nearest, levels.astype(np.int64), UNCERTAIN)
