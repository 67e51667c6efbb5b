"""Moves of one finite parameter: the discrete half of the search."""

import torch
from torch import Tensor

from gpbop.acquisition import Acquisition
from gpbop.space import Space

# Finite parameters with more levels than this are moved by steps of 1, 2, 4, ... levels instead of to every level.
MOST_LEVELS = 24


class Moves:
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

        A move that wakes conditional parameters draws their values; moves of inactive parameters lead nowhere and are
        left out.
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


def best_moves(
    value: Acquisition, X: Tensor, values: Tensor, moves: Moves, generator: torch.Generator
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
