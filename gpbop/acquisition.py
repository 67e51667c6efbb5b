"""Acquisition functions: what the next experiment is worth.

Two forms of each. `acquisition(name, gp, ...)` is what the search evaluates millions of times: a plain function of encoded points, in
standardised units, read from the cached Cholesky factor. `botorch_acquisition(name, gp, ...)` is BoTorch's own object for the same
question, in the objective's units, for one point or joint batches. Tests hold the two together.

Notation:
    mu, sigma   posterior mean and standard deviation, of values that are maximised (the sign is flipped to minimise)
    u           (mu - best_f) / sigma
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import torch
from botorch.acquisition import AcquisitionFunction
from botorch.acquisition.active_learning import qNegIntegratedPosteriorVariance
from botorch.acquisition.analytic import (
    LogExpectedImprovement,
    LogProbabilityOfImprovement,
    PosteriorStandardDeviation,
    UpperConfidenceBound,
    _log_ei_helper,
)
from botorch.acquisition.logei import qLogExpectedImprovement, qLogNoisyExpectedImprovement
from botorch.acquisition.monte_carlo import qPosteriorStandardDeviation, qProbabilityOfImprovement, qUpperConfidenceBound
from botorch.acquisition.objective import ScalarizedPosteriorTransform
from botorch.utils.safe_math import logmeanexp
from botorch.utils.transforms import t_batch_mode_transform
from torch import Tensor
from typing_extensions import override

from gpbop.bfgs import Objective
from gpbop.designs import sobol
from gpbop.errors import AcquisitionError, explain
from gpbop.surrogate import GaussianProcess
from gpbop.surrogate.factor import Factor
from gpbop.surrogate.feasibility import Feasibility
from gpbop.surrogate.noiseless import noiseless_draws
from gpbop.surrogate.sample_path import draw_sample_path

Direction = Literal["minimize", "maximize"]


class Acquisition(ABC):
    """A function of encoded points, in standardised units, that is to be maximised."""

    @abstractmethod
    def __call__(self, X: Tensor) -> Tensor:
        """Compute the `m` values of `m x d` encoded points, differentiable in the numeric columns."""

    def ascent(self, X: Tensor, columns: list[int]) -> Objective:
        """Return what a minimiser needs to move some numeric columns of some points uphill.

        Args:
            X: `r x d` encoded points.
            columns: Numeric columns to move; entries that are inactive in a point stay.
        Returns:
            A function from `r' x c` values of these columns and the `r'` numbers of the points to minus the values and their
            gradients.
        """
        active = X[:, columns] >= 0.0

        def objective(x: Tensor, start: Tensor) -> tuple[Tensor, Tensor]:
            rows = X[start]
            rows[:, columns] = torch.where(active[start], x, rows[:, columns])
            rows.requires_grad_(True)
            with torch.enable_grad():
                loss = -self(rows)
                (grad,) = torch.autograd.grad(loss.sum(), rows)
            return loss.detach(), grad[:, columns] * active[start]

        return objective


@dataclass(frozen=True)
class FunctionAcquisition(Acquisition):
    """Any differentiable function of encoded points.

    Attributes:
        function: Maps `m x d` encoded points to `m` values.
    """

    function: Callable[[Tensor], Tensor]

    @override
    def __call__(self, X: Tensor) -> Tensor:
        return self.function(X)


Utility = Callable[[Tensor, Tensor], tuple[Tensor, Tensor, Tensor]]
"""Maps `m` means and standard deviations of values to be maximised to `m` utilities and their two derivatives."""


@dataclass(frozen=True)
class MomentAcquisition(Acquisition):
    """A function of mean and standard deviation alone, whose gradient steps record no graph.

    Attributes:
        factor: The factorised process.
        sign: +1 to maximise, -1 to minimise.
        utility: The function of the moments.
    """

    factor: Factor
    sign: float
    utility: Utility

    @override
    def __call__(self, X: Tensor) -> Tensor:
        mean, variance = self.factor.moments(X)
        return self.utility(self.sign * mean, variance.sqrt())[0]

    @override
    def ascent(self, X: Tensor, columns: list[int]) -> Objective:
        moments = self.factor.moving_moments(X, columns)

        def objective(x: Tensor, start: Tensor) -> tuple[Tensor, Tensor]:
            mean, variance, pull_back = moments(x, start)
            sigma = variance.sqrt()
            value, by_mean, by_sigma = self.utility(mean.mul_(self.sign), sigma)
            return value.neg_(), pull_back(by_mean.mul_(-self.sign), by_sigma.div_(sigma).mul_(-0.5))

        return objective


# Vizier's coefficient of sigma is 1.8 (Song et al. 2024, arXiv:2408.11527).
UCB_BETA = 1.8**2
# Points over which the remaining error is integrated, and draws of the incumbent: more changed no choice on the recorded grid.
NUM_REFERENCE = 512
NUM_DRAWS = 32


@dataclass(frozen=True)
class Question:
    """What an acquisition function is asked about.

    Attributes:
        gp: The fitted process.
        direction: "minimize" or "maximize".
        X_pending: `k x d` encoded points that are being run.
        best_f: Incumbent in the objective's units; the best observed value if absent.
        beta: Weight of the variance in `ucb`.
        reference: `r x d` encoded points over which `integrated_variance` integrates; a Sobol sample of the space if absent.
        seed: Seed of everything random.
    """

    gp: GaussianProcess
    direction: Direction = "minimize"
    X_pending: Tensor | None = None
    best_f: float | None = None
    beta: float = UCB_BETA
    reference: Tensor | None = None
    seed: int = 0

    @property
    def sign(self) -> float:
        """+1 to maximise, -1 to minimise."""
        return 1.0 if self.direction == "maximize" else -1.0

    @property
    def incumbent(self) -> float:
        """Best value so far, in the objective's units."""
        if self.best_f is not None:
            return self.best_f
        return float(self.gp.y.max() if self.direction == "maximize" else self.gp.y.min())

    def factor(self) -> Factor:
        """The process conditioned on the pending points, whose results are believed to be the mean."""
        if self.X_pending is None or not len(self.X_pending):
            return self.gp.factor
        return self.gp.factor.believe(self.X_pending.to(self.gp.X))

    def standardized(self, value: float) -> float:
        """Map a value to standardised units, with the sign of the direction."""
        return self.sign * float(self.gp.standardization.standardize(torch.tensor(value, dtype=torch.float64)))

    def reference_points(self) -> Tensor:
        """The points over which the remaining error is integrated."""
        points = sobol(self.gp.space, NUM_REFERENCE, self.seed) if self.reference is None else self.reference
        return points.to(self.gp.X)


