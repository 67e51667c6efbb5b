"""Rules that count: experiments, seconds, values. They need no model."""

from dataclasses import dataclass

from typing_extensions import override

from gpbop.errors import ArgumentError, explain
from gpbop.optimizer import Optimizer
from gpbop.settings import check_count
from gpbop.stopping.base import StoppingRule, after, best_trial, check_number, check_positive, keep, told


@dataclass(frozen=True)
class Budget(StoppingRule):
    """Stops when a number of experiments or an amount of time is used up; an experiment that runs is not interrupted.

    Attributes:
        trials: Number of finished and failed experiments.
        seconds: Time since the search began.
    """

    trials: int | None = None
    seconds: float | None = None

    def __post_init__(self) -> None:
        """Check that there is one of them."""
        if self.trials is None and self.seconds is None:
            advice = "Write Budget(trials=40) or Budget(seconds=3600)."
            raise ArgumentError(explain("`trials` or `seconds`", "be given", "neither", advice))
        if self.trials is not None:
            keep(self, trials=check_count("trials", self.trials, "Say how many experiments you can afford."))
        if self.seconds is not None:
            keep(self, seconds=check_positive("seconds", self.seconds, "Leave it out for no limit."))

    @override
    def check(self, optimizer: Optimizer, seconds: float = 0.0) -> str | None:
        made = len(told(optimizer))
        if self.trials is not None and made >= self.trials:
            return f"The budget of {self.trials} experiments is used up: {made} were made."
        if self.seconds is not None and seconds >= self.seconds:
            return f"The budget of {self.seconds:g} seconds is used up: {seconds:.1f} seconds, {made} experiments."
        return None


@dataclass(frozen=True)
class Target(StoppingRule):
    """Stops when the best value is at least as good as a target.

    Attributes:
        value: The target, in the objective's units.
    """

    value: float

    def __post_init__(self) -> None:
        """Check the target."""
        keep(
            self, value=check_number("value", self.value, "be a finite number", "Give the value you would settle for.")
        )

    @override
    def check(self, optimizer: Optimizer, seconds: float = 0.0) -> str | None:
        best = best_trial(optimizer)
        sign = 1.0 if optimizer.direction == "minimize" else -1.0
        if best is None or best.value is None or sign * best.value > sign * self.value:
            return None
        reached = f"reaches the target of {self.value:.6g}"
        return after(f"The value {best.value:.6g} of experiment {best.number} {reached}", optimizer)


@dataclass(frozen=True)
class Patience(StoppingRule):
    """Stops when the last experiments brought no better value.

    The first experiments, which are not chosen to be better, do not count; failed ones do.

    Attributes:
        rounds: Number of experiments without progress.
    """

    rounds: int

    def __post_init__(self) -> None:
        """Check the number."""
        keep(self, rounds=check_count("rounds", self.rounds, "Say how many experiments to wait for progress."))

    @override
    def check(self, optimizer: Optimizer, seconds: float = 0.0) -> str | None:
        best = best_trial(optimizer)
        since = optimizer.initial if best is None else max(optimizer.initial, best.number + 1)
        vain = sum(trial.number >= since for trial in told(optimizer))
        if vain < self.rounds:
            return None
        better = "value" if best is None else f"better value than {best.value:.6g} of experiment {best.number}"
        return after(f"The last {vain} experiments brought no {better}", optimizer)
