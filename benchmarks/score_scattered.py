"""How many scattered candidates a second are scored, beside dense scoring, BoTorch and scikit-learn, on the same cores?

Candidates: uniform in a space of d continuous and 3 categorical parameters (3 choices each), held in memory. One
process is fitted to n points; BoTorch scores with its own `optimize_acqf_discrete` on the same process (its model is
`gp.model`), scikit-learn with `predict(return_std=True)` and the acquisition function in NumPy, on an equally shaped
model: Matern-5/2 with the same lengthscales, the choices one-hot. The peers see fewer candidates: their time is
proportional to the number, so their rate is compared. All sides take turns; the median of the rounds counts.
The answers of gpbop and of its dense scoring are compared in every round.
"""

import argparse
import json
import math
import statistics
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy
import torch
from torch import Tensor

from benchmarks.environment import describe
from gpbop import Categorical, Float, GaussianProcess, Space
from gpbop.acquisition import Question, botorch_acquisition
from gpbop.designs import sobol
from gpbop.scoring import Top, score, score_all
from gpbop.scoring.sources.base import Block, Device, Source

RESULTS = Path(__file__).parent / "results" / "score_scattered.jsonl"
K = 100
CHOICES = 3


class InMemory(Source):
    """Encoded rows that are all there."""

    def __init__(self, space: Space, X: Tensor) -> None:
        self._space, self.X = space, X

    @property
    def space(self) -> Space:
        """The space of the candidates."""
        return self._space

    @property
    def size(self) -> int:
        """The number of rows."""
        return len(self.X)

    def blocks(self, rows: int, *, device: Device = None) -> Iterator[Block]:
        """Iterate over views of the rows."""
        for first in range(0, len(self.X), rows):
            X = self.X[first : first + rows]
            yield Block(torch.arange(first, first + len(X)), X.to(device or "cpu"))

    def configs(self, index: Sequence[int]) -> list[dict[str, Any]]:
        """Decode some rows."""
        return self._space.decode(self.X[list(index)])


def fitted(d: int, n: int, noise: float) -> GaussianProcess:
    """Fit a process to a smooth function of d continuous parameters and the choices, with noise."""
    space = Space(
        {f"x{i}": Float(0.0, 1.0) for i in range(d)}
        | {f"c{i}": Categorical([f"{i}{j}" for j in range(CHOICES)]) for i in range(3)}
    )
    X = sobol(space, n, 1)
    weights = torch.linspace(1.0, 0.1, d, dtype=torch.float64)
    y = ((X[:, :d] - 0.4).square() * weights).sum(1) + 0.3 * torch.sin(5.0 * X[:, 0]) + 0.2 * X[:, d] * X[:, 1]
    generator = torch.Generator().manual_seed(0)
    y = y + noise * y.std() * torch.randn(n, generator=generator, dtype=torch.float64)
    return GaussianProcess.fit(space, space.decode(X), y.tolist(), restarts=1, device="cpu")


def dense(gp: GaussianProcess, source: Source, name: str) -> list[int]:
    """Return the best by dense scoring, in blocks that suit the cache."""
    values = torch.cat([part.values for part in score_all(gp, source, acquisition=name, block_rows=256)])
    return values.argsort(descending=True, stable=True)[:K].tolist()


def botorch_discrete(gp: GaussianProcess, X: Tensor, name: str) -> None:
    """Let BoTorch choose the best of the candidates."""
    from botorch.optim import optimize_acqf_discrete

    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")
        optimize_acqf_discrete(botorch_acquisition(name, Question(gp)), q=1, choices=X)


def sklearn_model(gp: GaussianProcess, d: int) -> Any:
    """Build scikit-learn's process on one-hot choices with the lengthscales of the fitted one."""
    from sklearn.gaussian_process import GaussianProcessRegressor
    from sklearn.gaussian_process.kernels import ConstantKernel, Matern

    theta, layout = gp.factor.theta, gp.factor.form.layout
    choices = theta[layout.categorical].exp().sqrt().clamp(0.05, 50.0).repeat_interleave(CHOICES)
    kernel = Matern(torch.cat([theta[layout.numeric].exp(), choices]).numpy(), nu=2.5)
    alpha = float(gp.factor.noise)
    model = GaussianProcessRegressor(ConstantKernel(float(gp.factor.outputscale)) * kernel, alpha=alpha, optimizer=None)
    return model.fit(one_hot(gp.X, d), gp.standardization.standardize(gp.y).numpy())


def one_hot(X: Tensor, d: int) -> Any:
    """Return continuous columns and one-hot choices."""
    codes = torch.nn.functional.one_hot(X[:, d:].long(), CHOICES).flatten(1)
    return torch.cat([X[:, :d], codes.double()], 1).numpy()