def _max_variance(question: Question) -> Acquisition:
    """Posterior standard deviation: it has the maximum of the variance."""

    def utility(mean: Tensor, sigma: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        return sigma.clone(), torch.zeros_like(mean), torch.ones_like(sigma)

    return MomentAcquisition(question.factor(), question.sign, utility)


def _ei(question: Question) -> Acquisition:
    """log EI = log sigma + log h(u), h(u) = phi(u) + u Phi(u), h' = Phi.   Ament et al. (2023), arXiv:2310.20708."""
    best_f = question.standardized(question.incumbent)

    def utility(mean: Tensor, sigma: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        u = (mean - best_f) / sigma
        log_h: Tensor = _log_ei_helper(u)
        by_u = (torch.special.log_ndtr(u) - log_h).exp()
        return log_h + sigma.log(), by_u / sigma, (1.0 - u * by_u) / sigma

    return MomentAcquisition(question.factor(), question.sign, utility)


def _pi(question: Question) -> Acquisition:
    """log PI = log Phi(u)."""
    best_f = question.standardized(question.incumbent)

    def utility(mean: Tensor, sigma: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        u = (mean - best_f) / sigma
        log_pi = torch.special.log_ndtr(u)
        by_mean = (-0.5 * u.square() - 0.5 * math.log(2.0 * math.pi) - log_pi).exp() / sigma
        return log_pi, by_mean, -u * by_mean

    return MomentAcquisition(question.factor(), question.sign, utility)


def _ucb(question: Question) -> Acquisition:
    """UCB = mu + sqrt(beta) sigma.   Srinivas et al. (2010)."""
    weight = math.sqrt(question.beta)

    def utility(mean: Tensor, sigma: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        return mean + weight * sigma, torch.ones_like(mean), torch.full_like(sigma, weight)

    return MomentAcquisition(question.factor(), question.sign, utility)


def _noisy_ei(question: Question) -> Acquisition:
    """log of EI averaged over draws of the noise-free values at the observed points.   Letham et al. (2019)."""
    draws, values = noiseless_draws(question.gp.factor, NUM_DRAWS, question.seed)
    if question.X_pending is not None and len(question.X_pending):
        draws = draws.believe(question.X_pending.to(question.gp.X))
    sign = question.sign
    best_f = (sign * values).amax(0)

    def log_nei(X: Tensor) -> Tensor:
        mean, variance = draws.moments(X)
        sigma = variance.sqrt().unsqueeze(-1)
        value: Tensor = logmeanexp(_log_ei_helper((sign * mean - best_f) / sigma) + sigma.log(), dim=-1)
        return value

    return FunctionAcquisition(log_nei)


def _integrated_variance(question: Question) -> Acquisition:
    """Drop of the mean variance over the reference points z: mean_z c(z, x)^2 / (v(x) + noise), c the posterior covariance."""
    factor = question.factor()
    features = factor.form.features(question.reference_points())
    cross = factor.form.evaluate(factor.theta.unsqueeze(0), factor.features, features).covariance[0]
    weights = torch.cholesky_solve(cross, factor.L)
    rows_of = factor.rows_with(features)

    def drop(X: Tensor) -> Tensor:
        rows, to_reference = rows_of(X)
        V = torch.linalg.solve_triangular(factor.L, rows.mT, upper=False)
        variance = (factor.outputscale - V.square().sum(0)).clamp_min(factor.smallest_variance)
        return (to_reference - rows @ weights).square().mean(-1) / (variance + factor.noise)

    return FunctionAcquisition(drop)


def _thompson(question: Question) -> Acquisition:
    gp = question.gp
    residual, counts = gp.row_values()
    path = draw_sample_path(gp.factor, residual - gp.factor.mean, counts, seed=question.seed)
    return FunctionAcquisition(lambda X: question.sign * path(X))


class _SamplePathAcquisition(AcquisitionFunction):  # type: ignore[misc]  # BoTorch is untyped
    """A posterior draw as a BoTorch acquisition function, in the objective's units."""

    def __init__(self, question: Question) -> None:
        super().__init__(model=question.gp.model)
        self._path = _thompson(question)
        self._question = question

    @override
    @t_batch_mode_transform(expected_q=1)  # type: ignore[untyped-decorator]  # BoTorch is untyped
    def forward(self, X: Tensor) -> Tensor:
        """Evaluate at `b x 1 x d` points: `b` values."""
        path = self._question.sign * self._path(X.reshape(-1, X.shape[-1]))
        restored = self._question.gp.standardization.restore_mean(path)
        return (self._question.sign * restored).reshape(X.shape[:-2])


@dataclass(frozen=True)
class _Recipe:
    """One acquisition function.

    Attributes:
        build: The fast form.
        is_log: Whether values are logarithms of a non-negative utility.
        has_floor: Whether values are on the scale of the objective, so that a failure is worth the worst value instead of 0.
        single: BoTorch's class for one point, and the arguments it takes.
        batch: BoTorch's class for batches and pending points.
    """

    build: Callable[[Question], Acquisition]
    is_log: bool
    has_floor: bool
    single: Callable[[Question], Any]
    batch: Callable[[Question], Any]


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
        a.gp.model, X_baseline=a.gp.X, posterior_transform=_transform(a), X_pending=a.X_pending, prune_baseline=False
    )


_RECIPES = {
    "max_variance": _Recipe(
        _max_variance,
        False,
        False,
        lambda a: PosteriorStandardDeviation(a.gp.model),
        _monte_carlo(qPosteriorStandardDeviation),
    ),
    "integrated_variance": _Recipe(_integrated_variance, False, False, _integrated, _integrated),
    "ei": _Recipe(
        _ei, True, False, _improvement(LogExpectedImprovement), _monte_carlo(qLogExpectedImprovement, with_best=True)
    ),
    "noisy_ei": _Recipe(_noisy_ei, True, False, _noisy, _noisy),
    "ucb": _Recipe(
        _ucb,
        False,
        True,
        lambda a: UpperConfidenceBound(a.gp.model, beta=a.beta, maximize=a.direction == "maximize"),
        lambda a: _monte_carlo(qUpperConfidenceBound, beta=a.beta)(a),
    ),
    "pi": _Recipe(
        _pi, True, False, _improvement(LogProbabilityOfImprovement), _monte_carlo(qProbabilityOfImprovement, with_best=True)
    ),
    "thompson": _Recipe(_thompson, False, True, _SamplePathAcquisition, _SamplePathAcquisition),
}

ACQUISITIONS = tuple(_RECIPES)


def check_acquisition(name: str) -> str:
    """Return the name if there is such an acquisition function.

    Raises:
        AcquisitionError: If there is none.
    """
    if name not in _RECIPES:
        rule = "be one of " + ", ".join(repr(known) for known in ACQUISITIONS)
        raise AcquisitionError(explain("acquisition", rule, repr(name), "Choose one of these names."))
    return name


def acquisition(name: str, question: Question, feasibility: Feasibility | None = None) -> Acquisition:
    """Build the fast form of an acquisition function.

    Args:
        name: One of `ACQUISITIONS`.
        question: The process and what is asked of it.
        feasibility: Where experiments fail. Utilities are multiplied by the probability of success; `ucb` and `thompson`, which are
            values, are mixed with the worst value observed.
    Returns:
        A function from `m x d` encoded points to `m` values, to be maximised, in standardised units.
    Raises:
        AcquisitionError: If the name is unknown.
    """
    recipe = _RECIPES[check_acquisition(name)]
    value = recipe.build(question)
    if feasibility is None:
        return value
    if recipe.is_log:
        return FunctionAcquisition(lambda X: value(X) + feasibility.probability(X).log())
    floor = min(question.standardized(float(y)) for y in (question.gp.y.min(), question.gp.y.max())) if recipe.has_floor else 0.0

    def weighted(X: Tensor) -> Tensor:
        p = feasibility.probability(X)
        return p * value(X) + (1.0 - p) * floor

    return FunctionAcquisition(weighted)


def botorch_acquisition(name: str, question: Question, *, q: int = 1) -> AcquisitionFunction:
    """Build BoTorch's object for an acquisition function, on `gp.model` and in the objective's units.

    `ei` and `pi` are BoTorch's log forms for one point. With pending points or `q` > 1 the objects are BoTorch's Monte Carlo ones
    (`integrated_variance` is exact for any q).

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
        raise AcquisitionError(f"`q` must be 1 for 'thompson'; got {q}. Draw one path per point: a question with another seed each.")
    pending = question.X_pending is not None and len(question.X_pending) > 0
    return (recipe.batch if q > 1 or pending else recipe.single)(question)
