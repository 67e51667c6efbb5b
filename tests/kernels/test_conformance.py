"""The laws that every kernel in CASES obeys."""

import copy

import gpytorch
import numpy as np
import pytest
import torch
from gpytorch.kernels import Kernel
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from gpbop.kernels import INACTIVE
from tests.kernels.conformance import CASES, Case

every_kernel = pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)


@st.composite
def points(draw: st.DrawFn, case: Case) -> Tensor:
    """Up to 6 rows, repeats and corners likely, of numbers that float32 holds exactly."""
    unit = st.sampled_from([0.0, 0.25, 0.5, 1.0]) | st.floats(0.0, 1.0, width=32)
    entries: list[st.SearchStrategy[float]] = [unit] * case.d
    for column in case.columns.conditional:
        entries[column] = unit | st.just(INACTIVE)
    for column, count in (*case.columns.categorical, *case.columns.latent):
        codes = range(count - 1) if column in case.inactive else range(count)
        entries[column] = st.sampled_from([*map(float, codes), *([INACTIVE] if column in case.inactive else [])])
    rows = draw(st.lists(st.tuples(*entries), min_size=1, max_size=4))
    order = draw(st.lists(st.integers(0, len(rows) - 1), min_size=1, max_size=6))
    return torch.tensor([rows[i] for i in order], dtype=torch.float64)


def dense(kernel: Kernel, X1: Tensor, X2: Tensor | None = None) -> Tensor:
    return kernel(X1, X2).to_dense().detach()


def loop(case: Case, kernel: Kernel, X1: Tensor, X2: Tensor) -> Tensor:
    rows1, rows2 = X1.cpu().double().numpy(), X2.cpu().double().numpy()
    return torch.from_numpy(np.array([[case.loop(kernel, x, y) for y in rows2] for x in rows1])).to(X1)


def assert_close(actual: Tensor, expected: Tensor, tolerance: float) -> None:
    torch.testing.assert_close(actual, expected, atol=tolerance, rtol=tolerance)


@every_kernel
@given(data=st.data())
def test_is_symmetric_and_positive_semidefinite(case: Case, data: st.DataObject, device, dtype, tolerance) -> None:
    X = data.draw(points(case)).to(device, dtype)
    K = dense(case.build().to(device, dtype), X)
    assert_close(K, K.mT, tolerance)
    assert torch.linalg.eigvalsh(K).min() >= -tolerance


@every_kernel
@given(data=st.data())
def test_equals_a_plain_loop_in_numpy(case: Case, data: st.DataObject, device, dtype, tolerance) -> None:
    X1, X2 = (data.draw(points(case)).to(device, dtype) for _ in range(2))
    kernel = case.build(seed=data.draw(st.integers(0, 9))).to(device, dtype)
    K = dense(kernel, X1, X2)
    assert K.dtype == dtype
    assert K.device.type == device.type
    assert_close(K, loop(case, kernel, X1, X2), tolerance)


@every_kernel
@given(data=st.data())
def test_diag_equals_the_diagonal(case: Case, data: st.DataObject, device, dtype, tolerance) -> None:
    X = data.draw(points(case)).to(device, dtype)
    kernel = case.build().to(device, dtype)
    assert_close(kernel(X, diag=True).detach(), dense(kernel, X).diagonal(), tolerance)
    assert_close(kernel(X).diagonal().detach(), dense(kernel, X).diagonal(), tolerance)
    # Rows may differ from their partners: entry i is k(x_i, y_i).
    Y = X.flip(-2)
    assert_close(kernel(X, Y, diag=True).detach(), dense(kernel, X, Y).diagonal(), tolerance)


@every_kernel
@given(data=st.data())
def test_permuted_rows_give_the_permuted_matrix(case: Case, data: st.DataObject, device, dtype, tolerance) -> None:
    X = data.draw(points(case)).to(device, dtype)
    order = torch.tensor(data.draw(st.permutations(range(len(X)))), device=device)
    kernel = case.build().to(device, dtype)
    assert_close(dense(kernel, X[order]), dense(kernel, X)[order][:, order], tolerance)


@every_kernel
def test_batched_points_equal_a_loop(case: Case, device, dtype, tolerance) -> None:
    kernel = case.build().to(device, dtype)
    X1 = case.sample(2, 3, 5, seed=1).to(device, dtype)
    X2 = case.sample(3, 4, seed=2).to(device, dtype)
    expected = [[dense(kernel, X1[i, j], X2[j]) for j in range(3)] for i in range(2)]
    assert_close(dense(kernel, X1, X2), torch.stack([torch.stack(row) for row in expected]), tolerance)
    diagonal = torch.stack([torch.stack([dense(kernel, x).diagonal() for x in row]) for row in X1])
    assert_close(kernel(X1, diag=True).detach(), diagonal, tolerance)


