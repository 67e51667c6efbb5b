import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from gpbop import Float, GaussianProcess, Space
from gpbop.errors import NoTrialsError
from gpbop.surrogate.factor import Factor
from gpbop.surrogate.leave_one_out import leave_one_out
from gpbop.surrogate.marginal_likelihood import TrainingData
from tests.spaces import NETWORK


def process(n: int, seed: int, repeats: int = 0) -> GaussianProcess:
    """Fit a process on a mixed, conditional space; the first configs are measured again."""
    configs = NETWORK.sample(n, seed)
    configs = configs + configs[:repeats]
    y = torch.randn(len(configs), generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    return GaussianProcess.fit(NETWORK, configs, (5.0 + 2.0 * y).tolist(), device="cpu", seed=seed)


@settings(max_examples=10)
@given(st.integers(2, 12), st.integers(0, 10_000), st.integers(0, 3))
def test_equals_refitting_without_each_point(n: int, seed: int, repeats: int) -> None:
    gp = process(n, seed, min(repeats, n))
    form = gp.factor.form
    data = TrainingData.of(form, gp.X, gp.standardization.standardize(gp.y))
    left = leave_one_out(gp)
    assert left.value.tolist() == pytest.approx(gp.row_means())
    for i in range(len(data.y)):
        others = torch.arange(len(data.y)) != i
        rest = TrainingData(
            data.features.rows(others), data.y[others], data.counts[others], 0.0, torch.arange(int(others.sum()))
        )
        refit = Factor.of(form, gp.fit_state.theta, rest)
        x = gp.X[(gp.group == i).nonzero()[0]]
        mean, variance = refit.moments(x)
        std = (variance + refit.noise / data.counts[i]).sqrt()
        torch.testing.assert_close(left.mean[i], gp.standardization.restore_mean(mean)[0], rtol=1e-8, atol=1e-8)
        torch.testing.assert_close(left.std[i], gp.standardization.restore_std(std)[0], rtol=1e-8, atol=1e-8)


def test_needs_two_different_points() -> None:
    gp = GaussianProcess.fit(Space({"x": Float(0, 1)}), [{"x": 0.5}, {"x": 0.5}], [1.0, 2.0], device="cpu")
    with pytest.raises(NoTrialsError, match="at least two different configs; got 1"):
        leave_one_out(gp)
