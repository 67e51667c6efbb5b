"""minimize and maximize: the whole loop around an objective that can be called."""

import math
import time
import traceback
import warnings
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from typing import Any

from gpbop.errors import GpbopWarning, NoTrialsError, ObjectiveError, SpaceExhausted, explain
from gpbop.observations import check_value
from gpbop.optimizer import Optimizer
from gpbop.parameters.choices import copy
from gpbop.progress import Progress, is_watched
from gpbop.settings import check_count
from gpbop.space import Space
from gpbop.stopping import AnyOf, StoppingRule
from gpbop.trials import Trial

Objective = Callable[[dict[str, Any]], float | None]
Stop = StoppingRule | Sequence[StoppingRule]
Proposals = Generator[dict[str, Any], None, str]
"""Configs to run, each made when the one before has its result; returns why there are no more."""


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
    objective: Objective,
    space: Space,
    trials: int = 40,
    *,
    stop: Stop | None = None,
    progress: bool | None = None,
    **options: Any,
) -> Result:
    """Find the config with the smallest value.

    An exception in the objective is a failed experiment: it is warned about, kept with its reason, and learned from. So
    is a value that is no number, once there is a result to lose. Ctrl-C ends the search and returns what it has; the
    interrupted experiment stays pending.

    Args:
        objective: Maps a config to a number; None, NaN, an infinity or an exception is a failed experiment.
        space: The search space.
        trials: Most experiments.
        stop: A rule of `gpbop.stopping` that ends the search earlier, or a list of rules, any of which does; looked at
            after every experiment. `result.reason` is then its sentence.
        progress: Whether to show a progress bar; if absent, only on a terminal.
        options: Those of `Optimizer`, except `direction`.
    Returns:
        The result; `result.config` and `result.value` are the answer.
    Raises:
        ObjectiveError: If the objective cannot be called, or returns something that is neither a number nor None before
            any experiment has finished.
        ArgumentError: If `trials` or `stop` is not as described.
    Example:
        >>> from gpbop import Integer, Space, minimize
        >>> minimize(lambda config: (config["n"] - 7) ** 2, Space({"n": Integer(0, 20)}), trials=10).config
        {'n': 7}
    """
    optimizer = Optimizer(space, direction="minimize", **options)
    return run(objective, optimizer, _asks(optimizer), trials, stop, progress)


def maximize(
    objective: Objective,
    space: Space,
    trials: int = 40,
    *,
    stop: Stop | None = None,
    progress: bool | None = None,
    **options: Any,
) -> Result:
    """Find the config with the largest value; otherwise as `minimize`."""
    optimizer = Optimizer(space, direction="maximize", **options)
    return run(objective, optimizer, _asks(optimizer), trials, stop, progress)


def run(
    objective: Objective,
    optimizer: Optimizer,
    proposals: Proposals,
    trials: int,
    stop: Stop | None = None,
    progress: bool | None = None,
) -> Result:
    """Run proposed configs one after another, whoever proposes them: `minimize`, `maximize` or a baseline.

    Args:
        objective: As for `minimize`.
        optimizer: What is told the results; new.
        proposals: The configs.
        trials: Most experiments.
        stop: As for `minimize`.
        progress: As for `minimize`.
    Returns:
        The result.
    Raises:
        ArgumentError, ObjectiveError: As for `minimize`.
    """
    if not callable(objective):
        raise ObjectiveError(explain("objective", "be a function of a config", repr(objective), "Pass it uncalled."))
    trials = check_count("trials", trials, "Say how many experiments you can afford.")
    rule = _rule(stop)
    start = time.monotonic()
    with Progress(trials, is_watched() if progress is None else progress) as bar:
        try:
            for _ in range(trials):
                config = next(proposals)
                _experiment(objective, optimizer, config)
                bar.advance(_status(optimizer))
                reason = rule.check(optimizer, time.monotonic() - start)
                if reason is not None:
                    return Result(optimizer, reason)
        except StopIteration as end:
            return Result(optimizer, end.value)
        except KeyboardInterrupt:
            done = sum(trial.state != "pending" for trial in optimizer.trials)
            warnings.warn(f"interrupted after {done} of {trials} experiments", GpbopWarning, stacklevel=3)
            return Result(optimizer, f"Interrupted after {done} of {trials} experiments.")
    return Result(optimizer, f"All {trials} experiments were made.")


def _rule(stop: Stop | None) -> StoppingRule:
    if isinstance(stop, StoppingRule):
        return stop
    return AnyOf(() if stop is None else stop)


def _asks(optimizer: Optimizer) -> Proposals:
    while True:
        try:
            config = optimizer.ask()
        except SpaceExhausted:
            return f"All {optimizer.space.size} configs were tried."
        yield config


def _experiment(objective: Objective, optimizer: Optimizer, config: dict[str, Any]) -> None:
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
        value = None
        optimizer.tell(config, value, reason=str(error))
    if math.isnan(check_value(value)):
        failed = optimizer.trials[-1]
        warnings.warn(f"experiment {failed.number} failed with {config}: {failed.reason}", GpbopWarning, stacklevel=4)


def _status(optimizer: Optimizer) -> str:
    try:
        return f"best {optimizer.best.value:.6g}"
    except NoTrialsError:
        return "no result yet"
