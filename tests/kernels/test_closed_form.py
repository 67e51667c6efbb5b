"""The closed form equals the GPyTorch kernels, value and gradient."""

import pytest
import torch
from torch import Tensor

from gpbop.kernels.closed_form import ClosedForm
from gpbop.kernels.columns import Columns
from gpbop.kernels.features import Features, concatenate
from gpbop.kernels.mixed import MixedKernel
from gpbop.kernels.profiles import Workspace
from gpbop.kernels.rows import MovingRows, cross_covariance

CASES = {
    "numeric": Columns(numeric=(0, 1, 2)),
    "conditional": Columns(numeric=(0, 1, 2), conditional=(1, 2)),
    "exchangeable": Columns(categorical=((0, 3), (1, 5))),
    "latent": Columns(latent=((0, 20),)),
    "mixed": Columns(numeric=(0, 1), categorical=((2, 3), (3, 4))),
    "everything": Columns(numeric=(0, 3), conditional=(3,), categorical=((1, 3), (4, 2)), latent=((2, 13), (5, 15))),
}
SMOOTHNESS = ("matern52", "matern32", "rbf")


def draw_rows(columns: Columns, n: int, generator: torch.Generator) -> Tensor:
    d = 1 + max((*columns.numeric, *(j for j, _ in (*columns.categorical, *columns.latent))))
    X = torch.rand(n, d, generator=generator, dtype=torch.float64)
    for j, k in (*columns.categorical, *columns.latent):
        X[:, j] = torch.randint(-1, k - 1, (n,), generator=generator).double()
    for j in columns.conditional:
        X[torch.rand(n, generator=generator) < 0.4, j] = -1.0
    X[-1] = X[0]  # a repeated point: distance 0
    return X


def reference(form: ClosedForm, theta: Tensor, columns: Columns) -> MixedKernel:
    """The GPyTorch kernel with one row of hyperparameters."""
    kernel = MixedKernel(columns, form.smoothness).double()
    layout = form.layout
    if kernel.numeric_kernel is not None:
        kernel.numeric_kernel.lengthscale = theta[layout.numeric].exp()
    if kernel.categorical_kernel is not None:
        kernel.categorical_kernel.lengthscale = theta[layout.categorical].exp()
    if kernel.latent_kernel is not None:
        for parameter, value in zip(kernel.latent_kernel.embedding, form.latents(theta.unsqueeze(0)), strict=True):
            parameter.data.copy_(value[0])
    if layout.weight.stop > layout.weight.start:
        kernel.weight = torch.sigmoid(theta[layout.weight])[0]
    return kernel


@pytest.fixture(params=[(name, smoothness) for name in CASES for smoothness in SMOOTHNESS], ids="-".join)
def setting(request: pytest.FixtureRequest) -> tuple[ClosedForm, Columns, Tensor, Tensor, Tensor]:
    name, smoothness = request.param
    generator = torch.Generator().manual_seed(7)
    form = ClosedForm(CASES[name], smoothness)
    theta = 0.5 * torch.randn(3, form.layout.size, generator=generator, dtype=torch.float64)
    X1, X2 = draw_rows(CASES[name], 6, generator), draw_rows(CASES[name], 8, generator)
    return form, CASES[name], theta, X1, X2


def test_equals_reference(setting: tuple[ClosedForm, Columns, Tensor, Tensor, Tensor]) -> None:
    form, columns, theta, X1, X2 = setting
    K = form.evaluate(theta, form.features(X1), form.features(X2)).covariance
    for i in range(len(theta)):
        scale = theta[i, form.layout.outputscale].exp()
        expected = reference(form, theta[i], columns)(X1, X2).to_dense() * scale
        torch.testing.assert_close(K[i], expected, rtol=1e-12, atol=1e-13)


