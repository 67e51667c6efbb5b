"""How many of the grid's 768 trainings until one of its best 1 % is found: gpbop beside random search?

The autoencoder's grid was trained once and recorded (`record_autoencoder_grid.py`); here each search asks for configs
one at a time and is told the recorded losses, with 20 seeds. Random search is a seeded permutation of the grid, so it
never repeats a config either. A search stops at its first config among the best 1 % (7 of 768), or after --budget
trainings, printed as ">100". Prints one table; writes one line per method to `results/replay_autoencoder.jsonl`.

    python -m benchmarks.replay_autoencoder
"""

import argparse
import json
import math
import time
from typing import Any

import torch

from benchmarks.environment import describe
from benchmarks.replay import (
    BEST_SHARE,
    Problem,
    Search,
    first_within,
    gpbop_search,
    quartiles,
    recorded_autoencoder,
    replay,
    write_rows,
)
from gpbop.baselines import brute_force

WITHIN = 40


def measure(search: Search, problem: Problem, seeds: int, budget: int) -> dict[str, Any]:
    """Replay one search with every seed and return what the table shows."""
    start = time.perf_counter()
    runs = [replay(search, problem, seed, budget, problem.level) for seed in range(seeds)]
    counts = [first_within(values, problem.level) for values in runs]
    low, median, high = quartiles(counts)
    return {
        "trainings": counts,
        "median": median,
        "quartiles": [low, high],
        "within": sum(count <= WITHIN for count in counts),
        "seeds": seeds,
        "budget": budget,
        "seconds_per_ask": (time.perf_counter() - start) / sum(map(len, runs)),
    }


def main() -> None:
    """Replay every search, print the table and write the rows."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--acquisitions", nargs="*", default=["ei", "ucb", "max_variance"])
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--budget", type=int, default=100)
    options = parser.parse_args()
    problem, environment = recorded_autoencoder(), describe()
    searches: dict[str, Search] = {f"gpbop {name}": gpbop_search(acquisition=name) for name in options.acquisitions}
    searches["random search"] = brute_force
    print(json.dumps(environment))
    print(f"trainings until one of the best {BEST_SHARE:.0%} of {problem.space.size}, {options.seeds} seeds")
    print(f"{'search':<20} {'median':>7} {'quartiles':>12} {f'within {WITHIN}':>10} {'s per ask':>10}", flush=True)
    rows = []
    for name, search in searches.items():
        result = measure(search, problem, options.seeds, options.budget)
        rows.append({"search": name, **result, "environment": environment})
        print(_line(name, result), flush=True)
    write_rows("replay_autoencoder.jsonl", rows)


def _line(name: str, result: dict[str, Any]) -> str:
    def text(count: float) -> str:
        return f"{count:.0f}" if math.isfinite(count) else f">{result['budget']}"

    middle = " to ".join(text(count) for count in result["quartiles"])
    within = f"{result['within']} of {result['seeds']}"
    return f"{name:<20} {text(result['median']):>7} {middle:>12} {within:>10} {result['seconds_per_ask']:>10.3f}"


if __name__ == "__main__":
    torch.set_num_threads(1)
    main()
