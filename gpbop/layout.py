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
    """What snapping needs of every column, on one device. Build it with `Layout.build`.

    Args:
        bounds: `2 x d` least and greatest encoded values: 0 and 1, or the codes 0 and count - 1.
        middle: `d` numbers that an active column gets for the sentinel: code 0, else 0.5.
        last: `d` numbers of the last level: count - 1; 0 for a continuous column.
        steps: `d` numbers of steps between the levels of one unit.
        spans: The same, but 1 for a single level: what a level is divided by.
        careful: The finite columns that need more than a product and a rounding, with their placements.
        linear: Numbers of the `k` continuous linear columns.
        ranges: `3 x k` low, high and width of these, for `settle`.
        logarithmic: Numbers of the `k` continuous columns on log scales.
        resolution: `k` spacings of their canonical numbers.
    """

    bounds: Tensor
    middle: Tensor
    last: Tensor
    steps: Tensor
    spans: Tensor
    careful: tuple[tuple[int, Placement], ...]
    linear: Tensor
    ranges: Tensor
    logarithmic: Tensor
    resolution: Tensor

    @classmethod
    def build(cls, parameters: Sequence[Parameter], device: torch.device) -> "Layout":
        """Return the layout of the columns on a device."""

        def row(numbers: Sequence[float]) -> Tensor:
            return torch.tensor(numbers, dtype=torch.float64, device=device)

        scales = {j: p.scale for j, p in enumerate(parameters) if isinstance(p, Float) and p.placement is None}
        linear = {j: scale for j, scale in scales.items() if isinstance(scale, Linear)}
        logarithmic = {j: scale for j, scale in scales.items() if isinstance(scale, Log)}
        placements = [p.placement for p in parameters]
        last = row([0 if placement is None else placement.count - 1 for placement in placements])
        codes = torch.tensor([p.is_categorical for p in parameters], device=device)
        top = torch.where(codes, last, 1.0)
        steps = torch.where(codes, 1.0, last)
        return cls(
            bounds=torch.stack([torch.zeros_like(top), top]),
            middle=torch.where(codes, 0.0, 0.5).to(torch.float64),
            last=last,
            steps=steps,
            spans=steps.clamp(min=1.0),
            careful=tuple(
                (j, placement) for j, placement in enumerate(placements) if placement and _is_careful(placement)
            ),
            linear=torch.tensor(list(linear), dtype=torch.int64, device=device),
            ranges=torch.stack([scale.scaled for scale in linear.values()], -1).to(device) if linear else row([]),
            logarithmic=torch.tensor(list(logarithmic), dtype=torch.int64, device=device),
            resolution=row([scale.resolution for scale in logarithmic.values()]),
        )

    def snap(self, X: Tensor) -> Tensor:
        """Return the valid encoded numbers nearest to any real ones, as if every column were active.

        Args:
            X: `... x d` real numbers; the sentinel -1 becomes the level next to the middle, or code 0.
        Returns:
            `... x d` float64 numbers on levels, or canonical.
        """
        X = torch.where(X == INACTIVE, self.middle, X).clamp(*self.bounds) + 0.0  # turns -0.0 into 0.0
        levels = (X * self.steps).round() / self.spans
        for column, placement in self.careful:
            levels[..., column] = placement.level(placement.index(X[..., column]))
        return self._with_continuous(levels, X)

    def spread(self, U: Tensor) -> Tensor:
        """Return the encoded numbers of uniform ones, as evenly spread over each column as its levels allow.

        Args:
            U: `... x d` numbers in [0, 1); numbers outside count as the nearest inside.
        Returns:
            `... x d` float64 numbers, as from `snap`.
        """
        U = U.clamp(0.0, 1.0)
        index = torch.minimum((U * (self.last + 1)).floor(), self.last)
        levels = index / self.spans
        for column, placement in self.careful:
            levels[..., column] = placement.level(placement.spread(U[..., column]))
        return self._with_continuous(levels, U)

    def _with_continuous(self, levels: Tensor, U: Tensor) -> Tensor:
        """Return `levels` with the continuous columns overwritten by canonical numbers next to U."""
        if len(self.linear):
            levels.index_copy_(-1, self.linear, settle(U.index_select(-1, self.linear), *self.ranges))
        if len(self.logarithmic):
            on_grid = (U.index_select(-1, self.logarithmic) / self.resolution).round() * self.resolution
            levels.index_copy_(-1, self.logarithmic, on_grid)
        return levels


def _is_careful(placement: Placement) -> bool:
    return isinstance(placement, Uneven) or placement.count > ROUNDING_IS_SAFE
