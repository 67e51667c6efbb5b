"""How good is the best config after so many experiments, on synthetic functions of mixed parameters?

The functions are those of `benchmarks/functions.py`. Each side runs one search for each seed; `best` is the median
over the seeds of the best value so far after a quarter, a half and all of the trials (lower is better; the least values
are 0.398, 0 and 0), `quartiles` those after all. The time is that of all searches, run once. Peer: Optuna's GPSampler,
which has no conditions and always chooses a dropout.
"""

from collections.abc import Callable, Iterator
from functools import partial
from itertools import accumulate
from typing import Any

import numpy as np

from benchmarks.functions import FUNCTIONS
from benchmarks.harness.question import Peer, Question, Setting, Side, Sizes
from benchmarks.problems import FUNCTION_SPACES
from gpbop import Optimizer

Search = Callable[[str, int, int], list[float]]


def sides(setting: Setting) -> Iterator[Side | Peer]:
    name, trials, seeds = (setting.sizes[key] for key in ("function", "trials", "seeds"))
    searches: dict[str, Search] = {"gpbop": partial(gpbop_values, setting.device)}
    if setting.device == "cpu":
        searches["random"] = random_values
    for side, search in searches.items():
        work = partial(_searches, search, name, trials, range(setting.seed, setting.seed + seeds))
        yield Side(side, work, seeds, "searches", values=lambda runs, _: summary_of(runs), is_once=True)
    if setting.has_peers and setting.device == "cpu":
        job = {"function": name, "trials": trials, "seeds": seeds, "is_once": True}
        job |= {"parameters": FUNCTION_SPACES[name].to_dict()["parameters"]}
        yield Peer(
            "Optuna GPSampler",
            "optuna",
            "search",
            job,
            count=seeds,
            unit="searches",
            values=lambda found: summary_of(found["runs"]),
        )


def gpbop_values(device: str, name: str, trials: int, seed: int) -> list[float]:
    optimizer, values = Optimizer(FUNCTION_SPACES[name], seed=seed, device=device), []
    for _ in range(trials):
        config = optimizer.ask()
        values.append(FUNCTIONS[name](config))
        optimizer.tell(config, values[-1])
    return values


def random_values(name: str, trials: int, seed: int) -> list[float]:
    return [FUNCTIONS[name](config) for config in FUNCTION_SPACES[name].sample(trials, seed)]


def _searches(search: Search, name: str, trials: int, seeds: range) -> list[list[float]]:
    return [search(name, trials, seed) for seed in seeds]


def summary_of(runs: list[list[float]]) -> dict[str, Any]:
    """Return medians of the best so far, from the values of each search."""
    best = np.array([list(accumulate(run, min)) for run in runs])
    at = [max(1, best.shape[1] * share // 4) for share in (1, 2, 4)]
    low, high = (float(value) for value in np.quantile(best[:, -1], [0.25, 0.75]))
    return {"best": [float(np.median(best[:, count - 1])) for count in at], "quartiles": [low, high], "after": at}


def _cases(names: list[str], trials: int, seeds: int) -> list[Sizes]:
    return [{"function": name, "trials": trials, "seeds": seeds} for name in names]


QUESTION = Question(
    cases={
        "smoke": _cases(["network"], 8, 1),
        "small": _cases(list(FUNCTIONS), 24, 3),
        "full": _cases(list(FUNCTIONS), 40, 10),
    },
    sides=sides,
    is_race=False,
)