def member(case: Case, batched: Kernel, *index: int) -> Kernel:
    kernel = case.make(torch.Size()).to(next(batched.parameters()))
    with torch.no_grad():
        for parameter, values in zip(kernel.parameters(), batched.parameters(), strict=True):
            parameter.copy_(values[index])
    return kernel


@every_kernel
@pytest.mark.parametrize("shape", [(5,), (3, 5), (2, 1, 5), (2, 3, 5)], ids=str)
def test_batched_hyperparameters_equal_a_loop(case: Case, shape: tuple[int, ...], device, dtype, tolerance) -> None:
    kernel = case.build((3,)).to(device, dtype)
    assert kernel.batch_shape == (3,)
    X = case.sample(*shape).to(device, dtype)
    spread = X.expand(*torch.broadcast_shapes(shape[:-1], (3,)), *X.shape[-2:])
    K, diagonal = dense(kernel, X), kernel(X, diag=True).detach()
    assert K.shape == (*spread.shape[:-2], 5, 5)
    for i in range(3):
        single = member(case, kernel, i)
        assert_close(K[..., i, :, :], dense(single, spread[..., i, :, :]), tolerance)
        assert_close(diagonal[..., i, :], single(spread[..., i, :, :], diag=True).detach(), tolerance)


@every_kernel
def test_indexed_and_expanded_kernels_equal_a_loop(case: Case, device, dtype, tolerance) -> None:
    X = case.sample(5).to(device, dtype)
    batched = case.build((3,)).to(device, dtype)
    assert batched[1].batch_shape == ()
    assert_close(dense(batched[1], X), dense(member(case, batched, 1), X), tolerance)
    assert_close(batched(X)[2].to_dense().detach(), dense(member(case, batched, 2), X), tolerance)
    expanded = batched.expand_batch(2, 3)
    assert expanded.batch_shape == (2, 3)
    assert_close(dense(expanded, X)[1, 2], dense(member(case, batched, 2), X), tolerance)
    assert expanded[1].batch_shape == (3,)
    assert_close(dense(expanded[1], X), dense(batched, X), tolerance)
    assert case.build().expand_batch(torch.Size([4])).batch_shape == (4,)


@every_kernel
def test_lazy_equals_evaluated(case: Case, device, dtype, tolerance) -> None:
    X = case.sample(6).to(device, dtype)
    kernel = case.build().to(device, dtype)
    with gpytorch.settings.lazily_evaluate_kernels(False):
        K = kernel(X).to_dense().detach()
    assert_close(dense(kernel, X), K, tolerance)
    assert_close(kernel(X)[1:4, 2:].to_dense().detach(), K[1:4, 2:], tolerance)
    assert_close(kernel(X, X[:2]).to_dense().detach(), K[:, :2], tolerance)
    assert_close(kernel.forward(X, X).detach(), K, tolerance)


@every_kernel
def test_no_rows_give_an_empty_matrix(case: Case, device, dtype) -> None:
    X = case.sample(4).to(device, dtype)
    assert dense(case.build().to(device, dtype), X[:0], X).shape == (0, 4)
    assert dense(case.build((2,)).to(device, dtype), X, X[:0]).shape == (2, 4, 0)


@pytest.mark.parametrize("case", [case for case in CASES if case.columns.numeric], ids=lambda case: case.name)
def test_gradient_in_the_points(case: Case, device) -> None:
    kernel = case.build().to(device)
    X, other = case.sample(4).to(device), case.sample(3, seed=1).to(device)
    is_free = torch.zeros_like(X, dtype=torch.bool)
    is_free[:, list(case.columns.numeric)] = True
    is_free &= X != INACTIVE

    def covariances(values: Tensor) -> tuple[Tensor, ...]:
        moved = X.masked_scatter(is_free, values)
        return kernel(moved).to_dense(), kernel(moved, other).to_dense(), kernel(moved, moved.flip(0), diag=True)

    assert torch.autograd.gradcheck(covariances, X[is_free].requires_grad_())


@every_kernel
def test_gradient_in_the_hyperparameters(case: Case, device) -> None:
    kernel = case.build().to(device)
    X, other = case.sample(4).to(device), case.sample(3, seed=1).to(device)
    names = [name for name, _ in kernel.named_parameters()]

    def covariances(*values: Tensor) -> tuple[Tensor, ...]:
        def call(*args: Tensor, **kwargs: bool) -> Tensor:
            return torch.func.functional_call(kernel, dict(zip(names, values, strict=True)), args, kwargs)

        with gpytorch.settings.lazily_evaluate_kernels(False):
            return call(X).to_dense(), call(X, other).to_dense(), call(X, X.flip(0), diag=True)

    values = [parameter.detach().clone().requires_grad_() for parameter in kernel.parameters()]
    assert torch.autograd.gradcheck(covariances, values)


