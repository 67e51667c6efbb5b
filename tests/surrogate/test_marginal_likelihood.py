"""The marginal likelihood against GPyTorch, a dense normal density and finite differences."""

import pytest
import torch
from gpytorch.mlls import ExactMarginalLogLikelihood
from torch import Tensor
from torch.distributions import MultivariateNormal

from gpbop import Categorical, Float, GaussianProcess, Space
from gpbop.kernels.closed_form import ClosedForm
from gpbop.surrogate.columns import columns_of
from gpbop.surrogate.marginal_likelihood import NegativeLogPosterior, TrainingData
from gpbop.surrogate.priors import ThetaPrior

SPACE = Space(
    {
        "a": Float(0.0, 1.0),
        "b": Categorical(["x", "y", "z"]),
        "c": Float(0.0, 1.0, when={"b": ["x", "y"]}),
        "many": Categorical(list(range(14))),
    }
)


def problem(n: int, repeats: int = 0) -> tuple[ClosedForm, Tensor, Tensor, ThetaPrior, Tensor]:
    generator = torch.Generator().manual_seed(n)
    X = SPACE.encode(SPACE.sample(n, n))
    X = torch.cat([X, X[:repeats], X[:repeats]])
    z = torch.randn(len(X), generator=generator, dtype=torch.float64)
    form = ClosedForm(columns_of(SPACE))
    prior = ThetaPrior.of(form, SPACE.d)
    theta = (prior.start + 0.3 * torch.randn(2, len(prior.start), generator=generator)).clamp(*prior.bounds)
    return form, X, z, prior, theta


@pytest.mark.parametrize("repeats", [0, 3])
def test_merged_equals_dense_density_of_all_observations(repeats: int) -> None:
    form, X, z, prior, theta = problem(8, repeats)
    data = TrainingData.of(form, X, z)
    value, _ = NegativeLogPosterior(form, data, prior)(theta)
    features = form.features(X)
    for i in range(2):
        K = form.evaluate(theta[i : i + 1, :-1], features, features).covariance[0]
        K = K + theta[i, -1].exp() * torch.eye(len(X), dtype=torch.float64)
        one = torch.ones(len(X), dtype=torch.float64)
        mean = (one @ torch.linalg.solve(K, z)) / (one @ torch.linalg.solve(K, one))
        dense = MultivariateNormal(mean * one, K).log_prob(z)
        log_prior, _ = prior.log_prob(theta[i : i + 1])
        torch.testing.assert_close(value[i], -dense - log_prior[0], rtol=1e-9, atol=1e-8)


@pytest.mark.parametrize("repeats", [0, 3])
def test_gradient_equals_finite_differences(repeats: int) -> None:
    form, X, z, prior, theta = problem(9, repeats)
    objective = NegativeLogPosterior(form, TrainingData.of(form, X, z), prior)
    _, grad = objective(theta)
    numerical = torch.zeros_like(theta)
    for j in range(theta.shape[1]):
        step = torch.zeros_like(theta)
        step[:, j] = 1e-5
        numerical[:, j] = (objective(theta + step)[0] - objective(theta - step)[0]) / 2e-5
    torch.testing.assert_close(grad, numerical, rtol=1e-5, atol=1e-6)


def test_equals_gpytorch_with_the_registered_priors() -> None:
    """The BoTorch model carries the same priors: its own objective, times n, is ours at every hyperparameter."""
    configs = SPACE.sample(10, 3)
    values = [float(i % 4) - 0.1 * i for i in range(10)]
    gp = GaussianProcess.fit(SPACE, configs, values)
    model = gp.model
    model.train()
    mll = ExactMarginalLogLikelihood(model.likelihood, model)
    with torch.no_grad():
        theirs = mll(model(*model.train_inputs), model.train_targets) * len(values)
    torch.testing.assert_close(float(theirs), gp.log_posterior, rtol=1e-6, atol=1e-6)


def test_not_positive_definite_is_infinitely_bad_and_alone() -> None:
    form, X, z, prior, theta = problem(6)
    near = X.clone()
    near[:, 0] = (near[:, 0] + 1e-14).clamp_max(1.0)
    objective = NegativeLogPosterior(form, TrainingData.of(form, torch.cat([X, near]), torch.cat([z, -z])), prior)
    extreme = theta.clone()
    extreme[0, -1] = -90.0  # noise far below rounding, and each point twice but for rounding: K is singular
    value, grad = objective(extreme)
    assert float(value[0]) == torch.inf
    # The other member of the batch is what it is without its bad neighbour.
    expected, expected_grad = objective(extreme[1:])
    torch.testing.assert_close(value[1:], expected)
    torch.testing.assert_close(grad[1:], expected_grad)
