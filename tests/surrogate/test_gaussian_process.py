"""The posterior against scikit-learn, updates against refits, and numbers at their limits."""

import math
import warnings
from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RBF, ConstantKernel, Matern
from torch import Tensor

from gpbop import Categorical, Float, GaussianProcess, Integer, Space
from gpbop.errors import ArgumentError, ConfigError, DeviceError, NumericalWarning, ObjectiveError

CONTINUOUS = Space({"a": Float(0.0, 1.0), "b": Float(-3.0, 5.0), "c": Float(1e-4, 1.0, log=True)})
MIXED = Space(
    {
        "size": Integer(4, 64, log=True),
        "decoder": Categorical(["A", "B", "C"]),
        "use_dropout": Categorical([False, True]),
        "dropout": Float(0.05, 0.5, when={"use_dropout": [True]}),
        "noise": Float(0.0, 0.5, step=0.1),
    }
)


def objective(X: Tensor) -> Tensor:
    return (X - 0.3).square().sum(-1) + torch.sin(5.0 * X[:, 0])


def data(space: Space, n: int, seed: int = 0) -> tuple[list[dict[str, object]], list[float]]:
    configs = space.sample(n, seed)
    return configs, objective(space.encode(configs)).tolist()


@pytest.mark.parametrize("smoothness", ["matern52", "matern32", "rbf"])
@pytest.mark.parametrize("n", [1, 2, 15, 60])
def test_posterior_equals_scikit_learn(smoothness: str, n: int) -> None:
    configs, values = data(CONTINUOUS, n)
    gp = GaussianProcess.fit(CONTINUOUS, configs, values, smoothness=smoothness)
    lengthscale = list(gp.lengthscales.values())
    kernel = (
        RBF(lengthscale)
        if smoothness == "rbf"
        else Matern(lengthscale, nu={"matern52": 2.5, "matern32": 1.5}[smoothness])
    )
    kernel = ConstantKernel(float(gp.factor.outputscale)) * kernel
    regressor = GaussianProcessRegressor(kernel, alpha=float(gp.factor.noise), optimizer=None)
    z = gp.standardization.standardize(torch.tensor(values, dtype=torch.float64)) - gp.factor.mean
    regressor.fit(CONTINUOUS.encode(configs).numpy(), z.numpy())
    queries = CONTINUOUS.sample(50, 99)
    mean, std = regressor.predict(CONTINUOUS.encode(queries).numpy(), return_std=True)
    prediction = gp.predict(queries)
    standardized = gp.standardization.standardize(prediction.mean) - gp.factor.mean
    torch.testing.assert_close(standardized, torch.from_numpy(mean), rtol=1e-8, atol=1e-8)
    torch.testing.assert_close(prediction.std / gp.standardization.scale, torch.from_numpy(std), rtol=1e-8, atol=1e-8)


@settings(max_examples=10, deadline=None)
@given(st.integers(1, 20), st.integers(1, 6), st.booleans(), st.integers(0, 5))
def test_incremental_equals_refit_with_fixed_hyperparameters(n: int, k: int, with_repeats: bool, seed: int) -> None:
    configs, values = data(MIXED, n, seed)
    more, more_values = data(MIXED, k, seed + 100)
    if with_repeats:
        more, more_values = [*more, configs[0], more[0]], [*more_values, values[0] + 0.1, more_values[0] - 0.1]
        configs, values = [*configs, configs[-1]], [*values, values[-1] + 0.2]
    gp = GaussianProcess.fit(MIXED, configs, values)
    theta = gp.fit_state.theta
    refit = GaussianProcess.fit(MIXED, configs + more, values + more_values, hyperparameters=theta)
    at_once = gp.condition(more, more_values)
    one_by_one = gp
    for config, value in zip(more, more_values, strict=True):
        one_by_one = one_by_one.condition([config], [value])
    queries = MIXED.sample(20, 7)
    expected = refit.predict(queries)
    for updated in (at_once, one_by_one):
        found = updated.predict(queries)
        torch.testing.assert_close(found.mean, expected.mean, rtol=1e-7, atol=1e-8)
        torch.testing.assert_close(found.std, expected.std, rtol=1e-5, atol=1e-8)


def test_repeats_are_one_row_with_a_count() -> None:
    configs, values = data(MIXED, 10)
    gp = GaussianProcess.fit(MIXED, configs * 3, values * 2 + [value + 0.3 for value in values])
    assert len(gp.factor.L) == 10
    assert len(gp.y) == 30
    dense = GaussianProcess.fit(MIXED, configs, values, hyperparameters=gp.fit_state.theta)
    for config, value in zip(configs * 2, values + [value + 0.3 for value in values], strict=True):
        dense = dense.condition([config], [value])  # appended, not merged
    assert len(dense.factor.L) == 30
    queries = MIXED.sample(20, 5)
    torch.testing.assert_close(gp.predict(queries).mean, dense.predict(queries).mean, rtol=1e-6, atol=1e-8)
    torch.testing.assert_close(gp.predict(queries).std, dense.predict(queries).std, rtol=1e-5, atol=1e-8)


