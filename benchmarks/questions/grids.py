"""How fast is the exact best of a whole grid found, up to 10^10 configs, and does memory stay flat?

A grid of d floats with equally many levels, about m configs in all, which gpbop passes in strips and cells (see
`gpbop.scoring.descent`). Of 10^10 configs it is timed once, after a grid of 10^6, as what is compiled and tuned for
the first grid of a process is not to be timed. "dense" is `score_all` of `part` of its configs, drawn at random, and a
sort; its row says whether gpbop finds the same ones among them. `none_better` says that of these, and of all neighbours
of the answer, none that is not in the answer is better than the last one that is. `cells` is the share of the configs
that whole cells ruled out, `dense_share` the certificate's: multiplications done, as a share of dense scoring.
"""

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from benchmarks.harness.question import Peer, Question, Setting, Side, Sizes, sweep
from benchmarks.problems import fitted
from benchmarks.questions.scoring import best_of, candidates, dense
from gpbop import GaussianProcess, Grid, Top
from gpbop.scoring import Source, as_source, score_all

ONCE_FROM, WARM_UP = 10**10, 10**6  # configs


def sides(setting: Setting) -> Iterator[Side | Peer]:
    sizes = setting.sizes
    gp = fitted(sizes["d"], 0, sizes["n"], sizes["noise"], setting.device, setting.seed)
    grid = candidates(gp, "grid", sizes["m"], Path(), setting.seed)
    assert grid.size is not None
    find = partial(best_of, gp, sizes=sizes, threads=setting.threads)
    generator = torch.Generator().manual_seed(setting.seed)
    index = torch.randint(grid.size, (sizes["part"],), generator=generator).unique()

    def told(top: Top, _: float) -> dict[str, Any]:
        return _certificate(top) | {"none_better": _none_better(gp, grid, top, index, sizes)}

    ours = Side("gpbop", partial(find, grid), grid.size, "candidates", values=told)
    if sizes["m"] >= ONCE_FROM:
        small = candidates(gp, "grid", WARM_UP, Path(), setting.seed)
        ours = replace(ours, is_once=True, warm_up=partial(find, small))
    yield ours
    few = as_source(gp.space, gp.space.encode(grid.configs(index.tolist())).to(gp.device))
    assert few.size is not None

    def agrees(indices: list[int], _: float) -> dict[str, Any]:
        return {"same_as_gpbop": find(few).indices == indices}

    yield Side("dense", partial(dense, gp, few, sizes, setting.device), few.size, "candidates", values=agrees)


def _none_better(gp: GaussianProcess, grid: Source, top: Top, index: Tensor, sizes: Sizes) -> bool:
    """Return whether no other config of some, nor a neighbour of the best, exceeds the last of the best."""
    assert isinstance(grid, Grid)
    steps = torch.tensor([sign * stride for stride in grid.strides for sign in (1, -1)])
    near = (torch.tensor(top.indices).unsqueeze(1) + steps).flatten()
    others = torch.cat([index, near[(near >= 0) & (near < grid.extent)]]).unique()
    others = others[~torch.isin(others, torch.tensor(top.indices))]
    few = as_source(gp.space, gp.space.encode(grid.configs(others.tolist())).to(gp.device))
    best = max(float(block.values.max()) for block in score_all(gp, few, acquisition=sizes["acquisition"]))
    return best <= top.values[-1]


def _certificate(top: Top) -> dict[str, Any]:
    certificate = top.certificate
    settled = sum(stage.settled for stage in certificate.stages if stage.name == "cells")
    return {"dense_share": certificate.dense_share, "cells": settled / certificate.candidates}


def _base(n: int, m: int, part: int) -> Sizes:
    return {"acquisition": "ei", "n": n, "m": m, "d": 6, "k": 100, "noise": 0.1, "part": part}


QUESTION = Question(
    cases={
        "smoke": [_base(30, 5000, 200) | {"k": 5}],
        "small": sweep(_base(200, 10**6, 1000), m=[10**5], acquisition=["ucb", "max_variance"]),
        "full": [
            *sweep(_base(200, 10**8, 4000), m=[10**4, 10**5, 10**6, 10**7, 10**9], acquisition=["ucb", "max_variance"]),
            *sweep(_base(1000, 10**7, 4000), m=[10**6, 10**8, 10**10], acquisition=["ucb", "max_variance"]),
        ],
    },
    sides=sides,
    y="rate",
    also=("host_peak_mib",),
    lines=("n",),
)
