"""Rules that ask the model what is left: error over the space, and improvement anywhere."""

import math
from dataclasses import dataclass

import torch
from typing_extensions import override

from gpbop.acquisition import Question
from gpbop.designs import sobol
from gpbop.device import guest
from gpbop.errors import ArgumentError, NumericalError, explain
from gpbop.optimizer import Optimizer
from gpbop.parameters.choices import plain
from gpbop.stopping.base import StoppingRule, after, best_trial, check_number, check_positive, keep, told
from gpbop.stopping.improvement import largest_improvement
from gpbop.surrogate import GaussianProcess

# Configs over which the error is averaged one by one; of a larger space, some Sobol points stand for all.
MOST_AVERAGED = 2**14
NUM_POINTS = 2**12
IN_UNITS = "Give it in the objective's units, or as a share of the observed range with relative=True."


@dataclass(frozen=True)
class RemainingError(StoppingRule):
    """Stops when the model's mean standard deviation over the space is under a tolerance.

    The mean is taken over every config of a finite space with up to 16384 of them, else over 4096 Sobol points. It is
    the total error divided by the number of configs, so that tolerances do not depend on the size of the space.

    Attributes:
        tolerance: In the objective's units; with `relative`, a share of the observed range.
        relative: Whether the tolerance is a share of the observed range, largest minus smallest value so far. One
            outlying value widens that range, and so loosens the tolerance.
    """

    tolerance: float
    relative: bool = False

    def __post_init__(self) -> None:
        """Check the tolerance and its unit."""
        keep(self, tolerance=check_positive("tolerance", self.tolerance, IN_UNITS), relative=_flag(self.relative))

    @override
    def check(self, optimizer: Optimizer, seconds: float = 0.0) -> str | None:
        gp = _model(optimizer)
        if gp is None:
            return None
        space = optimizer.space
        is_whole = space.size <= MOST_AVERAGED
        X = space.grid_rows(torch.arange(int(space.size))) if is_whole else sobol(space, NUM_POINTS, 0)
        with guest(gp.device, len(gp.X)):
            error = float(gp.predict_encoded(X).std.mean())
        limit, named = _limit(gp, self.tolerance, self.relative)
        over = f"all {space.size} configs" if is_whole else f"{len(X)} Sobol points of the space"
        if not error < limit:
            return None
        return after(f"The mean standard deviation over {over} is {error:.4g}, under {named}", optimizer)


@dataclass(frozen=True)
class ExpectedImprovement(StoppingRule):
    """Stops when no untried config is expected to improve on the best value by as much as a tolerance.

    The largest expected improvement is exact over finite spaces of up to 2**20 configs, every one of which is bounded
    or scored. Larger and continuous spaces are searched; the sentence then says so, for a search may miss the maximum.

    Attributes:
        tolerance: In the objective's units; with `relative`, a share of the observed range.
        relative: Whether the tolerance is a share of the observed range, largest minus smallest value so far.
    """

    tolerance: float
    relative: bool = False

    def __post_init__(self) -> None:
        """Check the tolerance and its unit."""
        keep(self, tolerance=check_positive("tolerance", self.tolerance, IN_UNITS), relative=_flag(self.relative))

    @override
    def check(self, optimizer: Optimizer, seconds: float = 0.0) -> str | None:
        gp = _model(optimizer)
        if gp is None:
            return None
        largest, among = largest_improvement("ei", optimizer, gp, Question(gp, optimizer.direction).incumbent)
        limit, named = _limit(gp, self.tolerance, self.relative)
        if not largest < limit:
            return None
        return after(f"The largest expected improvement {among} is {largest:.4g}, under {named}", optimizer)


@dataclass(frozen=True)
class ProbableImprovement(StoppingRule):
    """Stops when no untried config is likelier than a tolerance to be better than the best value.

    Exact or searched as `ExpectedImprovement`. In a continuous space a point beside the best one has an even chance of
    being better by next to nothing, however much is known: say with `by` what counts as better there.

    Attributes:
        tolerance: A probability, over 0 and under 1.
        by: How much better than the best value counts, in the objective's units.
    """

    tolerance: float
    by: float = 0.0

    def __post_init__(self) -> None:
        """Check both numbers."""
        rule = "be a probability over 0 and under 1"
        tolerance = check_number("tolerance", self.tolerance, rule, "0.01 is usual.", over=0.0, under=1.0)
        rule, just_under_zero = "be a finite number of at least 0", math.nextafter(0.0, -1.0)
        by = check_number("by", self.by, rule, "Leave it out for any better value.", over=just_under_zero)
        keep(self, tolerance=tolerance, by=by)

    @override
    def check(self, optimizer: Optimizer, seconds: float = 0.0) -> str | None:
        gp = _model(optimizer)
        if gp is None:
            return None
        question = Question(gp, optimizer.direction)
        best = question.incumbent
        largest, among = largest_improvement("pi", optimizer, gp, best + question.sign * self.by)
        if not largest < self.tolerance:
            return None
        margin = f" by at least {self.by:.4g}" if self.by else ""
        what = f"The largest probability {among} to improve on the best value {best:.6g}{margin}"
        return after(f"{what} is {largest:.4g}, under the tolerance of {self.tolerance:.4g}", optimizer)


def _model(optimizer: Optimizer) -> GaussianProcess | None:
    """Return the model; None where there is none yet, or where it failed, which the next ask warns about."""
    if len(told(optimizer)) < optimizer.initial or best_trial(optimizer) is None:
        return None
    try:
        return optimizer.gp
    except NumericalError:
        return None


def _limit(gp: GaussianProcess, tolerance: float, relative: bool) -> tuple[float, str]:
    """Return a tolerance in the objective's units, and its words."""
    if not relative:
        return tolerance, f"the tolerance of {tolerance:.4g} in the objective's units"
    observed = float(gp.y.max()) - float(gp.y.min())
    return tolerance * observed, f"{tolerance:.4g} of the observed range {observed:.4g}"


def _flag(value: object) -> bool:
    flag = plain(value)
    if not isinstance(flag, bool):
        advice = "Use True for a tolerance that is a share of the observed range."
        raise ArgumentError(explain("relative", "be True or False", repr(value), advice))
    return flag
