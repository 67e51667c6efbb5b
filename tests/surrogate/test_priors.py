"""Priors: their densities against torch.distributions, their gradients, modes and curvature."""

import math

import pytest
import torch
from torch.distributions import Beta, LogNormal, Normal

from gpbop.kernels.closed_form import ClosedForm
from gpbop.kernels.columns import Columns
from gpbop.surrogate import priors
from gpbop.surrogate.priors import BetaPrior, ThetaPrior

FORM = ClosedForm(Columns(numeric=(0, 1), conditional=(1,), categorical=((2, 3),), latent=((3, 12),)))


@pytest.fixture
def prior() -> ThetaPrior:
    return ThetaPrior.of(FORM, 4)


def test_density_equals_torch_distributions(prior: ThetaPrior) -> None:
    theta = prior.sample_starts(3, torch.Generator().manual_seed(0))
    value, _ = prior.log_prob(theta)
    layout = FORM.layout
    lengthscale = LogNormal(math.sqrt(2.0) + 0.5 * math.log(4.0), math.sqrt(3.0))
    expected = lengthscale.log_prob(theta[:, layout.numeric].exp()).sum(-1)
    expected += lengthscale.log_prob(theta[:, layout.categorical].exp()).sum(-1)
    expected += Normal(0.0, 1.0).log_prob(theta[:, layout.latent]).sum(-1)
    expected += Beta(2.0, 2.0).log_prob(torch.sigmoid(theta[:, layout.weight])).sum(-1)
    expected += LogNormal(0.0, 1.0).log_prob(theta[:, layout.outputscale].exp()).sum(-1)
    expected += LogNormal(-4.0, 1.0).log_prob(theta[:, -1].exp())
    torch.testing.assert_close(value, expected, rtol=1e-6, atol=1e-6)


def test_gradient_and_curvature_equal_finite_differences(prior: ThetaPrior) -> None:
    theta = prior.sample_starts(2, torch.Generator().manual_seed(1))
    _, grad = prior.log_prob(theta)
    curvature = prior.curvature(theta)
    for j in range(theta.shape[1]):
        step = torch.zeros_like(theta)
        step[:, j] = 1e-4
        above, below, here = (prior.log_prob(theta + sign * step)[0] for sign in (1.0, -1.0, 0.0))
        torch.testing.assert_close(grad[:, j], (above - below) / 2e-4, rtol=1e-5, atol=1e-6)
        torch.testing.assert_close(curvature[:, j], -(above - 2.0 * here + below) / 1e-8, rtol=1e-3, atol=1e-4)


def test_start_is_the_mode(prior: ThetaPrior) -> None:
    _, grad = prior.log_prob(prior.start.unsqueeze(0))
    torch.testing.assert_close(grad, torch.zeros_like(grad), rtol=0.0, atol=1e-12)


def test_starts_lie_within_the_bounds(prior: ThetaPrior) -> None:
    theta = prior.sample_starts(200, torch.Generator().manual_seed(2))
    low, high = prior.bounds
    assert bool(((theta >= low) & (theta <= high)).all())
    assert float(theta.std(0).min()) > 0.1, "starts differ in every hyperparameter"


def test_beta_prior_is_the_beta_density() -> None:
    w = torch.tensor([0.1, 0.5, 0.9])
    torch.testing.assert_close(BetaPrior(2.0).log_prob(w), Beta(2.0, 2.0).log_prob(w))
    assert priors.WEIGHT_CONCENTRATION == 2.0
