import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from gpbop.surrogate.factor import Factor
from gpbop.surrogate.gaussian_process import GaussianProcess
from gpbop.surrogate.hindsight import deviation_after, one_step_ahead
from gpbop.surrogate.marginal_likelihood import TrainingData
from tests.spaces import NETWORK
from tests.surrogate.test_leave_one_out import process


def refit(gp: GaussianProcess, first: int) -> Factor:
    """Factorise the first observations anew, repeats merged, at the same hyperparameters."""
    data = TrainingData.of(gp.factor.form, gp.X[:first], gp.standardization.standardize(gp.y[:first]))
    return Factor.of(gp.factor.form, gp.fit_state.theta, data)


@settings(max_examples=10)
@given(st.integers(2, 10), st.integers(0, 10_000), st.integers(0, 3))
def test_one_step_ahead_equals_refitting_to_the_observations_before(n: int, seed: int, repeats: int) -> None:
    gp = process(n, seed, min(repeats, n))
    predicted = one_step_ahead(gp)
    assert predicted.mean.isnan().nonzero().tolist() == predicted.std.isnan().nonzero().tolist() == [[0]]
    for i in range(1, len(gp.y)):
        mean, variance = refit(gp, i).moments(gp.X[i : i + 1])
        std = gp.standardization.restore_std((variance + gp.factor.noise).sqrt())
        torch.testing.assert_close(predicted.mean[i], gp.standardization.restore_mean(mean)[0], rtol=1e-8, atol=1e-8)
        torch.testing.assert_close(predicted.std[i], std[0], rtol=1e-8, atol=1e-8)


@pytest.mark.parametrize("repeats", [0, 3])
def test_deviation_falls_from_the_prior_to_the_model(repeats: int) -> None:
    gp = process(8, seed=1, repeats=repeats)
    X = NETWORK.encode(NETWORK.sample(50, 7))
    stds = torch.stack([deviation_after(gp, first, X) for first in range(len(gp.y) + 1)])
    assert bool((stds[1:] <= stds[:-1] + 1e-9).all())
    prior = gp.standardization.scale * float(gp.factor.outputscale.sqrt())
    torch.testing.assert_close(stds[0], torch.full_like(stds[0], prior))
    torch.testing.assert_close(stds[-1], gp.predict_encoded(X).std)
    torch.testing.assert_close(
        stds[4], gp.standardization.restore_std(refit(gp, 4).moments(X)[1].sqrt()), rtol=1e-8, atol=1e-8
    )
