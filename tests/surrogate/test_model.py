"""The BoTorch Model: equal to GPyTorch's own path, and good for BoTorch's acquisition functions."""

import resource

import pytest
import torch
from botorch.acquisition import (
    LogExpectedImprovement,
    qKnowledgeGradient,
    qLogExpectedImprovement,
    qLogNoisyExpectedImprovement,
)
from botorch.acquisition.max_value_entropy_search import qMaxValueEntropy
from botorch.models import SingleTaskGP
from botorch.optim import optimize_acqf
from torch import Tensor

from gpbop import Categorical, Float, GaussianProcess, Space
from gpbop.surrogate.model import ExactModel
from gpbop.surrogate.priors import ThetaPrior

SPACE = Space(
    {
        "a": Float(0.0, 1.0),
        "b": Categorical(["x", "y", "z"]),
        "c": Float(0.0, 1.0, when={"b": ["x", "y"]}),
        "d": Float(0.0, 2.0),
    }
)


@pytest.fixture(scope="module")
def gp() -> GaussianProcess:
    configs = SPACE.sample(15, 0)
    values = [100.0 + 7.0 * (c["a"] - 0.3) ** 2 + c["d"] + (c["b"] == "x") for c in configs]
    return GaussianProcess.fit(SPACE, [*configs, configs[0]], [*values, values[0] + 0.01])


def points(*shape: int, seed: int = 1) -> Tensor:
    X = SPACE.encode(SPACE.sample(torch.Size(shape).numel(), seed))
    return X.reshape(*shape, -1)


@pytest.mark.parametrize("shape", [(1,), (4,), (5, 1), (3, 4), (2, 3, 2)])
@pytest.mark.parametrize("observation_noise", [False, True])
def test_posterior_equals_gpytorch(gp: GaussianProcess, shape: tuple[int, ...], observation_noise: bool) -> None:
    X = points(*shape)
    found = gp.model.posterior(X, observation_noise=observation_noise)
    # The plain path of the same class: no factor, GPyTorch's prediction strategy.
    plain = ExactModel(gp.X, gp.standardization.standardize(gp.y).unsqueeze(-1), gp.factor, gp.standardization)
    plain._factor = None
    expected = SingleTaskGP.posterior(plain, X, observation_noise=observation_noise)
    torch.testing.assert_close(found.mean, expected.mean, rtol=1e-6, atol=1e-6)
    torch.testing.assert_close(found.variance, expected.variance, rtol=1e-4, atol=1e-6)
    covariance = found.distribution.covariance_matrix
    torch.testing.assert_close(covariance, expected.distribution.covariance_matrix, rtol=1e-4, atol=1e-6)


def test_posterior_equals_predict(gp: GaussianProcess) -> None:
    configs = SPACE.sample(20, 3)
    mean, std = gp.predict(configs)
    posterior = gp.model.posterior(SPACE.encode(configs).unsqueeze(-2))
    torch.testing.assert_close(posterior.mean.flatten(), mean)
    torch.testing.assert_close(posterior.variance.sqrt().flatten(), std, rtol=1e-6, atol=1e-8)


def test_gradients_of_the_posterior(gp: GaussianProcess) -> None:
    X = points(3, 2)

    def moments(x: Tensor) -> tuple[Tensor, Tensor]:
        moved = X.clone()
        moved[..., 0] = x
        posterior = gp.model.posterior(moved)
        return posterior.mean, posterior.variance

    assert torch.autograd.gradcheck(moments, X[..., 0].clone().requires_grad_(), atol=1e-5)


@pytest.mark.parametrize(
    "build",
    [
        lambda gp: LogExpectedImprovement(gp.model, best_f=gp.y.min(), maximize=False),
        lambda gp: qLogExpectedImprovement(gp.model, best_f=gp.y.max()),
        lambda gp: qLogNoisyExpectedImprovement(gp.model, X_baseline=gp.X.unique(dim=0)),
        lambda gp: qKnowledgeGradient(gp.model, num_fantasies=2),
        lambda gp: qMaxValueEntropy(gp.model, candidate_set=gp.X),
    ],
    ids=["LogEI", "qLogEI", "qLogNEI", "qKG", "MES"],
)
def test_botorch_acquisition_functions_work_on_it(gp: GaussianProcess, build: object) -> None:
    acqf = build(gp)  # type: ignore[operator]
    x, value = optimize_acqf(acqf, bounds=SPACE.bounds, q=1, num_restarts=2, raw_samples=8, options={"maxiter": 5})
    assert x.shape == (1, SPACE.d)
    assert bool(torch.isfinite(value).all())


