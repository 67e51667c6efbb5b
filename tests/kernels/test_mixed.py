import gpytorch
import pytest
import torch

from gpbop.kernels import Columns, ConditionalKernel, ExchangeableKernel, LatentKernel, MixedKernel
from tests.kernels.conformance import CASES

NUMERIC, EXCHANGEABLE, LATENT = (0, 3), ((1, 3),), ((2, 12),)
CASE = next(case for case in CASES if case.name == "mixed")


@pytest.mark.parametrize("numeric", [(), NUMERIC])
@pytest.mark.parametrize("categorical", [(), EXCHANGEABLE])
@pytest.mark.parametrize("latent", [(), LATENT])
def test_parts_are_those_that_have_columns(numeric, categorical, latent) -> None:
    if not (numeric or categorical or latent):
        return
    kernel = MixedKernel(Columns(numeric=numeric, categorical=categorical, latent=latent))
    assert isinstance(kernel.numeric_kernel, ConditionalKernel) == bool(numeric)
    assert isinstance(kernel.categorical_kernel, ExchangeableKernel) == bool(categorical)
    assert isinstance(kernel.latent_kernel, LatentKernel) == bool(latent)
    assert hasattr(kernel, "weight") == bool(numeric and (categorical or latent))


@pytest.mark.parametrize("w", [1e-9, 0.25, 1.0 - 1e-9])
def test_weight_moves_from_sum_to_product(w: float, device) -> None:
    kernel, X = CASE.build().to(device), CASE.sample(6).to(device)
    kernel.weight = w
    k_x = kernel.numeric_kernel(X).to_dense()
    k_h = kernel.categorical_kernel(X).to_dense() * kernel.latent_kernel(X).to_dense()
    expected = w * k_x * k_h + (1.0 - w) * (k_x + k_h) / 2.0
    torch.testing.assert_close(kernel(X).to_dense(), expected, atol=1e-12, rtol=0.0)


def test_weight_is_a_gpytorch_parameter() -> None:
    kernel = CASE.make(torch.Size([3]))
    assert torch.equal(kernel.weight, torch.full((3,), 0.5))
    assert isinstance(kernel.raw_weight_constraint, gpytorch.constraints.Interval)
    kernel.initialize(weight=torch.tensor([0.1, 0.5, 0.9]))
    torch.testing.assert_close(kernel.weight, torch.tensor([0.1, 0.5, 0.9]))
    kernel.weight = 0.3
    torch.testing.assert_close(kernel.weight, torch.full((3,), 0.3))
    assert "raw_weight" in kernel.state_dict()
    with pytest.raises(RuntimeError, match="out of bounds"):
        kernel.weight = 1.5


def test_rank_and_smoothness_reach_the_parts() -> None:
    kernel = MixedKernel(Columns(numeric=NUMERIC, latent=LATENT), "rbf", rank=4)
    assert kernel.latent_kernel.embedding[0].shape == (12, 4)
    assert kernel.numeric_kernel.base_kernel.smoothness == "rbf"


def test_indexing_a_batch_leaves_no_stray_parts() -> None:
    kernel = CASE.build((3,))
    parts = {name for name, _ in kernel.named_children()}
    assert {name for name, _ in kernel[1].named_children()} == parts
    assert {name for name, _ in kernel.expand_batch(2, 3).named_children()} == parts


def test_copies_on_index_do_not_share_memory() -> None:
    kernel = CASE.build((3,))
    before = kernel.latent_kernel.embedding[0].detach().clone()
    with torch.no_grad():
        kernel[1].latent_kernel.embedding[0].zero_()
        kernel.expand_batch(2, 3).latent_kernel.embedding[0].zero_()
    assert torch.equal(kernel.latent_kernel.embedding[0], before)
