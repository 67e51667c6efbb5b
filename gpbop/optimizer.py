"""Optimizer: ask for a config, tell what came of it. The one object that keeps state."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, overload

import torch
from torch import Tensor

from gpbop.acquisition import UCB_BETA, Direction
from gpbop.device import parse_device, resolve_device
from gpbop.errors import NoTrialsError, SpaceError, SpaceExhausted, StateError, explain
from gpbop.ledger import Ledger, plain_configs
from gpbop.observations import check_value, check_values
from gpbop.proposal import Proposer
from gpbop.settings import Settings, check_count
from gpbop.space import Space
from gpbop.state import STATE_VERSION, check_version, read_state, write_state
from gpbop.surrogate import GaussianProcess, Prediction
from gpbop.trials import Trial


class Optimizer:
    """Finds the best config of a space with as few experiments as possible.

    Args:
        space: The search space.
        acquisition: "ei", "noisy_ei", "ucb", "pi", "max_variance", "integrated_variance" or "thompson".
        direction: "minimize" or "maximize".
        design: First experiments: "sobol", "random", "latin_hypercube" or "corners".
        initial: Number of first experiments; one more than the space has parameters, at least 4, if absent; for corners
            all of them.
        device: "auto", "cpu", "cuda" or a torch device. "auto" takes CUDA once there are enough trials for it to pay.
        seed: Seed of everything random; the same seed and the same tells give the same asks.
        beta: Weight of the variance in "ucb".
        repeats: Whether configs may be proposed again, for noisy objectives.
        memory: Most bytes of device memory a step may take for candidates; a default block if absent.
    Raises:
        AcquisitionError, ArgumentError, DeviceError, SpaceError: If an argument is not as described.
    Example:
        >>> from gpbop import Float, Optimizer, Space
        >>> optimizer = Optimizer(Space({"x": Float(-1.0, 2.0)}), seed=0)
        >>> for _ in range(10):
        ...     config = optimizer.ask()
        ...     optimizer.tell(config, (config["x"] - 0.5) ** 2)
        >>> abs(optimizer.best.config["x"] - 0.5) < 0.1
        True
    """

    def __init__(
        self,
        space: Space,
        *,
        acquisition: str = "ei",
        direction: Direction = "minimize",
        design: str = "sobol",
        initial: int | None = None,
        device: str | torch.device = "auto",
        seed: int = 0,
        beta: float = UCB_BETA,
        repeats: bool = False,
        memory: int | None = None,
    ) -> None:
        settings = Settings(
            acquisition=acquisition,
            direction=direction,
            design=design,
            initial=initial,
            device=device,
            seed=seed,
            beta=beta,
            repeats=repeats,
            memory=memory,
        )
        if not isinstance(space, Space):
            raise SpaceError(explain("space", "be a Space", repr(space), "Write Space({'x': Float(0.0, 1.0)})."))
        resolve_device(settings.device)
        self.space = space
        self._settings = settings
        self._ledger = Ledger(space.d)
        self._proposer = Proposer(space, settings)

    @overload
    def ask(self) -> dict[str, Any]: ...

    @overload
    def ask(self, q: int) -> list[dict[str, Any]]: ...

    def ask(self, q: int | None = None) -> dict[str, Any] | list[dict[str, Any]]:
        """Propose what to run next.

        The first experiments come from the design; then the acquisition function decides, with everything asked and not
        yet told counted as running. A config that was told or is pending is not proposed while another exists.

        Args:
            q: How many configs to propose, to run side by side.
        Returns:
            A config, or a list of q configs, which are the caller's to change.
        Raises:
            SpaceExhausted: If every config was told or is pending, and `repeats` is off. With q, only if there is none
                at all to propose; a shorter list is returned if the space ends in between.
        """
        if q is None:
            return self._ask_one()
        q = check_count("q", q, "Leave it out for one config.")
        before = len(self._ledger)
        try:
            configs = [self._ask_one()]
            while len(configs) < q:
                configs.append(self._ask_one())
        except SpaceExhausted:
            if len(self._ledger) == before:
                raise
        except BaseException:
            self._ledger.withdraw(before)  # nobody will run what was never returned
            raise
        return [trial.copy().config for trial in self._ledger.trials[before:]]

    def _ask_one(self) -> dict[str, Any]:
        x = self._proposer.propose(self._ledger)
        self._ledger.ask(self.space.decode(x)[0], x)
        return self._ledger.trials[-1].copy().config

    def tell(self, config: Mapping[str, Any], value: float | None, *, reason: str | None = None) -> None:
        """Record what came of a config, asked or not, in any order.

        Args:
            config: A config of the space.
            value: The objective's value; None, NaN or an infinity if the experiment failed.
            reason: Why it failed, for the record.
        Raises:
            ConfigError: If the config does not belong to the space; nothing is recorded then.
            ObjectiveError: If the value is no number; nothing is recorded then.
        """
        X = self.space.encode([config])
        self._record([config], X, [value], [check_value(value)], reason)

    def tell_many(self, configs: Sequence[Mapping[str, Any]], values: Sequence[float | None]) -> None:
        """Record what came of many configs at once, for instance results made before gpbop.

        All of them are recorded or, on an error, none.

        Args:
            configs: `n` configs of the space.
            values: `n` values, as `tell` takes them: a list, or a 1-d array or tensor.
        Raises:
            ConfigError: If a config does not belong to the space.
            ObjectiveError: If a value is no number.
            ShapeError: If there are more configs than values, or fewer.
        """
        X = self.space.encode(configs)
        self._record(configs, X, values, check_values(configs, values), None)

    def _record(
        self,
        configs: Sequence[Mapping[str, Any]],
        X: Tensor,
        given: Sequence[object],
        values: Sequence[float],
        reason: str | None,
    ) -> None:
        own = plain_configs(self.space, configs, X)
        known = None if reason is None else str(reason)
        reasons = [known or ("no value" if was is None else f"the value was {was}") for was in given]
        for config, row, value, why in zip(own, X.tolist(), values, reasons, strict=True):
            self._ledger.tell(config, row, value, why)

    @property
    def direction(self) -> Direction:
        """Whether the search is to "minimize" or to "maximize"."""
        return self._settings.direction

    @property
    def initial(self) -> int:
        """Number of first experiments, before the model decides."""
        return self._proposer.initial

    @property
    def trials(self) -> list[Trial]:
        """All trials, in the order of asking and telling."""
        return [trial.copy() for trial in self._ledger.trials]

    @property
    def best(self) -> Trial:
        """The finished trial with the best value; the earliest of equals.

        A config that was measured several times counts with the mean of its values, which is then the value returned.

        Raises:
            NoTrialsError: If no experiment has finished.
        """
        complete = self._complete()
        values = self._ledger.mean_values(complete)
        best = min(values) if self._settings.direction == "minimize" else max(values)
        return replace(complete[values.index(best)].copy(), value=best)

    @property
    def gp(self) -> GaussianProcess:
        """The Gaussian process fitted to all finished experiments.

        Raises:
            NoTrialsError: If no experiment has finished.
        """
        self._complete()
        return self._proposer.fit(self._ledger)

    def predict(self, configs: Sequence[Mapping[str, Any]], *, observation_noise: bool = False) -> Prediction:
        """Predict the objective; what is asked next does not depend on it.

        Args:
            configs: `m` configs.
            observation_noise: Whether the deviation is that of a new measurement.
        Returns:
            `m` means and `m` standard deviations, in the objective's units, on the CPU.
        Raises:
            ConfigError: If a config does not belong to the space.
            NoTrialsError: If no experiment has finished.
        """
        X = self.space.encode(configs)
        self._complete()
        return self._proposer.predict(self._ledger, X, observation_noise)

    def _complete(self) -> list[Trial]:
        complete = self._ledger.in_state("complete")
        if not complete:
            failed = self._ledger.in_state("failed")
            because = f", {len(failed)} failed, the last because: {failed[-1].reason}" if failed else ""
            got = f"{len(self._ledger)} trials{because}"
            raise NoTrialsError(explain("optimizer", "have a finished experiment", got, "Tell a value first."))
        return complete

    def to_dict(self) -> dict[str, Any]:
        """Return the whole state as JSON values; the same state gives the same ones."""
        return {
            "gpbop": STATE_VERSION,
            "space": self.space.to_dict(),
            "settings": self._settings.to_dict(),
            "trials": [trial.to_dict() for trial in self._ledger.trials],
            "fit": self._proposer.to_dict(),
        }

    @staticmethod
    def from_dict(
        state: Mapping[str, Any], *, space: Space | None = None, device: str | torch.device | None = None
    ) -> "Optimizer":
        """Restore what `to_dict` returned; the optimizer goes on as if it had never stopped.

        Args:
            state: The state.
            space: The space it must belong to; any if absent.
            device: Where to go on; where it was if absent.
        Raises:
            StateError: If the state is corrupt, or of another space or a newer gpbop.
            DeviceError: If the device is absent from this machine.
        """
        check_version(state)
        moved = {} if device is None else {"device": str(parse_device(device))}
        try:
            own = Space.from_dict(state["space"])
            settings = Settings.from_dict({**state["settings"], **moved})
            ledger = Ledger.of(own, [Trial.from_dict(i, trial) for i, trial in enumerate(state["trials"])])
            proposer = Proposer(own, settings)
            proposer.restore(state["fit"], ledger)
        except Exception as error:  # damage has no end of forms
            got = f"a damaged one ({type(error).__name__}: {error})"
            raise StateError(explain("state", "be one that gpbop saved", got, "Use an earlier copy.")) from error
        if space is not None and space != own:
            advice = "Load it with the space it was made with, or start a new Optimizer and tell it the old trials."
            raise StateError(explain("state", f"belong to {space!r}", repr(own), advice))
        optimizer = Optimizer(own, **settings.to_dict())
        optimizer._ledger, optimizer._proposer = ledger, proposer
        return optimizer

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the state as JSON; if that fails half-way, the old file stays whole.

        Args:
            path: The file.
        Raises:
            OSError: If it cannot be written.
        """
        write_state(path, self.to_dict())

    @staticmethod
    def load(
        path: str | os.PathLike[str], *, space: Space | None = None, device: str | torch.device | None = None
    ) -> "Optimizer":
        """Read what `save` wrote; arguments and exceptions as for `from_dict`.

        Raises:
            OSError: If the file cannot be read.
        """
        return Optimizer.from_dict(read_state(path), space=space, device=device)
