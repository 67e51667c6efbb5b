"""Acquisition functions by name, in two forms.

`acquisition(name, question)` is what the search evaluates many times: a plain function of encoded points, in
standardised units, read from the cached Cholesky factor. `botorch_acquisition(name, question)` is BoTorch's own object
for the same question, in the objective's units, for one point or joint batches. Tests hold the two together.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from botorch.acquisition.acquisition import AcquisitionFunction
from botorch.acquisition.active_learning import qNegIntegratedPosteriorVariance
from botorch.acquisition.analytic import (
    LogExpectedImprovement,
    LogProbabilityOfImprovement,
    PosteriorStandardDeviation,
    UpperConfidenceBound,
)
from botorch.acquisition.logei import qLogExpectedImprovement, qLogNoisyExpectedImprovement
from botorch.acquisition.monte_carlo import (
    qPosteriorStandardDeviation,
    qProbabilityOfImprovement,
    qUpperConfidenceBound,
)
from botorch.acquisition.objective import ScalarizedPosteriorTransform
from torch import Tensor
from typing_extensions import override

from gpbop.acquisition import closed_forms
from gpbop.acquisition.base import Acquisition, FunctionAcquisition
from gpbop.acquisition.question import Question
from gpbop.errors import AcquisitionError, ShapeError, explain
from gpbop.surrogate.factor import BLOCK_ARRAYS
from gpbop.surrogate.feasibility import Feasibility


class _SamplePathAcquisition(AcquisitionFunction):
    """A posterior draw as a BoTorch acquisition function, in the objective's units."""

    def __init__(self, question: Question) -> None:
        super().__init__(model=question.gp.model)
        self._path = closed_forms.thompson(question)
        self._question = question

    @override
    def forward(self, X: Tensor) -> Tensor:
        """Evaluate at `b x 1 x d` points: `b` values."""
        if X.shape[-2] != 1:
            rule, advice = "have shape `b x 1 x d` for a sample path", "Judge one point at a time."
            raise ShapeError(explain("X", rule, str(tuple(X.shape)), advice))
        path = self._question.sign * self._path(X.reshape(-1, X.shape[-1]))
        restored = self._question.gp.standardization.restore_mean(path)
        return (self._question.sign * restored).reshape(X.shape[:-2])


@dataclass(frozen=True)
class _Recipe:
    """One acquisition function.

    Attributes:
        build: The fast form.
        is_log: Whether values are logarithms of a non-negative utility.
        has_floor: Whether values are on the scale of the objective, so that a failure is worth the worst value instead
            of 0.
        single: BoTorch's class for one point, and the arguments it takes.
        batch: BoTorch's class for batches and pending points.
    """

    build: Callable[[Question], Acquisition]
    single: Callable[[Question], Any]
    batch: Callable[[Question], Any]
    is_log: bool = False
    has_floor: bool = False


def _transform(question: Question) -> ScalarizedPosteriorTransform:
    """Flip the sign of the model's output when it is minimised, as BoTorch's Monte Carlo functions need it."""
    return ScalarizedPosteriorTransform(weights=question.gp.X.new_tensor([question.sign]))


def _improvement(cls: Any) -> Callable[[Question], Any]:
    # As a tensor: BoTorch rounds a plain float to float32.
    return lambda a: cls(a.gp.model, best_f=a.gp.X.new_tensor(a.incumbent), maximize=a.direction == "maximize")


def _monte_carlo(cls: Any, with_best: bool = False, **arguments: Any) -> Callable[[Question], Any]:
    def build(a: Question) -> Any:
        best = {"best_f": a.gp.X.new_tensor(a.sign * a.incumbent)} if with_best else {}
        return cls(a.gp.model, posterior_transform=_transform(a), X_pending=a.X_pending, **best, **arguments)

    return build


def _integrated(a: Question) -> Any:
    return qNegIntegratedPosteriorVariance(a.gp.model, mc_points=a.reference_points(), X_pending=a.X_pending)


def _noisy(a: Question) -> Any:
    return qLogNoisyExpectedImprovement(
        a.gp.model,
        X_baseline=torch.unique(a.gp.X, dim=0),
        posterior_transform=_transform(a),
        X_pending=a.X_pending,
        prune_baseline=False,
    )


