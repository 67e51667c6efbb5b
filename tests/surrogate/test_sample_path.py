"""Prior draws have the covariance of the kernel, for every kind of column."""

import pytest
import torch

from gpbop import Categorical, Float, GaussianProcess, Space
from gpbop.kernels.continuous import Smoothness
from gpbop.surrogate.sample_path import _draw_parts, _evaluate, draw_sample_path

SPACES = {
    "numeric": Space({"a": Float(0.0, 1.0), "b": Float(0.0, 1.0)}),
    "categorical": Space({"a": Categorical(["x", "y", "z"]), "b": Categorical(["u", "v"])}),
    "latent": Space({"a": Categorical(list(range(15)))}),
    "mixed": Space({"a": Float(0.0, 1.0), "b": Categorical(["x", "y"]), "c": Categorical(list(range(12)))}),
}


def fitted(name: str, smoothness: Smoothness = "matern52") -> GaussianProcess:
    space = SPACES[name]
    configs = space.sample(10, 0)
    return GaussianProcess.fit(space, configs, [float(i % 3) for i in range(10)], smoothness=smoothness)


@pytest.mark.parametrize("smoothness", ["matern52", "matern32", "rbf"])
@pytest.mark.parametrize("name", SPACES)
def test_prior_draws_have_the_covariance_of_the_kernel(name: str, smoothness: Smoothness) -> None:
    gp = fitted(name, smoothness)
    factor, form = gp.factor, gp.factor.form
    features = form.features(gp.space.encode(gp.space.sample(6, 4)))
    draws = torch.stack(
        [_evaluate(form, _draw_parts(factor, torch.Generator().manual_seed(i)), features) for i in range(600)]
    )
    covariance = form.evaluate(factor.theta.unsqueeze(0), features, features).covariance[0]
    sampled = draws.mT @ draws / len(draws)
    # Standard error of a covariance from 600 draws: up to s sqrt(2 / 600) = 0.06 s.
    torch.testing.assert_close(sampled, covariance, rtol=0.0, atol=0.25 * float(factor.outputscale))


def test_paths_pass_near_precise_data() -> None:
    gp = fitted("mixed")
    theta = gp.fit_state.theta.clone()
    theta[-1] = -13.0
    precise = GaussianProcess.fit(gp.space, gp.space.decode(gp.X), gp.y.tolist(), hyperparameters=theta)
    y, counts = precise.row_values()
    path = draw_sample_path(precise.factor, y - precise.factor.mean, counts, seed=0)
    first = [int((precise.group == row).nonzero()[0]) for row in range(len(y))]
    torch.testing.assert_close(path(precise.X[first]), y, rtol=0.0, atol=0.05)
