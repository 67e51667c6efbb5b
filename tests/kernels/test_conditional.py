import gpytorch
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from gpbop.kernels import INACTIVE, Columns, ConditionalKernel, embed

COLUMNS = Columns(numeric=(2, 0, 3), conditional=(3, 2), categorical=((1, 2),))
unit = st.floats(0.0, 1.0)


def row(*values: float) -> torch.Tensor:
    return torch.tensor([values], dtype=torch.float64)


def distance(x: torch.Tensor, y: torch.Tensor) -> float:
    return (embed(x, COLUMNS) - embed(y, COLUMNS)).norm().item()


def test_features_are_all_values_then_all_activities() -> None:
    X = torch.tensor([[0.1, 1.0, 0.2, 0.3], [0.1, 0.0, INACTIVE, 0.3]], dtype=torch.float64)
    expected = torch.tensor([[0.2, 0.1, 0.3, 1.0, 1.0], [0.5, 0.1, 0.3, 1.0, 0.0]], dtype=torch.float64)
    assert torch.equal(embed(X, COLUMNS), expected)
    assert embed(X.float(), COLUMNS).dtype == torch.float32
    assert embed(X.expand(3, 4, 2, 4), COLUMNS).shape == (3, 4, 2, 5)
    assert torch.equal(embed(X[0], COLUMNS), expected[0])


@given(u=unit, v=unit)
def test_active_and_inactive_form_an_isosceles_wedge(u: float, v: float) -> None:
    x, mirrored, y = row(0.5, 0.0, u, 0.5), row(0.5, 0.0, 1.0 - u, 0.5), row(0.5, 0.0, v, 0.5)
    apex = row(0.5, 0.0, INACTIVE, 0.5)
    assert distance(apex, apex) == 0.0
    assert distance(x, y) == pytest.approx(abs(u - v))
    assert distance(x, apex) == pytest.approx(distance(mirrored, apex))
    assert distance(x, apex) == pytest.approx(((u - 0.5) ** 2 + 1.0) ** 0.5)


def test_gradient_reaches_active_entries_only() -> None:
    X = torch.tensor([[0.1, 1.0, INACTIVE, 0.0]], dtype=torch.float64, requires_grad=True)
    embed(X, COLUMNS).sum().backward()
    assert torch.equal(X.grad, torch.tensor([[1.0, 0.0, 0.0, 1.0]], dtype=torch.float64))


def test_without_conditional_columns_features_are_the_values() -> None:
    X = torch.rand(3, 4)
    assert torch.equal(embed(X, Columns(numeric=(3, 1))), X[:, [3, 1]])


def test_lengthscale_is_that_of_the_base_kernel() -> None:
    kernel = ConditionalKernel(COLUMNS, batch_shape=torch.Size([2]))
    assert kernel.lengthscale.shape == (2, 1, 5)
    values = torch.tensor([[[0.1, 0.2, 0.3, 0.4, 0.5]], [[1.0, 2.0, 3.0, 4.0, 5.0]]])
    kernel.initialize(lengthscale=values)
    torch.testing.assert_close(kernel.base_kernel.lengthscale, values)
    kernel.lengthscale = 0.7
    torch.testing.assert_close(kernel.lengthscale, torch.full((2, 1, 5), 0.7))


def test_a_plain_number_keeps_its_digits() -> None:
    kernel = ConditionalKernel(COLUMNS).double().initialize(lengthscale=0.3)
    assert kernel.lengthscale.tolist() == [[pytest.approx(0.3, abs=1e-15)] * 5]


def test_prior_and_constraint_reach_the_base_kernel() -> None:
    constraint = gpytorch.constraints.GreaterThan(0.01)
    prior = gpytorch.priors.LogNormalPrior(0.0, 1.0)
    kernel = ConditionalKernel(COLUMNS, lengthscale_prior=prior, lengthscale_constraint=constraint)
    assert kernel.base_kernel.raw_lengthscale_constraint is constraint
    assert [name for name, *_ in kernel.named_priors()] == ["base_kernel.lengthscale_prior"]


def test_kernel_without_numeric_columns_is_refused() -> None:
    columns = Columns(categorical=((0, 2),))
    with pytest.raises(ValueError, match="`columns` must have a numeric column; got Columns"):
        ConditionalKernel(columns)
    with pytest.raises(ValueError, match="`columns` must have a numeric column; got Columns"):
        embed(torch.rand(2, 1), columns)


def test_narrow_X_is_refused() -> None:
    with pytest.raises(ValueError, match=r"`X` must have at least 4 columns; got shape \(5, 3\)"):
        ConditionalKernel(COLUMNS)(torch.rand(5, 3)).to_dense()
