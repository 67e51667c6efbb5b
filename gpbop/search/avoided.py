"""What must not be proposed again, and what is left."""

import torch
from torch import Tensor

from gpbop.designs import sobol
from gpbop.errors import SpaceExhausted
from gpbop.space import Space

# Rows looked at in one go.
BLOCK = 4096
TRIES = 512
MOST_ATTEMPTS = 256


class Avoided:
    """The encoded points that must not be proposed again.

    Args:
        X: `k x d` canonical encoded points.
    """

    def __init__(self, X: Tensor) -> None:
        self._rows = set(map(tuple, X.tolist()))

    def __len__(self) -> int:
        return len(self._rows)

    def new(self, X: Tensor) -> Tensor:
        """Return which of `m x d` points are not avoided."""
        return torch.tensor([tuple(row) not in self._rows for row in X.tolist()], dtype=torch.bool, device=X.device)


def unseen(space: Space, avoided: Avoided, seed: int) -> Tensor:
    """Find a point that is not avoided, `1 x d`: by chance, then by going through the whole space.

    Raises:
        SpaceExhausted: If there is none.
    """
    size = space.size
    # Of a space too large to count, what is avoided is a vanishing part; chance may have to look for the rest.
    for attempt in range(1 if size < 2**63 else MOST_ATTEMPTS):
        X = sobol(space, TRIES, seed + attempt)
        new = avoided.new(X).nonzero()
        if len(new):
            return X[new[0]]
    if size >= 2**63:
        raise SpaceExhausted(exhausted_message(space))
    for start in range(0, int(min(size, len(avoided) + 1)), BLOCK):
        X = space.grid_rows(torch.arange(start, int(min(start + BLOCK, size))))
        new = avoided.new(X).nonzero()
        if len(new):
            return X[new[0]]
    raise SpaceExhausted(exhausted_message(space))


def exhausted_message(space: Space) -> str:
    """Return what to tell when every config of a space is avoided."""
    return (
        f"the space must hold a config that has not been tried; got {space.size} configs, all told or pending. "
        "Stop here, widen the space, or pass repeats=True to measure configs again."
    )
