import gpytorch
import pytest
import torch

from gpbop.kernels import ContinuousKernel
from gpbop.kernels.continuous import CORRELATIONS

every_smoothness = pytest.mark.parametrize("smoothness", list(CORRELATIONS))


@every_smoothness
def test_falls_from_1_at_distance_0_to_0_far_away(smoothness, device, dtype) -> None:
    Z = torch.linspace(0.0, 1000.0, 50_001, device=device, dtype=dtype).unsqueeze(-1)
    kernel = ContinuousKernel(smoothness).to(device, dtype).initialize(lengthscale=1.0)
    k = kernel(Z[:1], Z).to_dense().detach().squeeze()
    assert k[0] == 1.0
    assert k[-1] == 0.0
    assert (k.diff() <= torch.finfo(dtype).eps).all()


@every_smoothness
def test_gradient_is_0_between_equal_points(smoothness, device, dtype) -> None:
    Z = torch.full((4, 3), 0.3, device=device, dtype=dtype, requires_grad=True)
    kernel = ContinuousKernel(smoothness, ard_num_dims=3).to(device, dtype)
    kernel(Z).to_dense().sum().backward()
    assert torch.equal(Z.grad, torch.zeros_like(Z))
    assert torch.equal(kernel.raw_lengthscale.grad, torch.zeros_like(kernel.raw_lengthscale))


@every_smoothness
def test_lengthscales_only_scale_the_features(smoothness, device, dtype, tolerance) -> None:
    Z = torch.rand(6, 3, generator=torch.Generator().manual_seed(0)).to(device, dtype)
    lengthscale = torch.tensor([[0.5, 1.0, 4.0]], device=device, dtype=dtype)
    kernel = ContinuousKernel(smoothness, ard_num_dims=3).to(device, dtype)
    actual = kernel.initialize(lengthscale=lengthscale)(Z).to_dense()
    expected = kernel.initialize(lengthscale=1.0)(Z / lengthscale).to_dense()
    torch.testing.assert_close(actual, expected, atol=tolerance, rtol=tolerance)


def test_rougher_kernels_forget_faster(device, dtype) -> None:
    Z = torch.tensor([[0.0], [0.1]], device=device, dtype=dtype)
    near = [ContinuousKernel(name).to(device, dtype)(Z).to_dense()[0, 1].item() for name in CORRELATIONS]
    matern52, matern32, rbf = near
    assert matern32 < matern52 < rbf


@pytest.mark.parametrize(("smoothness", "other"), [("matern52", gpytorch.kernels.MaternKernel(2.5)), ("rbf", None)])
def test_float32_is_more_than_5_times_closer_than_gpytorch(smoothness, other) -> None:
    other = gpytorch.kernels.RBFKernel() if other is None else other
    Z = torch.rand(60, 4, generator=torch.Generator().manual_seed(0))
    Z = torch.cat([Z, Z[:5]])
    ours = ContinuousKernel(smoothness).initialize(lengthscale=0.02)
    other.initialize(lengthscale=0.02)
    rounded = [kernel(Z).to_dense().double() for kernel in (ours, other)]
    exact = ours.double()(Z.double()).to_dense()
    error, other_error = ((K - exact).abs().max() for K in rounded)
    assert error * 5 < other_error


def test_unknown_smoothness_is_refused() -> None:
    with pytest.raises(ValueError, match="`smoothness` must be known; got 'matern12'"):
        ContinuousKernel("matern12")


def test_gpytorch_arguments_work_as_ever() -> None:
    prior = gpytorch.priors.LogNormalPrior(0.0, 1.0)
    kernel = ContinuousKernel(ard_num_dims=2, batch_shape=torch.Size([3]), lengthscale_prior=prior)
    assert kernel.lengthscale.shape == (3, 1, 2)
    assert isinstance(kernel.raw_lengthscale_constraint, gpytorch.constraints.Positive)
    assert [name for name, *_ in kernel.named_priors()] == ["lengthscale_prior"]
    kernel.lengthscale = 0.25
    torch.testing.assert_close(kernel.lengthscale, torch.full((3, 1, 2), 0.25))
    picked = ContinuousKernel(ard_num_dims=1, active_dims=(1,))
    assert torch.equal(picked(torch.tensor([[0.0, 0.5], [1.0, 0.5]])).to_dense(), torch.ones(2, 2))
