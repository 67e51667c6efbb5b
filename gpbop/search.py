"""Search: the config of a mixed, conditional space that maximises an acquisition function.

Small spaces are scored whole. In others the best of many quasi-random points and of perturbed good ones start a local search that
alternates gradient steps on all continuous parameters (all starts in one batch) with the best of all moves of one finite parameter,
until neither helps: the scheme of BoTorch's `optimize_acqf_mixed_alternating`, without its cost per call.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from gpbop.acquisition import Acquisition
from gpbop.bfgs import minimize_batch
from gpbop.designs import sobol
from gpbop.errors import SpaceExhausted
from gpbop.space import Space

# Chosen by benchmarks/ask_latency.py on a 10-parameter mixed space.
EXHAUSTIVE_SIZE = 4096
RAW_SAMPLES = 512
PERTURBED = 256
RESTARTS = 6
ROUNDS = 8
MAX_STEPS = 40
FIRST_STEP = 0.1  # of the unit cube
TOLERANCE = 1e-5
# Finite parameters with more levels than this are moved by steps of 1, 2, 4, ... levels instead of to every level.
MOST_LEVELS = 24


@dataclass(frozen=True)
class Candidate:
    """The answer of a search.

    Attributes:
        x: `1 x d` canonical encoded point.
        value: Its acquisition value.
    """

    x: Tensor
    value: float


class Avoided:
    """The encoded points that must not be proposed again.

    Args:
        X: `k x d` canonical encoded points.
    """

    def __init__(self, X: Tensor) -> None:
        self._rows = set(map(tuple, X.tolist()))

    def __len__(self) -> int:
        return len(self._rows)

    def new(self, X: Tensor) -> Tensor:
        """Return which of `m x d` points are not avoided."""
        return torch.tensor([tuple(row) not in self._rows for row in X.tolist()], dtype=torch.bool, device=X.device)


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
    best = raw_values.topk(min(RESTARTS, len(raw))).indices
    # Acquisition functions differ in size by orders of magnitude; what is worth a step is judged by how much they vary.
    spread = raw_values[torch.isfinite(raw_values)].std().nan_to_num(0.0).clamp(1e-12, 1.0)
    X, values = _climb(value, space, raw[best], raw_values[best], TOLERANCE * float(spread), generator)
    X = space.canonicalize(X)  # gradient steps end between the numbers that values encode to
    return _first_new(torch.cat([X, raw]), torch.cat([values, raw_values]), space, avoided, seed)


def _score_all(value: Acquisition, space: Space, avoided: Avoided, like: Tensor) -> Candidate:
    X = space.grid_rows(torch.arange(int(space.size))).to(like)
    new = avoided.new(X)
    if not bool(new.any()):
        raise SpaceExhausted(_exhausted(space))
    with torch.no_grad():
        values = value(X).nan_to_num(nan=-torch.inf, neginf=-1e308).masked_fill(~new, -torch.inf)
    best = int(values.argmax())
    return Candidate(X[best : best + 1], float(values[best]))


def _first_new(X: Tensor, values: Tensor, space: Space, avoided: Avoided, seed: int) -> Candidate:
    order = values.nan_to_num(nan=-torch.inf).argsort(descending=True, stable=True)
    new = avoided.new(X[order]).nonzero()
    if len(new):
        best = order[new[0, 0]]
        return Candidate(X[best : best + 1], float(values[best]))
    return Candidate(unseen(space, avoided, seed).to(X), float("nan"))


def unseen(space: Space, avoided: Avoided, seed: int) -> Tensor:
    """Find a point that is not avoided, `1 x d`: by chance, then by going through the whole space.

    Raises:
        SpaceExhausted: If there is none.
    """
    X = sobol(space, RAW_SAMPLES, seed)
    new = avoided.new(X).nonzero()
    if len(new):
        return X[new[0]]
    size = space.size
    for start in range(0, int(min(size, len(avoided) + 1)), EXHAUSTIVE_SIZE):
        X = space.grid_rows(torch.arange(start, int(min(start + EXHAUSTIVE_SIZE, size))))
        new = avoided.new(X).nonzero()
        if len(new):
            return X[new[0]]
    raise SpaceExhausted(_exhausted(space))


def _exhausted(space: Space) -> str:
    return (
        f"the space must hold a config that has not been tried; got {space.size} configs, all told or pending. "
        "Stop here, widen the space, or pass repeats=True to measure configs again."
    )


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


def _climb(
    value: Acquisition, space: Space, X: Tensor, values: Tensor, tolerance: float, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Alternate gradient steps and finite moves until neither improves any start."""
    moves = _Moves(space, X)
    going = torch.ones(len(X), dtype=torch.bool, device=X.device)
    for _ in range(ROUNDS):
        before = values.clone()
        if moves.continuous:
            X[going], values[going] = _ascend(value, X[going], values[going], moves.continuous, tolerance)
        if moves.finite:
            X[going], values[going] = _best_moves(value, X[going], values[going], moves, generator)
        going = values > before + tolerance
        if not moves.finite or not bool(going.any()):
            break
    return X, values


