"""Observations: encoded points and their values, checked once, here."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, SupportsFloat

import torch
from torch import Tensor

from gpbop.errors import ObjectiveError, ShapeError
from gpbop.space import Space


def check_value(value: object) -> float:
    """Turn a told value into a float; a failed experiment (None, NaN or an infinity) becomes NaN.

    Args:
        value: A number, a 0-d array or tensor, or None.
    Returns:
        The number, or NaN.
    Raises:
        ObjectiveError: If the value is no number.
    """
    if value is None:
        return math.nan
    numeric = isinstance(value, SupportsFloat) and not isinstance(value, bool | str | bytes)
    if not numeric or getattr(value, "ndim", 0):
        raise ObjectiveError(
            f"`value` must be a number, or None for a failed experiment; got {value!r} of type {type(value).__name__}. "
            "Tell the objective's value as a float."
        )
    number = float(value)  # type: ignore[arg-type]  # narrowed through `numeric`
    return number if math.isfinite(number) else math.nan


@dataclass(frozen=True)
class Observations:
    """What the experiments returned.

    Attributes:
        X: `n x d` encoded points.
        y: `n` values in the objective's units, NaN where the experiment failed.
    """

    X: Tensor
    y: Tensor

    def __post_init__(self) -> None:
        if self.X.ndim != 2 or self.y.shape != self.X.shape[:1]:
            raise ShapeError(
                f"`X` must have shape `n x d` and `y` shape `n`; got {tuple(self.X.shape)} and {tuple(self.y.shape)}. "
                "Encode the configs with space.encode and tell one value for each."
            )

    @staticmethod
    def of(
        space: Space, configs: Sequence[Mapping[str, Any]], values: Sequence[object], *, device: torch.device | None = None
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
        if len(configs) != len(values):
            raise ShapeError(
                f"`values` must have one value for each config; got {len(configs)} configs and {len(values)} values. "
                "Use None as the value of a failed experiment."
            )
        y = torch.tensor([check_value(value) for value in values], dtype=torch.float64, device=device)
        return Observations(space.encode(configs, device=device), y)

    def __len__(self) -> int:
        return len(self.y)

    @property
    def succeeded(self) -> Tensor:
        """Which of the `n` experiments returned a value."""
        return ~torch.isnan(self.y)

    def successes(self) -> "Observations":
        """Keep the experiments that returned a value."""
        return Observations(self.X[self.succeeded], self.y[self.succeeded])

    def failures(self) -> Tensor:
        """Return the `f x d` points of the failed experiments."""
        return self.X[~self.succeeded]