def test_configs_that_differ_in_inactive_parameters_are_one_point() -> None:
    base = {"size": 8, "decoder": "A", "use_dropout": False, "noise": 0.1}
    gp = GaussianProcess.fit(MIXED, [base, base | {"dropout": 0.3}, base | {"size": 16}], [1.0, 1.2, 2.0])
    assert len(gp.factor.L) == 2
    mean, std = gp.predict([base, base | {"dropout": 0.5}])
    assert mean[0] == mean[1]
    assert std[0] == std[1]


def test_observation_noise_adds_its_variance() -> None:
    configs, values = data(MIXED, 12)
    gp = GaussianProcess.fit(MIXED, configs, values)
    latent, measured = gp.predict(configs).std, gp.predict(configs, observation_noise=True).std
    torch.testing.assert_close(measured.square() - latent.square(), torch.full_like(latent, gp.noise_std**2))


@settings(max_examples=10, deadline=None)
@given(st.permutations(range(12)))
def test_order_of_the_data_does_not_matter(order: list[int]) -> None:
    configs, values = data(MIXED, 12)
    gp = GaussianProcess.fit(MIXED, configs, values)
    theta = gp.fit_state.theta
    shuffled = GaussianProcess.fit(
        MIXED, [configs[i] for i in order], [values[i] for i in order], hyperparameters=theta
    )
    queries = MIXED.sample(10, 1)
    torch.testing.assert_close(gp.predict(queries).mean, shuffled.predict(queries).mean, rtol=1e-8, atol=1e-8)


def test_blocks_equal_one_piece() -> None:
    configs, values = data(MIXED, 30)
    gp = GaussianProcess.fit(MIXED, configs, values)
    queries = MIXED.sample(200, 3)
    small = gp.with_memory(1).predict(queries)
    torch.testing.assert_close(small.mean, gp.predict(queries).mean, rtol=1e-10, atol=1e-10)
    torch.testing.assert_close(small.std, gp.predict(queries).std, rtol=1e-8, atol=1e-10)


