"""What people do today: brute force, random search, one factor at a time. For honest comparisons with `minimize`.

Each is `minimize` with another way of choosing the next config: the same arguments, the same treatment of failures, the
same `Result`, whose optimizer holds the trials; plots and stopping rules work on it. No model is asked.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from gpbop.acquisition import Direction
from gpbop.configs import Config
from gpbop.designs import random
from gpbop.errors import SpaceError, explain
from gpbop.minimize import Objective, Proposals, Result, Stop, run
from gpbop.optimizer import Optimizer
from gpbop.parameters import INACTIVE
from gpbop.settings import check_count
from gpbop.space import Space
from gpbop.trials import Trial

# Most configs that are shuffled: their numbers are all in memory.
MOST_SHUFFLED = 2**24
# Values of a parameter that one factor at a time compares, spread evenly where there are more.
MOST_LEVELS = 8


def brute_force(
    objective: Objective,
    space: Space,
    trials: int | None = None,
    *,
    seed: int | None = None,
    direction: Direction = "minimize",
    stop: Stop | None = None,
    progress: bool | None = None,
) -> Result:
    """Try every config of a finite space.

    Args:
        objective: As for `minimize`.
        space: The search space.
        trials: Most experiments; all configs if absent.
        seed: Of the order; that of `space.grid()`, the nested loops that people write, if absent.
        direction: "minimize" or "maximize".
        stop: As for `minimize`.
        progress: As for `minimize`.
    Returns:
        The result.
    Raises:
        SpaceError: If the space is infinite, or too large to be shuffled.
    Example:
        >>> from gpbop import Integer, Space
        >>> brute_force(lambda config: (config["n"] - 7) ** 2, Space({"n": Integer(0, 20)})).reason
        'All 21 experiments were made.'
    """
    optimizer = Optimizer(space, direction=direction)
    grid = space.grid() if seed is None else _shuffled(space, check_count("seed", seed, "Use seed=0.", least=0))
    most = int(space.size) if trials is None else trials
    return run(objective, optimizer, _listed(grid, space), most, stop, progress)


def random_search(
    objective: Objective,
    space: Space,
    trials: int = 40,
    *,
    seed: int = 0,
    direction: Direction = "minimize",
    stop: Stop | None = None,
    progress: bool | None = None,
) -> Result:
    """Try configs drawn at random, every parameter by itself; none twice.

    Args:
        objective: As for `minimize`.
        space: The search space.
        trials: Most experiments.
        seed: Of the draws.
        direction: "minimize" or "maximize".
        stop: As for `minimize`.
        progress: As for `minimize`.
    Returns:
        The result.
    Raises:
        ArgumentError, SpaceError: If an argument is not as described.
    References:
        Bergstra & Bengio (2012), Random Search for Hyper-Parameter Optimization.
    Example:
        >>> from gpbop import Integer, Space
        >>> len(random_search(lambda config: config["n"], Space({"n": Integer(0, 20)}), trials=5).trials)
        5
    """
    optimizer = Optimizer(space, direction=direction)
    drawn = random(space, check_count("trials", trials, "Say how many experiments you can afford."), seed)
    return run(objective, optimizer, _listed(iter(space.decode(drawn)), space), trials, stop, progress)


def one_factor_at_a_time(
    objective: Objective,
    space: Space,
    trials: int = 40,
    *,
    start: Mapping[str, Any] | None = None,
    levels: int = MOST_LEVELS,
    seed: int = 0,
    direction: Direction = "minimize",
    stop: Stop | None = None,
    progress: bool | None = None,
) -> Result:
    """Start from a good guess, change one parameter at a time, keep its best value; go round until nothing helps.

    A parameter that comes into existence with its parent's new value has its middle value then, or its first choice.

    Args:
        objective: As for `minimize`.
        space: The search space; parameters are changed in its order.
        trials: Most experiments.
        start: The good guess, a config; drawn at random if absent.
        levels: Most values of a parameter that are compared; spread evenly, both ends included, where there are more.
        seed: Of the drawn start.
        direction: "minimize" or "maximize".
        stop: As for `minimize`.
        progress: As for `minimize`.
    Returns:
        The result. It ends early where no single change helps, at an optimum that may be a local one.
    Raises:
        ArgumentError, ConfigError, SpaceError: If an argument is not as described.
    Example:
        >>> from gpbop import Integer, Space
        >>> space = Space({"a": Integer(0, 4), "b": Integer(0, 4)})
        >>> result = one_factor_at_a_time(lambda config: (config["a"] - 1) ** 2 + (config["b"] - 3) ** 2, space)
        >>> result.config, result.reason
        ({'a': 1, 'b': 3}, 'No single change of experiment 2 helps, after 9 experiments.')
    """
    optimizer = Optimizer(space, direction=direction)
    levels = check_count("levels", levels, "A parameter needs two values to be compared.", least=2)
    x = random(space, 1, seed) if start is None else space.encode([start])
    return run(objective, optimizer, _cycle(optimizer, x[0], levels), trials, stop, progress)


def _listed(configs: Iterator[Config], space: Space) -> Proposals:
    yield from configs
    return f"All {space.size} configs were tried."


def _shuffled(space: Space, seed: int) -> Iterator[Config]:
    if space.size > MOST_SHUFFLED:
        rule, advice = f"have at most {MOST_SHUFFLED} configs to be shuffled", "Use random_search."
        raise SpaceError(explain("space", rule, str(space.size), advice))
    numbers = np.random.default_rng(seed).permutation(int(space.size)).tolist()
    return (config for number in numbers for config in space.grid(number, number + 1))


def _cycle(optimizer: Optimizer, x: Tensor, levels: int) -> Proposals:
    """Propose the changes of one parameter after another, until a whole round of them changes nothing."""
    tried: dict[tuple[float, ...], Trial] = {}
    yield from _new(optimizer, [x], tried)
    settled, j = 0, 0
    while settled < optimizer.space.d:
        rows = _changed(optimizer.space, x, j, levels)
        yield from _new(optimizer, rows, tried)
        best = min([x, *rows], key=lambda row: _loss(optimizer, tried[_key(row)]))  # of equals the first: x stays
        settled = settled + 1 if best is x else 1
        x, j = best, (j + 1) % optimizer.space.d
    return f"No single change of experiment {tried[_key(x)].number} helps, after {len(tried)} experiments."


def _new(optimizer: Optimizer, rows: Sequence[Tensor], tried: dict[tuple[float, ...], Trial]) -> Iterator[Config]:
    """Propose the rows that were not tried yet, and note what came of them."""
    for row in rows:
        if _key(row) not in tried:
            yield optimizer.space.decode(row.unsqueeze(0))[0]
            tried[_key(row)] = optimizer.trials[-1]


def _changed(space: Space, x: Tensor, j: int, levels: int) -> list[Tensor]:
    """Return the rows that differ from x in parameter j, and in the parameters that appear or vanish with it."""
    if float(x[j]) == INACTIVE:
        return []
    parameter = space.parameters[space.names[j]]
    if parameter.placement is None:
        places = torch.linspace(0.0, 1.0, levels, dtype=torch.float64)
    else:
        last = int(parameter.count) - 1
        numbers = torch.linspace(0.0, last, min(levels, last + 1), dtype=torch.float64)
        places = parameter.level(numbers.round().to(torch.int64))
    rows = x.repeat(len(places), 1)
    rows[:, j] = places
    return list(space.canonicalize(rows[places != x[j]]))


def _loss(optimizer: Optimizer, trial: Trial) -> float:
    if trial.value is None:
        return math.inf
    return trial.value if optimizer.direction == "minimize" else -trial.value


def _key(row: Tensor) -> tuple[float, ...]:
    return tuple(row.tolist())
