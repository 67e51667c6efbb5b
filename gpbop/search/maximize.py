"""The whole search: every config of a small space, or local searches from the best of many points of a large one."""

from dataclasses import dataclass

import torch
from torch import Tensor

from gpbop.acquisition import Acquisition
from gpbop.designs import sobol
from gpbop.errors import SpaceExhausted
from gpbop.search.avoided import Avoided, exhausted_message, unseen
from gpbop.search.climb import climb
from gpbop.search.moves import Moves
from gpbop.space import Space

# Chosen by benchmarks/ask_latency.py on a 10-parameter mixed space.
EXHAUSTIVE_SIZE = 4096
RAW_SAMPLES = 512
PERTURBED = 256
RESTARTS = 6
NUM_GOOD_RAW = 64  # of which the far half of the starts is chosen
# What is worth a step, as a share of how much the acquisition function varies over the raw samples.
TOLERANCE = 1e-5
LEAST_SPREAD = 1e-12


@dataclass(frozen=True)
class Candidate:
    """The answer of a search.

    Attributes:
        x: `1 x d` canonical encoded point.
        value: Its acquisition value.
    """

    x: Tensor
    value: float


def maximize_acquisition(
    value: Acquisition,
    space: Space,
    *,
    X_avoid: Tensor,
    X_good: Tensor | None = None,
    repeats: bool = False,
    seed: int = 0,
) -> Candidate:
    """Find the best config that has not been tried.

    Args:
        value: Maps `m x d` encoded points to `m` values.
        space: The search space.
        X_avoid: `k x d` points told or pending, not to be proposed while another exists.
        X_good: `g x d` points whose neighbourhoods are worth searching: the best ones told.
        repeats: Whether avoided points may be proposed like any others, for noisy objectives.
        seed: Seed of the quasi-random points.
    Returns:
        The best point found, on the device of X_avoid.
    Raises:
        SpaceExhausted: If every config is avoided and `repeats` is off.
    """
    avoided = Avoided(X_avoid[:0] if repeats else X_avoid)
    if space.size <= EXHAUSTIVE_SIZE:
        return _score_all(value, space, avoided, X_avoid)
    generator = torch.Generator().manual_seed(seed)
    raw = sobol(space, RAW_SAMPLES, seed).to(X_avoid)
    if X_good is not None and len(X_good):
        raw = torch.cat([raw, _perturb(space, X_good, PERTURBED, generator)])
    with torch.no_grad():
        raw_values = value(raw)
    raw_values = raw_values.nan_to_num(nan=-torch.inf)
    best = _starts(space, raw, raw_values)
    # Acquisition functions differ in size by orders of magnitude: what is worth a step depends on how much they vary.
    finite = raw_values[torch.isfinite(raw_values)]
    spread = min(max(float(finite.std(correction=0)), LEAST_SPREAD), 1.0) if len(finite) else 1.0
    X, values = climb(value, space, raw[best], raw_values[best], TOLERANCE * spread, generator)
    X = space.canonicalize(X)  # gradient steps end between the numbers that values encode to
    if not bool(avoided.new(X[values.argmax()].unsqueeze(0))):
        X, values = _around(value, space, X, values, generator)
    return _first_new(torch.cat([X, raw]), torch.cat([values, raw_values]), space, avoided, seed)


def _around(
    value: Acquisition, space: Space, X: Tensor, values: Tensor, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Add the neighbours of climbed points: where the best of them was tried already, the next best is beside it."""
    neighbours, _ = Moves(space, X).neighbours(X, generator)
    if not len(neighbours):
        return X, values
    with torch.no_grad():
        beside = value(neighbours).nan_to_num(nan=-torch.inf)
    return torch.cat([X, neighbours]), torch.cat([values, beside])


def _score_all(value: Acquisition, space: Space, avoided: Avoided, like: Tensor) -> Candidate:
    X = space.grid_rows(torch.arange(int(space.size))).to(like)
    new = avoided.new(X)
    if not bool(new.any()):
        raise SpaceExhausted(exhausted_message(space))
    with torch.no_grad():
        values = value(X).nan_to_num(nan=-1e308, neginf=-1e308).masked_fill(~new, -torch.inf)
    best = int(values.argmax())
    return Candidate(X[best : best + 1], float(values[best]))


def _starts(space: Space, X: Tensor, values: Tensor) -> Tensor:
    """Choose which of `m x d` points to climb from: the best half, then good ones far from those chosen.

    The best points alone often share one basin. On 48 fits of the benchmark's space, 3 seeds each, 1.4 % of searches
    from the best points missed the optimum; none did with this choice.

    Returns:
        The numbers of the chosen points.
    """
    order = values.argsort(descending=True, stable=True)[:NUM_GOOD_RAW]
    is_categorical = torch.tensor([p.is_categorical for p in space.parameters.values()], device=X.device)
    good = X[order]
    differences = (good.unsqueeze(0) - good.unsqueeze(1)).abs()
    distances = torch.where(is_categorical, (differences > 0.0).to(X), differences).sum(-1)
    chosen = list(range(min(RESTARTS // 2, len(order))))
    while len(chosen) < min(RESTARTS, len(order)):
        chosen.append(int(distances[chosen].amin(0).argmax()))
    return order[chosen]


def _first_new(X: Tensor, values: Tensor, space: Space, avoided: Avoided, seed: int) -> Candidate:
    order = values.nan_to_num(nan=-torch.inf).argsort(descending=True, stable=True)
    new = avoided.new(X[order]).nonzero()
    if len(new):
        best = order[new[0, 0]]
        return Candidate(X[best : best + 1], float(values[best]))
    return Candidate(unseen(space, avoided, seed).to(X), float("nan"))


def _perturb(space: Space, X_good: Tensor, m: int, generator: torch.Generator) -> Tensor:
    """Return `m x d` neighbours of good points: each column kept, moved a little, or drawn anew."""
    rows = X_good[torch.arange(m) % len(X_good)]
    fresh = space.from_unit(torch.rand(m, space.d, generator=generator, dtype=torch.float64)).to(rows)
    draw = torch.rand(m, space.d, generator=generator, dtype=torch.float64).to(rows)
    step = 0.1 * torch.randn(m, space.d, generator=generator, dtype=torch.float64).to(rows)
    numeric = torch.tensor([not p.is_categorical for p in space.parameters.values()], device=rows.device)
    moved = torch.where(numeric & (rows >= 0.0), (rows + step).clamp(0.0, 1.0), rows)
    redraw = (draw < 1.0 / space.d) | (rows < 0.0)
    return space.canonicalize(torch.where(redraw & (fresh >= 0.0), fresh, moved))
