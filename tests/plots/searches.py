"""Searches to draw, made without asking, so that they cost a fit each."""

from functools import cache

import torch

from gpbop import Categorical, Float, Integer, Optimizer, Ordinal, Space

MIXED = Space(
    {
        "rate": Float(1e-4, 1e-1, log=True),
        "width": Integer(1, 9),
        "kind": Categorical(["A", "B", "C"]),
        "momentum": Float(0.0, 0.9, when={"kind": ["A", "B"]}),
        "batch": Ordinal([8, 32, 64]),
        "decay": Float(0.0, 1.0, when={"kind": ["C"]}),
    }
)
LINE = Space({"x": Float(0.0, 2.0)})


def told(space: Space, n: int, *, failing: int = 0, repeats: int = 0, **options: str) -> Optimizer:
    """Return an optimizer that was told n sampled configs; every `failing`-th failed, the first are measured again."""
    optimizer = Optimizer(space, device="cpu", seed=0, **options)  # type: ignore[arg-type]
    configs = space.sample(n, 3)
    configs = configs + configs[:repeats]
    noise = torch.randn(len(configs), generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    values = 3.0 + (space.encode(configs) - 0.4).square().sum(-1) + 0.1 * noise
    optimizer.tell_many(configs, [None if failing and i % failing == 1 else v for i, v in enumerate(values.tolist())])
    return optimizer


@cache
def mixed() -> Optimizer:
    """20 trials on a mixed, conditional space, 4 of them failed, 2 repeats."""
    return told(MIXED, 18, failing=5, repeats=2)


@cache
def line() -> Optimizer:
    """7 trials along one parameter, to be maximised."""
    return told(LINE, 7, direction="maximize")
