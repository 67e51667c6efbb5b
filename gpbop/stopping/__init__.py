"""When to stop: rules that look at a search after every experiment, and say why it should end.

A rule is a frozen value with one method, `check`, which returns None to go on, or one sentence with the numbers that
decided. `minimize(..., stop=rule)` asks after every experiment; in a loop of ask and tell, call `check` yourself.

`RemainingError`, `ExpectedImprovement` and `ProbableImprovement` ask the model, so they are silent until the first
experiments (`Optimizer.initial`) are made and one of them has a value. What was tried already has nothing left to find:
improvement is sought among the other configs.
"""

from gpbop.stopping.base import AnyOf as AnyOf
from gpbop.stopping.base import StoppingRule as StoppingRule
from gpbop.stopping.counted import Budget as Budget
from gpbop.stopping.counted import Patience as Patience
from gpbop.stopping.counted import Target as Target
from gpbop.stopping.modelled import ExpectedImprovement as ExpectedImprovement
from gpbop.stopping.modelled import ProbableImprovement as ProbableImprovement
from gpbop.stopping.modelled import RemainingError as RemainingError

__all__ = [
    "AnyOf",
    "Budget",
    "ExpectedImprovement",
    "Patience",
    "ProbableImprovement",
    "RemainingError",
    "StoppingRule",
    "Target",
]
