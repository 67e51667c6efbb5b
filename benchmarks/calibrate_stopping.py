"""How often does each stopping rule end a search too early, and how many experiments does it save?

Searches by expected improvement run to their full budget, with every seed, while all rules watch; noted is when each
would have stopped, and how good the best value was by then. Too early means: before one of the best 1 % of the space
was found, or before the best one. The spaces are the autoencoder's recorded grid and three synthetic ones whose answer
is known: two finite, and a continuous one, where a rule's largest improvement is found by a search and the best 1 % are
those of a Sobol sample. Rules of one kind are asked from the loosest to the tightest; one that is met implies the rest.

    python -m benchmarks.calibrate_stopping
"""

import argparse
import json
import math
from collections.abc import Callable
from statistics import mean
from typing import Any

import torch
from typing_extensions import override

from benchmarks.environment import describe
from benchmarks.replay import BEST_SHARE, Problem, quartiles, recorded_autoencoder, write_rows
from gpbop import Categorical, Float, Integer, Optimizer, Ordinal, Space, minimize
from gpbop.designs import sobol
from gpbop.stopping import ExpectedImprovement, Patience, ProbableImprovement, RemainingError, StoppingRule

# Of the continuous space: its points whose values say what the best 1 % are.
SAMPLED = 2**13
# How much better counts in a continuous space, as a share of the standard deviation of its values; a point beside the
# best is likely better by next to nothing.
MARGIN = 0.01
# Two values closer than this share of a space's spread are one: the best of a continuous space is never met exactly.
SAME = 0.001
CHAINS: dict[str, tuple[float, ...]] = {
    "remaining error": (0.2, 0.1, 0.05),
    "expected improvement": (0.01, 0.003, 0.001),
    "probable improvement": (0.1, 0.03, 0.01),
    "patience": (5, 10, 20),
}


class Watch(StoppingRule):
    """Never stops, and notes when each of some rules would have.

    Args:
        chains: Rules by kind and tolerance, the loosest first: while one is not met, those after it are not either.
    """

    def __init__(self, chains: dict[str, dict[float, StoppingRule]]) -> None:
        self._waiting = {kind: list(rules.items()) for kind, rules in chains.items()}
        self.met: dict[tuple[str, float], int] = {}

    @override
    def check(self, optimizer: Optimizer, seconds: float = 0.0) -> None:
        for kind, rules in self._waiting.items():
            while rules and rules[0][1].check(optimizer, seconds) is not None:
                tolerance, _ = rules.pop(0)
                self.met[kind, tolerance] = len(optimizer.trials)


def branches() -> Problem:
    """Return 1804 configs: two kinds, one of which has a depth, with waves and a bowl."""
    space = Space(
        {
            "x": Integer(0, 40),
            "kind": Categorical(["plain", "deep"]),
            "depth": Integer(1, 10, when={"kind": ["deep"]}),
            "y": Ordinal([1, 2, 4, 8]),
        }
    )

    def objective(config: dict[str, Any]) -> float:
        deep = 0.15 * (config["depth"] - 6) ** 2 - 1.0 if config["kind"] == "deep" else 0.0
        return math.sin(config["x"] / 4.0) + deep + 0.5 * (math.log2(config["y"]) - 1.4) ** 2

    return _finite("branches", space, objective)


def levy() -> Problem:
    """Return 7203 configs: the Levy function, with its many local minima, on four integers, and three choices."""
    space = Space({**{name: Integer(0, 6) for name in "abcd"}, "mode": Categorical(["p", "q", "r"])})
    shift = {"p": 0.0, "q": 1.0, "r": 3.0}

    def objective(config: dict[str, Any]) -> float:
        w = [1.0 + (config[name] - 4) / 2.0 for name in "abcd"]
        middle = sum((v - 1) ** 2 * (1 + 10 * math.sin(math.pi * v + 1) ** 2) for v in w[:-1])
        end = (w[-1] - 1) ** 2 * (1 + math.sin(2 * math.pi * w[-1]) ** 2)
        return math.sin(math.pi * w[0]) ** 2 + middle + end + shift[config["mode"]]

    return _finite("levy", space, objective)


def branin() -> Problem:
    """Return the continuous Branin function, 0.397887 at best, beside a choice that adds a constant."""
    space = Space({"x": Float(-5.0, 10.0), "y": Float(0.0, 15.0), "mode": Categorical(["p", "q"])})

    def objective(config: dict[str, Any]) -> float:
        x, y = config["x"], config["y"]
        valley = (y - 5.1 * x**2 / (4 * math.pi**2) + 5 * x / math.pi - 6) ** 2
        return valley + 10 * (1 - 1 / (8 * math.pi)) * math.cos(x) + 10 + (20.0 if config["mode"] == "q" else 0.0)

    values = _values(space, objective)
    return Problem("branin", space, objective, values[int(BEST_SHARE * len(values)) - 1], 0.39788735772973816)


