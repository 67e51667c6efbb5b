"""How fast is the exact best of a whole grid found, up to 10^9 configs, and does memory stay flat?

A grid of d floats with equally many levels, about m configs in all, which gpbop passes in strips and cells (see
`gpbop.scoring.cells`). From 10^8 configs on it is timed once, after a grid of 10^6, as what is compiled and tuned for
the first grid of a process is not to be timed. "dense" is `score_all` of `part` of its configs, drawn at random, and a
sort; its row says whether gpbop finds the same ones among them. `cells` is the share of the configs that whole cells
ruled out, `dense_share` the certificate's: multiplications done, as a share of dense scoring.
"""

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import torch

from benchmarks.harness.question import Peer, Question, Setting, Side, Sizes, sweep
from benchmarks.problems import fitted
from benchmarks.questions.scoring import best_of, candidates, dense
from gpbop import Top
from gpbop.scoring import as_source

ONCE_FROM, WARM_UP = 10**8, 10**6  # configs


def sides(setting: Setting) -> Iterator[Side | Peer]:
    sizes = setting.sizes
    gp = fitted(sizes["d"], 0, sizes["n"], sizes["noise"], setting.device, setting.seed)
    grid = candidates(gp, "grid", sizes["m"], Path(), setting.seed)
    assert grid.size is not None
    find = partial(best_of, gp, sizes=sizes, threads=setting.threads)
    ours = Side("gpbop", partial(find, grid), grid.size, "candidates", values=_certificate)
    if sizes["m"] >= ONCE_FROM:
        small = candidates(gp, "grid", WARM_UP, Path(), setting.seed)
        ours = replace(ours, is_once=True, warm_up=partial(find, small))
    yield ours
    generator = torch.Generator().manual_seed(setting.seed)
    index = torch.randint(grid.size, (sizes["part"],), generator=generator).unique()
    few = as_source(gp.space, gp.space.encode(grid.configs(index.tolist())).to(gp.device))
    assert few.size is not None

    def agrees(indices: list[int], _: float) -> dict[str, Any]:
        return {"same_as_gpbop": find(few).indices == indices}

    yield Side("dense", partial(dense, gp, few, sizes, setting.device), few.size, "candidates", values=agrees)


def _certificate(top: Top, _: float) -> dict[str, Any]:
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
            *sweep(_base(1000, 10**7, 4000), m=[10**6, 10**8], acquisition=["ucb", "max_variance"]),
        ],
    },
    sides=sides,
    y="rate",
    lines=("n",),
)
