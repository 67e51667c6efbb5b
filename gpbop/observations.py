"""Observations: encoded points and their values, checked once, here."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, SupportsFloat

import torch
from torch import Tensor

from gpbop.errors import ObjectiveError, ShapeError, explain
from gpbop.parameters.choices import plain
from gpbop.space import Space


def check_value(value: object, name: str = "value") -> float:
    """Turn a told value into a float; a failed experiment (None, NaN or an infinity) becomes NaN.

    Args:
        value: A number, a 0-d array or tensor, or None.
        name: What the error message calls it.
    Returns:
        The number, or NaN.
    Raises:
        ObjectiveError: If the value is no number.
    """
    number = plain(value)
    if number is None:
        return math.nan
    try:
        if (
            isinstance(number, bool | str | bytes)
            or getattr(number, "ndim", None)
            or not isinstance(number, SupportsFloat)
        ):
            raise TypeError
        as_float = float(number)
    except OverflowError:  # an int or a fraction beyond float64 is as good as infinite
        return math.nan
    except (TypeError, ValueError):
        rule, got = "be a number, or None for a failed experiment", f"{value!r} of type {type(value).__name__}"
        raise ObjectiveError(explain(name, rule, got, "Tell the objective's value as a float.")) from None
    return as_float if math.isfinite(as_float) else math.nan


def check_values(configs: Sequence[object], values: Sequence[object]) -> list[float]:
    """Turn told values into floats, as `check_value`, and hold them against the number of configs.

    Args:
        configs: `n` configs.
        values: `n` values: a list, or a 1-d array or tensor.
    Returns:
        `n` floats, NaN for failed experiments.
    Raises:
        ObjectiveError: If a value is no number; the message tells which.
        ShapeError: If there are more configs than values, or fewer.
    """
    is_list = isinstance(values, Sequence) and not isinstance(values, str | bytes)
    if not (is_list or getattr(values, "ndim", 0) == 1) or len(configs) != len(values):
        got = f"{len(configs)} configs and {len(values)} values" if is_list else repr(values)
        advice = "Use None as the value of a failed experiment."
        raise ShapeError(explain("values", "be a list of one value for each config", got, advice))
    return [check_value(value, f"values[{number}]") for number, value in enumerate(values)]


@dataclass(frozen=True)
class Observations:
    """What the experiments returned.

    Attributes:
        X: `n x d` encoded points.
        y: `n` values in the objective's units, not finite where the experiment failed.
    """

    X: Tensor
    y: Tensor

    def __post_init__(self) -> None:
        if self.X.ndim != 2 or self.y.shape != self.X.shape[:1]:
            got = f"{tuple(self.X.shape)} and {tuple(self.y.shape)}"
            advice = "Encode the configs with space.encode and give one value for each."
            raise ShapeError(explain("`X` and `y`", "have shapes n x d and n", got, advice))

    @staticmethod
    def of(
        space: Space,
        configs: Sequence[Mapping[str, Any]],
        values: Sequence[object],
        *,
        device: torch.device | None = None,
    ) -> "Observations":
        """Encode configs and check their values.

        Args:
            space: The search space.
            configs: `n` configs.
            values: `n` values; None, NaN and infinities are failed experiments.
            device: Where the tensors go.
        Raises:
            ConfigError: If a config does not belong to the space.
            ObjectiveError: If a value is no number.
            ShapeError: If there are more configs than values, or fewer.
        """
        y = torch.tensor(check_values(configs, values), dtype=torch.float64, device=device)
        return Observations(space.encode(configs, device=device), y)

    def __len__(self) -> int:
        return len(self.y)

    @property
    def succeeded(self) -> Tensor:
        """Which of the `n` experiments returned a value."""
        return torch.isfinite(self.y)

    def successes(self) -> "Observations":
        """Keep the experiments that returned a value."""
        return Observations(self.X[self.succeeded], self.y[self.succeeded])

    def failures(self) -> Tensor:
        """Return the `f x d` points of the failed experiments."""
        return self.X[~self.succeeded]
