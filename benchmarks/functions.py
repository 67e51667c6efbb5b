"""Synthetic objectives over mixed and conditional parameters, to be minimised; plain Python, as peers share them."""

import math
from collections.abc import Callable, Mapping
from typing import Any

Config = Mapping[str, Any]


def mixed_branin(config: Config) -> float:
    """Branin's function, tilted and lifted by two categorical parameters; its least value is 0.3979."""
    x, y = 15.0 * config["x"] - 5.0, 15.0 * config["y"]
    value = (y - 5.1 / (4.0 * math.pi**2) * x**2 + 5.0 / math.pi * x - 6.0) ** 2
    value += 10.0 * (1.0 - 1.0 / (8.0 * math.pi)) * math.cos(x) + 10.0
    lift = {"low": 0.0, "middle": 2.0, "high": 6.0}[config["level"]]
    return value + lift + (0.3 * y if config["tilt"] else 0.0)


def mixed_ackley(config: Config) -> float:
    """Ackley's function of four floats and two integers, its centre moved by a categorical parameter; least value 0."""
    shift = {"a": 0.0, "b": 0.15, "c": -0.2}[config["mode"]]
    point = [config[f"x{i}"] - 0.4 - shift for i in range(4)] + [(config[f"n{i}"] - 6) / 10.0 for i in range(2)]
    scaled = [10.0 * value for value in point]
    mean_square = sum(value * value for value in scaled) / len(scaled)
    mean_cosine = sum(math.cos(2.0 * math.pi * value / 5.0) for value in scaled) / len(scaled)
    penalty = {"a": 0.0, "b": 0.5, "c": 1.0}[config["mode"]]
    return -20.0 * math.exp(-0.2 * math.sqrt(mean_square)) - math.exp(mean_cosine) + 20.0 + math.e + penalty


def network(config: Config) -> float:
    """A made-up training: rate, width, depth, and a dropout that exists only with dropout on; least value 0."""
    rate = (math.log10(config["rate"]) + 2.7) ** 2 / 2.0
    width = (math.log2(config["width"]) - 6.5 + 0.3 * (config["depth"] - 4)) ** 2 / 8.0
    depth = (config["depth"] - 4) ** 2 / 20.0
    dropout = 4.0 * (config["dropout"] - 0.2) ** 2 if config["use_dropout"] else 0.15
    momentum = {"sgd": 0.3, "adam": 0.0, "lion": 0.1}[config["optimizer"]]
    return rate + width + depth + dropout + momentum


FUNCTIONS: dict[str, Callable[[Config], float]] = {
    "mixed_branin": mixed_branin,
    "mixed_ackley": mixed_ackley,
    "network": network,
}