def sklearn_scores(model: Any, X: Any, name: str, best: float) -> Any:
    """Predict and compute the acquisition function in NumPy."""
    from scipy.special import ndtr

    mean, std = model.predict(X, return_std=True)
    if name == "max_variance":
        return numpy.argsort(-std)[:K]
    if name == "ucb":
        return numpy.argsort(mean - 1.8 * std)[:K]
    u = (best - mean) / std
    ei = std * (u * ndtr(u) + numpy.exp(-0.5 * u * u) / math.sqrt(2.0 * math.pi))
    return numpy.argsort(-ei)[:K]


def timed(work: Callable[[], Any]) -> float:
    """Return seconds."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def measure(d: int, n: int, m: int, peers: int, rounds: int, noise: float, threads: int) -> list[dict[str, Any]]:
    """Run all sides in turns and return a row for each acquisition function."""
    gp = fitted(d, n, noise)
    generator = torch.Generator().manual_seed(1)
    X = gp.space.from_unit(torch.rand(m, gp.space.d, generator=generator, dtype=torch.float64))
    source, few, model = InMemory(gp.space, X), X[:peers], sklearn_model(gp, d)
    few_hot, best = one_hot(few, d), float(gp.standardization.standardize(gp.y).min())
    dense_rows = InMemory(gp.space, X[: max(peers, m // 10)])
    rows = []
    for name in ("ei", "ucb", "max_variance"):
        sides: dict[str, tuple[int, Callable[[], Any]]] = {
            "gpbop": (m, partial(best_of, gp, source, name, threads)),
            "dense": (dense_rows.size, partial(dense, gp, dense_rows, name)),
            "botorch": (peers, partial(botorch_discrete, gp, few, name)),
            "sklearn": (peers, partial(sklearn_scores, model, few_hot, name, best)),
        }
        row = compare(sides, rounds)
        top = best_of(gp, source, name, threads)
        is_same = best_of(gp, dense_rows, name, threads).indices == dense(gp, dense_rows, name)
        rows.append(
            {"d": d, "n": n, "m": m, "peers": peers, "acquisition": name, "threads": threads, **row}
            | {"same_as_dense": is_same, "dense_share": top.certificate.dense_share}
            | {"stages": [[stage.name, stage.entered, stage.settled] for stage in top.certificate.stages]}
        )
        shown = "  ".join(f"{side} {value:9.0f}/s" for side, value in row["rate"].items())
        times = "  ".join(f"{value:5.1f}x {side}" for side, value in row["times"].items())
        print(f"d={d:2d} {name:12s} {shown}   {times}   same as dense: {is_same}", flush=True)
    return rows


def best_of(gp: GaussianProcess, source: Source, name: str, threads: int) -> Top:
    """Return the best by gpbop's scoring."""
    return score(gp, source, acquisition=name, k=K, threads=threads, progress=False)


def compare(sides: dict[str, tuple[int, Callable[[], Any]]], rounds: int) -> dict[str, Any]:
    """Let all sides take turns, after one round to warm up, and return their rates in candidates a second."""
    rates: dict[str, list[float]] = {side: [] for side in sides}
    for number in range(rounds + 1):
        for side, (count, work) in sides.items():
            seconds = timed(work)
            if number:
                rates[side].append(count / seconds)
    rate = {side: statistics.median(values) for side, values in rates.items()}
    return {
        "rate": rate,
        "spread": {side: [min(values), max(values)] for side, values in rates.items()},
        "times": {side: rate["gpbop"] / rate[side] for side in sides if side != "gpbop"},
    }


def main() -> None:
    """Run the benchmark, print a table and append one JSON line per case."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dims", type=int, nargs="+", default=[6, 12], help="continuous parameters")
    parser.add_argument("--observations", type=int, default=1000)
    parser.add_argument("--candidates", type=int, default=100_000)
    parser.add_argument("--peers", type=int, default=4000, help="candidates of the peers")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument(
        "--noise", type=float, default=0.1, help="deviation of the noise, as a share of the objective's"
    )
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    environment = describe()
    print(json.dumps(environment))
    lines = []
    for d in arguments.dims:
        for row in measure(
            d, arguments.observations, arguments.candidates, arguments.peers, arguments.rounds, arguments.noise,
            arguments.threads,
        ):  # fmt: skip
            lines.append(json.dumps({"noise": arguments.noise, **row, **environment}))
    RESULTS.parent.mkdir(exist_ok=True)
    with RESULTS.open("a") as file:
        file.writelines(line + "\n" for line in lines)


if __name__ == "__main__":
    main()
