"""Fits: warm starts, subsets, states."""

import json
from itertools import pairwise

import torch

from gpbop import Categorical, Float, Space
from gpbop.kernels.closed_form import ClosedForm
from gpbop.surrogate.columns import columns_of
from gpbop.surrogate.fitting import EXPLORED_OBSERVATIONS, GROWTH, FitState, _subset_sizes, fit_hyperparameters
from gpbop.surrogate.marginal_likelihood import NegativeLogPosterior, TrainingData
from gpbop.surrogate.priors import ThetaPrior

SPACE = Space({"a": Float(0.0, 1.0), "b": Float(0.0, 1.0), "c": Categorical(["x", "y", "z"])})
FORM = ClosedForm(columns_of(SPACE))
PRIOR = ThetaPrior.of(FORM, SPACE.d)


def problem(n: int) -> TrainingData:
    X = SPACE.encode(SPACE.sample(n, 5))
    z = torch.sin(6.0 * X[:, 0]) + 0.2 * X[:, 2] * X[:, 1]
    return TrainingData.of(FORM, X, (z - z.mean()) / z.std())


def value(data: TrainingData, state: FitState) -> float:
    return float(NegativeLogPosterior(FORM, data, PRIOR)(state.theta.unsqueeze(0))[0])


def test_the_end_is_a_stationary_point() -> None:
    for n in (10, 150):
        data = problem(n)
        state = fit_hyperparameters(FORM, data, PRIOR)
        _, grad = NegativeLogPosterior(FORM, data, PRIOR)(state.theta.unsqueeze(0))
        low, high = PRIOR.bounds
        free = (state.theta > low) & (state.theta < high)
        assert float(grad[0, free].abs().max()) < 0.5, "nats per e-fold, of a function of hundreds of nats"


def test_more_starts_are_never_worse_than_the_prior_mode_alone() -> None:
    data = problem(30)
    assert value(data, fit_hyperparameters(FORM, data, PRIOR, restarts=5)) <= (
        value(data, fit_hyperparameters(FORM, data, PRIOR, restarts=1)) + 1e-2
    )


def test_warm_start_continues_in_few_evaluations() -> None:
    before = fit_hyperparameters(FORM, problem(60), PRIOR)
    data = problem(61)
    cold = fit_hyperparameters(FORM, data, PRIOR)
    warm = fit_hyperparameters(FORM, data, PRIOR, warm=before)
    assert warm.evaluations < cold.evaluations / 2
    assert value(data, warm) < value(data, cold) + 0.05
    assert warm.checked_at == 60, "fresh starts were last tried there"
    much_more = fit_hyperparameters(FORM, problem(80), PRIOR, warm=before)
    assert much_more.checked_at == 80, "the data grew by a third: fresh starts compete again"


def test_state_survives_json_to_the_last_bit() -> None:
    state = fit_hyperparameters(FORM, problem(12), PRIOR)
    again = FitState.from_dict(json.loads(json.dumps(state.to_dict())))
    assert torch.equal(again.theta, state.theta)
    assert torch.equal(again.inverse_hessian, state.inverse_hessian)
    assert again.checked_at == state.checked_at


def test_subsets_grow_to_a_fair_share_of_all_data() -> None:
    for u in (1, 5, EXPLORED_OBSERVATIONS, 65, 200, 500, 580, 2000, 5000):
        sizes = _subset_sizes(u)
        assert sizes[0] == min(u, EXPLORED_OBSERVATIONS)
        assert u / (1.5 * GROWTH) <= sizes[-1] <= max(u / 1.5, min(u, EXPLORED_OBSERVATIONS))
        assert all(small < large for small, large in pairwise(sizes))


def test_metric_is_positive_definite_and_has_the_size_of_the_curvature() -> None:
    data = problem(40)
    objective = NegativeLogPosterior(FORM, data, PRIOR)
    theta = fit_hyperparameters(FORM, data, PRIOR).theta.unsqueeze(0)
    metric = objective.metric(theta)[0]
    assert float(torch.linalg.eigvalsh(metric).min()) > 0.0
    # Along the noise, whose likelihood is well determined, expected and observed curvature agree within a small factor.
    step = torch.zeros_like(theta)
    step[0, -1] = 1e-3
    above, here, below = (float(objective(theta + k * step)[0]) for k in (1.0, 0.0, -1.0))
    observed = (above - 2.0 * here + below) / 1e-6
    expected = float(torch.linalg.inv(metric)[-1, -1])
    assert 0.2 < expected / observed < 5.0
