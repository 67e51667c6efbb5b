"""MAP estimation of the hyperparameters: several starts in one batch, and warm starts from the last fit."""

from dataclasses import dataclass

import torch
from torch import Tensor

from gpbop.bfgs import minimize_batch
from gpbop.errors import ArgumentError, explain
from gpbop.kernels.closed_form import ClosedForm
from gpbop.kernels.continuous import Smoothness
from gpbop.kernels.profiles import PROFILES
from gpbop.space import Space
from gpbop.surrogate.columns import columns_of
from gpbop.surrogate.marginal_likelihood import NegativeLogPosterior, TrainingData
from gpbop.surrogate.priors import ThetaPrior

# Chosen by benchmarks/ask_latency.py: starts are explored on this many observations, roughly, and the best is finished
# on all.
EXPLORED_OBSERVATIONS = 64
EXPLORING_EVALUATIONS = 20
EXPLORING_TOLERANCE = 0.05
# The best goes on to this many times as many observations, and so on, until it meets all: most steps are cheap ones.
GROWTH = 3.0
# A warm fit is checked against fresh starts whenever the data has grown by this share since the last check.
RECHECK_GROWTH = 0.25
# Decrease of -log posterior, in nats, that still justifies a step.
TOLERANCE = 1e-4
MAX_EVALUATIONS = 200


@dataclass(frozen=True)
class FitState:
    """Where a fit ended, on the CPU: enough to warm-start the next one.

    Attributes:
        theta: `p` hyperparameters (see `gpbop.surrogate.priors`).
        inverse_hessian: `p x p` inverse Hessian of the objective there.
        checked_at: Number of merged observations when fresh starts were last tried.
        evaluations: Number of batched likelihood evaluations of this fit.
    """

    theta: Tensor
    inverse_hessian: Tensor
    checked_at: int
    evaluations: int = 0

    def to_dict(self) -> dict[str, object]:
        """Return JSON values from which `from_dict` restores this state to the last bit."""
        return {
            "theta": self.theta.tolist(),
            "inverse_hessian": self.inverse_hessian.tolist(),
            "checked_at": self.checked_at,
        }

    @staticmethod
    def from_dict(state: dict[str, object]) -> "FitState":
        """Restore what `to_dict` returned."""
        theta = torch.tensor(state["theta"], dtype=torch.float64)
        hessian = torch.tensor(state["inverse_hessian"], dtype=torch.float64)
        return FitState(theta, hessian, int(str(state["checked_at"])))


def fit_hyperparameters(
    form: ClosedForm,
    data: TrainingData,
    prior: ThetaPrior,
    *,
    warm: FitState | None = None,
    restarts: int = 4,
    seed: int = 0,
) -> FitState:
    """Find the most probable hyperparameters.

    Without a warm start, or when the data has grown by a quarter since fresh starts were last tried, the prior's mode,
    random draws and the warm start compete on a subset of the data; the best goes on with all data. Otherwise the last
    fit is continued with its own curvature, which takes a few evaluations.

    Args:
        form: The covariance.
        data: The merged training data.
        prior: The prior and bounds of theta.
        warm: The state of the last fit, of the same space.
        restarts: Number of fresh starts that compete.
        seed: Seed of the random starts and of the subset.
    Returns:
        The state at the best optimum found.
    """
    u = len(data.y)
    objective = NegativeLogPosterior(form, data, prior)
    if warm is not None and u <= warm.checked_at * (1.0 + RECHECK_GROWTH):
        start, curvature = warm.theta.to(data.y).unsqueeze(0), warm.inverse_hessian.to(data.y).unsqueeze(0)
        return _finish(objective, start, prior, curvature, warm.checked_at, 0)
    generator = torch.Generator().manual_seed(seed)
    starts = torch.cat([prior.start.unsqueeze(0), prior.sample_starts(restarts - 1, generator)])
    if warm is not None:
        starts = torch.cat([warm.theta.to(starts).unsqueeze(0), starts])
    order = torch.randperm(u, generator=generator).to(data.y.device)
    x, evaluations = starts, 0
    hessian: Tensor | None = None
    few = NegativeLogPosterior(form, data.subset(order[:EXPLORED_OBSERVATIONS].sort().values), prior)
    for size in _subset_sizes(u):
        subset = NegativeLogPosterior(form, data.subset(order[:size].sort().values), prior)
        rough = minimize_batch(
            subset,
            x,
            prior.bounds,
            inverse_hessian=hessian,
            max_evaluations=EXPLORING_EVALUATIONS,
            tolerance=EXPLORING_TOLERANCE,
        )
        best = rough.value.nan_to_num(nan=torch.inf).argmin(keepdim=True)
        # Curvature grows with the number of observations, so its inverse shrinks.
        x = rough.x[best]
        hessian = few.metric(x) * (len(few.data.y) / min(u, size * GROWTH))
        evaluations += rough.evaluations
    assert hessian is not None, "there is at least one stage"
    return _finish(objective, x, prior, hessian, u, evaluations)


def _subset_sizes(u: int) -> list[int]:
    """Return the growing numbers of observations that are fitted roughly before all of them are."""
    sizes = [min(u, EXPLORED_OBSERVATIONS)]
    while sizes[-1] * GROWTH * 1.5 < u:  # a stage that is nearly all of the data saves nothing
        sizes.append(int(sizes[-1] * GROWTH))
    return sizes


def _finish(
    objective: NegativeLogPosterior,
    start: Tensor,
    prior: ThetaPrior,
    hessian: Tensor,
    checked_at: int,
    evaluations: int,
) -> FitState:
    found = minimize_batch(
        objective,
        start,
        prior.bounds,
        inverse_hessian=hessian,
        max_evaluations=MAX_EVALUATIONS,
        tolerance=TOLERANCE,
    )
    return FitState(found.x[0].cpu(), found.inverse_hessian[0].cpu(), checked_at, evaluations + found.evaluations)


def check_fit(space: object, smoothness: Smoothness, hyperparameters: object, restarts: object, seed: object) -> None:
    """Check the arguments of `GaussianProcess.fit` that no other door checks.

    Raises:
        ArgumentError: If one is not as described there.
    """
    if not isinstance(space, Space):
        raise ArgumentError(explain("space", "be a Space", repr(space), "Write Space({'x': Float(0.0, 1.0)})."))
    if smoothness not in PROFILES:
        rule = "be one of " + ", ".join(map(repr, PROFILES))
        raise ArgumentError(explain("smoothness", rule, repr(smoothness), "'matern52' suits most objectives."))
    for name, number, least in (("restarts", restarts, 1), ("seed", seed, 0)):
        if not isinstance(number, int) or isinstance(number, bool) or number < least:
            rule = f"be a whole number of at least {least}"
            raise ArgumentError(explain(name, rule, repr(number), "Leave it out for the default."))
    if hyperparameters is not None:
        p = ClosedForm(columns_of(space), smoothness).layout.size + 1
        if not isinstance(hyperparameters, Tensor) or hyperparameters.shape != (p,):
            got = (
                repr(hyperparameters) if not isinstance(hyperparameters, Tensor) else str(tuple(hyperparameters.shape))
            )
            advice = "Take the fit_state.theta of a fit on this space."
            raise ArgumentError(explain("hyperparameters", f"be a tensor of shape ({p},)", got, advice))
