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
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks.environment import describe
from gpbop.examples import autoencoder
from gpbop.examples.recorded import RecordedGrid, autoencoder_grid
from gpbop.optimizer import Optimizer

RESULTS = Path(__file__).parent / "results" / "replay_autoencoder.jsonl"
BEST_SHARE = 0.01
WITHIN = 40

Search = Callable[[RecordedGrid, int], Iterator[float]]


def random_search(grid: RecordedGrid, seed: int) -> Iterator[float]:
    """Yield the recorded losses in the order of a seeded permutation."""
    for row in np.random.default_rng(seed).permutation(len(grid.losses)):
        yield grid.losses[row]


def gpbop_search(acquisition: str) -> Search:
    """Return the search of gpbop with one acquisition function."""

    def search(grid: RecordedGrid, seed: int) -> Iterator[float]:
        optimizer = Optimizer(autoencoder.space(), acquisition=acquisition, seed=seed)
        while True:
            config = optimizer.ask()
            loss = grid.losses[grid.row(config)]
            optimizer.tell(config, loss)
            yield loss

    return search


def trainings_until(search: Iterator[float], threshold: float, budget: int) -> float:
    """Return the number of trainings until a loss of at most `threshold`, infinity where the budget ends first."""
    for count, loss in zip(range(1, budget + 1), search, strict=False):
        if loss <= threshold:
            return count
    return math.inf


def measure(search: Search, grid: RecordedGrid, seeds: int, budget: int) -> dict[str, Any]:
    """Replay one search with every seed and return what the table shows."""
    threshold = sorted(grid.losses)[int(BEST_SHARE * len(grid.losses)) - 1]
    start = time.perf_counter()
    counts = [trainings_until(search(grid, seed), threshold, budget) for seed in range(seeds)]
    quartiles = np.quantile(np.array(counts, dtype=float), [0.25, 0.5, 0.75], method="higher").tolist()
    asked = sum(min(count, budget) for count in counts)
    return {
        "trainings": counts,
        "median": quartiles[1],
        "quartiles": [quartiles[0], quartiles[2]],
        "within": sum(count <= WITHIN for count in counts),
        "seeds": seeds,
        "budget": budget,
        "seconds_per_ask": (time.perf_counter() - start) / asked,
    }


def main() -> None:
    """Replay every search, print the table and write the rows."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--acquisitions", nargs="*", default=["ei", "ucb", "max_variance"])
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--budget", type=int, default=100)
    options = parser.parse_args()
    grid, environment = autoencoder_grid(), describe()
    searches: dict[str, Search] = {f"gpbop {name}": gpbop_search(name) for name in options.acquisitions}
    searches["random search"] = random_search
    print(json.dumps(environment))
    print(f"trainings until one of the best {BEST_SHARE:.0%} of {len(grid.losses)}, {options.seeds} seeds")
    print(f"{'search':<20} {'median':>7} {'quartiles':>12} {f'within {WITHIN}':>10} {'s per ask':>10}", flush=True)
    rows = []
    for name, search in searches.items():
        result = measure(search, grid, options.seeds, options.budget)
        rows.append({"search": name, **result, "environment": environment})
        print(_line(name, result), flush=True)
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text("".join(json.dumps(_finite(row)) + "\n" for row in rows), encoding="utf-8")


def _line(name: str, result: dict[str, Any]) -> str:
    def text(count: float) -> str:
        return f"{count:.0f}" if math.isfinite(count) else f">{result['budget']}"

    quartiles = " to ".join(text(count) for count in result["quartiles"])
    within = f"{result['within']} of {result['seeds']}"
    return f"{name:<20} {text(result['median']):>7} {quartiles:>12} {within:>10} {result['seconds_per_ask']:>10.3f}"


def _finite(value: Any) -> Any:
    """Replace infinities (budget used up), which JSON does not know, by None."""
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and math.isinf(value) else value


if __name__ == "__main__":
    torch.set_num_threads(1)
    main()
