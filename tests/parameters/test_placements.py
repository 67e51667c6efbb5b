"""Laws of placements: level and index are inverse, and index finds the nearest level."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from gpbop.errors import SpaceError
from gpbop.parameters import Integer, placements
from gpbop.parameters.placements import Codes, Even, Placement

SMALL = [Codes(1), Codes(5), Even(1), Even(2), Even(7)]
LOGS = [Integer(1, 2, log=True), Integer(1, 50, log=True), Integer(3, 63, log=True, step=5)]
HUGE = [Even(2**51), Even(2**53), Even(2**53 + 1), Integer(1, 10**12, log=True).placement]


def finite(parameter: Integer) -> Placement:
    assert parameter.placement is not None
    return parameter.placement


@pytest.mark.parametrize("placement", [*SMALL, *map(finite, LOGS)], ids=str)
@given(numbers=st.lists(st.floats(-2, 8), min_size=1, max_size=10))
def test_index_is_the_nearest_level(placement: Placement, numbers: list[float]) -> None:
    levels = placement.level(torch.arange(placement.count))
    column = torch.tensor(numbers, dtype=torch.float64)
    found = levels[placement.index(column)]
    nearest = (column[:, None] - levels).abs().amin(1)
    assert torch.allclose((column - found).abs(), nearest, rtol=0, atol=1e-15)


@pytest.mark.parametrize("placement", [*SMALL, *map(finite, LOGS)], ids=str)
def test_index_inverts_level(placement: Placement) -> None:
    every = torch.arange(placement.count)
    assert torch.equal(placement.index(placement.level(every)), every)
    assert (placement.level(every).diff() > 0).all()


@pytest.mark.parametrize("placement", HUGE, ids=str)
@given(share=st.floats(0, 1), near=st.integers(0, 1000))
def test_index_inverts_level_among_huge_counts(placement: Placement, share: float, near: int) -> None:
    top = placement.count - 1
    levels = torch.tensor([near, top - near, min(max(int(share * top), 0), top)])
    assert torch.equal(placement.index(placement.level(levels)), levels)


@pytest.mark.parametrize("high", [2, 3, 10, 300])
def test_computed_places_equal_those_of_the_table(high: int, monkeypatch: pytest.MonkeyPatch) -> None:
    column = torch.linspace(-0.1, 1.1, 5000, dtype=torch.float64)
    table = finite(Integer(1, high, log=True))
    index, places = table.index(column), table.level(torch.arange(high))
    monkeypatch.setattr(placements, "LARGEST_TABLE", 0)
    computed = finite(Integer(1, high, log=True))
    assert torch.equal(computed.index(column), index)
    assert torch.equal(computed.level(torch.arange(high)), places)


@pytest.mark.parametrize("count", [2**53 + 1, 2**53, 2**53 - 1, 2**52, 3**33])
def test_every_one_of_many_levels_comes_back(count: int) -> None:
    generator = torch.Generator().manual_seed(0)
    some = torch.cat([torch.randint(count, (100_000,), generator=generator), count - 1 - torch.arange(1000)])
    assert torch.equal(Even(count).index(Even(count).level(some)), some)


@pytest.mark.parametrize("placement", [*SMALL, *map(finite, LOGS), *HUGE], ids=str)
def test_same_bits_in_any_shape_and_on_the_device(placement: Placement, device: torch.device) -> None:
    generator = torch.Generator().manual_seed(0)
    index = torch.randint(placement.count, (4, 3), generator=generator)
    encoded = placement.level(index)
    assert encoded.dtype == torch.float64
    assert encoded.tolist() == [[placement.level(level[None]).item() for level in row] for row in index]
    assert torch.equal(placement.level(index.to(device)).cpu(), encoded)
    assert torch.equal(placement.index(encoded.to(device)).cpu(), index)


def test_levels_that_a_log_scale_cannot_tell_apart_are_refused() -> None:
    with pytest.raises(SpaceError, match=r"`log` must leave levels .* log=False\."):
        Integer(1, 2**53, log=True)
