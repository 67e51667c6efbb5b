"""Exploration: experiments chosen to lower the total error do so, measured on points that no one was told."""

import math
from statistics import mean
from typing import Any

import pytest
import torch

from gpbop import Categorical, Float, GaussianProcess, Optimizer, Space

FLAT = Space({"x": Float(0.0, 1.0), "y": Float(0.0, 1.0)})
TREE = Space({"x": Float(0.0, 1.0), "kind": Categorical(["a", "b"]), "d": Float(0.0, 1.0, when={"kind": ["b"]})})


def waves(config: dict[str, Any]) -> float:
    return math.sin(6.0 * config["x"]) + math.cos(5.0 * config["y"]) * config["x"]


def branches(config: dict[str, Any]) -> float:
    bowl = 4.0 * (config["d"] - 0.5) ** 2 if config["kind"] == "b" else 0.5
    return bowl + math.sin(5.0 * config["x"])


def error(gp: GaussianProcess, space: Space, objective: Any) -> float:
    queries = space.sample(400, 12_345)
    truth = torch.tensor([objective(config) for config in queries], dtype=torch.float64)
    return float((gp.predict(queries).mean - truth).square().mean().sqrt())


@pytest.mark.parametrize(("space", "objective"), [(FLAT, waves), (TREE, branches)], ids=["flat", "conditional"])
def test_integrated_variance_maps_a_space_better_than_chance(space: Space, objective: Any) -> None:
    chosen, random = [], []
    for seed in range(3):
        optimizer = Optimizer(space, acquisition="integrated_variance", seed=seed)
        for _ in range(18):
            config = optimizer.ask()
            optimizer.tell(config, objective(config))
        chosen.append(error(optimizer.gp, space, objective))
        configs = space.sample(18, 100 + seed)
        by_chance = GaussianProcess.fit(space, configs, [objective(config) for config in configs])
        random.append(error(by_chance, space, objective))
    assert mean(chosen) < 0.8 * mean(random)


@pytest.mark.parametrize("name", ["max_variance", "integrated_variance"])
def test_the_uncertainty_over_the_space_falls(name: str) -> None:
    optimizer = Optimizer(FLAT, acquisition=name, seed=0)
    grid = FLAT.sample(200, 5)
    remaining = []
    for count in range(24):
        config = optimizer.ask()
        optimizer.tell(config, waves(config))
        if count in (7, 15, 23):
            remaining.append(float(optimizer.predict(grid).std.mean()))
    assert remaining[2] < 0.7 * remaining[0]
