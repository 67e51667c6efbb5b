"""Acquisition functions against BoTorch's own classes, their gradients, pending points and failures."""

import math
from typing import Any

import pytest
import torch
from botorch.acquisition.analytic import (
    LogExpectedImprovement,
    LogNoisyExpectedImprovement,
    LogProbabilityOfImprovement,
    PosteriorStandardDeviation,
    UpperConfidenceBound,
)
from botorch.models import SingleTaskGP
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from gpbop import Categorical, Float, GaussianProcess, Integer, Space
from gpbop.acquisition import ACQUISITIONS, Acquisition, Direction, Question, acquisition, botorch_acquisition
from gpbop.errors import AcquisitionError, ArgumentError
from gpbop.surrogate.feasibility import Feasibility

SPACE = Space(
    {
        "a": Float(0.0, 1.0),
        "b": Categorical(["x", "y", "z"]),
        "c": Float(0.0, 1.0, when={"b": ["x", "y"]}),
        "n": Integer(1, 40),
    }
)
DIRECTIONS: list[Direction] = ["minimize", "maximize"]
ANALYTIC = ("max_variance", "ei", "pi", "ucb")


@pytest.fixture(scope="module")
def gp() -> GaussianProcess:
    configs = SPACE.sample(20, 0)
    values = [
        50.0 + 3.0 * (c["a"] - 0.3) ** 2 + 0.02 * c["n"] + (c["b"] == "x") + 0.3 * c.get("c", 0.0) for c in configs
    ]
    return GaussianProcess.fit(SPACE, configs, values)


def points(m: int, seed: int = 1) -> Tensor:
    return SPACE.encode(SPACE.sample(m, seed))


@pytest.mark.parametrize("direction", DIRECTIONS)
@pytest.mark.parametrize("name", ANALYTIC)
def test_values_equal_botorch(gp: GaussianProcess, name: str, direction: Direction) -> None:
    question = Question(gp, direction)
    X, scale = points(30), gp.standardization.scale
    found = acquisition(name, question)(X)
    maximize = direction == "maximize"
    best_f = torch.tensor(question.incumbent, dtype=torch.float64)  # BoTorch rounds a plain float to float32
    theirs = {
        "max_variance": PosteriorStandardDeviation(gp.model),
        "ei": LogExpectedImprovement(gp.model, best_f=best_f, maximize=maximize),
        "pi": LogProbabilityOfImprovement(gp.model, best_f=best_f, maximize=maximize),
        "ucb": UpperConfidenceBound(gp.model, beta=question.beta, maximize=maximize),
    }[name](X.unsqueeze(-2)).detach()
    if name == "ei":
        theirs = theirs - math.log(scale)
    elif name == "ucb":
        theirs = (theirs - question.sign * gp.standardization.mean) / scale
    elif name == "max_variance":
        theirs = theirs / scale
    torch.testing.assert_close(found, theirs, rtol=1e-6, atol=1e-6)
    ours = botorch_acquisition(name, question)
    assert type(ours).__name__ in (
        "PosteriorStandardDeviation",
        "LogExpectedImprovement",
        "LogProbabilityOfImprovement",
        "UpperConfidenceBound",
    )


def test_integrated_variance_equals_botorch(gp: GaussianProcess) -> None:
    """BoTorch returns minus the variance that is left, by fantasies; ours is the drop from what is there."""
    reference = points(40, 5)
    question = Question(gp, reference=reference)
    X, scale = points(12), gp.standardization.scale
    found = acquisition("integrated_variance", question)(X)
    now = gp.predict_encoded(reference).std.square().mean() / scale**2
    theirs = botorch_acquisition("integrated_variance", question)(X.unsqueeze(-2)).detach() / scale**2
    torch.testing.assert_close(found, now + theirs, rtol=1e-4, atol=1e-7)


