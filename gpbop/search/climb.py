"""Local search: gradient steps alternated with moves of finite parameters, all starts in one batch.

The scheme of BoTorch's `optimize_acqf_mixed_alternating`, without its cost per call.
"""

import torch
from torch import Tensor

from gpbop.acquisition import Acquisition
from gpbop.bfgs import minimize_batch
from gpbop.search.moves import Moves, best_moves
from gpbop.space import Space

# Chosen by benchmarks/ask_latency.py on a 10-parameter mixed space.
ROUNDS = 8
MAX_STEPS = 40
# Until finite moves have settled, ascents stop early: at this many steps, or at this many times the tolerance.
ROUGH_STEPS, ROUGH = 10, 100.0
# How many of the starts are polished.
POLISHED = 2
FIRST_STEP = 0.1  # of the unit cube


def climb(
    value: Acquisition, space: Space, X: Tensor, values: Tensor, tolerance: float, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Alternate rough gradient steps and finite moves until neither helps, then polish the best.

    Curvature is carried from one ascent of a start to its next. Only what could still win is polished.
    """
    moves = Moves(space, X)
    if not moves.continuous:
        return _walk(value, X, values, moves, tolerance, generator)
    ascent = _Ascent(value, moves.continuous, X)
    going = torch.arange(len(X), device=X.device)
    for _ in range(ROUNDS):
        before = values[going]
        X[going], values[going] = ascent(X[going], values[going], going, ROUGH_STEPS, tolerance * ROUGH)
        if not moves.finite:
            break
        X[going], values[going] = best_moves(value, X[going], values[going], moves, generator)
        going = going[values[going] > before + tolerance * ROUGH]
        if not len(going):
            break
    for _ in range(ROUNDS):
        best = values.topk(min(POLISHED, len(values))).indices
        X[best], values[best] = ascent(X[best], values[best], best, MAX_STEPS, tolerance)
        if not moves.finite:
            break
        before = values[best]
        X[best], values[best] = best_moves(value, X[best], values[best], moves, generator)
        if not bool((values[best] > before + tolerance).any()):
            break
    return X, values


def _walk(
    value: Acquisition, X: Tensor, values: Tensor, moves: Moves, tolerance: float, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Take finite moves alone until none helps."""
    for _ in range(MAX_STEPS):
        before = values
        X, values = best_moves(value, X, values, moves, generator)
        if not bool((values > before + tolerance).any()):
            break
    return X, values


class _Ascent:
    """Gradient steps of many starts, each with the curvature of its last ascent.

    Args:
        value: What is maximised.
        columns: The continuous columns.
        X: `r x d` starts.
    """

    def __init__(self, value: Acquisition, columns: list[int], X: Tensor) -> None:
        self._value, self._columns = value, columns
        self._bounds = torch.stack([X.new_zeros(len(columns)), X.new_ones(len(columns))])
        self._inverse_hessian: Tensor | None = None

    def __call__(
        self, X: Tensor, values: Tensor, start: Tensor, max_evaluations: int, tolerance: float
    ) -> tuple[Tensor, Tensor]:
        """Move the active continuous columns of `r' x d` points uphill; `start` numbers them among all starts."""
        x = X[:, self._columns]
        active = x >= 0.0
        found = minimize_batch(
            self._value.ascent(X, self._columns),
            x.clamp_min(0.0),
            self._bounds,
            inverse_hessian=None if self._inverse_hessian is None else self._inverse_hessian[start],
            first_step=FIRST_STEP,
            max_evaluations=max_evaluations,
            tolerance=tolerance,
        )
        if self._inverse_hessian is None:
            self._inverse_hessian = found.inverse_hessian
        else:
            self._inverse_hessian[start] = found.inverse_hessian
        better = -found.value > values
        moved = X.clone()
        moved[:, self._columns] = torch.where(active & better.unsqueeze(-1), found.x, x)
        return moved, torch.where(better, -found.value, values)
