"""Parameters that hold numbers: Float and Integer."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cached_property

import torch
from torch import Tensor
from typing_extensions import override

from gpbop.errors import ConfigError, explain
from gpbop.parameters.base import Parameter
from gpbop.parameters.bounds import STEP_TOLERANCE, check_bounds, check_step, decimal, finite_float, told_number, whole
from gpbop.parameters.choices import Json, plain
from gpbop.parameters.placements import Even, Placement, Uneven
from gpbop.parameters.scales import Linear, Log, Scale, shortest


@dataclass(frozen=True, eq=False, repr=False)
class Float(Parameter):
    """A real number in [low, high], both included; with a step, one of low, low + step, ..., high.

    A number typed with up to 15 digits comes back from its encoding as typed; `gpbop.parameters.scales` has the exact
    promise. Stepped values are the decimals a person expects (0.3, not 0.30000000000000004), and a told value within
    1e-9 of a step counts as on it.

    Args:
        low: The least value.
        high: The greatest value; with a step, a whole number of steps above `low`.
        log: Whether the encoded column is the logarithm; `low` must be positive then.
        step: The distance of two values; None: continuous.

    Example:
        >>> noise = Float(0.0, 0.5, step=0.1)
        >>> noise.count, noise.encode(0.3), noise.decode(0.6)
        (6, 0.6, 0.3)
    """

    low: float
    high: float
    log: bool = field(default=False, kw_only=True)
    step: float | None = field(default=None, kw_only=True)

    @override
    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("low", "high") if self.step is None else ("low", "high", "step"):
            object.__setattr__(self, name, finite_float(getattr(self, name), name))
        check_bounds(self.low, self.high, self.log)
        if self.step is not None:
            check_step(self.low, self.high, self.step)
        _ = self.placement  # checks that a log scale keeps the levels apart

    @cached_property
    def scale(self) -> Scale:
        """The scale of the encoded column."""
        return Log(self.low, self.high) if self.log else Linear(self.low, self.high)

    @cached_property
    def _last(self) -> int:
        return round((decimal(self.high) - decimal(self.low)) / decimal(self.step or 1.0))

    @cached_property
    def _lattice(self) -> tuple[int, int, int]:
        """Integers a, b, q: level i is the float64 nearest to (a + i b) / q, so decimal arithmetic without rounding."""
        low = decimal(self.low)
        spacing = (decimal(self.high) - low) / self._last
        q = math.lcm(low.denominator, spacing.denominator)
        return int(low * q), int(spacing * q), q

    @override
    def _place(self) -> Placement | None:
        if self.step is None:
            return None
        return (
            Uneven(self._last + 1, self.scale, self.value_of) if isinstance(self.scale, Log) else Even(self._last + 1)
        )

    @override
    def encode_all(self, values: Sequence[object], name: str = "value") -> Tensor:
        if self.placement is not None:
            return super().encode_all(values, name)
        numbers = [float(told_number(plain(value), name, self.low, self.high)) for value in values]
        return self.scale.unit(torch.tensor(numbers, dtype=torch.float64))

    @override
    def decode_all(self, column: Tensor) -> list[Json]:
        if self.placement is not None:
            return super().decode_all(column)
        canonical = self.scale.canonical(column.to(torch.float64).clamp(0.0, 1.0))
        values: list[Json] = shortest(self.scale, canonical).tolist()
        return values

    @override
    def level_of(self, value: object, name: str) -> int:
        step = self.step or 1.0
        number = told_number(value, name, self.low, self.high, STEP_TOLERANCE * step)
        level = min(max(round(number / step - self.low / step), 0), self._last)
        if self.value_of(level) == number:
            return level
        a, b, q = self._lattice
        exact = (Fraction(number) * q - a) / b
        level = min(max(round(exact), 0), self._last)
        if self.value_of(level) != number and abs(exact - level) > STEP_TOLERANCE:
            rule = f"be {self.low!r} plus a whole number of steps of {self.step!r}"
            advice = f"Use {self.value_of(level)!r}, the nearest level."
            raise ConfigError(explain(name, rule, repr(value), advice))
        return level

    @override
    def value_of(self, level: int) -> float:
        a, b, q = self._lattice
        return (a + level * b) / q  # of two ints: rounded once, to nearest


@dataclass(frozen=True, eq=False, repr=False)
class Integer(Parameter):
    """A whole number in [low, high], both included; with a step, one of low, low + step, ..., high. 3.0 counts as 3.

    Args:
        low: The least value.
        high: The greatest value; with a step, a whole number of steps above `low`.
        log: Whether the encoded column is the logarithm; `low` must be positive then.
        step: The distance of two values.

    Example:
        >>> width = Integer(4, 64, log=True)
        >>> width.count, width.encode(16), width.decode(0.5)
        (61, 0.5, 16)
    """

    low: int
    high: int
    log: bool = field(default=False, kw_only=True)
    step: int = field(default=1, kw_only=True)

    @override
    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("low", "high", "step"):
            object.__setattr__(self, name, whole(getattr(self, name), name))
        check_bounds(self.low, self.high, self.log)
        check_step(self.low, self.high, self.step)
        _ = self.placement  # checks that a log scale keeps the levels apart

    @override
    def _place(self) -> Placement:
        count = (self.high - self.low) // self.step + 1
        return Uneven(count, Log(self.low, self.high), self.value_of) if self.log else Even(count)

    @override
    def level_of(self, value: object, name: str) -> int:
        number = told_number(value, name, self.low, self.high)
        if number != int(number):
            raise ConfigError(explain(name, "be a whole number", repr(value), f"Use {round(number)}."))
        level, rest = divmod(int(number) - self.low, self.step)
        if rest:
            rule = f"be {self.low} plus a whole number of steps of {self.step}"
            raise ConfigError(explain(name, rule, repr(value), f"Use {self.value_of(level)}."))
        return level

    @override
    def value_of(self, level: int) -> int:
        return self.low + level * self.step
