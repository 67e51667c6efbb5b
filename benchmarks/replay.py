"""Replaying whole searches on objectives whose every value is known: what the benchmarks of searches share."""

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from gpbop import Result, Space, minimize
from gpbop.examples import autoencoder
from gpbop.examples.recorded import autoencoder_grid
from gpbop.minimize import Objective
from gpbop.stopping import StoppingRule, Target

RESULTS = Path(__file__).parent / "results"
BEST_SHARE = 0.01


@dataclass(frozen=True)
class Problem:
    """An objective to minimise whose answer is known.

    Attributes:
        name: What tables call it.
        space: The search space.
        objective: Maps a config to its value.
        level: Largest value among the best 1 % of the space.
        best: The smallest value.
    """

    name: str
    space: Space
    objective: Objective
    level: float
    best: float


class Search(Protocol):
    """Anything with the arguments of `minimize`."""

    def __call__(self, objective: Objective, space: Space, trials: int, *, seed: int, stop: StoppingRule) -> Result:
        """Search for the config with the smallest value."""


def recorded_autoencoder() -> Problem:
    """Return the autoencoder, whose 768 trainings were made once (`record_autoencoder_grid.py`)."""
    grid = autoencoder_grid()
    losses = sorted(grid.losses)
    level = losses[int(BEST_SHARE * len(losses)) - 1]
    return Problem("autoencoder", autoencoder.space(), lambda config: grid.losses[grid.row(config)], level, losses[0])


def gpbop_search(**options: Any) -> Search:
    """Return the search of gpbop with some options."""
    return partial(minimize, progress=False, **options)


def replay(search: Search, problem: Problem, seed: int, budget: int, until: float) -> list[float]:
    """Return the values in the order of a search that ends with the first of at most `until`, or with the budget."""
    result = search(problem.objective, problem.space, budget, seed=seed, stop=Target(until))
    return [math.inf if trial.value is None else trial.value for trial in result.trials]


def first_within(values: Sequence[float], limit: float) -> float:
    """Return the number of experiments until a value of at most `limit`, infinity if there is none."""
    return next((count for count, value in enumerate(values, start=1) if value <= limit), math.inf)


def quartiles(counts: Sequence[float]) -> list[float]:
    """Return lower quartile, median and upper quartile, each one of the counts."""
    return np.quantile(np.array(counts, dtype=float), [0.25, 0.5, 0.75], method="higher").tolist()


def write_rows(name: str, rows: Sequence[dict[str, Any]]) -> None:
    """Write one JSON line a row into the results; infinities (budget used up), which JSON does not know, as null."""
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / name).write_text("".join(json.dumps(_finite(row)) + "\n" for row in rows), encoding="utf-8")


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and math.isinf(value) else value
