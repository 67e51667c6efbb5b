"""Is the answer of scoring that of dense float64 scoring: the same candidates in the same order, every time?

An answer is `gpbop.score` for one acquisition function: the best `k` of `m` scattered candidates (and of repeats,
observed points, and points that hardly differ from the best), the best `k` of a `Grid`, or a batch of the scattered
ones. It is wrong if its indices differ anywhere from those of `benchmarks/one_by_one.py`, which computes candidates by
themselves and knows none of scoring's bounds. `to_dense` is how many candidates no bound ruled out, all functions
but thompson (which is dense) together; `dense_share` the mean of their certificates': multiplications done, as a share
of dense scoring; `cells` how many candidates of a grid were ruled out by the cell.

Spaces (one with parameters of many choices, which are compared by learned coordinates), kernels and sizes are combined
such that every value of each meets every value of every other, in 25 cases; two more have larger grids, one of which is
suited to cells. Hyperparameters are given: `noise` is the variance of the noise over that of the process, `reach` the
lengthscale over sqrt(d).
"""

import math
import warnings
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor

from benchmarks.harness.question import Peer, Question, Row, Setting, Side, Sizes
from benchmarks.one_by_one import batch_of_each, best_near, best_of_each, in_blocks
from benchmarks.problems import uniform
from gpbop import Categorical, Float, GaussianProcess, Grid, Integer, Space, Top, score
from gpbop.acquisition import Question as Asked
from gpbop.acquisition import acquisition
from gpbop.errors import NumericalWarning
from gpbop.kernels.closed_form import ClosedForm
from gpbop.parameters import Parameter
from gpbop.scoring import Source, as_source
from gpbop.scoring.job import SCORED
from gpbop.surrogate.columns import LATENT_FROM_CHOICES, columns_of

BATCH, BATCHED = 3, 500  # points of a batch, and of how many scattered candidates
REPEATED, OBSERVED = 10, 100  # one candidate in so many comes twice; observed points among the candidates at most
BEST_OF, COPIES, STEP = ("ei", "max_variance", "ucb"), 20, 1e-10  # near whose best how many are, and how near
DRAWN, MOST_DRAWN = "thompson", 100_000  # it is dense: more candidates would show nothing
SPREAD = 0.3  # of the logarithms of lengthscales


def sides(setting: Setting) -> Iterator[Side | Peer]:
    sizes, seed = setting.sizes, setting.seed
    asked = Asked(process(sizes, seed, setting.device), sizes["direction"])
    space, grid = asked.gp.space, grid_of(asked.gp.space, sizes["grid"])
    rows = grid.rows(torch.arange(grid.extent, device=asked.gp.device))
    X, few = (scattered(asked, m, seed) for m in (sizes["m"], min(sizes["m"], BATCHED)))
    some = [name for name in SCORED if name != DRAWN or len(rows) <= MOST_DRAWN]
    batched = SCORED if sizes["batched"] == "all" else sizes["batched"].split()
    yield _side("scattered", asked, as_source(space, X), X, SCORED, sizes["k"], setting.threads)
    yield _side("grid", asked, grid, rows, some, sizes["k"], setting.threads)
    yield _side("batch", asked, as_source(space, few), few, batched, BATCH, setting.threads)


def _side(side: str, asked: Asked, source: Source, X: Tensor, names: Sequence[str], k: int, threads: int) -> Side:
    work = partial(answers, asked, source, names, k, is_batch=side == "batch", threads=threads)
    values = partial(compared, asked, X, k, is_batch=side == "batch")
    return Side(side, work, len(X) * len(names), "candidates", values=lambda tops, _: values(tops), is_once=True)


def answers(
    asked: Asked, source: Source, names: Sequence[str], k: int, *, is_batch: bool = False, threads: int = 1
) -> dict[str, Top]:
    """Return what scoring finds under each acquisition function."""
    find = partial(score, asked.gp, source, direction=asked.direction, k=k, batch=is_batch, skip_observed=False)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NumericalWarning)  # jitter, where the noise is tiny
        return {name: find(acquisition=name, threads=threads, progress=False) for name in names}


