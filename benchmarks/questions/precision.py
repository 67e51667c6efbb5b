"""What would float32 save, and what would it cost in accuracy?

Posterior mean and deviation of m candidates on n observations, dense, by the same code in float64 and in float32 (the
Cholesky factor is rounded, not recomputed). Errors are the largest over all candidates, in standard deviations of the
observed values; `top_kept` is the share of the 100 best by LogEI that float32 finds too. gpbop's scoring is exact in
float64: it uses float32 only inside bounds that account for its errors.
"""

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from typing import Any

import torch
from torch import Tensor

from benchmarks.harness.question import Peer, Question, Setting, Side, sweep
from benchmarks.problems import fitted, uniform
from gpbop import GaussianProcess
from gpbop.kernels.features import Features
from gpbop.surrogate.factor import Factor

TOP = 100


def sides(setting: Setting) -> Iterator[Side | Peer]:
    n, m, d, noise = (setting.sizes[name] for name in ("n", "m", "d", "noise"))
    gp = fitted(d, 0, n, noise, setting.device, setting.seed)
    X = uniform(gp.space, m, setting.seed).to(gp.device)
    exact = gp.factor.moments(X)

    def errors(found: tuple[Tensor, Tensor], _: float) -> dict[str, Any]:
        mean, std = found[0].double(), found[1].double().sqrt()
        kept = set(_best(gp, *found)) & set(_best(gp, *exact))
        return {
            "mean_error": float((mean - exact[0]).abs().max()),
            "std_error": float((std - exact[1].sqrt()).abs().max()),
            "top_kept": len(kept) / min(TOP, m),
        }

    with torch.no_grad():
        for dtype in (torch.float64, torch.float32):
            name = str(dtype).removeprefix("torch.")
            yield Side(name, partial(_cast(gp.factor, dtype).moments, X.to(dtype)), m, "candidates", values=errors)


def _cast(factor: Factor, dtype: torch.dtype) -> Factor:
    parts = ("theta", "noise", "L", "alpha", "mean")
    features = Features(*(part.to(dtype) for part in factor.features))
    return replace(factor, features=features, **{name: getattr(factor, name).to(dtype) for name in parts})


def _best(gp: GaussianProcess, mean: Tensor, variance: Tensor) -> list[int]:
    from botorch.acquisition.analytic import _log_ei_helper

    sigma = variance.double().sqrt()
    best = gp.standardization.standardize(gp.y).min()
    values = _log_ei_helper((best - mean.double()) / sigma) + sigma.log()
    return values.topk(min(TOP, len(values))).indices.tolist()


_BASE = {"n": 1000, "m": 20_000, "d": 6, "noise": 0.1}
QUESTION = Question(
    cases={
        "smoke": [{"n": 30, "m": 200, "d": 3, "noise": 0.1}],
        "small": sweep(_BASE | {"n": 400, "m": 2000}, noise=[0.001]),
        "full": sweep(_BASE, n=[200, 4000], noise=[0.001, 0.01]),
    },
    sides=sides,
    y="rate",
)
