"""How many of the grid's 768 trainings does each way of searching take, the ways of today and gpbop's?

Replayed on the recorded grid, the counts are of trainings until the first among the best 1 % (7 of 768) and until the
best one. Brute force in the order of the grid is one run; everything else is repeated with every seed. One factor at a
time ends by itself where no single change helps; from there on it finds nothing more, so a run that ends before is
counted as not finding it. Its good guess is a config drawn from the best quarter of the grid: what experience may be
worth. The budget of gpbop's searches is smaller than the grid; what they have not found by then counts as not found.

    python -m benchmarks.compare_baselines
"""

import argparse
import json
import math
from typing import Any

import numpy as np
import torch

from benchmarks.environment import describe
from benchmarks.replay import (
    Problem,
    Search,
    first_within,
    gpbop_search,
    quartiles,
    recorded_autoencoder,
    replay,
    write_rows,
)
from gpbop import Result, Space
from gpbop.baselines import brute_force, one_factor_at_a_time, random_search
from gpbop.examples.recorded import autoencoder_grid
from gpbop.minimize import Objective
from gpbop.stopping import StoppingRule

GOOD_SHARE = 0.25


def grid_order(objective: Objective, space: Space, trials: int, *, seed: int, stop: StoppingRule) -> Result:
    """Search by nested loops; the seed changes nothing."""
    return brute_force(objective, space, trials, stop=stop)


def good_guess(objective: Objective, space: Space, trials: int, *, seed: int, stop: StoppingRule) -> Result:
    """Change one factor at a time, from a config among the best quarter of the grid."""
    grid = autoencoder_grid()
    good = np.argsort(grid.losses)[: int(GOOD_SHARE * len(grid.losses))]
    start = grid.configs[np.random.default_rng(seed).choice(good)]
    return one_factor_at_a_time(objective, space, trials, start=start, stop=stop)


def measure(search: Search, problem: Problem, seeds: int, budget: int) -> dict[str, Any]:
    """Replay one search with every seed and return what it took."""
    runs = [replay(search, problem, seed, budget, problem.best) for seed in range(seeds)]
    return {
        "until_level": [first_within(values, problem.level) for values in runs],
        "until_best": [first_within(values, problem.best) for values in runs],
        "trainings": [len(values) for values in runs],
        "seeds": seeds,
        "budget": budget,
    }


def main() -> None:
    """Replay every search, print the table and write the rows."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--budget", type=int, default=150, help="of gpbop's searches")
    options = parser.parse_args()
    problem, environment = recorded_autoencoder(), describe()
    size, seeds, budget = int(problem.space.size), options.seeds, options.budget
    searches: dict[str, tuple[Search, int, int]] = {
        "brute force, in order": (grid_order, 1, size),
        "brute force, shuffled": (brute_force, seeds, size),
        "random search": (random_search, seeds, size),
        "one factor at a time, drawn start": (one_factor_at_a_time, seeds, size),
        "one factor at a time, good guess": (good_guess, seeds, size),
        "gpbop max_variance": (gpbop_search(acquisition="max_variance"), seeds, budget),
        "gpbop integrated_variance": (gpbop_search(acquisition="integrated_variance"), seeds, budget),
        "gpbop ei": (gpbop_search(acquisition="ei"), seeds, budget),
    }
    print(json.dumps(environment))
    print(f"{'search':<34} {'best 1 %':>20} {'found':>9} {'best':>20} {'found':>9}", flush=True)
    rows = []
    for name, (search, repetitions, most) in searches.items():
        row = {"search": name, **measure(search, problem, repetitions, most)}
        rows.append({**row, "environment": environment})
        print(_line(row), flush=True)
    write_rows("compare_baselines.jsonl", rows)


def _line(row: dict[str, Any]) -> str:
    cells = []
    for counts in (row["until_level"], row["until_best"]):
        low, median, high = (f"{count:.0f}" if math.isfinite(count) else "-" for count in quartiles(counts))
        found = f"{sum(map(math.isfinite, counts))} of {row['seeds']}"
        cells.append(f"{f'{median} ({low} to {high})':>20} {found:>9}")
    return f"{row['search']:<34} " + " ".join(cells)


if __name__ == "__main__":
    torch.set_num_threads(1)
    main()
