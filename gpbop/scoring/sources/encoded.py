"""Candidates that are encoded already, in a tensor."""

import torch
from torch import Tensor
from typing_extensions import override

from gpbop.errors import ShapeError, explain
from gpbop.scoring.sources.base import Indexed, SourceError
from gpbop.space import Space


class Encoded(Indexed):
    """The rows of a tensor.

    Args:
        space: The search space.
        X: `m x d` canonical encoded rows, as from `space.encode` or `space.canonicalize`.
    Raises:
        SourceError: If X has no row, or one that is not canonical.
        ShapeError: If X is not `m x d`.
        ConfigError: If X holds NaN.
    """

    def __init__(self, space: Space, X: Tensor) -> None:
        if X.ndim != 2:
            raise ShapeError(explain("X", f"have shape m x {space.d}", str(tuple(X.shape)), "Write X.reshape(-1, d)."))
        if not len(X):
            raise SourceError(explain("X", "hold at least one row", "none", "Add a candidate."))
        wrong = (space.canonicalize(X) != X).any(-1)
        if bool(wrong.any()):
            row = int(wrong.nonzero()[0])
            advice = "Use space.canonicalize(X)."
            raise SourceError(explain(f"`X` in row {row}", "be canonical", str(X[row].tolist()), advice))
        super().__init__(space, len(X))
        self._X = X.detach().to(torch.float64) + 0.0  # turns -0.0 into 0.0

    @override
    def rows(self, index: Tensor) -> Tensor:
        return self._X[index.to(self._X.device)].to(index.device)

    @override
    def consecutive(self, first: int, index: Tensor) -> Tensor:
        return self._X[first : first + len(index)].to(index.device)
