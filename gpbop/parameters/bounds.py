"""Checks of numbers: the bounds and the step that build a parameter, and the numbers told for it."""

import math
import sys
from fractions import Fraction

from gpbop.errors import ConfigError, SpaceError, explain
from gpbop.parameters.choices import plain

LARGEST_STEPS = 2**53  # consecutive whole numbers that float64 tells apart, less one
STEP_TOLERANCE = 1e-9  # of a step: how far a number may lie from its level and still count as on it


def decimal(number: float) -> Fraction:
    """Return the number that a float's shortest decimal writes, exactly: 1/10 for 0.1."""
    return Fraction(repr(number))


def finite_float(number: object, name: str) -> float:
    """Return a finite number as a float, or raise SpaceError about `name`."""
    number = plain(number)
    if isinstance(number, bool) or not isinstance(number, int | float):
        raise SpaceError(
            explain(name, "be a number", f"{number!r} ({type(number).__name__})", "Use an int or a float.")
        )
    if not abs(number) <= sys.float_info.max:  # false for NaN too, and no overflow for a large int
        raise SpaceError(explain(name, "be finite", repr(number), "Choose bounds that hold every useful value."))
    return float(number)


def whole(number: object, name: str) -> int:
    """Return a whole number of 64 bits as an int, or raise SpaceError about `name`."""
    number = plain(number)
    if isinstance(number, bool) or not isinstance(number, int | float) or number % 1 != 0:  # NaN, inf: NaN != 0
        got = f"{number!r} ({type(number).__name__})"
        raise SpaceError(explain(name, "be a whole number", got, "Use an int, or Float instead of Integer."))
    if not -(2**63) <= number < 2**63:
        raise SpaceError(explain(name, "fit into 64 bits", repr(number), "Count in larger units."))
    return int(number)


def check_bounds(low: float, high: float, log: object) -> None:
    """Check low < high, and that low is positive (and a normal float64) where the scale is logarithmic."""
    if not isinstance(log, bool):
        raise SpaceError(explain("log", "be True or False", repr(log), "Write log=True for a logarithmic scale."))
    if low >= high:
        advice = "Swap the bounds." if low > high else "Leave a constant out of the space."
        raise SpaceError(explain("low", "be less than `high`", f"low={low!r}, high={high!r}", advice))
    if log and low < sys.float_info.min:
        rule = "be positive when log=True" if low <= 0 else "be a normal float64 when log=True"
        raise SpaceError(explain("low", rule, repr(low), "Raise it, or use log=False."))


def check_step(low: float, high: float, step: float) -> None:
    """Check that a step is positive, no wider than the range, leads from low to high, and leaves distinct levels."""
    if step <= 0:
        raise SpaceError(explain("step", "be positive", repr(step), "Count upwards from `low`."))
    span = decimal(high) - decimal(low)
    if decimal(step) > span:
        got = f"step={step!r} with low={low!r}, high={high!r}"
        raise SpaceError(explain("step", "be at most high - low", got, "Use a smaller step."))
    steps = span / decimal(step)
    too_fine = isinstance(step, float) and step < 4 * math.ulp(max(abs(low), abs(high)))
    if steps > LARGEST_STEPS or too_fine:
        rule = "be wide enough for float64 to tell the levels apart"
        got = f"step={step!r} with low={low!r}, high={high!r}"
        raise SpaceError(explain("step", rule, got, "Use a larger step, or a Float without one."))
    if abs(steps - round(steps)) > STEP_TOLERANCE:
        last = decimal(low) + math.floor(steps) * decimal(step)
        got = f"low={low!r}, high={high!r}, step={step!r}"
        advice = f"Use high={int(last) if isinstance(high, int) else float(last)!r}."
        raise SpaceError(explain("high", "be `low` plus a whole number of steps", got, advice))


def told_number(value: object, name: str, low: float, high: float, slack: float = 0.0) -> int | float:
    """Return a told value that is a number in [low - slack, high + slack], or raise ConfigError about `name`."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        got = f"{value!r} ({type(value).__name__})"
        raise ConfigError(explain(name, "be a number", got, f"Use one from {low!r} to {high!r}."))
    if isinstance(value, float) and math.isnan(value):
        raise ConfigError(explain(name, "not be NaN", "nan", f"Use a number from {low!r} to {high!r}."))
    if not low - slack <= value <= high + slack:
        advice = "Use a number in the range, or widen the parameter."
        raise ConfigError(explain(name, f"lie in [{low!r}, {high!r}]", repr(value), advice))
    return value
