"""Optimizer: ask for a config, tell what came of it. The one object that keeps state."""

import json
import os
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, overload

import torch
from torch import Tensor

from gpbop.acquisition import UCB_BETA, Direction, Question, acquisition, check_acquisition
from gpbop.designs import check_design, design
from gpbop.device import guest, resolve_device
from gpbop.errors import GpbopError, NoTrialsError, SpaceExhausted, StateError, explain
from gpbop.observations import Observations, check_value
from gpbop.search import Avoided, maximize_acquisition, unseen
from gpbop.space import Space
from gpbop.surrogate import FitState, GaussianProcess, Prediction
from gpbop.surrogate.factor import BLOCK_BYTES
from gpbop.surrogate.feasibility import Feasibility
from gpbop.trials import Trial

STATE_VERSION = 1
# Points whose neighbourhoods the search looks at besides the whole space.
NUM_GOOD = 4


class Optimizer:
    """Finds the best config of a space with as few experiments as possible.

    Args:
        space: The search space.
        acquisition: "ei", "noisy_ei", "ucb", "pi", "max_variance", "integrated_variance" or "thompson".
        direction: "minimize" or "maximize".
        design: First experiments: "sobol", "random", "latin_hypercube" or "corners".
        initial: Number of first experiments; one more than the space has parameters, at least 4, if absent; for corners all of them.
        device: "auto", "cpu", "cuda" or a torch device. "auto" takes CUDA once there are enough trials for it to pay.
        seed: Seed of everything random; the same seed and the same tells give the same asks.
        beta: Weight of the variance in "ucb".
        repeats: Whether configs may be proposed again, for noisy objectives.
        memory: Most bytes of device memory a step may take for candidates; a default block if absent.
    Raises:
        AcquisitionError, DeviceError, SpaceError: If an argument is unknown.
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
        if direction not in ("minimize", "maximize"):
            raise GpbopError(explain("direction", "be 'minimize' or 'maximize'", repr(direction), "Choose one of the two."))
        if initial is not None and initial < 1:
            raise GpbopError(explain("initial", "be at least 1", repr(initial), "A model needs a first experiment."))
        resolve_device(device)
        self.space = space
        self._acquisition = check_acquisition(acquisition)
        self._direction: Direction = direction
        self._design = check_design(design)
        self._initial = initial
        self._device = device
        self._seed = seed
        self._beta = beta
        self._repeats = repeats
        self._memory = memory
        self._trials: list[Trial] = []
        self._X = torch.empty(0, space.d, dtype=torch.float64)
        self._asks = 0
        self._fit_state: FitState | None = None
        self._gp: GaussianProcess | None = None
        self._first: Tensor | None = None

    # -- asking ----------------------------------------------------------------------------------------------------------

    @overload
    def ask(self) -> dict[str, Any]: ...

    @overload
    def ask(self, q: int) -> list[dict[str, Any]]: ...

    def ask(self, q: int | None = None) -> dict[str, Any] | list[dict[str, Any]]:
        """Propose what to run next.

        The first experiments come from the design; then the acquisition function decides, with everything asked and not yet told
        counted as running. A config that was told or is pending is not proposed while another exists.

        Args:
            q: How many configs to propose, to run side by side.
        Returns:
            A config, or a list of q configs.
        Raises:
            SpaceExhausted: If every config was told or is pending. With q, only if there is none at all to propose; a shorter list
                is returned if the space ends in between.
        """
        if q is None:
            return self._ask_one()
        if q < 1:
            raise GpbopError(explain("q", "be at least 1", repr(q), "Leave it out for one config."))
        configs = [self._ask_one()]
        while len(configs) < q:
            try:
                configs.append(self._ask_one())
            except SpaceExhausted:
                break
        return configs

    def _ask_one(self) -> dict[str, Any]:
        x = self._propose()
        config = self.space.decode(x)[0]
        self._asks += 1
        self._record(Trial(len(self._trials), config), x)
        return config

    def _propose(self) -> Tensor:
        """Return the next point, `1 x d`."""
        design = self._design_rows()
        avoided = Avoided(self._X)
        if len(self._trials) < len(design):
            new = avoided.new(design).nonzero()
            if len(new):
                return design[new[0]]
        if not any(trial.state == "complete" for trial in self._trials):
            return unseen(self.space, avoided, self._step_seed())
        return self._propose_by_model()

    def _propose_by_model(self) -> Tensor:
        gp = self._fitted()
        with guest(gp.device, len(gp.y)):
            told = self._told()
            pending = self._X[self._in_state("pending")]
            question = Question(gp, self._direction, pending, beta=self._beta, seed=self._step_seed())
            feasibility = None
            if not bool(told.succeeded.all()):
                feasibility = Feasibility.of(gp.factor.form, told.X.to(gp.X), told.succeeded)
            value = acquisition(self._acquisition, question, feasibility)
            order = gp.y.argsort(descending=self._direction == "maximize", stable=True)
            found = maximize_acquisition(
                value,
                self.space,
                X_avoid=self._X.to(gp.X),
                X_good=gp.X[order[:NUM_GOOD]],
                repeats=self._repeats,
                seed=self._step_seed(),
            )
        return found.x.cpu()

    def _design_rows(self) -> Tensor:
        if self._first is None:
            default = None if self._design == "corners" else max(4, self.space.d + 1)
            self._first = design(self._design, self.space, self._initial or default, self._seed)
        return self._first

    def _step_seed(self) -> int:
        return self._seed * 1_000_003 + self._asks

    # -- telling ---------------------------------------------------------------------------------------------------------

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
        number = check_value(value)
        x = self.space.encode([config])
        if number != number and value is not None and reason is None:
            reason = f"the value was {value}"
        asked = (self._X == x).all(-1) & self._in_state("pending")
        if bool(asked.any()):
            i = int(asked.nonzero()[0])
            self._trials[i] = self._trials[i].told(number, reason)
        else:
            told = _plain(self.space, config, x)
            self._record(Trial(len(self._trials), told).told(number, reason), x)
        self._gp = None

    def _record(self, trial: Trial, x: Tensor) -> None:
        self._trials.append(trial)
        self._X = torch.cat([self._X, x.cpu()])

    # -- what is known ---------------------------------------------------------------------------------------------------

    @property
    def trials(self) -> list[Trial]:
        """All trials, in the order of asking and telling."""
        return list(self._trials)

    @property
    def best(self) -> Trial:
        """The finished trial with the best value; the earliest of equals.

        Raises:
            NoTrialsError: If no experiment has finished.
        """
        complete = [trial for trial in self._trials if trial.value is not None]
        if not complete:
            reasons = [trial.reason for trial in self._trials if trial.reason]
            failed = f", {len(reasons)} failed, the last because: {reasons[-1]}" if reasons else ""
            raise NoTrialsError(
                f"`best` must have a finished experiment to choose from; got {len(self._trials)} trials{failed}. "
                "Tell a value first."
            )
        values = [trial.value for trial in complete if trial.value is not None]
        best = min(values) if self._direction == "minimize" else max(values)
        return complete[values.index(best)]

    @property
    def gp(self) -> GaussianProcess:
        """The Gaussian process fitted to all finished experiments.

        Raises:
            NoTrialsError: If no experiment has finished.
        """
        _ = self.best
        return self._fitted()

    def predict(self, configs: Sequence[Mapping[str, Any]], *, observation_noise: bool = False) -> Prediction:
        """Predict the objective.

        Args:
            configs: `m` configs.
            observation_noise: Whether the deviation is that of a new measurement.
        Returns:
            `m` means and `m` standard deviations, in the objective's units, on the CPU.
        Raises:
            NoTrialsError: If no experiment has finished.
        """
        return self.gp.predict(configs, observation_noise=observation_noise)

    def _told(self) -> Observations:
        told = ~self._in_state("pending")
        values = [trial.value for trial in self._trials if trial.state != "pending"]
        y = torch.tensor([float("nan") if value is None else value for value in values], dtype=torch.float64)
        return Observations(self._X[told], y)

    def _in_state(self, state: str) -> Tensor:
        return torch.tensor([trial.state == state for trial in self._trials], dtype=torch.bool)

    def _fitted(self) -> GaussianProcess:
        if self._gp is not None:
            return self._gp
        successes = self._told().successes()
        device = resolve_device(self._device, len(successes))
        with guest(device, len(successes)):
            on_device = Observations(successes.X.to(device), successes.y.to(device))
            gp = GaussianProcess.of(self.space, on_device, warm=self._fit_state, seed=self._seed)
            gp = gp.with_memory(self._memory or BLOCK_BYTES)
        self._fit_state = gp.fit_state
        if device.type == "cpu":
            self._gp = gp
        return gp

    # -- saving ----------------------------------------------------------------------------------------------------------

    def to_dict(self) -> dict[str, Any]:
        """Return the whole state as JSON values; the same state gives the same bytes."""
        return {
            "gpbop": STATE_VERSION,
            "space": self.space.to_dict(),
            "acquisition": self._acquisition,
            "direction": self._direction,
            "design": self._design,
            "initial": self._initial,
            "device": str(self._device),
            "seed": self._seed,
            "beta": self._beta,
            "repeats": self._repeats,
            "memory": self._memory,
            "asks": self._asks,
            "trials": [trial.to_dict() for trial in self._trials],
            "fit": None if self._fit_state is None else self._fit_state.to_dict(),
        }

    @staticmethod
    def from_dict(state: Mapping[str, Any], *, space: Space | None = None) -> "Optimizer":
        """Restore what `to_dict` returned; the optimizer goes on as if it had never stopped.

        Args:
            state: The state.
            space: The space it must belong to; any if absent.
        Raises:
            StateError: If the state is corrupt, or of another space or a newer gpbop.
        """
        if not isinstance(state, Mapping) or state.get("gpbop") != STATE_VERSION:
            found = state.get("gpbop") if isinstance(state, Mapping) else type(state).__name__
            raise StateError(
                explain("state", f"be a gpbop state of version {STATE_VERSION}", repr(found), "Use a file that gpbop saved.")
            )
        try:
            own = Space.from_dict(state["space"])
            settings = ("acquisition", "direction", "design", "initial", "device", "seed", "beta", "repeats", "memory")
            optimizer = Optimizer(own, **{key: state[key] for key in settings})
            trials = [Trial.from_dict(i, trial) for i, trial in enumerate(state["trials"])]
            optimizer._X = own.encode([trial.config for trial in trials])
            optimizer._trials = trials
            optimizer._asks = int(state["asks"])
            optimizer._fit_state = None if state["fit"] is None else FitState.from_dict(state["fit"])
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise StateError(
                explain("state", "be complete", f"a damaged one ({type(error).__name__}: {error})", "Use an earlier copy.")
            ) from error
        if space is not None and space != own:
            raise StateError(
                explain("state", "belong to the given space", f"one of {list(own.names)}", "Load it with its own space.")
            )
        return optimizer

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the state as JSON, beside the old file first and then in its place: a crash leaves the old one whole."""
        path = Path(path)
        text = json.dumps(self.to_dict(), indent=1, ensure_ascii=False, allow_nan=False) + "\n"
        with tempfile.NamedTemporaryFile(
            "w", encoding="utf-8", dir=path.parent, prefix=path.name, suffix=".tmp", delete=False
        ) as file:
            try:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
                os.replace(file.name, path)
            except BaseException:
                Path(file.name).unlink(missing_ok=True)
                raise

    @staticmethod
    def load(path: str | os.PathLike[str], *, space: Space | None = None) -> "Optimizer":
        """Read what `save` wrote.

        Args:
            path: The file.
            space: The space it must belong to; any if absent.
        Raises:
            StateError: If the file is corrupt, truncated, or of another space.
        """
        try:
            state = json.loads(Path(path).read_text(encoding="utf-8"))
        except (json.JSONDecodeError, UnicodeDecodeError) as error:
            raise StateError(
                explain("path", "hold a whole JSON state", f"{os.fspath(path)} ({error})", "Use an earlier copy.")
            ) from error
        return Optimizer.from_dict(state, space=space)


def _plain(space: Space, config: Mapping[str, Any], x: Tensor) -> dict[str, Any]:
    """Return a told config as plain JSON values without inactive parameters; continuous values to the last bit as told."""
    decoded = space.decode(x)[0]
    continuous = {name for name, p in space.parameters.items() if p.count == float("inf")}
    return {name: float(config[name]) if name in continuous else value for name, value in decoded.items()}