def compared(asked: Asked, X: Tensor, k: int, tops: Mapping[str, Top], *, is_batch: bool = False) -> dict[str, Any]:
    """Return how many answers are wrong, under which functions, and how far bounds went."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NumericalWarning)
        expected = (batch_of_each if is_batch else best_of_each)(tops, asked, X, k, best_near)
    wrong = [name for name, top in tops.items() if top.indices != expected[name]]
    bounded = [top.certificate for name, top in tops.items() if name != DRAWN]
    stages = [stage for certificate in bounded for stage in certificate.stages]
    return {
        "candidates": len(X),
        "answers": len(tops),
        "wrong": len(wrong),
        "wrong_in": wrong,
        "to_dense": sum(stage.entered for stage in stages if stage.name == "dense"),
        "dense_share": sum(certificate.dense_share for certificate in bounded) / len(bounded),
        "cells": sum(stage.settled for stage in stages if stage.name == "cells"),
    }


def process(sizes: Sizes, seed: int = 0, device: str = "cpu") -> GaussianProcess:
    """Condition a process with hyperparameters around those of a case on n values of a wave, with its noise."""
    space, n, noise = space_of(sizes["space"], sizes["d"]), sizes["n"], sizes["noise"]
    generator = torch.Generator().manual_seed(seed)
    layout = ClosedForm(columns_of(space), sizes["kernel"]).layout
    theta = SPREAD * torch.randn(layout.size + 1, generator=generator, dtype=torch.float64)
    theta[layout.numeric] += math.log(sizes["reach"] * space.d**0.5)
    theta[layout.latent] /= SPREAD
    theta[layout.outputscale], theta[-1] = 0.0, math.log(noise)
    X = uniform(space, n, seed + 1)
    wave = 3.0 * torch.randn(space.d, generator=generator, dtype=torch.float64) / space.d**0.5
    y = (X @ wave).sin() + noise**0.5 * torch.randn(n, generator=generator, dtype=torch.float64)
    fit = partial(GaussianProcess.fit, space, space.decode(X), y.tolist(), smoothness=sizes["kernel"], device=device)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NumericalWarning)
        return fit(hyperparameters=theta)


def space_of(kind: str, d: int) -> Space:
    """Return a space of d parameters: floats, or several kinds in turn."""
    return Space({f"x{i}": _parameter(kind, i) for i in range(d)})


def _parameter(kind: str, i: int) -> Parameter:
    turn, first = i % 4, {f"x{i - i % 4}": ["b", "c"]}
    others: dict[str, list[Parameter]] = {
        "floats": [Float(0.0, 1.0)] * 3,
        "mixed": [Categorical(["a", "b", "c"]), Integer(1, 9), Float(1e-4, 1.0, log=True)],
        "many choices": [Categorical(list(range(LATENT_FROM_CHOICES + 2))), Float(0.0, 1.0), Categorical(["a", "b"])],
        "conditional": [Float(0.0, 1.0, when=first), Categorical(["u", "v"], when=first), Float(0.0, 1.0)],
    }
    if turn == 0:
        return Categorical(["a", "b", "c"]) if kind == "conditional" else Float(0.0, 1.0)
    return others[kind][turn - 1]


def scattered(asked: Asked, m: int, seed: int) -> Tensor:
    """Return candidates: `m` uniform ones, repeats, observed points, and points that hardly differ from the best."""
    space, X = asked.gp.space, uniform(asked.gp.space, m, seed + 2).to(asked.gp.device)
    with torch.no_grad():
        values = in_blocks({name: acquisition(name, asked) for name in BEST_OF}, X)
    best = torch.cat([X[each.argmax()].repeat(COPIES, 1) for each in values.values()])
    shift = STEP * torch.randn(best.shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    return torch.cat([X, X[: m // REPEATED], asked.gp.X[:OBSERVED], space.canonicalize(best + shift.to(best))])


def grid_of(space: Space, most: int) -> Grid:
    """Return a grid with about equally many levels of each parameter, and not over `most` configs."""
    counts = dict.fromkeys(space.names, 1)
    grid = _grid(space, counts)
    while growing := [name for name in space.names if counts[name] < space.parameters[name].count]:
        counts[min(growing, key=counts.__getitem__)] += 1
        larger = _grid(space, counts)
        if larger.extent > most:
            break
        grid = larger
    return grid


def _grid(space: Space, counts: dict[str, int]) -> Grid:
    levels = {}
    for name, count in counts.items():
        parameter, middles = space.parameters[name], (torch.arange(count, dtype=torch.float64) + 0.5) / count
        is_finite = parameter.placement is not None
        levels[name] = [parameter.value_of(i) for i in range(count)] if is_finite else parameter.decode_all(middles)
    return Grid(space, levels)


def summary(rows: list[Row]) -> str:
    """Say in one sentence how many answers were compared, and how many were wrong."""
    totals = {name: sum(row["values"][name] for row in rows) for name in ("answers", "wrong")}
    candidates = sum(row["count"] for row in rows)
    return (
        f"{totals['answers']:,} answers were compared with dense scoring, over {candidates:,} candidates in all: "
        f"{totals['wrong']:,} wrong."
    )


SPACES = ("floats", "mixed", "many choices", "conditional")
KERNELS, REACHES = ("matern52", "matern32", "rbf"), (0.5, 0.1, 4.0)
D, N, NOISES = (2, 3, 6, 12, 20), (10, 50, 200, 1000, 2000), (1e-6, 1e-4, 1e-2, 0.1, 1.0)


def _pairwise() -> list[Sizes]:
    """Return the 25 cases: the lines a, b, a + b, ... of a plane over the integers modulo 5 are orthogonal."""
    cases = []
    for b, a in ((b, a) for b in range(5) for a in range(5)):
        space, kernel, reach = SPACES[(a + 2 * b) % 5 % 4], KERNELS[(a + 3 * b) % 5 % 3], REACHES[(a + 4 * b) % 5 % 3]
        case = {"space": space, "kernel": kernel, "d": D[a], "n": N[b], "noise": NOISES[(a + b) % 5], "reach": reach}
        case |= {"direction": ("minimize", "maximize")[(a + b * b) % 5 % 2], "k": (10, 100)[(2 * a + b * b) % 5 % 2]}
        # The largest batches take longest: two functions of each case.
        batched = "all" if N[b] < max(N) else " ".join((SCORED * 2)[2 * a : 2 * a + 2])
        cases.append(case | {"m": 3000, "grid": 6000, "batched": batched})
    return cases


def _case(space: str, d: int, n: int, noise: float, **others: Any) -> Sizes:
    usual = {"kernel": "matern52", "reach": 0.5, "direction": "minimize", "k": 10, "m": 2100, "grid": 2100}
    return {"space": space, "d": d, "n": n, "noise": noise} | usual | {"batched": "all"} | others


QUESTION = Question(
    cases={
        "smoke": [
            _case("mixed", 3, 12, 1e-6, m=30, grid=30, batched="ei pi"),
            _case("conditional", 6, 15, 1e-2, m=30, grid=30, batched="noisy_ei ucb", direction="maximize"),
        ],
        "small": [
            _case("floats", 3, 200, 1e-6, kernel="rbf"),
            _case("mixed", 6, 400, 1e-4, kernel="matern32"),
            _case("many choices", 12, 50, 1.0, direction="maximize"),
            _case("conditional", 20, 200, 1e-2, k=100),
        ],
        "full": [
            *_pairwise(),
            _case("floats", 6, 200, 1e-2, reach=4.0, grid=10**6),
            _case("mixed", 6, 200, 0.1, reach=4.0, grid=500_000, direction="maximize"),
        ],
    },
    sides=sides,
    summary=summary,
    is_race=False,
)