@every_kernel
@pytest.mark.parametrize("spread", [1.0, 1e-2, 1e-4])
def test_float32_errs_no_more_than_by_rounding_the_scaled_points(case: Case, spread: float, device) -> None:
    kernel = case.build().to(device)
    shortest = 1.0
    with torch.no_grad():
        for name, parameter in kernel.named_parameters():
            if "lengthscale" in name:
                parameter.sub_(3.0)  # lengthscales of 0.01 to 0.2: distances are differences of numbers up to 100
                shortest = min(shortest, torch.nn.functional.softplus(parameter).min().item())
    X = case.sample(40).to(device)
    numeric = list(case.columns.numeric)
    X[:, numeric] = torch.where(X[:, numeric] == INACTIVE, INACTIVE, 0.7 + 0.3 * spread * X[:, numeric])
    X = X.float()
    exact, rounded = dense(kernel, X.double()), dense(copy.deepcopy(kernel).float(), X)
    assert rounded.dtype == torch.float32
    assert_close(rounded.double(), exact, 2.0 * torch.finfo(torch.float32).eps / shortest)


@pytest.mark.parametrize("case", [case for case in CASES if case.sklearn], ids=lambda case: case.name)
@given(data=st.data())
def test_equals_scikit_learn(case: Case, data: st.DataObject, device, dtype, tolerance) -> None:
    X1, X2 = (data.draw(points(case)) for _ in range(2))
    kernel = case.build().to(device, dtype)
    expected = torch.from_numpy(case.sklearn(kernel)(X1.numpy(), X2.numpy())).to(device, dtype)
    assert_close(dense(kernel, X1.to(device, dtype), X2.to(device, dtype)), expected, tolerance)


@every_kernel
@pytest.mark.parametrize("batch_shape", [(), (2,)], ids=str)
def test_state_and_copies_give_the_same_matrix(case: Case, batch_shape: tuple[int, ...], device, dtype) -> None:
    kernel = case.build(batch_shape, seed=3).to(device, dtype)
    X = case.sample(5).to(device, dtype)
    other = case.make(torch.Size(batch_shape)).to(device, dtype)
    other.load_state_dict(kernel.state_dict())
    assert torch.equal(dense(other, X), dense(kernel, X))
    assert torch.equal(dense(copy.deepcopy(kernel), X), dense(kernel, X))


class Model(gpytorch.models.ExactGP):
    def __init__(self, X: Tensor, y: Tensor, kernel: Kernel) -> None:
        super().__init__(X, y, gpytorch.likelihoods.GaussianLikelihood().to(X))
        self.mean_module = gpytorch.means.ZeroMean()
        self.covar_module = kernel

    def forward(self, X: Tensor) -> gpytorch.distributions.MultivariateNormal:
        return gpytorch.distributions.MultivariateNormal(self.mean_module(X), self.covar_module(X))


@every_kernel
def test_an_exact_gp_trains_and_predicts(case: Case, device, dtype) -> None:
    X = case.sample(12).to(device, dtype)
    y = torch.linspace(-1.0, 1.0, 12, device=device, dtype=dtype)
    model = Model(X, y, case.build().to(device, dtype))
    mll = gpytorch.mlls.ExactMarginalLogLikelihood(model.likelihood, model)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.05)

    def step() -> float:
        optimizer.zero_grad()
        loss = -mll(model(X), y)
        loss.backward()
        assert all(torch.isfinite(parameter.grad).all() for parameter in model.parameters())
        optimizer.step()
        return loss.item()

    losses = [step() for _ in range(5)]
    assert losses[-1] < losses[0]
    assert any(parameter.grad.abs().max() > 0 for parameter in model.covar_module.parameters())
    model.eval()
    with torch.no_grad():
        posterior = model(case.sample(4, seed=1).to(device, dtype))
    assert torch.isfinite(posterior.mean).all()
    assert (posterior.variance > -1e-4).all()


@every_kernel
def test_last_dim_is_batch_is_refused(case: Case, device, dtype) -> None:
    X = case.sample(3).to(device, dtype)
    with pytest.raises(ValueError, match="`last_dim_is_batch` must be False; got True"):
        case.build().to(device, dtype).forward(X, X, last_dim_is_batch=True)
