"""Models that were fitted elsewhere predict the same here, and what cannot be taken over is named."""

import math
import warnings
from typing import Any

import botorch
import gpytorch
import pytest
import torch
from botorch.models import MixedSingleTaskGP, SingleTaskGP
from botorch.models.transforms.input import Log10, Normalize
from botorch.models.transforms.outcome import Log, Standardize
from gpytorch.kernels import LinearKernel, MaternKernel, RBFKernel, ScaleKernel
from gpytorch.likelihoods import GaussianLikelihood
from gpytorch.means import ConstantMean, LinearMean, ZeroMean
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from gpbop import Categorical, Float, GaussianProcess, Integer, Space, score
from gpbop.errors import ArgumentError
from gpbop.surrogate.foreign import Inputs


class Plain(gpytorch.models.ExactGP):  # type: ignore[misc]
    """The model of GPyTorch's first tutorial."""

    def __init__(self, x: Tensor, y: Tensor, kernel: Any, mean: Any) -> None:
        super().__init__(x, y, GaussianLikelihood())
        self.mean_module, self.covar_module = mean, kernel

    def forward(self, x: Tensor) -> Any:
        return gpytorch.distributions.MultivariateNormal(self.mean_module(x), self.covar_module(x))


def unit(m: int, d: int, seed: int) -> Tensor:
    return torch.rand(m, d, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def wave(X: Tensor) -> Tensor:
    return (X * torch.arange(1, X.shape[1] + 1)).sum(1, keepdim=True).sin()


def single(d: int = 2, n: int = 8, **options: Any) -> SingleTaskGP:
    X = unit(n, d, 0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", botorch.exceptions.InputDataWarning)
        return SingleTaskGP(X, wave(X), **options)


@st.composite
def kernels(draw: st.DrawFn, d: int) -> Any:
    dims = draw(st.sampled_from([None, d]))
    kind = draw(st.sampled_from([None, 1.5, 2.5]))
    kernel = RBFKernel(ard_num_dims=dims) if kind is None else MaternKernel(kind, ard_num_dims=dims)
    kernel.double().lengthscale = 10.0 ** (2.0 * unit(1, dims or 1, draw(st.integers(0, 99))) - 1.0)
    if draw(st.booleans()):
        kernel = ScaleKernel(kernel).double()
        kernel.outputscale = torch.tensor(draw(st.sampled_from([0.02, 1.0, 70.0])), dtype=torch.float64)
    return kernel


@st.composite
def models(draw: st.DrawFn) -> tuple[Any, Tensor, Tensor]:
    """Draw a model and the bounds of its inputs."""
    d, n = draw(st.integers(1, 4)), draw(st.integers(2, 25))
    kernel, seed = draw(kernels(d)), draw(st.integers(0, 10**6))
    low, high = torch.zeros(d, dtype=torch.float64), torch.ones(d, dtype=torch.float64)
    transform = draw(st.sampled_from(["none", "given", "learned", "plain"]))
    X, noise = unit(n, d, seed), draw(st.sampled_from([1e-3, 0.1]))
    if transform in ("given", "learned"):
        low, high = low - 3.0, high * 7.0
        X = low + (high - low) * X
        if transform == "learned":
            low, high = X.amin(0), X.amax(0)
    if draw(st.booleans()):
        X = torch.cat([X, X[:2]])
    Y = draw(st.sampled_from([1.0, 1e3])) * wave(X) + 5.0
    if transform == "plain":
        model: Any = Plain(X, Y[:, 0], kernel, draw(st.sampled_from([ConstantMean, ZeroMean]))()).double()
    else:
        center = draw(st.sampled_from([0.0, 0.5]))
        bounds = torch.stack([low, high]) if transform == "given" else None
        inputs = Normalize(d, bounds=bounds, center=center) if transform != "none" else None
        outcome = Standardize(1) if draw(st.booleans()) else None
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", botorch.exceptions.InputDataWarning)
            model = SingleTaskGP(X, Y, covar_module=kernel, input_transform=inputs, outcome_transform=outcome)
    model.likelihood.noise = torch.tensor([noise], dtype=torch.float64)
    if hasattr(model.mean_module, "constant"):
        model.mean_module.initialize(constant=torch.tensor(0.3, dtype=torch.float64))
    return model.train(draw(st.booleans())), low, high


def expected(model: Any, x: Tensor) -> tuple[Tensor, Tensor]:
    was = model.training
    model.eval()
    with torch.no_grad():
        posterior = model.posterior(x) if hasattr(model, "posterior") else model(x)
        mean, variance = posterior.mean.reshape(-1), posterior.variance.reshape(-1)
    model.train(was)
    return mean, variance


@given(case=models(), seed=st.integers(0, 10**6))
def test_predictions_are_those_of_the_model(case: tuple[Any, Tensor, Tensor], seed: int) -> None:
    model, low, high = case
    was = model.training
    gp = GaussianProcess.from_botorch(model)
    assert model.training == was
    x = low + (high - low) * unit(20, len(low), seed)
    mean, variance = expected(model, x)
    found = gp.predict([dict(zip(gp.space.names, row, strict=True)) for row in x.tolist()])
    size = float(mean.abs().max()) + float(variance.max().sqrt())
    torch.testing.assert_close(found.mean, mean, rtol=0.0, atol=1e-8 * size)
    torch.testing.assert_close(found.std.square(), variance, rtol=0.0, atol=1e-8 * float(variance.max()))
    # gp.model is a BoTorch Model again.
    again, _ = expected(gp.model, gp.space.encode([dict(zip(gp.space.names, x[0].tolist(), strict=True))]))
    torch.testing.assert_close(again, mean[:1], rtol=0.0, atol=1e-8 * size)


def test_the_default_model_can_be_fitted_and_scored() -> None:
    X = unit(20, 3, 1)
    model = SingleTaskGP(X, wave(X), input_transform=Normalize(3), outcome_transform=Standardize(1))
    mll = gpytorch.mlls.ExactMarginalLogLikelihood(model.likelihood, model)
    botorch.fit.fit_gpytorch_mll(mll, optimizer_kwargs={"options": {"maxiter": 20}})
    gp = GaussianProcess.from_botorch(model)
    x = X.amin(0) + (X.amax(0) - X.amin(0)) * unit(300, 3, 2)
    top = score(gp, [dict(zip(gp.space.names, row, strict=True)) for row in x.tolist()], k=3)
    ei = botorch.acquisition.LogExpectedImprovement(model, gp.y.min(), maximize=False)
    with torch.no_grad():
        values, indices = ei(x.unsqueeze(1)).topk(3)
    assert top.indices == indices.tolist()
    torch.testing.assert_close(torch.tensor(top.values, dtype=torch.float64), values, rtol=1e-6, atol=1e-6)


def test_conditioning_keeps_units_and_mean() -> None:
    model = single(d=2, n=10, outcome_transform=Standardize(1))
    gp = GaussianProcess.from_botorch(model)
    more = unit(2, 2, 5)
    conditioned = gp.condition([dict(zip(gp.space.names, row, strict=True)) for row in more.tolist()], [3.0, -2.0])
    model.posterior(more)  # GPyTorch extends the caches of a first prediction
    other = model.condition_on_observations(more, torch.tensor([[3.0], [-2.0]], dtype=torch.float64))
    x = unit(10, 2, 6)
    mean, variance = expected(other, x)
    found = conditioned.predict_encoded(x)
    torch.testing.assert_close(found.mean, mean, rtol=1e-7, atol=1e-7)
    torch.testing.assert_close(found.std.square(), variance, rtol=1e-7, atol=1e-7)


@pytest.mark.parametrize("inputs", ["values", "encoded"])
def test_spaces_of_ones_own(inputs: Inputs) -> None:
    space = Space({"a": Integer(2, 9), "b": Float(-1.0, 3.0), "c": Float(1e-3, 1.0, log=inputs == "encoded")})
    configs = space.sample(12, 0)
    values = torch.tensor([[config[name] for name in space.names] for config in configs], dtype=torch.float64)
    x = values if inputs == "values" else space.encode(configs)
    transform = Normalize(3) if inputs == "values" else None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", botorch.exceptions.InputDataWarning)
        model = SingleTaskGP(x, wave(x), input_transform=transform)
    gp = GaussianProcess.from_botorch(model, space, inputs=inputs)
    assert gp.space is space
    assert torch.equal(gp.X, space.encode(configs))
    mean, _ = expected(model, x)
    torch.testing.assert_close(gp.predict(configs).mean, mean, rtol=1e-8, atol=1e-8)


def noisy(level: list[float]) -> SingleTaskGP:
    return single(n=8, train_Yvar=torch.tensor(level, dtype=torch.float64).unsqueeze(1))


def test_known_noise_of_one_level_is_taken_over() -> None:
    model = noisy([0.2] * 8)
    gp = GaussianProcess.from_botorch(model)
    assert gp.noise_std == pytest.approx(math.sqrt(0.2))
    torch.testing.assert_close(gp.predict_encoded(unit(5, 2, 3)).mean, expected(model, unit(5, 2, 3))[0])


class Warped(Plain):
    def forward(self, x: Tensor) -> Any:
        return super().forward(x.square())


def two_outputs() -> SingleTaskGP:
    X = unit(8, 2, 0)
    return SingleTaskGP(X, torch.cat([wave(X), -wave(X)], 1))


PLAIN = unit(8, 2, 0), wave(unit(8, 2, 0))[:, 0]


@pytest.mark.parametrize(
    ("build", "match"),
    [
        (lambda: 3, "be an exact Gaussian process; got int"),
        (lambda: MixedSingleTaskGP(unit(8, 2, 0).round(), wave(unit(8, 2, 0)), [0]), "have an RBFKernel"),
        (lambda: single(covar_module=MaternKernel(0.5)), "nu 1.5 or 2.5; got MaternKernel with nu=0.5"),
        (lambda: single(covar_module=LinearKernel()), "have an RBFKernel or a MaternKernel.*; got LinearKernel"),
        (lambda: single(covar_module=RBFKernel() + RBFKernel()), "got AdditiveKernel"),
        (lambda: single(covar_module=RBFKernel(active_dims=[1])), r"kernel of all columns; got active_dims \[1\]"),
        (lambda: single(mean_module=LinearMean(2)), "have a ConstantMean; got LinearMean"),
        (lambda: noisy([0.2] * 7 + [0.3]), "have one level of noise; got noise from"),
        (two_outputs, "have one output and no batch"),
        (lambda: single(outcome_transform=Log()), "have Standardize or no outcome transform; got Log"),
        (lambda: single(input_transform=Log10(indices=[0])), "have Normalize or no input transform; got Log10"),
        (lambda: Warped(*PLAIN, RBFKernel(), ConstantMean()).double(), "do no more than its parts say"),
        (lambda: Plain(PLAIN[0] * 2.0, PLAIN[1], RBFKernel(), ConstantMean()).double(), "training points in the space"),
        (lambda: Plain(*(part.float() for part in PLAIN), RBFKernel(), ConstantMean()), "be in float64"),
    ],
)
@pytest.mark.filterwarnings("ignore::botorch.exceptions.InputDataWarning", "ignore:.*Log.*:RuntimeWarning")
def test_what_cannot_be_taken_over_is_named(build: Any, match: str) -> None:
    with pytest.raises(ArgumentError, match=f"`model` must .*{match}"):
        GaussianProcess.from_botorch(build())


@pytest.mark.parametrize(
    ("space", "inputs", "match"),
    [
        (Space({"a": Float(0, 1)}), "values", "`space` must have a parameter for each column"),
        (Space({"a": Float(0, 1), "b": Categorical([0, 1])}), "encoded", "numeric parameters without conditions"),
        (Space({"a": Float(0, 1), "b": Float(0.1, 1, log=True)}), "values", "without log; .*inputs='encoded'"),
        (Space({"a": Float(0, 1), "b": Integer(0, 1)}), "values", "`model` must have training points in the space"),
        (Space({"a": Float(0, 1), "b": Integer(0, 1)}), "encoded", "`model` must have training points in the space"),
        (None, "configs", "`inputs` must be 'values' or 'encoded'"),
    ],
)
def test_spaces_that_do_not_fit_are_named(space: Space | None, inputs: Any, match: str) -> None:
    with pytest.raises(ArgumentError, match=match):
        GaussianProcess.from_botorch(single(), space, inputs=inputs)
