"""The ledger: all trials of an optimizer beside their encoded points, in the order of asking and telling."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from gpbop.observations import Observations
from gpbop.parameters import INACTIVE
from gpbop.parameters.choices import plain
from gpbop.space import Space
from gpbop.trials import Trial, TrialState

Row = tuple[float, ...]


class Ledger:
    """What an `Optimizer` remembers of the experiments; it is the part of the optimizer that grows.

    Adding a trial takes constant time whatever their number. Tensors are made when they are asked for, once a round.

    Args:
        d: Number of columns of the encoded points.
        trials: Trials to start with.
        X: Their encoded points.
    """

    def __init__(self, d: int, trials: Sequence[Trial] = (), X: Tensor | None = None) -> None:
        self._d = d
        self._trials: list[Trial] = []
        self._rows: list[Row] = []
        self._pending: dict[Row, list[int]] = {}  # numbers of the pending trials of a point, the first asked first
        self._told = 0
        for trial, row in zip(trials, [] if X is None else X.tolist(), strict=True):
            self._add(trial, tuple(row))

    def __len__(self) -> int:
        return len(self._trials)

    @property
    def told(self) -> int:
        """Number of trials that are not pending; it never falls."""
        return self._told

    @property
    def trials(self) -> Sequence[Trial]:
        """The trials themselves, not to be changed."""
        return self._trials

    def in_state(self, state: TrialState) -> list[Trial]:
        """Return the trials in a state."""
        return [trial for trial in self._trials if trial.state == state]

    def ask(self, config: dict[str, Any], x: Tensor) -> None:
        """Add a pending trial.

        Args:
            config: Its config, which nobody else may hold.
            x: `1 x d` encoded point.
        """
        self._add(Trial(len(self), config), tuple(x[0].tolist()))

    def tell(self, config: dict[str, Any], row: Sequence[float], value: float, reason: str | None) -> None:
        """Record a result: of the first pending trial of this point, or else as a trial of its own.

        Args:
            config: The config, used where no trial is pending.
            row: `d` numbers of the encoded point.
            value: The value; NaN if the experiment failed.
            reason: Why it failed.
        """
        key = tuple(row)
        if key not in self._pending:
            return self._add(Trial(len(self), config).told(value, reason), key)
        number = self._pending[key].pop(0)
        if not self._pending[key]:
            del self._pending[key]
        self._trials[number] = self._trials[number].told(value, reason)
        self._told += 1
        return None

    def withdraw(self, length: int) -> None:
        """Forget the last trials, all of them pending, until `length` are left."""
        while len(self) > length:
            trial, row = self._trials.pop(), self._rows.pop()
            assert trial.state == "pending", "only asks are withdrawn"
            self._pending[row].remove(trial.number)
            if not self._pending[row]:
                del self._pending[row]

    @property
    def X(self) -> Tensor:
        """`n x d` encoded points of all trials, on the CPU."""
        return torch.tensor(self._rows, dtype=torch.float64).reshape(-1, self._d)

    @property
    def X_pending(self) -> Tensor:
        """Encoded points of the pending trials."""
        numbers = sorted(number for numbers in self._pending.values() for number in numbers)
        return torch.tensor([self._rows[number] for number in numbers], dtype=torch.float64).reshape(-1, self._d)

    def observations(self) -> Observations:
        """Return points and values of all trials that are not pending, NaN for the failed ones."""
        y = [math.nan if trial.value is None else trial.value for trial in self._trials if trial.state != "pending"]
        rows = [row for row, trial in zip(self._rows, self._trials, strict=True) if trial.state != "pending"]
        return Observations(
            torch.tensor(rows, dtype=torch.float64).reshape(-1, self._d), torch.tensor(y, dtype=torch.float64)
        )

    def mean_values(self, complete: Sequence[Trial]) -> list[float]:
        """Return, for each of some complete trials, the mean value of all of them at its point."""
        values: dict[Row, list[float]] = {}
        for trial in complete:
            assert trial.value is not None, "complete trials have a value"
            values.setdefault(self._rows[trial.number], []).append(trial.value)
        # A point's only value is returned to the last bit; the mean of several is summed so that it cannot overflow.
        means = {
            row: own[0] if len(own) == 1 else math.fsum(value / len(own) for value in own)
            for row, own in values.items()
        }
        return [means[self._rows[trial.number]] for trial in complete]

    @staticmethod
    def of(space: Space, trials: Sequence[Trial]) -> "Ledger":
        """Encode the configs of trials.

        Raises:
            ConfigError: If a config does not belong to the space.
        """
        X = space.encode([trial.config for trial in trials])
        stored = plain_configs(space, [trial.config for trial in trials], X)
        own = [replace(trial, config=config) for trial, config in zip(trials, stored, strict=True)]
        return Ledger(space.d, own, X)

    def _add(self, trial: Trial, row: Row) -> None:
        self._trials.append(trial)
        self._rows.append(row)
        if trial.state == "pending":
            self._pending.setdefault(row, []).append(trial.number)
        else:
            self._told += 1


def plain_configs(space: Space, configs: Sequence[Mapping[str, Any]], X: Tensor) -> list[dict[str, Any]]:
    """Return told configs as JSON values of our own, without inactive parameters.

    Continuous values stay as they were told, to the last bit; `Space.decode` rounds them to the shortest decimal of
    their place.

    Args:
        space: The search space.
        configs: `n` configs of it.
        X: Their `n x d` encoded points.
    """
    own: list[dict[str, Any]] = [{} for _ in configs]
    for j, (name, parameter) in enumerate(space.parameters.items()):
        active = (X[:, j] != INACTIVE).nonzero()[:, 0].tolist()
        if parameter.placement is None:
            values = [float(plain(configs[i][name])) for i in active]
        else:
            values = parameter.decode_all(X[active, j])
        for i, value in zip(active, values, strict=True):
            own[i][name] = value
    return own
