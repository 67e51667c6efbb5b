"""Where should a search start: in the corners, or at a few random points? And how much does the start matter?

The post behind gpbop says that four random points are enough; its author's colleague found Gaussian processes sensitive
to the start and begins with every combination of extreme values, 16 for the post's four parameters (no dropout counts
as the low extreme of dropout). Both, and Sobol points and Latin hypercubes, start the same searches on the recorded
grid of 768 trainings, with expected improvement and with the post's acquisition function, max variance. Counted are
trainings in all, the start included, until the first among the best 1 % (7 of 768) and until the best one. The corners
are the same for every seed, only their order is not; the other starts are drawn anew.

    python -m benchmarks.compare_designs
"""

import argparse
import json
import math
from typing import Any

import torch

from benchmarks.environment import describe
from benchmarks.readme_searches import designs
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
from gpbop import Optimizer, Result, Space
from gpbop.designs import corners
from gpbop.minimize import Objective, Proposals, run
from gpbop.stopping import StoppingRule

AFTER = 40
STARTS: dict[str, tuple[str, int]] = {
    "4 random": ("random", 4),
    "4 Latin hypercube": ("latin_hypercube", 4),
    "4 Sobol": ("sobol", 4),
    "6 Sobol (default)": ("sobol", 6),
    "16 random": ("random", 16),
    "16 Sobol": ("sobol", 16),
}
CORNERS = "16 corners"


def post_corners(space: Space, seed: int) -> list[dict[str, Any]]:
    """Return the post's 16 corners in seeded order: of those with dropout, the ones with the most."""
    most = space.parameters["dropout"].decode(1.0)
    return [config for config in space.decode(corners(space, seed=seed)) if config.get("dropout", most) == most]


def corner_search(acquisition: str) -> Search:
    """Return the search of gpbop that begins with the post's corners."""

    def search(objective: Objective, space: Space, trials: int, *, seed: int, stop: StoppingRule) -> Result:
        optimizer = Optimizer(space, acquisition=acquisition, initial=1, seed=seed)
        return run(objective, optimizer, _proposals(optimizer, post_corners(space, seed)), trials, stop, False)

    return search


def _proposals(optimizer: Optimizer, first: list[dict[str, Any]]) -> Proposals:
    yield from first
    while True:
        yield optimizer.ask()


def measure(search: Search, problem: Problem, seeds: int, budget: int) -> dict[str, Any]:
    """Replay one search with every seed and return what it took."""
    runs = [replay(search, problem, seed, budget, problem.best) for seed in range(seeds)]
    return {
        "until_level": [first_within(values, problem.level) for values in runs],
        "until_best": [first_within(values, problem.best) for values in runs],
        "after": [min(values[:AFTER]) for values in runs],
        "seeds": seeds,
        "budget": budget,
    }


def main() -> None:
    """Replay every start, print the table and write the rows."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=24)
    parser.add_argument("--budget", type=int, default=100)
    options = parser.parse_args()
    problem, environment = recorded_autoencoder(), describe()
    print(json.dumps(environment))
    heads = f"{'until the best 1 %':>24} {'until the best':>24} {f'loss after {AFTER}':>26}"
    print(f"{'acquisition':<14} {'start':<18} {heads}", flush=True)
    rows = []
    for acquisition in ("ei", "max_variance"):
        searches = {
            name: gpbop_search(acquisition=acquisition, design=design, initial=initial)
            for name, (design, initial) in STARTS.items()
        }
        for name, search in {CORNERS: corner_search(acquisition), **searches}.items():
            row = {"acquisition": acquisition, "start": name, **measure(search, problem, options.seeds, options.budget)}
            rows.append({**row, "environment": environment})
            print(_line(row), flush=True)
    write_rows("compare_designs.jsonl", rows)
    print(f"\n{designs(rows)}")


def _line(row: dict[str, Any]) -> str:
    def text(counts: list[float]) -> str:
        low, median, high = (f"{count:.0f}" if math.isfinite(count) else "-" for count in quartiles(counts))
        return f"{median} ({low} to {high})"

    low, median, high = quartiles(row["after"])
    after = f"{median:.5f} ({low:.5f} to {high:.5f})"
    counts = f"{text(row['until_level']):>24} {text(row['until_best']):>24}"
    return f"{row['acquisition']:<14} {row['start']:<18} {counts} {after:>26}"


if __name__ == "__main__":
    torch.set_num_threads(1)
    main()
