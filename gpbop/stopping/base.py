"""What a stopping rule is, several of them as one, and what all of them check and look up."""

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

from typing_extensions import override

from gpbop.errors import ArgumentError, NoTrialsError, explain
from gpbop.optimizer import Optimizer
from gpbop.parameters.choices import plain
from gpbop.trials import Trial


class StoppingRule(ABC):
    """Decides after every experiment whether a search should end."""

    @abstractmethod
    def check(self, optimizer: Optimizer, seconds: float = 0.0) -> str | None:
        """Look at a search.

        Args:
            optimizer: The search.
            seconds: How long it has been going on.
        Returns:
            None to go on; one sentence with its numbers to stop.
        """


@dataclass(frozen=True)
class AnyOf(StoppingRule):
    """Stops as soon as one of several rules does; the first of them gives the reason.

    Attributes:
        rules: The rules.

    Example:
        >>> from gpbop import Float, Optimizer, Space
        >>> from gpbop.stopping import Patience, Target
        >>> optimizer = Optimizer(Space({"x": Float(0.0, 1.0)}))
        >>> optimizer.tell({"x": 0.25}, 0.0625)
        >>> AnyOf([Patience(20), Target(0.1)]).check(optimizer)
        'The value 0.0625 of experiment 0 reaches the target of 0.1, after 1 experiments.'
    """

    rules: Sequence[StoppingRule]

    def __post_init__(self) -> None:
        """Check and copy the rules."""
        listed = isinstance(self.rules, Sequence) and not isinstance(self.rules, str)
        wrong = [rule for rule in self.rules if not isinstance(rule, StoppingRule)] if listed else [self.rules]
        if wrong:
            advice = "Write stop=Target(0.1), or stop=[Target(0.1), Patience(20)]."
            raise ArgumentError(explain("stop", "be a stopping rule or a list of them", repr(wrong[0]), advice))
        object.__setattr__(self, "rules", tuple(self.rules))

    @override
    def check(self, optimizer: Optimizer, seconds: float = 0.0) -> str | None:
        reasons = (rule.check(optimizer, seconds) for rule in self.rules)
        return next((reason for reason in reasons if reason is not None), None)


def told(optimizer: Optimizer) -> list[Trial]:
    """Return the trials that are not pending."""
    return [trial for trial in optimizer.trials if trial.state != "pending"]


def best_trial(optimizer: Optimizer) -> Trial | None:
    """Return the best trial; None if no experiment has finished."""
    try:
        return optimizer.best
    except NoTrialsError:
        return None


def after(sentence: str, optimizer: Optimizer) -> str:
    """Return a sentence with the number of experiments at its end."""
    return f"{sentence}, after {len(told(optimizer))} experiments."


def check_number(
    name: str, value: object, rule: str, advice: str, over: float = -math.inf, under: float = math.inf
) -> float:
    """Return a number between two others as a float.

    Raises:
        ArgumentError: If it is none; the message is made of `rule` and `advice`.
    """
    number = plain(value)
    if isinstance(number, bool) or not isinstance(number, int | float) or not over < number < under:
        raise ArgumentError(explain(name, rule, repr(value), advice))
    return float(number)


def check_positive(name: str, value: object, advice: str) -> float:
    """Return a positive finite number as a float.

    Raises:
        ArgumentError: If it is none.
    """
    return check_number(name, value, "be a finite number over 0", advice, over=0.0)


def keep(rule: StoppingRule, **checked: object) -> None:
    """Put checked values in the place of those that a frozen rule was given."""
    for name, value in checked.items():
        object.__setattr__(rule, name, value)