@pytest.mark.parametrize("size", [1e-300, 1.0, 1e300])
def test_units_do_not_matter(size: float) -> None:
    configs, values = data(MIXED, 15)
    plain = GaussianProcess.fit(MIXED, configs, values).predict(MIXED.sample(9, 2))
    scaled = GaussianProcess.fit(MIXED, configs, [value * size for value in values]).predict(MIXED.sample(9, 2))
    assert bool(torch.isfinite(scaled.mean).all())
    assert bool((scaled.std > 0.0).all())
    torch.testing.assert_close(scaled.mean / size, plain.mean, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(scaled.std / size, plain.std, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("values", [[2.0] * 6, [0.0] * 6, [1e300] * 6, [-1e-300] * 6])
def test_constant_targets_give_a_finite_posterior(values: list[float]) -> None:
    gp = GaussianProcess.fit(MIXED, MIXED.sample(6, 0), values)
    mean, std = gp.predict(MIXED.sample(20, 1))
    assert bool(torch.isfinite(mean).all())
    assert bool(torch.isfinite(std).all())
    torch.testing.assert_close(mean, torch.full_like(mean, values[0]), rtol=1e-9, atol=0.0)


def test_one_observation() -> None:
    configs = MIXED.sample(1, 0)
    mean, std = GaussianProcess.fit(MIXED, configs, [3.0]).predict(configs + MIXED.sample(5, 1))
    assert bool(torch.isfinite(mean).all())
    assert bool((std > 0.0).all())
    assert float(std[0]) <= float(std[1:].max())


def test_500_nearly_identical_points_do_not_break() -> None:
    space = Space({"a": Float(0.0, 1.0), "b": Float(0.0, 1.0)})
    generator = torch.Generator().manual_seed(0)
    near = 0.5 + 1e-12 * torch.rand(500, 2, generator=generator, dtype=torch.float64)
    configs = [{"a": a, "b": b} for a, b in near.tolist()]
    values = torch.randn(500, generator=generator, dtype=torch.float64).tolist()
    gp = GaussianProcess.fit(space, configs, values)
    mean, std = gp.predict([*configs[:5], *space.sample(20, 1)])
    assert bool(torch.isfinite(mean).all())
    assert bool((std > 0.0).all())
    # 500 measurements of one point: the mean is theirs, known to noise / sqrt(500).
    assert abs(float(mean[0]) - sum(values) / 500) < 0.1


def test_jitter_is_reported_where_it_is_needed() -> None:
    configs, values = data(CONTINUOUS, 40)
    theta = GaussianProcess.fit(CONTINUOUS, configs, values, smoothness="rbf").fit_state.theta.clone()
    theta[:3], theta[-1] = math.log(50.0), math.log(1e-20)  # a flat kernel without noise: singular to working precision
    with pytest.warns(NumericalWarning, match=r"added jitter \d"):
        gp = GaussianProcess.fit(CONTINUOUS, configs, values, smoothness="rbf", hyperparameters=theta)
    assert bool(torch.isfinite(gp.predict(configs).mean).all())


def test_warm_start_finds_what_a_cold_fit_finds() -> None:
    configs, values = data(MIXED, 40)
    cold = GaussianProcess.fit(MIXED, configs, values)
    before = GaussianProcess.fit(MIXED, configs[:-1], values[:-1])
    warm = GaussianProcess.fit(MIXED, configs, values, warm=before.fit_state)
    assert warm.log_posterior > cold.log_posterior - 0.05
    assert warm.fit_state.evaluations < cold.fit_state.evaluations


def test_same_seed_same_fit() -> None:
    configs, values = data(MIXED, 25)
    first, second = (GaussianProcess.fit(MIXED, configs, values, seed=4).fit_state.theta for _ in range(2))
    assert torch.equal(first, second)


def test_fit_reaches_the_likelihood_of_botorch() -> None:
    from botorch.fit import fit_gpytorch_mll
    from gpytorch.mlls import ExactMarginalLogLikelihood

    configs, values = data(MIXED, 30)
    gp = GaussianProcess.fit(MIXED, configs, values)
    model = GaussianProcess.fit(MIXED, configs, values, hyperparameters=_start(MIXED)).model
    mll = ExactMarginalLogLikelihood(model.likelihood, model)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # BoTorch warns of its own line searches
        fit_gpytorch_mll(mll)
    model.train()
    with torch.no_grad():
        theirs = float(mll(model(*model.train_inputs), model.train_targets)) * len(values)
    assert gp.log_posterior > theirs - 0.01


def _start(space: Space) -> Tensor:
    from gpbop.kernels.closed_form import ClosedForm
    from gpbop.surrogate.columns import columns_of
    from gpbop.surrogate.priors import ThetaPrior

    return ThetaPrior.of(ClosedForm(columns_of(space)), space.d).start


def test_bad_input() -> None:
    configs, values = data(MIXED, 3)
    with pytest.raises(ObjectiveError, match="`values` must hold at least one number"):
        GaussianProcess.fit(MIXED, [], [])
    with pytest.raises(ObjectiveError, match=r"not finite at \[1\]"):
        GaussianProcess.fit(MIXED, configs, [1.0, float("nan"), 2.0])
    with pytest.raises(ConfigError):
        GaussianProcess.fit(MIXED, [{"size": 8}], [1.0])
    with pytest.raises(DeviceError):
        GaussianProcess.fit(MIXED, configs, values, device="tpu")
    with pytest.raises(ObjectiveError, match="failed experiment"):
        GaussianProcess.fit(MIXED, configs, values).condition(configs[:1], [float("inf")])


def test_bad_arguments_of_a_fit() -> None:
    configs, values = data(MIXED, 3)
    cases: list[tuple[dict[str, object], str]] = [
        ({"smoothness": "matern72"}, r"`smoothness` must be one of 'matern52', .*; got 'matern72'"),
        ({"restarts": 0}, r"`restarts` must be a whole number of at least 1; got 0"),
        ({"seed": "a"}, r"`seed` must be a whole number of at least 0; got 'a'"),
        ({"hyperparameters": torch.zeros(2)}, r"`hyperparameters` must be a tensor of shape \(\d+,\); got \(2,\)"),
        ({"hyperparameters": [0.0]}, r"`hyperparameters` must be a tensor of shape"),
    ]
    for arguments, message in cases:
        with pytest.raises(ArgumentError, match=message):
            GaussianProcess.fit(MIXED, configs, values, **arguments)  # type: ignore[arg-type]
    with pytest.raises(ArgumentError, match="`space` must be a Space"):
        GaussianProcess.fit(None, configs, values)  # type: ignore[arg-type]


def test_a_fit_leaves_threads_and_inference_mode_alone() -> None:
    configs, values = data(MIXED, 5)
    threads = torch.get_num_threads()
    with torch.inference_mode():
        gp = GaussianProcess.fit(MIXED, configs, values)
    assert torch.get_num_threads() == threads
    assert not gp.factor.L.is_inference()


def test_a_process_moves_number_for_number() -> None:
    configs, values = data(MIXED, 20)
    gp = GaussianProcess.fit(MIXED, configs, values).with_memory(10_000)
    assert gp.to("cpu") is gp
    moved = replace(gp, factor=gp.factor.to(torch.device("cpu")))
    assert moved.factor is not gp.factor
    assert moved.factor.block_bytes == gp.factor.block_bytes
    queries = MIXED.sample(20, 3)
    for found, expected in zip(moved.predict(queries), gp.predict(queries), strict=True):
        assert torch.equal(found, expected)
    if not torch.cuda.is_available():
        with pytest.raises(DeviceError, match="`device` must be present"):
            gp.to("cuda")
