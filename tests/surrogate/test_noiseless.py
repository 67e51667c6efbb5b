"""Noise-free draws at the observed points."""

import torch

from gpbop import Categorical, Float, GaussianProcess, Space
from gpbop.surrogate.noiseless import noiseless_draws

SPACE = Space({"a": Float(0.0, 1.0), "b": Categorical(["x", "y", "z"])})


def fitted() -> GaussianProcess:
    configs = SPACE.sample(12, 0)
    return GaussianProcess.fit(SPACE, configs, [float(i % 4) for i in range(12)])


def test_draws_have_the_posterior_moments_at_the_data() -> None:
    gp = fitted()
    _, values = noiseless_draws(gp.factor, 4096, seed=0)
    mean, variance = gp.factor.moments(gp.X)
    torch.testing.assert_close(values.mean(-1), mean, rtol=0.0, atol=0.02)
    torch.testing.assert_close(values.std(-1), variance.sqrt(), rtol=0.05, atol=1e-3)


def test_each_mean_function_passes_through_its_draw() -> None:
    gp = fitted()
    factor, values = noiseless_draws(gp.factor, 8, seed=1)
    mean, variance = factor.moments(gp.X)
    torch.testing.assert_close(mean, values, rtol=0.0, atol=1e-3)
    assert float(variance.max()) < 1e-4


def test_same_seed_same_draws() -> None:
    gp = fitted()
    first, again, other = (noiseless_draws(gp.factor, 4, seed=seed)[1] for seed in (2, 2, 3))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
