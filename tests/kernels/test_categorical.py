import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from gpbop.kernels import INACTIVE, ExchangeableKernel, LatentKernel
from gpbop.kernels.categorical import read_codes

PAIRS = ((0, 4), (2, 3))


def codes(n: int = 12) -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    X = torch.rand(n, 3, generator=generator, dtype=torch.float64)
    for column, count in PAIRS:
        X[:, column] = torch.randint(count, (n,), generator=generator).double()
    return X


def test_inactive_entries_count_as_the_last_code() -> None:
    X = torch.tensor([[0.0, 0.4, INACTIVE], [INACTIVE, 0.4, 1.0]])
    first, second = read_codes(X, PAIRS)
    assert first.tolist() == [0, 3]
    assert second.tolist() == [2, 1]
    assert first.dtype == torch.int64


@pytest.mark.parametrize("make", [ExchangeableKernel, LatentKernel])
def test_inactive_and_the_last_code_are_one_point(make) -> None:
    X = codes()
    replaced = X.clone()
    replaced[X[:, 0] == 3, 0] = INACTIVE
    assert (replaced != X).any()
    kernel = make(PAIRS)
    assert torch.equal(kernel(X, replaced).to_dense(), kernel(X).to_dense())


@given(order=st.permutations(range(4)))
def test_exchangeable_kernel_ignores_the_names_of_the_codes(order: list[int]) -> None:
    X = codes()
    renamed = X.clone()
    renamed[:, 0] = torch.tensor(order, dtype=torch.float64)[X[:, 0].long()]
    kernel = ExchangeableKernel(PAIRS)
    assert torch.equal(kernel(renamed).to_dense(), kernel(X).to_dense())


def test_a_long_lengthscale_forgets_its_column() -> None:
    X = codes()
    kernel = ExchangeableKernel(PAIRS).double().initialize(lengthscale=torch.tensor([[1e12, 1.0]], dtype=torch.float64))
    expected = ExchangeableKernel(PAIRS[1:]).double().initialize(lengthscale=torch.tensor([[1.0]], dtype=torch.float64))
    torch.testing.assert_close(kernel(X).to_dense(), expected(X).to_dense(), atol=1e-11, rtol=0.0)


def test_latent_kernel_ignores_rotations_and_shifts() -> None:
    X = codes()
    kernel = LatentKernel(PAIRS).double()
    before = kernel(X).to_dense().detach()
    quarter_turn = torch.tensor([[0.0, 1.0], [-1.0, 0.0]], dtype=torch.float64)
    with torch.no_grad():
        for E in kernel.embedding:
            E.copy_(E @ quarter_turn + 0.7)
    torch.testing.assert_close(kernel(X).to_dense().detach(), before, atol=1e-12, rtol=0.0)


def test_choices_at_the_same_place_are_alike() -> None:
    kernel = LatentKernel(((0, 4),))
    with torch.no_grad():
        kernel.embedding[0][1] = kernel.embedding[0][3]
    K = kernel(torch.arange(4.0).unsqueeze(-1)).to_dense()
    assert torch.equal(K[1], K[3])
    assert K[1, 3] == 1.0
    assert K[0, 1] < 1.0


def test_coordinates_start_the_same_and_leave_the_global_generator_alone() -> None:
    state = torch.get_rng_state()
    first, second = LatentKernel(PAIRS, rank=3), LatentKernel(PAIRS, rank=3)
    assert torch.equal(torch.get_rng_state(), state)
    assert [tuple(E.shape) for E in first.embedding] == [(4, 3), (3, 3)]
    assert all(map(torch.equal, first.embedding, second.embedding))
    batched = LatentKernel(PAIRS, batch_shape=torch.Size([2]))
    assert batched.embedding[1].shape == (2, 3, 2)
    assert not torch.equal(batched.embedding[0][0], batched.embedding[0][1])


@pytest.mark.parametrize("batch_shape", [(), (2,)], ids=str)
def test_prior_is_standard_normal_on_every_coordinate(batch_shape) -> None:
    kernel = LatentKernel(PAIRS, batch_shape=torch.Size(batch_shape)).double()
    ((name, module, prior, closure, set_coordinates),) = kernel.named_priors()
    assert name == "embedding_prior"
    every = torch.cat([E.detach().flatten(start_dim=-2) for E in kernel.embedding], dim=-1)
    actual = prior.log_prob(closure(module)).sum(dim=-1)
    expected = torch.distributions.Normal(0.0, 1.0).log_prob(every).sum(dim=-1)
    torch.testing.assert_close(actual, expected, atol=1e-12, rtol=0.0)
    set_coordinates(module, every + 1.0)
    assert torch.equal(closure(module), every + 1.0)
    kernel.sample_from_prior("embedding_prior")
    assert not torch.equal(closure(module), every + 1.0)


def test_impossible_code_of_a_batched_kernel_is_no_other_members_code() -> None:
    kernel = LatentKernel(((0, 4),), batch_shape=torch.Size([2]))
    with pytest.raises(IndexError):
        kernel(torch.tensor([[4.0], [0.0]])).to_dense()


@pytest.mark.parametrize("make", [ExchangeableKernel, LatentKernel])
def test_bad_columns_are_refused(make) -> None:
    with pytest.raises(ValueError, match="must name at least one column"):
        make(())
    with pytest.raises(TypeError, match="must be a tuple of pairs"):
        make(((0, 3, 1),))
    with pytest.raises(ValueError, match=r"`X` must have at least 3 columns; got shape \(2, 2\)"):
        make(PAIRS)(torch.zeros(2, 2)).to_dense()


def test_rank_below_1_is_refused() -> None:
    with pytest.raises(ValueError, match="`rank` must be at least 1; got 0"):
        LatentKernel(PAIRS, rank=0)
