"""Facts: what the page tells of a search, computed once."""

import math
from dataclasses import dataclass
from functools import cached_property

from gpbop.errors import NoTrialsError, explain
from gpbop.optimizer import Optimizer
from gpbop.plots.experiments import Experiments
from gpbop.report.words import counted, size, times
from gpbop.surrogate.hindsight import one_step_ahead
from gpbop.trials import Trial, TrialState


@dataclass(frozen=True)
class Expectation:
    """What the model expected of one measurement.

    Attributes:
        mean: Expected value, in the objective's units.
        std: Standard deviation, in the objective's units.
    """

    mean: float
    std: float


class Facts:
    """What is to be told of an optimizer's search.

    Args:
        optimizer: The optimizer.
    Raises:
        NoTrialsError: If it has no trials at all.
    """

    def __init__(self, optimizer: Optimizer) -> None:
        self.optimizer = optimizer
        self.space = optimizer.space
        self.trials = optimizer.trials
        if not self.trials:
            advice = "Ask for a config and tell what came of it first."
            raise NoTrialsError(explain("optimizer", "have a trial to report", "0 trials", advice))

    def in_state(self, state: TrialState) -> list[Trial]:
        """Return the trials in a state."""
        return [trial for trial in self.trials if trial.state == state]

    @cached_property
    def best(self) -> Trial | None:
        """The best trial; None if no experiment has finished."""
        return self.optimizer.best if self.in_state("complete") else None

    @cached_property
    def times_best(self) -> int:
        """How often the best config was measured; with more than once, the best value is their mean."""
        best = self.best
        return 0 if best is None else sum(trial.config == best.config for trial in self.in_state("complete"))

    @property
    def used(self) -> int:
        """Number of experiments that ended, well or not."""
        return len(self.trials) - len(self.in_state("pending"))

    @cached_property
    def expected(self) -> Expectation | None:
        """What the model now expects of the best config, without the noise of a measurement."""
        if self.best is None:
            return None
        mean, std = self.optimizer.predict([self.best.config])
        return Expectation(float(mean[0]), float(std[0]))

    @cached_property
    def expectations(self) -> dict[int, Expectation]:
        """What the model expected of finished trials from those before them, by their numbers."""
        complete = self.in_state("complete")
        if len(complete) < 2:
            return {}
        mean, std = (part.tolist() for part in one_step_ahead(self.optimizer.gp))
        found = [Expectation(*both) for both in zip(mean, std, strict=True)]
        return {trial.number: e for trial, e in zip(complete, found, strict=True) if math.isfinite(e.mean + e.std)}

    @cached_property
    def best_so_far(self) -> dict[int, float]:
        """The best value up to each told trial, by their numbers, from the first finished one on."""
        if not self.used:
            return {}
        experiments = Experiments.of(self.optimizer, need_values=False)
        best = zip(experiments.trials, experiments.best_so_far().tolist(), strict=True)
        return {trial.number: value for trial, value in best if not math.isnan(value)}

    @property
    def saving(self) -> str:
        """The sentence that holds the search against brute force."""
        whole, used = self.space.size, self.used
        experiments = counted(used, "experiment")
        if isinstance(whole, float):
            return f"{experiments} in a space without end: brute force would never finish."
        if used == 0:
            return f"No experiment has ended yet, of {size(whole)} that brute force takes."
        if used >= whole:
            return f"{experiments}; the space has {counted(whole, 'config')}, so brute force would have cost no more."
        return f"{experiments} instead of {size(whole)}: {times(whole, used)} times fewer than brute force."
