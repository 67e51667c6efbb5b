"""Spaces, data and fitted processes that several questions are asked about; the same seed gives the same ones."""

import math
from functools import cache, lru_cache
from typing import Any

import torch
from torch import Tensor

from gpbop import Categorical, Float, GaussianProcess, Integer, Space
from gpbop.designs import sobol

CHOICES = 3  # of each categorical parameter of `space_of`
# Hyperparameters are fitted to this many observations at most: a case is about what is done with them.
FITTED_OBSERVATIONS = 300

# Ten parameters of all kinds.
TEN = Space(
    {
        **{f"x{i}": Float(0.0, 1.0) for i in range(4)},
        "rate": Float(1e-5, 1e-1, log=True),
        "layers": Integer(1, 16),
        "heads": Integer(1, 16),
        "optimizer": Categorical(["sgd", "adam", "lion"]),
        "activation": Categorical(["relu", "gelu", "silu", "tanh"]),
        "norm": Categorical(["none", "batch", "layer"]),
    }
)

# The spaces of `benchmarks.functions`.
FUNCTION_SPACES = {
    "mixed_branin": Space(
        {
            "x": Float(0.0, 1.0),
            "y": Float(0.0, 1.0),
            "level": Categorical(["low", "middle", "high"]),
            "tilt": Categorical([False, True]),
        }
    ),
    "mixed_ackley": Space(
        {
            **{f"x{i}": Float(0.0, 1.0) for i in range(4)},
            **{f"n{i}": Integer(0, 15) for i in range(2)},
            "mode": Categorical(["a", "b", "c"]),
        }
    ),
    "network": Space(
        {
            "rate": Float(1e-5, 1e-1, log=True),
            "width": Integer(8, 512, log=True),
            "depth": Integer(1, 10),
            "optimizer": Categorical(["sgd", "adam", "lion"]),
            "use_dropout": Categorical([False, True]),
            "dropout": Float(0.0, 0.6, when={"use_dropout": [True]}),
        }
    ),
}


def bowl(config: dict[str, Any]) -> float:
    """Return the objective on TEN: a smooth bowl whose centre depends on the choices."""
    shift = 0.2 * TEN.parameters["optimizer"].encode(config["optimizer"])
    floats = sum((config[f"x{i}"] - 0.3 - shift * (i == 0)) ** 2 for i in range(4))
    rate = (math.log10(config["rate"]) + 3.0) ** 2 / 4.0
    depth = abs(config["layers"] - 5) / 10.0 + (config["heads"] - 8) ** 2 / 100.0 * (1.0 + (config["norm"] == "none"))
    return floats + rate + depth + 0.1 * len(config["activation"])


@cache
def space_of(d: int, categorical: int) -> Space:
    """Return d floats in [0, 1], and categorical parameters of three choices each."""
    floats = {f"x{i}": Float(0.0, 1.0) for i in range(d)}
    return Space(floats | {f"c{i}": Categorical([f"{i}{j}" for j in range(CHOICES)]) for i in range(categorical)})


@lru_cache(maxsize=8)
def data(d: int, categorical: int, n: int, noise: float, seed: int) -> tuple[list[dict[str, Any]], list[float]]:
    """Return `n` configs of `space_of` and their values.

    Args:
        d: Number of floats.
        categorical: Number of categorical parameters.
        n: Number of observations.
        noise: Deviation of the noise, as a share of the objective's.
        seed: Of the design and the noise.
    """
    space = space_of(d, categorical)
    X = sobol(space, n, seed + 1)
    weights = torch.linspace(1.0, 0.1, d, dtype=torch.float64)
    y = ((X[:, :d] - 0.4).square() * weights).sum(1) + 0.3 * torch.sin(5.0 * X[:, 0])
    if categorical:
        y = y + 0.2 * X[:, d] * X[:, min(1, d - 1)]
    generator = torch.Generator().manual_seed(seed)
    y = y + noise * y.std() * torch.randn(n, generator=generator, dtype=torch.float64)
    return space.decode(X), y.tolist()


@lru_cache(maxsize=4)
def fitted(d: int, categorical: int, n: int, noise: float = 0.1, device: str = "cpu", seed: int = 0) -> GaussianProcess:
    """Return a process on `data`, with the hyperparameters that suit the first few hundred observations."""
    configs, values = data(d, categorical, n, noise, seed)
    space, few = space_of(d, categorical), min(n, FITTED_OBSERVATIONS)
    theta = GaussianProcess.fit(space, configs[:few], values[:few], restarts=1, device="cpu").fit_state.theta
    return GaussianProcess.fit(space, configs, values, hyperparameters=theta, device=device)


def uniform(space: Space, m: int, seed: int) -> Tensor:
    """Return `m x d` encoded rows, drawn independently."""
    generator = torch.Generator().manual_seed(seed)
    return space.from_unit(torch.rand(m, space.d, generator=generator, dtype=torch.float64))
