import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from gpbop.errors import ShapeError
from gpbop.parameters import Float, Integer
from gpbop.scoring.sources import Encoded, Grid, Observed, Sample, Table, skip_observed
from gpbop.space import Space
from tests.scoring.sources.tables import spaces_with_configs, whole
from tests.spaces import NETWORK


@given(spaces_with_configs(), st.data())
def test_mask_is_equality_of_rows(case, data):
    space, configs = case
    X = space.encode(configs)
    observed = X[data.draw(st.lists(st.integers(0, len(X) - 1)))]
    others = space.from_unit(torch.rand(20, space.d, generator=torch.Generator().manual_seed(0), dtype=torch.float64))
    candidates = torch.cat([X, others])
    expected = (candidates[:, None] == observed[None]).all(-1).any(-1)
    assert torch.equal(Observed(observed).mask(candidates), expected)


def test_neighbours_in_the_last_bit_are_not_observed():
    X = torch.rand(50, 4, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    above = X.clone()
    above[:, 2] = torch.nextafter(X[:, 2], torch.ones(50, dtype=torch.float64))
    observed = Observed(X)
    assert observed.mask(X).all()
    assert not observed.mask(above).any()
    assert Observed(torch.cat([X, above])).mask(above).all()


def test_equal_projections_are_told_apart():
    observed = Observed(torch.tensor([[0.25, 0.5], [0.5, 0.25]], dtype=torch.float64))
    observed._weights = torch.ones(2, dtype=torch.float64)
    observed._projections = torch.full((2,), 0.75, dtype=torch.float64)
    X = torch.tensor([[0.5, 0.25], [0.25, 0.5], [0.375, 0.375]], dtype=torch.float64)
    assert observed.mask(X).tolist() == [True, True, False]


@pytest.mark.parametrize(
    "source",
    [
        Grid(NETWORK, {"rate": [1e-4, 1e-3], "dropout": [0.1, 0.2]}),
        Sample(NETWORK, 200),
        Table(NETWORK.sample(50, seed=0) * 2, NETWORK),
    ],
)
def test_skipping_leaves_the_others_in_place(source):
    everything = whole(source, 64)
    observed = everything.X[[0, 3, 17, 40]]
    rest = list(skip_observed(source, observed).blocks(32))
    index = torch.cat([block.index for block in rest])
    keep = ~(everything.X[:, None] == observed[None]).all(-1).any(-1)
    assert torch.equal(index, everything.index[keep])
    assert torch.equal(torch.cat([block.X for block in rest]), everything.X[keep])
    picked = index[[1, 5]].tolist()
    assert skip_observed(source, observed).configs(picked) == source.configs(picked)


def test_all_observed_leaves_no_block():
    space = Space({"n": Integer(0, 3)})
    grid = Grid(space)
    assert list(skip_observed(grid, whole(grid, 4).X).blocks(2)) == []
    assert skip_observed(grid, torch.empty(0, 1)) is grid


def test_rows_of_another_width_are_refused():
    source = Encoded(Space({"x": Float(0, 1)}), torch.zeros(1, 1))
    with pytest.raises(ShapeError, match="must have shape n x 1"):
        skip_observed(source, torch.zeros(3, 2))
    with pytest.raises(ShapeError, match="must have shape n x d"):
        Observed(torch.zeros(3))
