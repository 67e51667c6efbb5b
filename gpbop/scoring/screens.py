"""Which evaluation a stage uses: the compiled one where there is one for it, operations of torch elsewhere."""

import torch

from gpbop.kernels.fused import backend
from gpbop.scoring.criteria import Criterion
from gpbop.scoring.fused_screening import FusedScreen
from gpbop.scoring.pivoting import Projection
from gpbop.scoring.screening import Screen, TiledScreen
from gpbop.surrogate.factor import Factor


def solves(factor: Factor) -> bool:
    """Return whether what is compiled for its device takes few candidates at a time, and solves for y."""
    fused = backend(factor.L.device.type)
    return fused is not None and fused.SOLVES


def screen_of(criterion: Criterion, projection: Projection, r: int, dtype: torch.dtype, has_mean: bool) -> Screen:
    """Build a stage.

    Args:
        criterion: The acquisition function.
        projection: The pivots.
        r: How many of them it reads.
        dtype: The working precision.
        has_mean: Whether it computes the mean, if that is read at all.
    """
    factor, dense, fused = criterion.factor, criterion.dense, backend(criterion.factor.L.device.type)
    needs_mean = criterion.needs_mean and has_mean
    if fused is None or (needs_mean and factor.alpha.reshape(len(factor.L), -1).shape[1] > 1):
        return TiledScreen(factor, projection, dense, r, needs_mean, dtype)
    return FusedScreen(factor, projection, dense, r, needs_mean, dtype, fused)