def test_gradient_of_theta_equals_autograd_of_reference(
    setting: tuple[ClosedForm, Columns, Tensor, Tensor, Tensor],
) -> None:
    form, columns, theta, X1, X2 = setting
    first, second = form.features(X1), form.features(X2)
    generator = torch.Generator().manual_seed(3)
    G = torch.randn(len(theta), len(X1), len(X2), generator=generator, dtype=torch.float64)
    workspace = Workspace()
    for _ in range(2):  # a workspace that was used before changes nothing
        parts = form.evaluate(theta, first, second, workspace)
        grad = form.grad_theta(theta, first, second, parts, G.clone(), workspace)
    numerical = torch.zeros_like(theta)
    for j in range(theta.shape[1]):
        step = torch.zeros_like(theta)
        step[:, j] = 1e-6
        above = (form.evaluate(theta + step, first, second).covariance * G).sum((1, 2))
        below = (form.evaluate(theta - step, first, second).covariance * G).sum((1, 2))
        numerical[:, j] = (above - below) / 2e-6
    torch.testing.assert_close(grad, numerical, rtol=1e-6, atol=1e-7)
    if columns.numeric:  # and one group against autograd through the plain kernel
        kernel = reference(form, theta[0], columns)
        loss = (kernel(X1, X2).to_dense() * theta[0, form.layout.outputscale].exp() * G[0]).sum()
        raw = kernel.numeric_kernel.base_kernel.raw_lengthscale
        (by_raw,) = torch.autograd.grad(loss, raw)
        by_log = by_raw / torch.sigmoid(raw) * kernel.numeric_kernel.lengthscale
        torch.testing.assert_close(grad[0, form.layout.numeric], by_log[0].detach(), rtol=1e-8, atol=1e-10)


def test_gradient_of_x_equals_autograd_of_reference(
    setting: tuple[ClosedForm, Columns, Tensor, Tensor, Tensor],
) -> None:
    form, columns, theta, X1, X2 = setting
    if not columns.numeric:
        X = X1.clone().requires_grad_()
        assert not cross_covariance(form, theta[0], X, form.features(X2)).requires_grad
        return
    G = torch.linspace(-1, 1, len(X1) * len(X2), dtype=torch.float64).reshape(len(X1), len(X2))
    X = X1.clone().requires_grad_()
    (cross_covariance(form, theta[0], X, form.features(X2)) * G).sum().backward()
    plain = X1.clone().requires_grad_()
    K = reference(form, theta[0], columns)(plain, X2).to_dense() * theta[0, form.layout.outputscale].exp()
    (K * G).sum().backward()
    assert X.grad is not None
    assert plain.grad is not None
    torch.testing.assert_close(X.grad, plain.grad, rtol=1e-9, atol=1e-11)


def test_moving_rows_equal_full_evaluation(setting: tuple[ClosedForm, Columns, Tensor, Tensor, Tensor]) -> None:
    form, columns, theta, X1, X2 = setting
    if not columns.numeric:
        return
    first, second = form.features(X1), form.features(X2)
    rows = MovingRows(form, theta[1], first, second)
    index = torch.tensor([4, 0, 2])
    moved = first.numeric[index] * 0.9
    K, pull_back = rows(moved, index)
    features = Features(moved, first.onehot[index], first.latent[index])
    parts = form.evaluate(theta[1:2], features, second)
    torch.testing.assert_close(K, parts.covariance[0], rtol=1e-13, atol=1e-14)
    G = torch.cos(torch.arange(K.numel(), dtype=torch.float64)).reshape(K.shape)
    expected = form.grad_numeric(theta[1:2], features, second, parts, G.unsqueeze(0))[0]
    torch.testing.assert_close(pull_back(G), expected, rtol=1e-10, atol=1e-12)


def test_batch_equals_loop(setting: tuple[ClosedForm, Columns, Tensor, Tensor, Tensor]) -> None:
    form, _, theta, X1, X2 = setting
    first, second = form.features(X1), form.features(X2)
    together = form.evaluate(theta, first, second).covariance
    for i in range(len(theta)):
        torch.testing.assert_close(together[i], form.evaluate(theta[i : i + 1], first, second).covariance[0])


def test_concatenate_stacks_rows() -> None:
    form = ClosedForm(CASES["everything"])
    generator = torch.Generator().manual_seed(1)
    X = draw_rows(CASES["everything"], 9, generator)
    both = concatenate(form.features(X[:4]), form.features(X[4:]))
    for part, expected in zip(both, form.features(X), strict=True):
        assert torch.equal(part, expected)
