import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.quasirandom import SobolEngine

from gpbop.errors import SpaceError
from gpbop.parameters import Float
from gpbop.scoring.sources import Sample, SourceError, skip_observed
from gpbop.space import Space
from tests.scoring.sources.tables import same_bits, whole
from tests.spaces import NETWORK, spaces


@given(spaces(), st.integers(1, 300), st.integers(0, 100), st.integers(1, 50))
def test_blocks_of_any_size_are_the_rows_of_torch(space, m, seed, rows):
    engine = SobolEngine(space.d, scramble=True, seed=seed)
    U = engine.draw(m, dtype=torch.float64)
    U[0] = engine.shift.double() * 2.0**-30  # torch rounds its first point to float32
    block = whole(Sample(space, m, seed), rows)
    assert same_bits(block.X, space.from_unit(U))
    assert block.index.tolist() == list(range(m))


@pytest.mark.parametrize("first", [1, 1023, 1024, 2**20 - 3, 123_456_789, 2**30 - 5])
def test_points_far_off_are_those_after_fast_forward(first):
    engine = SobolEngine(7, scramble=True, seed=3)
    if first < 2**28:  # beyond, torch takes long to get there
        expected = engine.fast_forward(first).draw(5, dtype=torch.float64)
    else:
        engine.fast_forward(2**20)
        engine.quasi, engine.num_generated = _state(engine, first - 1), first
        expected = engine.draw(5, dtype=torch.float64)
    unit = Sample(NETWORK, 2**30, seed=3).unit(torch.arange(first, first + 5))
    assert torch.equal(unit, expected)


def _state(engine, number):
    """Return the engine's integers after `number` steps, bit by bit."""
    quasi = engine.shift.clone()
    gray = number ^ (number >> 1)
    for bit in range(30):
        if gray >> bit & 1:
            quasi = quasi ^ engine.sobolstate[:, bit]
    return quasi


def test_configs_are_those_of_the_rows():
    sample = Sample(NETWORK, 1000, seed=1)
    index = [999, 3, 3, 0]
    assert same_bits(NETWORK.encode(sample.configs(index)), sample.rows(torch.tensor(index)))
    assert sample.extras(index) == {}


def test_seeds_differ_and_a_larger_sample_adds_to_a_smaller_one():
    space = Space({"x": Float(0, 1), "y": Float(0, 1)})
    X = whole(Sample(space, 100, seed=5), 32).X
    assert torch.equal(whole(Sample(space, 150, seed=5), 64).X[:100], X)
    assert not torch.equal(whole(Sample(space, 100, seed=6), 32).X, X)


@pytest.mark.parametrize(
    ("m", "seed", "match"), [(0, 0, "`m`"), (2**30 + 1, 0, "`m`"), (True, 0, "`m`"), (1, -1, "`seed`")]
)
def test_invalid_sizes_and_seeds_are_named(m, seed, match):
    with pytest.raises(SourceError, match=f"{match} must be an int in"):
        Sample(NETWORK, m, seed)


def test_too_many_parameters_are_too_many():
    with pytest.raises(SpaceError, match="at most 21201 parameters"):
        Sample(Space({f"x{i}": Float(0, 1) for i in range(21202)}), 1)


def test_rows_and_masks_are_the_same_on_every_device(device):
    sample = Sample(NETWORK, 5000, seed=2)
    X = whole(sample, 999).X
    blocks = list(sample.blocks(777, device=device))
    assert all(block.X.device.type == block.index.device.type == device.type for block in blocks)
    assert same_bits(torch.cat([block.X for block in blocks]).cpu(), X)
    left = torch.cat([block.index for block in skip_observed(sample, X[:100]).blocks(777, device=device)])
    assert left.tolist() == list(range(100, 5000))
