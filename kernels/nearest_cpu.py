"""Points sorted by the nearest of some centres on the CPU, compiled by Numba: one lane for each point."""

from typing import Any

import numpy as np
import torch
from torch import Tensor

from gpbop.kernels.compiled import LANES, compiled


@compiled
def _nearest(points: Any, centres: Any, number: Any) -> None:
    """Write the number of the nearest of `g x F` centres for each of `m x F` points; the first of equal ones."""
    m, F = points.shape
    own, x = np.empty((F, LANES), points.dtype), np.empty(LANES, points.dtype)
    least, at = np.empty(LANES, points.dtype), np.empty(LANES, np.int32)
    for begin in range(0, m, LANES):
        filled = min(LANES, m - begin)
        for c in range(LANES):
            for f in range(F):
                own[f, c] = points[begin + min(c, filled - 1), f]
        for i in range(len(centres)):
            for c in range(LANES):
                x[c] = 0
            for f in range(F):
                z, row = centres[i, f], own[f]
                for c in range(LANES):
                    x[c] += (row[c] - z) * (row[c] - z)
            for c in range(LANES):
                is_nearer = i == 0 or x[c] < least[c]
                least[c] = x[c] if is_nearer else least[c]
                at[c] = np.int32(i) if is_nearer else at[c]
        number[begin : begin + filled] = at[:filled]


@compiled
def _sorted(number: Any, ends: Any, order: Any) -> None:
    """Write an order by numbers that leaves equal ones as they stood, and where each number ends; `ends` are zeros."""
    for i in number:
        ends[i] += 1
    total = 0
    for i in range(len(ends)):
        total, ends[i] = total + ends[i], total
    for place in range(len(number)):
        i = number[place]
        order[ends[i]] = place
        ends[i] += 1


def by_nearest(points: Tensor, centres: Tensor) -> tuple[Tensor, Tensor]:
    """Sort points by the nearest of some centres; as `gpbop.kernels.fused.by_nearest`."""
    number, order = torch.empty(len(points), dtype=torch.int32), torch.empty(len(points), dtype=torch.int64)
    ends = torch.zeros(len(centres), dtype=torch.int64)
    _nearest(points.contiguous().numpy(), centres.contiguous().numpy(), number.numpy())
    _sorted(number.numpy(), ends.numpy(), order.numpy())
    return order, ends