def _finite(name: str, space: Space, objective: Callable[[dict[str, Any]], float]) -> Problem:
    values = _values(space, objective)
    return Problem(name, space, objective, values[int(BEST_SHARE * len(values)) - 1], values[0])


def _values(space: Space, objective: Callable[[dict[str, Any]], float]) -> list[float]:
    """Return the values of all configs, or of a sample of an infinite space, ascending."""
    configs = space.grid() if math.isfinite(space.size) else space.decode(sobol(space, SAMPLED, 0))
    return sorted(objective(config) for config in configs)


def watch(problem: Problem, spread: float) -> Watch:
    """Return all rules; tolerances of errors and improvements are shares of the observed range."""
    by = 0.0 if math.isfinite(problem.space.size) else MARGIN * spread
    makers: dict[str, Callable[[float], StoppingRule]] = {
        "remaining error": lambda tolerance: RemainingError(tolerance, relative=True),
        "expected improvement": lambda tolerance: ExpectedImprovement(tolerance, relative=True),
        "probable improvement": lambda tolerance: ProbableImprovement(tolerance, by),
        "patience": lambda rounds: Patience(int(rounds)),
    }
    return Watch({kind: {at: makers[kind](at) for at in tolerances} for kind, tolerances in CHAINS.items()})


def measure(problem: Problem, seeds: int, budget: int) -> list[dict[str, Any]]:
    """Run one space with every seed and return one row a rule."""
    values = torch.tensor(_values(problem.space, problem.objective), dtype=torch.float64)
    spread = float(values.std())
    runs = []
    for seed in range(seeds):
        rules = watch(problem, spread)
        result = minimize(problem.objective, problem.space, budget, seed=seed, stop=rules, progress=False)
        runs.append((rules.met, [float(trial.value) for trial in result.trials if trial.value is not None]))
    return [
        _row(problem, kind, tolerance, runs, budget, SAME * spread)
        for kind, tolerances in CHAINS.items()
        for tolerance in tolerances
    ]


def _row(
    problem: Problem,
    kind: str,
    tolerance: float,
    runs: list[tuple[dict[tuple[str, float], int], list[float]]],
    budget: int,
    same: float,
) -> dict[str, Any]:
    stops = [met.get((kind, tolerance)) for met, _ in runs]
    found = [min(values[:stop]) for stop, (_, values) in zip(stops, runs, strict=True) if stop is not None]
    experiments = [budget if stop is None else stop for stop in stops]
    return {
        "problem": problem.name,
        "configs": problem.space.size if math.isfinite(problem.space.size) else None,
        "rule": kind,
        "tolerance": tolerance,
        "experiments": experiments,
        "quartiles": quartiles(experiments),
        "stopped": len(found),
        "before_level": sum(value > problem.level for value in found),
        "before_best": sum(value > problem.best + same for value in found),
        "best_in_full": sum(min(values) <= problem.best + same for _, values in runs),
        "saved": 1.0 - mean(experiments) / budget,
        "seeds": len(runs),
        "budget": budget,
    }


def main() -> None:
    """Watch every space, print the table and write the rows."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--budget", type=int, default=100)
    options = parser.parse_args()
    environment = describe()
    print(json.dumps(environment))
    print(
        f"{'space':<12} {'rule':<28} {'stopped':>8} {'after':>15} {'saved':>6} {'before 1 %':>11} {'before best':>12}"
    )
    rows = []
    for problem in (recorded_autoencoder(), branches(), levy(), branin()):
        for row in measure(problem, options.seeds, options.budget):
            rows.append({**row, "environment": environment})
            print(_line(row), flush=True)
    write_rows("calibrate_stopping.jsonl", rows)


def _line(row: dict[str, Any]) -> str:
    low, median, high = row["quartiles"]
    rule = f"{row['rule']} {row['tolerance']:g}"
    middle = f"{median:.0f} ({low:.0f} to {high:.0f})"
    early = f"{row['before_level']:>11} {row['before_best']:>12}"
    return f"{row['problem']:<12} {rule:<28} {row['stopped']:>8} {middle:>15} {row['saved']:>6.0%} {early}"


if __name__ == "__main__":
    torch.set_num_threads(1)
    main()