def test_integrated_variance_is_the_drop_seen_after_measuring(gp: GaussianProcess) -> None:
    reference = points(40, 5)
    value = acquisition("integrated_variance", Question(gp, reference=reference))
    X = points(5, 2)
    for i in range(5):
        before = gp.factor.moments(reference)[1].mean()
        after = gp.factor.believe(X[i : i + 1]).moments(reference)[1].mean()
        torch.testing.assert_close(value(X[i : i + 1])[0], before - after, rtol=1e-6, atol=1e-10)


@pytest.mark.parametrize("direction", DIRECTIONS)
def test_noisy_ei_agrees_with_botorch(
    gp: GaussianProcess, direction: Direction, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Letham's noisy EI needs known noise in BoTorch: the same process with its noise declared; many draws."""
    monkeypatch.setattr("gpbop.acquisition.closed_forms.NUM_DRAWS", 1024)
    X = points(15)
    found = acquisition("noisy_ei", Question(gp, direction))(X)
    z = gp.standardization.standardize(gp.y).unsqueeze(-1)
    known = SingleTaskGP(
        gp.X,
        z,
        train_Yvar=torch.full_like(z, float(gp.factor.noise)),
        covar_module=gp.model.covar_module,
        mean_module=gp.model.mean_module,
        outcome_transform=None,
    )
    torch.manual_seed(0)
    theirs = LogNoisyExpectedImprovement(known, gp.X, num_fantasies=1024, maximize=direction == "maximize")
    # Two independent averages over 1024 draws.
    torch.testing.assert_close(found.exp(), theirs(X.unsqueeze(-2)).detach().exp(), rtol=0.15, atol=2e-3)


@pytest.mark.parametrize("num_pending", [0, 3])
def test_thompson_draws_have_the_posterior_moments(gp: GaussianProcess, num_pending: int) -> None:
    pending = points(num_pending, 9)
    X = torch.cat([points(6), gp.X[:2], pending])
    questions = [Question(gp, "maximize", X_pending=pending, seed=seed) for seed in range(400)]
    draws = torch.stack([acquisition("thompson", question)(X) for question in questions])
    factor = questions[0].factor()  # pending points are believed to have returned their mean
    mean, variance = factor.moments(X)
    error = variance.sqrt() / math.sqrt(400)
    assert bool(((draws.mean(0) - mean).abs() < 5.0 * error + 1e-3).all())
    torch.testing.assert_close(draws.std(0), variance.sqrt(), rtol=0.25, atol=1e-3)
    V = factor.solve_rows(X)[1]
    features = factor.form.features(X)
    prior = factor.form.evaluate(factor.theta.unsqueeze(0), features, features).covariance[0]
    covariance = prior - V.mT @ V
    sampled = torch.cov(draws.mT)
    size = float(covariance.diagonal().max())
    torch.testing.assert_close(sampled, covariance, rtol=0.0, atol=0.25 * size)


def test_thompson_is_one_function_per_seed(gp: GaussianProcess) -> None:
    X = points(8)
    first, again, other = (acquisition("thompson", Question(gp, seed=seed))(X) for seed in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.allclose(first, other)
    restored = botorch_acquisition("thompson", Question(gp, seed=1))(X.unsqueeze(-2))
    torch.testing.assert_close(restored, -gp.standardization.restore_mean(-first))


@pytest.mark.parametrize("with_failures", [False, True])
@pytest.mark.parametrize("direction", DIRECTIONS)
@pytest.mark.parametrize("name", ACQUISITIONS)
def test_gradients(gp: GaussianProcess, name: str, direction: Direction, with_failures: bool) -> None:
    value = _value(gp, name, direction, with_failures)
    X = points(4, 3)

    def of_a(a: Tensor) -> Tensor:
        return value(torch.cat([a.unsqueeze(-1), X[:, 1:]], -1))

    assert torch.autograd.gradcheck(of_a, X[:, 0].clone().requires_grad_(), eps=1e-6, atol=1e-4, rtol=1e-3)


@pytest.mark.parametrize("with_failures", [False, True])
@pytest.mark.parametrize("name", ACQUISITIONS)
def test_ascent_equals_value_and_gradient(gp: GaussianProcess, name: str, with_failures: bool) -> None:
    value = _value(gp, name, "minimize", with_failures)
    X = points(6, 4)
    columns = [0, 2]
    objective = value.ascent(X, columns)
    start = torch.tensor([5, 0, 2])
    active = X[start][:, columns] >= 0.0
    x = torch.where(active, 0.3 + 0.1 * torch.arange(6, dtype=torch.float64).reshape(3, 2), 0.0)
    loss, grad = objective(x, start)
    rows = X[start].clone()
    rows[:, columns] = torch.where(active, x, rows[:, columns])
    rows.requires_grad_()
    expected = -value(rows)
    (by_rows,) = torch.autograd.grad(expected.sum(), rows)
    torch.testing.assert_close(loss, expected.detach(), rtol=1e-9, atol=1e-9)
    torch.testing.assert_close(grad, by_rows[:, columns] * active, rtol=1e-6, atol=1e-8)


def _value(gp: GaussianProcess, name: str, direction: Direction, with_failures: bool) -> Acquisition:
    feasibility = None
    if with_failures:
        failed = points(5, 11)
        outcome = torch.cat([torch.ones(len(gp.X)), torch.zeros(5)]).bool()
        feasibility = Feasibility.of(gp.factor.form, torch.cat([gp.X, failed]), outcome)
    return acquisition(name, Question(gp, direction, seed=3), feasibility)


@pytest.mark.parametrize("name", ANALYTIC)
def test_pending_points_equal_botorch_conditioned_on_the_mean(gp: GaussianProcess, name: str) -> None:
    pending = points(3, 21)
    question = Question(gp, X_pending=pending)
    X = points(20)
    found = acquisition(name, question)(X)
    conditioned = gp.model.condition_on_observations(pending, gp.model.posterior(pending).mean.detach())
    posterior = conditioned.posterior(X.unsqueeze(-2))
    mean = gp.standardization.standardize(posterior.mean.detach().flatten())
    std = posterior.variance.detach().flatten().sqrt() / gp.standardization.scale
    ours_mean, ours_variance = question.factor().moments(X)
    torch.testing.assert_close(ours_mean, mean, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(ours_variance.sqrt(), std, rtol=1e-3, atol=1e-4)
    without = acquisition(name, Question(gp))(pending)
    assert bool((acquisition(name, question)(pending) < without).all()), "what is being measured is worth less"
    assert found.shape == (20,)


@pytest.mark.parametrize("direction", DIRECTIONS)
@pytest.mark.parametrize("name", [name for name in ACQUISITIONS if name != "thompson"])
def test_joint_batches_are_botorch_objects(gp: GaussianProcess, name: str, direction: Direction) -> None:
    question = Question(gp, direction, X_pending=points(2, 31), reference=points(16, 5))
    acqf = botorch_acquisition(name, question, q=3)
    values = acqf(points(12).reshape(4, 3, -1))
    assert values.shape == (4,)
    assert bool(torch.isfinite(values).all())
    assert type(acqf).__module__.startswith("botorch")


@pytest.mark.parametrize("name", ["ei", "max_variance", "ucb"])
def test_monte_carlo_batch_of_one_agrees_with_the_closed_form(gp: GaussianProcess, name: str) -> None:
    far = points(1, 77)
    X = points(25)
    closed = botorch_acquisition(name, Question(gp))(X.unsqueeze(-2)).detach()
    from gpbop.acquisition.catalog import _RECIPES

    torch.manual_seed(0)
    sampled = _RECIPES[name].batch(Question(gp, X_pending=far[:0]))(X.unsqueeze(-2)).detach()
    order = closed.argsort(descending=True)
    assert int(sampled.argmax()) in order[:3].tolist()


def test_failures_lower_the_value_where_they_were(gp: GaussianProcess) -> None:
    failed = points(1, 41)
    outcome = torch.cat([torch.ones(len(gp.X)), torch.zeros(4)]).bool()
    feasibility = Feasibility.of(gp.factor.form, torch.cat([gp.X, failed.expand(4, -1)]), outcome)
    p = feasibility.probability(torch.cat([failed, gp.X]))
    assert float(p[0]) < 0.3
    assert float(p[1:].max()) > 0.8
    for name in ACQUISITIONS:
        question = Question(gp, seed=1)
        plain, weighted = acquisition(name, question)(failed), acquisition(name, question, feasibility)(failed)
        assert float(weighted) < float(plain)


class _Largest(TorchDispatchMode):
    """Notes the largest tensor that is made inside."""

    bytes = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        for tensor in result if isinstance(result, tuple | list) else [result]:
            if isinstance(tensor, Tensor):
                self.bytes = max(self.bytes, tensor.numel() * tensor.element_size())
        return result


@pytest.mark.parametrize("with_failures", [False, True])
@pytest.mark.parametrize("name", ACQUISITIONS)
def test_a_memory_cap_bounds_every_tensor_and_changes_no_value(
    gp: GaussianProcess, name: str, with_failures: bool
) -> None:
    X = points(3000, 7)
    expected = _value(gp, name, "minimize", with_failures)(X)
    cap = 300_000
    value = _value(gp.with_memory(cap), name, "minimize", with_failures)
    with _Largest() as largest, torch.no_grad():
        found = value(X)
    assert largest.bytes <= max(cap, X.numel() * 8)
    torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-9)


def test_the_incumbent_of_repeated_points_is_their_mean() -> None:
    space = Space({"a": Float(0.0, 1.0)})
    told = [0.5, 0.5, 0.5, 0.25, 0.25]
    gp = GaussianProcess.fit(space, [{"a": a} for a in told], [1.0, 1.0, -2.0, -0.4, -0.5])
    assert Question(gp).incumbent == pytest.approx(-0.45)
    assert Question(gp, "maximize").incumbent == pytest.approx(0.0)


def test_bad_questions(gp: GaussianProcess) -> None:
    with pytest.raises(ArgumentError, match="`direction` must be 'minimize' or 'maximize'; got 'min'"):
        Question(gp, "min")  # type: ignore[arg-type]
    with pytest.raises(ArgumentError, match="`best_f` must be a finite number; got nan"):
        Question(gp, best_f=math.nan)


def test_unknown_names() -> None:
    with pytest.raises(AcquisitionError, match=r"`acquisition` must be one of 'max_variance'.*got 'eii'"):
        acquisition("eii", None)  # type: ignore[arg-type]
    with pytest.raises(AcquisitionError, match="'thompson'"):
        botorch_acquisition("thompson", None, q=2)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ACQUISITIONS)
def test_maximising_is_minimising_the_negative(gp: GaussianProcess, name: str) -> None:
    X = points(25)
    configs, values = SPACE.decode(gp.X), gp.y.tolist()
    theta = gp.fit_state.theta
    negated = GaussianProcess.fit(SPACE, configs, [-value for value in values], hyperparameters=theta)
    same = GaussianProcess.fit(SPACE, configs, values, hyperparameters=theta)
    up = acquisition(name, Question(negated, "maximize", seed=5))(X)
    down = acquisition(name, Question(same, "minimize", seed=5))(X)
    torch.testing.assert_close(up, down, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("u", [-1e8, -1e4, -1000.5, -999.5, -30.0, -1.0, 0.0, 1.0, 29.9, 30.1, 1e4])
def test_log_h_equals_botorch_and_its_derivative(u: float) -> None:
    from botorch.acquisition.analytic import _log_ei_helper

    from gpbop.acquisition.closed_forms import _log_h

    x = torch.tensor([u], dtype=torch.float64, requires_grad=True)
    expected = _log_ei_helper(x)
    (slope,) = torch.autograd.grad(expected.sum(), x)
    log_h, by_u = _log_h(x.detach())
    torch.testing.assert_close(log_h, expected.detach(), rtol=1e-9, atol=1e-9)
    torch.testing.assert_close(by_u, slope, rtol=1e-5, atol=1e-12)
