"""Small spaces, a smooth loss on them, and the plain loop of ask and tell."""

from typing import Any

import torch

from gpbop import Categorical, Float, Integer, Optimizer, Ordinal, Space
from tests.spaces import same

# 2 x (1 + 3) + 4 = 12 configs.
SMALL = Space(
    {
        "kind": Categorical(["A", True, 1]),
        "on": Categorical([False, True], when={"kind": ["A", True]}),
        "p": Float(0.1, 0.3, step=0.1, when={"on": [True]}),
        "n": Ordinal([1, 2, 4, 8], when={"kind": [1]}),
    }
)
GRID = Space({"a": Integer(0, 7), "b": Integer(0, 7)})
SQUARE = Space({"x": Float(0.0, 1.0), "y": Float(0.0, 1.0)})


def loss(space: Space, config: dict[str, Any]) -> float:
    """Return a smooth function of the encoded point, of size one, with its minimum inside."""
    x = space.encode([config])[0]
    return float(((x - 0.3) ** 2 * torch.arange(1, space.d + 1)).sum())


def play(optimizer: Optimizer, rounds: int, sign: float = 1.0) -> list[str]:
    """Ask and tell by turns; return the asks as text."""
    asked = []
    for _ in range(rounds):
        config = optimizer.ask()
        asked.append(same(config))
        optimizer.tell(config, sign * loss(optimizer.space, config))
    return asked