def _ascend(
    value: Acquisition, X: Tensor, values: Tensor, continuous: list[int], tolerance: float
) -> tuple[Tensor, Tensor]:
    """Move the active continuous columns uphill, all starts at once."""
    active = X[:, continuous] >= 0.0
    bounds = torch.stack([X.new_zeros(len(continuous)), X.new_ones(len(continuous))])
    found = minimize_batch(
        value.ascent(X, continuous),
        X[:, continuous].clamp_min(0.0),
        bounds,
        first_step=FIRST_STEP,
        max_evaluations=MAX_STEPS,
        tolerance=tolerance,
    )
    better = -found.value > values
    moved = X.clone()
    moved[:, continuous] = torch.where(active & better.unsqueeze(-1), found.x, X[:, continuous])
    return moved, torch.where(better, -found.value, values)


class _Moves:
    """All moves of one finite parameter, from any row at once.

    Args:
        space: The search space.
        like: A tensor whose device and dtype the rows have.
    """

    def __init__(self, space: Space, like: Tensor) -> None:
        self.space = space
        parameters = list(space.parameters.values())
        self.continuous = [j for j, p in enumerate(parameters) if p.count == float("inf")]
        self.finite = [j for j, p in enumerate(parameters) if 1 < p.count < float("inf")]
        small = [j for j in self.finite if parameters[j].count <= MOST_LEVELS]
        self._large = [j for j in self.finite if parameters[j].count > MOST_LEVELS]
        levels = [parameters[j].level(torch.arange(int(parameters[j].count))) for j in small]
        self._columns = torch.tensor([j for j, own in zip(small, levels, strict=True) for _ in own], dtype=torch.long)
        self._values = torch.cat(levels).to(like) if levels else like.new_zeros(0)
        self._columns = self._columns.to(like.device)

    def neighbours(self, X: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Return all neighbours of `r x d` rows, `m x d`, and the `m` numbers of the rows they come from.

        A move that wakes conditional parameters draws their values; moves of inactive parameters lead nowhere and are left out.
        """
        rows, origin = [], []
        every = torch.arange(len(X), device=X.device)
        if len(self._columns):
            moved = X.repeat_interleave(len(self._columns), 0)
            column = self._columns.repeat(len(X)).unsqueeze(-1)
            target = self._values.repeat(len(X)).unsqueeze(-1)
            source = moved.gather(1, column)
            useful = ((source >= 0.0) & (source != target))[:, 0]
            rows.append(moved.scatter(1, column, target)[useful])
            origin.append(every.repeat_interleave(len(self._columns))[useful])
        for j in self._large:
            parameter = list(self.space.parameters.values())[j]
            last = int(parameter.count) - 1
            active = every[X[:, j] >= 0.0]
            powers = 2 ** torch.arange(last.bit_length(), device=X.device)
            steps = torch.cat([-powers, powers])
            level = (parameter.index(X[active, j]).unsqueeze(-1) + steps).clamp(0, last).flatten()
            moved = X[active].repeat_interleave(len(steps), 0)
            moved[:, j] = parameter.level(level).to(X)
            rows.append(moved)
            origin.append(active.repeat_interleave(len(steps)))
        if not rows:
            return X[:0], every[:0]
        return self._wake(torch.cat(rows), generator), torch.cat(origin)

    def _wake(self, X: Tensor, generator: torch.Generator) -> Tensor:
        """Give conditional parameters that a move made active a drawn value."""
        asleep = X < 0.0
        if not bool(asleep.any()):
            return self.space.canonicalize(X)
        drawn = torch.rand(len(X), self.space.d, generator=generator, dtype=torch.float64).to(X)
        for j, parameter in enumerate(self.space.parameters.values()):
            if parameter.is_categorical:
                drawn[:, j] = (drawn[:, j] * parameter.count).floor()
        return self.space.canonicalize(torch.where(asleep, drawn, X))


def _best_moves(
    value: Acquisition, X: Tensor, values: Tensor, moves: _Moves, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Take, for each row, its best neighbour if that is better."""
    neighbours, origin = moves.neighbours(X, generator)
    if not len(neighbours):
        return X, values
    with torch.no_grad():
        found = value(neighbours).nan_to_num(nan=-torch.inf)
    scores = X.new_full((len(X), len(neighbours)), -torch.inf)
    scores[origin, torch.arange(len(neighbours), device=X.device)] = found
    best_value, best = scores.max(-1)
    better = best_value > values
    return torch.where(better.unsqueeze(-1), neighbours[best], X), torch.where(better, best_value, values)
