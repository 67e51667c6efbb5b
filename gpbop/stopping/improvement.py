"""The largest improvement that is left anywhere: exact where the configs can be counted, else searched."""

import math
from typing import Literal

import torch
from torch import Tensor

from gpbop.acquisition import Question, acquisition
from gpbop.device import guest
from gpbop.optimizer import Optimizer
from gpbop.scoring import Grid, score, skip_observed
from gpbop.search import maximize_acquisition
from gpbop.stopping.base import told
from gpbop.surrogate import GaussianProcess

# Configs of which the best is found exactly, in about a second on one core; a larger space is searched.
MOST_SCORED = 2**20
# Points whose neighbourhoods the search looks at besides the whole space, as when it proposes.
NUM_GOOD = 4


def largest_improvement(
    name: Literal["ei", "pi"], optimizer: Optimizer, gp: GaussianProcess, best_f: float
) -> tuple[float, str]:
    """Return the largest expected or probable improvement on a value that an untried config promises.

    Args:
        name: "ei", in the objective's units, or "pi", a probability.
        optimizer: The search.
        gp: Its model.
        best_f: The value to improve on, in the objective's units.
    Returns:
        The largest, and words that say where it was looked for.
    """
    space = optimizer.space
    X = space.encode([trial.config for trial in told(optimizer)])
    if space.size > MOST_SCORED:
        return _searched(name, optimizer, gp, best_f, X), "that a search of the space found"
    left = int(space.size) - len(torch.unique(X, dim=0))
    among = f"of the {left} untried configs"
    if not left:
        return 0.0, among
    untried = skip_observed(Grid(space), X)
    with guest(gp.device, len(gp.X)):
        top = score(gp, untried, acquisition=name, direction=optimizer.direction, k=1, best_f=best_f, progress=False)
    return math.exp(top.values[0]), among


def _searched(name: str, optimizer: Optimizer, gp: GaussianProcess, best_f: float, X: Tensor) -> float:
    value = acquisition(name, Question(gp, optimizer.direction, best_f=best_f))
    X_good = gp.X[gp.y.argsort(descending=optimizer.direction == "maximize", stable=True)[:NUM_GOOD]]
    with guest(gp.device, len(gp.X)):
        found = maximize_acquisition(value, optimizer.space, X_avoid=X.to(gp.X), X_good=X_good, seed=len(X))
    return math.exp(found.value) * (gp.standardization.scale if name == "ei" else 1.0)
