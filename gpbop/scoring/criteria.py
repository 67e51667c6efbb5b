"""Acquisition functions as the engine sees them: functions of mean and variance with upper and lower bounds.

Notation:
    mu      mean of values that are maximised, known to +- delta
    v       variance, known to lie in [v_low, v_high]
    f       incumbent

Where each function of (mu, v) has its maximum over the box:
    max_variance, ucb, ei, noisy_ei     rising in mu and v: at (mu + delta, v_high)
    pi = Phi((mu - f) / sqrt v)         rising in mu; rising in v below the incumbent, falling above it: at mu + delta
                                        and, if that is above f, at v_low
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property

import torch
from botorch.utils.safe_math import logmeanexp
from torch import Tensor

from gpbop.acquisition import Question, acquisition
from gpbop.acquisition.base import MomentAcquisition
from gpbop.acquisition.closed_forms import NUM_DRAWS
from gpbop.errors import AcquisitionError, explain
from gpbop.scoring.rounding import DenseRounding
from gpbop.surrogate.factor import Factor
from gpbop.surrogate.noiseless import noiseless_draws

MOMENT_CRITERIA = ("max_variance", "ei", "pi", "ucb", "noisy_ei")
# Share of |value| + 1 by which a computed value may differ from the exact function of the computed moments: the closed
# forms keep ten digits.
VALUE_ERROR = 1e-9


@dataclass(frozen=True)
class Criterion:
    """An acquisition function of the moments.

    Attributes:
        name: Its name.
        factor: The process whose moments it reads; more than one mean function for noisy EI.
        sign: +1 to maximise, -1 to minimise.
        function: Maps `m x s` means of maximised values and `m` standard deviations to `m` values.
        needs_mean: Whether it reads the mean.
        incumbent: f where more variance means a lower value above f; None where it never does.
        least_variance: Lower bound of every variance, see `variance_floor`.
        believes: How many more points may be believed while the bounds are to hold.
    """

    name: str
    factor: Factor
    sign: float
    function: Callable[[Tensor, Tensor], Tensor]
    needs_mean: bool
    incumbent: float | None
    least_variance: float
    believes: int = 0

    @cached_property
    def dense(self) -> DenseRounding:
        """How far the moments can be off that the factor computes."""
        return DenseRounding.of(self.factor, self.believes)

    @property
    def means(self) -> int:
        """Number of mean functions that it reads."""
        return self.factor.alpha[:1].numel() if self.needs_mean else 0

    def to(self, device: torch.device) -> "Criterion":
        """Return the same criterion on another device, number for number."""
        return self if device == self.factor.L.device else replace(self, factor=self.factor.to(device))

    def __call__(self, mean: Tensor, variance: Tensor) -> Tensor:
        """Compute the `m` values of `m x s` standardised means and `m` variances."""
        return self.function(self.sign * mean, variance.sqrt())

    def upper(self, mean: Tensor, delta: Tensor, low: Tensor, high: Tensor) -> Tensor:
        """Bound the `m` values from above.

        Args:
            mean: `m x s` standardised means.
            delta: Their errors, of a shape that broadcasts.
            low: `m` lower bounds of the variances, or one for all.
            high: `m` upper bounds of the variances.
        """
        best = self.sign * mean + delta
        variance = high
        if self.incumbent is not None:
            variance = torch.where(best[:, 0] >= self.incumbent, low, high)
        return _widened(self.function(best, variance.clamp_min(self.factor.smallest_variance).sqrt()), 1.0)

    def lower(self, mean: Tensor, delta: Tensor, low: Tensor, high: Tensor) -> Tensor:
        """Bound the `m` values from below; arguments as for `upper`."""
        worst = self.sign * mean - delta
        variance = low
        if self.incumbent is not None:
            variance = torch.where(worst[:, 0] >= self.incumbent, high, low)
        return _widened(self.function(worst, variance.clamp_min(self.factor.smallest_variance).sqrt()), -1.0)

    def around(self, X: Tensor) -> tuple[Tensor, Tensor]:
        """Compute `m` values side by side, and bound those that count, of one candidate at a time, from both sides."""
        if not len(X):  # a filter left none
            return X.new_empty(0), X.new_empty(0)
        mean, variance = self.factor.moments(X)
        # Both computations may be off, each its own way.
        delta, error = 2.0 * self.dense.mean, self.dense.between(variance)
        bounds = mean.reshape(len(X), -1), delta, variance - error, variance + error
        return self.lower(*bounds), self.upper(*bounds)


def _widened(values: Tensor, direction: float) -> Tensor:
    # Where no bound can be computed there is none.
    widened = values + direction * VALUE_ERROR * (values.abs() + 1.0)
    return torch.where(widened.isnan(), direction * torch.inf, widened)


def variance_floor(factor: Factor, observations: int) -> float:
    """Bound every posterior variance from below:   v >= 1 / (1 / s + N / noise).

    An observation y_i = f(x_i) + e_i tells no more about f(x) than f(x) + e_i itself would: f(x_i) is a share of at
    most one of f(x) plus a part that is independent of it, and knowing that part can only help. N such observations
    have the precision N / noise.
    """
    return 1.0 / (1.0 / float(factor.outputscale) + observations / float(factor.noise))


def criterion(name: str, question: Question, believes: int = 0) -> Criterion:
    """Build the criterion of an acquisition function.

    Args:
        name: One of `MOMENT_CRITERIA`.
        question: The process and what is asked of it.
        believes: How many more points may be believed while the bounds are to hold.
    Raises:
        AcquisitionError: If it is no function of the moments.
    """
    if name not in MOMENT_CRITERIA:
        rule = "be one of " + ", ".join(map(repr, MOMENT_CRITERIA))
        raise AcquisitionError(explain("acquisition", rule, repr(name), "Choose one of these names."))
    if name == "noisy_ei":
        return _noisy_ei(question, believes)
    built = acquisition(name, question)
    assert isinstance(built, MomentAcquisition), "all others are functions of mean and variance"
    utility = built.utility

    needs_mean = name != "max_variance"

    def function(mean: Tensor, sigma: Tensor) -> Tensor:
        return utility(mean[:, 0] if needs_mean else sigma, sigma)[0]

    incumbent = question.standardized(question.incumbent) if name == "pi" else None
    floor = variance_floor(built.factor, len(question.gp.y) + len(built.factor.L) - len(question.gp.factor.L))
    return Criterion(name, built.factor, question.sign, function, needs_mean, incumbent, floor, believes)


def _noisy_ei(question: Question, believes: int) -> Criterion:
    """Average EI over the same draws of the incumbents as `gpbop.acquisition` uses."""
    draws, values = noiseless_draws(question.gp.factor, NUM_DRAWS, question.seed, question.sign)
    if question.X_pending is not None and len(question.X_pending):
        draws = draws.believe(question.X_pending.to(question.gp.X))
    ei = acquisition("ei", replace(question, X_pending=None))
    assert isinstance(ei, MomentAcquisition), "EI is a function of mean and variance"
    utility = ei.utility
    # EI of each draw has its own incumbent; shifting the mean by the difference leaves the same function.
    shift = (question.sign * values).amax(0) - question.standardized(question.incumbent)

    def function(mean: Tensor, sigma: Tensor) -> Tensor:
        each = utility(mean - shift.to(mean.device), sigma.unsqueeze(-1).expand_as(mean))[0]
        value: Tensor = logmeanexp(each, dim=-1)
        return value

    return Criterion("noisy_ei", draws, question.sign, function, True, None, 0.0, believes)