def test_fantasies_condition_on_their_data(gp: GaussianProcess) -> None:
    X = points(2, seed=8)
    Y = gp.model.posterior(X).mean.detach() + 1.0
    conditioned = gp.model.condition_on_observations(X, Y)
    expected = gp.condition(SPACE.decode(X), Y.flatten().tolist())
    queries = points(6, seed=9)
    scale = gp.standardization.scale
    # `condition` standardises anew, BoTorch keeps the old units: hyperparameters then mean slightly different things.
    torch.testing.assert_close(
        conditioned.posterior(queries).mean.flatten(),
        expected.model.posterior(queries).mean.flatten(),
        atol=scale,
        rtol=0,
    )
    at_data = conditioned.posterior(X).mean
    assert bool((at_data - Y).abs().max() < (gp.model.posterior(X).mean - Y).abs().max())


def test_new_hyperparameters_are_used(gp: GaussianProcess) -> None:
    model = ExactModel(gp.X, gp.standardization.standardize(gp.y).unsqueeze(-1), gp.factor, gp.standardization)
    X = points(4)
    before = model.posterior(X).variance.detach()
    state = model.state_dict()
    state["likelihood.noise_covar.raw_noise"] = state["likelihood.noise_covar.raw_noise"] + 5.0
    model.load_state_dict(state)
    assert float((model.posterior(X).variance.detach() - before).abs().max()) > 1e-6


@pytest.mark.parametrize("size", [1e-100, 1e-6, 1e-4, 1e4, 1e100])
def test_posterior_equals_predict_in_any_units(gp: GaussianProcess, size: float) -> None:
    scaled = GaussianProcess.fit(SPACE, SPACE.decode(gp.X), ((gp.y - 100.0) * size).tolist())
    configs = SPACE.sample(20, 3)
    mean, std = scaled.predict(configs)
    posterior = scaled.model.posterior(SPACE.encode(configs).unsqueeze(-2))
    torch.testing.assert_close(posterior.mean.flatten() / size, mean / size)
    torch.testing.assert_close(posterior.variance.sqrt().flatten() / size, std / size, rtol=1e-6, atol=1e-8)


def test_a_second_derivative_is_an_error_not_zero(gp: GaussianProcess) -> None:
    X = points(1).requires_grad_()
    mean = gp.model.posterior(X).mean.sum()
    with pytest.raises(NotImplementedError, match="first derivatives only"):
        torch.autograd.grad(mean, X, create_graph=True)


@pytest.mark.parametrize("end", [0, 1])
def test_hyperparameters_on_their_bounds_are_kept(gp: GaussianProcess, end: int) -> None:
    theta = ThetaPrior.of(gp.factor.form, SPACE.d).bounds[end]
    extreme = GaussianProcess.fit(SPACE, SPACE.decode(gp.X), gp.y.tolist(), hyperparameters=theta)
    kernel = extreme.model.covar_module
    X = points(5)
    found, expected = kernel(gp.X[:15], X).to_dense().detach(), extreme.factor.rows(X).mT  # row 15 repeats row 0
    torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-12)
    torch.testing.assert_close(extreme.model.likelihood.noise.detach()[0], extreme.factor.noise)


def test_variance_of_40000_joint_points_needs_little_memory(gp: GaussianProcess) -> None:
    """GPyTorch 1.15.2 takes 12 GB for this (its issues 2754 and 2736)."""
    X = points(40_000)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    posterior = gp.model.posterior(X)
    variance = posterior.variance
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert variance.shape == (40_000, 1)
    assert bool((variance > 0.0).all())
    assert grown < 1_000_000, f"{grown} KiB"  # kilobytes on Linux
    std = gp.predict_encoded(X[:100]).std
    torch.testing.assert_close(variance[:100, 0].sqrt(), std, rtol=1e-5, atol=1e-7)