_RECIPES = {
    "max_variance": _Recipe(
        closed_forms.max_variance,
        single=lambda a: PosteriorStandardDeviation(a.gp.model),
        batch=_monte_carlo(qPosteriorStandardDeviation),
    ),
    "integrated_variance": _Recipe(closed_forms.integrated_variance, single=_integrated, batch=_integrated),
    "ei": _Recipe(
        closed_forms.ei,
        single=_improvement(LogExpectedImprovement),
        batch=_monte_carlo(qLogExpectedImprovement, with_best=True),
        is_log=True,
    ),
    "noisy_ei": _Recipe(closed_forms.noisy_ei, single=_noisy, batch=_noisy, is_log=True),
    "ucb": _Recipe(
        closed_forms.ucb,
        single=lambda a: UpperConfidenceBound(a.gp.model, beta=a.beta, maximize=a.direction == "maximize"),
        batch=lambda a: _monte_carlo(qUpperConfidenceBound, beta=a.beta)(a),
        has_floor=True,
    ),
    "pi": _Recipe(
        closed_forms.pi,
        single=_improvement(LogProbabilityOfImprovement),
        batch=_monte_carlo(qProbabilityOfImprovement, with_best=True),
        is_log=True,
    ),
    "thompson": _Recipe(
        closed_forms.thompson, single=_SamplePathAcquisition, batch=_SamplePathAcquisition, has_floor=True
    ),
}

ACQUISITIONS = tuple(_RECIPES)


def check_acquisition(name: str) -> str:
    """Return the name if there is such an acquisition function.

    Raises:
        AcquisitionError: If there is none.
    """
    if not isinstance(name, str) or name not in _RECIPES:
        rule = "be one of " + ", ".join(repr(known) for known in ACQUISITIONS)
        raise AcquisitionError(explain("acquisition", rule, repr(name), "Choose one of these names."))
    return name


def acquisition(name: str, question: Question, feasibility: Feasibility | None = None) -> Acquisition:
    """Build the fast form of an acquisition function.

    Args:
        name: One of `ACQUISITIONS`.
        question: The process and what is asked of it.
        feasibility: Where experiments fail. Utilities are multiplied by the probability of success; `ucb` and
            `thompson`, which are values, are mixed with the worst value observed.
    Returns:
        A function from `m x d` encoded points to `m` values, to be maximised, in standardised units.
    Raises:
        AcquisitionError: If the name is unknown.
    """
    recipe = _RECIPES[check_acquisition(name)]
    value = recipe.build(question)
    if feasibility is None:
        return value
    cap = question.gp.factor.block_bytes
    numbers = cap // (8 * value.block_rows()) + BLOCK_ARRAYS * len(feasibility.weights)
    if recipe.is_log:
        return FunctionAcquisition(lambda X: value.value(X) + feasibility.probability(X).log(), numbers, cap)
    worst = min(question.standardized(float(y)) for y in (question.gp.y.min(), question.gp.y.max()))
    floor = worst if recipe.has_floor else 0.0

    def weighted(X: Tensor) -> Tensor:
        p = feasibility.probability(X)
        return p * value.value(X) + (1.0 - p) * floor

    return FunctionAcquisition(weighted, numbers, cap)


def botorch_acquisition(name: str, question: Question, *, q: int = 1) -> AcquisitionFunction:
    """Build BoTorch's object for an acquisition function, on `gp.model` and in the objective's units.

    `ei` and `pi` are BoTorch's log forms for one point; for batches BoTorch has no log form of `pi`. With pending
    points or `q` > 1 the objects are BoTorch's Monte Carlo ones (`integrated_variance` is exact for any q). BoTorch
    clamps variances below 1e-12 in the objective's units: rescale objectives smaller than about 1e-4 for its classes.

    Args:
        name: One of `ACQUISITIONS`.
        question: The process and what is asked of it.
        q: Number of points that are judged jointly.
    Returns:
        A function from `b x q x d` encoded points to `b` values.
    Raises:
        AcquisitionError: If the name is unknown, or `thompson` is asked for a joint batch.
    """
    recipe = _RECIPES[check_acquisition(name)]
    if name == "thompson" and q > 1:
        raise AcquisitionError(
            f"`q` must be 1 for 'thompson'; got {q}. Draw one path per point: a question with another seed each."
        )
    pending = question.X_pending is not None and len(question.X_pending) > 0
    acqf: AcquisitionFunction = (recipe.batch if q > 1 or pending else recipe.single)(question)
    return acqf
