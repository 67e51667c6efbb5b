"""minimize and maximize: the whole loop around an objective that can be called."""

import traceback
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from gpbop.errors import GpbopWarning, ObjectiveError, SpaceExhausted, explain
from gpbop.optimizer import Optimizer
from gpbop.parameters.choices import copy
from gpbop.progress import Progress, is_watched
from gpbop.settings import check_count
from gpbop.space import Space
from gpbop.trials import Trial

Objective = Callable[[dict[str, Any]], float | None]


@dataclass(frozen=True)
class Result:
    """How a search ended.

    Attributes:
        optimizer: The optimizer, ready to go on.
        reason: Why the search ended, in one sentence.
    """

    optimizer: Optimizer
    reason: str

    @property
    def best(self) -> Trial:
        """The trial with the best value; raises NoTrialsError if every experiment failed."""
        return self.optimizer.best

    @property
    def config(self) -> dict[str, Any]:
        """The best config."""
        return self.best.config

    @property
    def value(self) -> float:
        """The best value."""
        value = self.best.value
        assert value is not None, "the best trial is complete"
        return value

    @property
    def trials(self) -> list[Trial]:
        """All trials."""
        return self.optimizer.trials


def minimize(
    objective: Objective, space: Space, trials: int = 40, *, progress: bool | None = None, **options: Any
) -> Result:
    """Find the config with the smallest value.

    An exception in the objective is a failed experiment: it is warned about, kept with its reason, and learned from. So
    is a value that is no number, once there is a result to lose. Ctrl-C ends the search and returns what it has; the
    interrupted experiment stays pending.

    Args:
        objective: Maps a config to a number; None, NaN, an infinity or an exception is a failed experiment.
        space: The search space.
        trials: Number of experiments.
        progress: Whether to show a progress bar; if absent, only on a terminal.
        options: Those of `Optimizer`, except `direction`.
    Returns:
        The result; `result.config` and `result.value` are the answer.
    Raises:
        ObjectiveError: If the objective cannot be called, or returns something that is neither a number nor None before
            any experiment has finished.
    Example:
        >>> from gpbop import Integer, Space, minimize
        >>> minimize(lambda config: (config["n"] - 7) ** 2, Space({"n": Integer(0, 20)}), trials=10).config
        {'n': 7}
    """
    return _run(objective, Optimizer(space, direction="minimize", **options), trials, progress)


def maximize(
    objective: Objective, space: Space, trials: int = 40, *, progress: bool | None = None, **options: Any
) -> Result:
    """Find the config with the largest value; otherwise as `minimize`."""
    return _run(objective, Optimizer(space, direction="maximize", **options), trials, progress)


def _run(objective: Objective, optimizer: Optimizer, trials: int, progress: bool | None) -> Result:
    if not callable(objective):
        raise ObjectiveError(explain("objective", "be a function of a config", repr(objective), "Pass it uncalled."))
    trials = check_count("trials", trials, "Say how many experiments you can afford.")
    with Progress(trials, is_watched() if progress is None else progress) as bar:
        for done in range(trials):
            try:
                _experiment(objective, optimizer)
            except SpaceExhausted:
                return Result(optimizer, f"All {optimizer.space.size} configs were tried.")
            except KeyboardInterrupt:
                warnings.warn(f"interrupted after {done} of {trials} experiments", GpbopWarning, stacklevel=3)
                return Result(optimizer, f"Interrupted after {done} of {trials} experiments.")
            bar.advance(_status(optimizer))
    return Result(optimizer, f"All {trials} experiments were made.")


def _experiment(objective: Objective, optimizer: Optimizer) -> None:
    config = optimizer.ask()
    number = len(optimizer.trials) - 1
    value, reason = None, None
    try:
        value = objective(copy(config))
    except Exception as error:
        reason = "".join(traceback.format_exception_only(error)).strip()
    try:
        optimizer.tell(config, value, reason=reason)
    except ObjectiveError as error:
        if not any(trial.state == "complete" for trial in optimizer.trials):
            raise  # nothing is lost, and the objective has a mistake
        optimizer.tell(config, None, reason=str(error))
    told = optimizer.trials[number]
    if told.state == "failed":
        warnings.warn(f"experiment {number} failed with {config}: {told.reason}", GpbopWarning, stacklevel=4)


def _status(optimizer: Optimizer) -> str:
    finished = [trial for trial in optimizer.trials if trial.value is not None]
    return f"best {optimizer.best.value:.6g}" if finished else "no result yet"
