"""The columns of a space as rows of tensors, so that whole matrices are snapped to valid points at once."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from gpbop.parameters import INACTIVE, Float, Parameter
from gpbop.parameters.placements import ROUNDING_IS_SAFE, Placement, Uneven
from gpbop.parameters.scales import Linear, Log, settle


@dataclass(frozen=True)
class Layout:
    """What snapping needs of every column, on one device; `d` numbers each. Build it with `Layout.build`.

    Args:
        top: The largest encoded value: count - 1 for codes, else 1.
        middle: What an active column that holds the sentinel gets: code 0, else 0.5.
        counts: The number of levels; 1 for a continuous column.
        steps: Levels per unit of the column.
        divisors: Units of the column per level, inverted: what a level is divided by.
        linear: `3 x d` low, high and width of `settle`; 0, 1, 1 where the column is no continuous linear one.
        resolution: The spacing of canonical numbers on a log scale; 1 elsewhere.
        finite, logarithmic: `d` bools; None where they hold for every column, or for none.
        single: The finite columns that need more than a division, with their placements.
    """

    top: Tensor
    middle: Tensor
    counts: Tensor
    steps: Tensor
    divisors: Tensor
    linear: Tensor
    resolution: Tensor
    finite: Tensor | None
    logarithmic: Tensor | None
    single: tuple[tuple[int, Placement], ...]

    @classmethod
    def build(cls, parameters: Sequence[Parameter], device: torch.device) -> "Layout":
        """Return the layout of the columns on a device."""

        def row(numbers: Sequence[float]) -> Tensor:
            return torch.tensor(numbers, dtype=torch.float64, device=device)

        scales = [p.scale if isinstance(p, Float) and p.placement is None else None for p in parameters]
        counts = [1 if p.placement is None else p.placement.count for p in parameters]
        steps = [n if s is None else 1 for n, s in zip([n - 1 for n in counts], scales, strict=True)]
        codes = [p.is_categorical for p in parameters]
        finite = torch.tensor([s is None for s in scales], device=device)
        logarithmic = torch.tensor([isinstance(s, Log) for s in scales], device=device)
        linear = [s.scaled.tolist() if isinstance(s, Linear) else [0.0, 1.0, 1.0] for s in scales]
        return cls(
            top=row([n - 1 if code else 1 for n, code in zip(counts, codes, strict=True)]),
            middle=row([0.0 if code else 0.5 for code in codes]),
            counts=row(counts),
            steps=row([1 if code else n for n, code in zip(steps, codes, strict=True)]),
            divisors=row([1 if code else max(n, 1) for n, code in zip(steps, codes, strict=True)]),
            linear=row([number for column in zip(*linear, strict=True) for number in column]).reshape(3, -1),
            resolution=row([s.resolution if isinstance(s, Log) else 1.0 for s in scales]),
            finite=None if all(finite.tolist()) else finite,
            logarithmic=logarithmic if any(logarithmic.tolist()) else None,
            single=tuple(
                (j, p.placement) for j, p in enumerate(parameters) if p.placement and _needs_care(p.placement)
            ),
        )

    def snap(self, X: Tensor) -> Tensor:
        """Return the valid encoded numbers nearest to any real ones, as if every column were active.

        Args:
            X: `... x d` real numbers; the sentinel -1 becomes the level next to the middle, or code 0.
        Returns:
            `... x d` float64 numbers on levels, or canonical.
        """
        X = torch.where(X == INACTIVE, self.middle, X).clamp(min=torch.zeros_like(self.top), max=self.top)
        levels = (X * self.steps).round() / self.divisors
        for column, placement in self.single:
            levels[..., column] = placement.level(placement.index(X[..., column]))
        return self._merge(levels, X)

    def spread(self, U: Tensor) -> Tensor:
        """Return the encoded numbers of uniform ones, every level of a column with an equal share.

        Args:
            U: `... x d` numbers in [0, 1); numbers outside count as the nearest inside.
        Returns:
            `... x d` float64 numbers, as from `snap`.
        """
        U = U.clamp(0.0, 1.0)
        index = torch.minimum((U * self.counts).floor(), self.counts - 1)
        levels = index / self.divisors
        for column, placement in self.single:
            levels[..., column] = placement.level(index[..., column].long())
        return self._merge(levels, U)

    def _merge(self, levels: Tensor, U: Tensor) -> Tensor:
        """Return `levels` in the finite columns and canonical `U` in the continuous ones."""
        if self.finite is None:
            return levels
        canonical = settle(torch.where(self.finite, 0.0, U), *self.linear.unbind())
        if self.logarithmic is not None:
            canonical = torch.where(self.logarithmic, (U / self.resolution).round() * self.resolution, canonical)
        return torch.where(self.finite, levels, canonical)


def _needs_care(placement: Placement) -> bool:
    return isinstance(placement, Uneven) or placement.count > ROUNDING_IS_SAFE
