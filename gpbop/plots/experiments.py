"""What the pictures read of a search: its told trials, encoded, in their order."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from gpbop.acquisition import Direction
from gpbop.errors import ArgumentError, NoTrialsError, explain
from gpbop.minimize import Result
from gpbop.observations import Observations
from gpbop.optimizer import Optimizer
from gpbop.space import Space
from gpbop.trials import Trial


@dataclass(frozen=True)
class Experiments:
    """The told trials of a search.

    Attributes:
        optimizer: The search.
        trials: Those that are complete or failed, in their order.
        X: `n x d` encoded points of these.
        y: `n` values, NaN for the failed ones.
    """

    optimizer: Optimizer
    trials: tuple[Trial, ...]
    X: Tensor
    y: Tensor

    @staticmethod
    def of(search: Optimizer | Result, *, need_values: bool = True) -> "Experiments":
        """Read a search.

        Args:
            search: An optimizer, or what `minimize` returned.
            need_values: Whether the picture is of values, so that at least one experiment must have finished.
        Raises:
            ArgumentError: If it is no search.
            NoTrialsError: If there is nothing to draw.
        """
        optimizer = search.optimizer if isinstance(search, Result) else search
        if not isinstance(optimizer, Optimizer):
            advice = "Pass the Optimizer, or what minimize returned."
            raise ArgumentError(explain("optimizer", "be an Optimizer or a Result", repr(search), advice))
        trials = tuple(trial for trial in optimizer.trials if trial.state != "pending")
        if need_values:
            optimizer.best  # noqa: B018  # raises the error that says why there is none
        if not trials:
            got = f"{len(optimizer.trials)} trials, none of them told"
            raise NoTrialsError(explain("optimizer", "have a told experiment", got, "Tell a value first."))
        y = [math.nan if trial.value is None else trial.value for trial in trials]
        X = optimizer.space.encode([trial.config for trial in trials])
        return Experiments(optimizer, trials, X, torch.tensor(y, dtype=torch.float64))

    @property
    def space(self) -> Space:
        """The search space."""
        return self.optimizer.space

    @property
    def direction(self) -> Direction:
        """Whether the search is to "minimize" or to "maximize"."""
        return self.optimizer.direction

    @property
    def numbers(self) -> Tensor:
        """`n` numbers of the trials, from 1, as people count."""
        return torch.tensor([trial.number + 1 for trial in self.trials])

    @property
    def observations(self) -> Observations:
        """All told trials, for the model."""
        return Observations(self.X, self.y)

    @property
    def finished(self) -> Tensor:
        """Which of the `n` trials have a value."""
        return self.y.isfinite()

    def row(self, at: Mapping[str, Any] | None) -> Tensor:
        """Return the `d` encoded numbers of a config; of the best one if absent.

        Raises:
            ConfigError: If it does not belong to the space.
        """
        return self.space.encode([self.optimizer.best.config if at is None else at])[0]

    def best_so_far(self) -> Tensor:
        """Return, after each of the `n` trials, the best value until then; NaN before the first one.

        A config that was measured several times counts with the mean of its values until then, as in `Optimizer.best`.
        """
        better = min if self.direction == "minimize" else max
        values: dict[tuple[float, ...], list[float]] = {}
        means: dict[tuple[float, ...], float] = {}
        best, bests = math.nan, []
        for row, value in zip(map(tuple, self.X.tolist()), self.y.tolist(), strict=True):
            if not math.isnan(value):
                own = values.setdefault(row, [])
                own.append(value)
                means[row] = own[0] if len(own) == 1 else math.fsum(each / len(own) for each in own)
                # Only a repeat can take the best away again.
                best = better(means.values()) if len(own) > 1 or math.isnan(best) else better(best, value)
            bests.append(best)
        return torch.tensor(bests, dtype=torch.float64)

    def best_index(self) -> int:
        """Return the number, among the `n` told trials, of the trial that `Optimizer.best` returns."""
        best = self.optimizer.best.number
        return next(i for i, trial in enumerate(self.trials) if trial.number == best)


def thinned(index: Tensor, most: int, keep: int | None = None) -> Tensor:
    """Return at most `most` of some numbers, evenly spread, and `keep` among them if it was.

    Args:
        index: `n` numbers in ascending order.
        most: How many to return.
        keep: The one that must stay.
    """
    if len(index) <= most:
        return index
    chosen = index[torch.linspace(0, len(index) - 1, most).round().long()]
    if keep is None or bool((chosen == keep).any()):
        return chosen
    chosen[(chosen - keep).abs().argmin()] = keep
    return chosen
