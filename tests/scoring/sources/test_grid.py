import math
from dataclasses import replace
from unittest import mock

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from gpbop.errors import SpaceError
from gpbop.parameters import INACTIVE, Categorical, Float, Integer
from gpbop.scoring.sources import Block, Grid, SourceError, grid, skip_observed
from gpbop.scoring.sources.blocks import Strip
from gpbop.space import Space
from tests.scoring.sources.tables import same_bits, whole
from tests.spaces import NETWORK, spaces, values_of

HUGE = Space({f"p{number}": Integer(0, 9) for number in range(18)})  # 10^18 configs, below 2^63


def sorted_rows(X):
    return sorted(map(tuple, X.tolist()))


@st.composite
def fixings(draw, space, with_inactive=True):
    """Draw values for some parameters: one, or a list of them."""
    names = draw(st.lists(st.sampled_from(space.names), unique=True, max_size=3))
    fixed = {}
    for name in names:
        parameter = space.parameters[name]
        value = (
            st.sampled_from(values_of(parameter)) if parameter.placement else st.floats(parameter.low, parameter.high)
        )
        fixed[name] = draw(st.lists(value, min_size=1, max_size=3))
    return fixed


@given(spaces(finite=True, most=4), st.integers(1, 40))
def test_grid_is_every_config_once_in_blocks_of_any_size(space, rows):
    block = whole(Grid(space), rows)
    expected = space.encode(list(space.grid()))
    assert same_bits(block.X, expected)
    assert block.index.tolist() == list(range(space.size))
    assert len(set(sorted_rows(block.X))) == Grid(space).size == space.size


@given(st.data())
def test_fixing_equals_filtering(data):
    space = data.draw(spaces(finite=True, most=5))
    fixed = data.draw(fixings(space))
    X = space.grid_rows(torch.arange(space.size))
    keep = torch.ones(len(X), dtype=torch.bool)
    for name, values in fixed.items():
        column = X[:, space.names.index(name)]
        allowed = [space.parameters[name].encode(value) for value in values]
        keep &= torch.isin(column, torch.tensor([INACTIVE, *allowed], dtype=torch.float64))
    grid = Grid(space, fixed)
    if not keep.any():
        return
    assert grid.size == int(keep.sum())
    assert sorted_rows(whole(grid, 7).X) == sorted_rows(X[keep])


@given(st.data())
def test_fixed_continuous_parameters_make_a_grid(data):
    space = data.draw(spaces(most=4))
    fixed = data.draw(fixings(space))
    for name, parameter in space.parameters.items():
        if parameter.placement is None and name not in fixed:
            fixed[name] = data.draw(st.floats(parameter.low, parameter.high))
    grid = Grid(space, fixed)
    block = whole(grid, 64)
    assert len(set(sorted_rows(block.X))) == len(block) == grid.size
    assert same_bits(space.canonicalize(block.X), block.X)
    for name, values in fixed.items():
        listed = values if isinstance(values, list) else [values]
        allowed = {space.parameters[name].encode(value) for value in listed}
        found = set(block.X[:, space.names.index(name)].tolist()) - {INACTIVE}
        assert found <= allowed
        assert not found or found == allowed


@given(spaces(finite=True, most=4), st.integers(1, 40), st.integers(0, 2**31))
def test_constraint_equals_filtering(space, rows, seed):
    weights = torch.rand(space.d, generator=torch.Generator().manual_seed(seed), dtype=torch.float64) - 0.4

    def constraint(X):
        return (X * weights).sum(-1) > 0

    X = space.grid_rows(torch.arange(space.size))
    grid = Grid(space, constraint=constraint)
    assert grid.size is None
    assert grid.extent == space.size
    if not constraint(X).any():
        with pytest.raises(SourceError, match="must let a config through"):
            list(grid.blocks(rows))
        return
    block = whole(grid, rows)
    assert block.index.tolist() == constraint(X).nonzero().squeeze(-1).tolist()
    assert same_bits(block.X, X[constraint(X)])
    assert same_bits(space.encode(grid.configs(block.index.tolist())), block.X)


def test_configs_follow_the_order_of_the_index():
    grid = Grid(NETWORK, {"rate": [1e-3, 1e-2], "dropout": 0.1, "decoder": "B"})
    index = [5, 0, grid.size - 1, 5]
    configs = grid.configs(index)
    assert same_bits(NETWORK.encode(configs), grid.rows(torch.tensor(index)))
    assert all(config["decoder"] == "B" and config.get("dropout", 0.1) == 0.1 for config in configs)


def test_huge_grid_is_read_anywhere():
    grid = Grid(HUGE)
    assert grid.size == 10**18
    block = next(grid.blocks(5, start=10**18 - 5))
    assert block.index.tolist() == list(range(10**18 - 5, 10**18))
    assert grid.configs([10**18 - 2])[0] == dict.fromkeys(HUGE.names, 9) | {"p17": 8}


def test_list_valued_choices_are_fixed_by_a_list_of_them():
    space = Space({"layers": Categorical([[1], [1, 2]]), "on": Categorical([True, False])})
    assert Grid(space, {"layers": [[1, 2]]}).configs([0, 1]) == [
        {"layers": [1, 2], "on": True},
        {"layers": [1, 2], "on": False},
    ]


@pytest.mark.parametrize(
    ("fixed", "match"),
    [
        ({"rate": [0.1], "decodr": "A"}, "must name parameters of the space; got 'decodr'. Did you mean 'decoder'"),
        ({"rate": 0.1, "decoder": ["A", "C"]}, "`fixed` of `decoder` must be one of the choices; got 'C'"),
        ({"rate": []}, "`fixed` of `rate` must hold a value"),
        ({"rate": 1e-3}, r"must be finite to have a grid; got continuous \['dropout'\]"),
        (None, r"must be finite to have a grid; got continuous \['dropout', 'rate'\]"),
    ],
)
def test_what_cannot_be_fixed_is_named(fixed, match):
    with pytest.raises(SpaceError, match=match):
        Grid(NETWORK, fixed)


def test_a_grid_of_too_many_configs_says_so():
    space = Space(HUGE.parameters | {"q": Integer(0, 9)})
    with pytest.raises(SpaceError, match="fewer than 2"):
        Grid(space)
    assert Grid(space, {"q": 3}).size == 10**18


@pytest.mark.parametrize("answer", [1.0, torch.ones(3), torch.ones(2, dtype=torch.bool)])
def test_a_constraint_returns_one_bool_a_row(answer):
    grid = Grid(Space({"x": Float(0, 1, step=0.5)}), constraint=lambda _: answer)
    with pytest.raises(SourceError, match="`constraint` must return one bool a row"):
        list(grid.blocks(3))


def test_a_constraint_may_change_its_rows():
    space = Space({"x": Float(0, 1, step=0.25), "y": Integer(0, 9)})

    def constraint(X):
        X[:, 0] *= 2
        return X.mul_(10)[:, 0] > 5

    found = Grid(space, constraint=constraint)
    expected = Grid(space, constraint=lambda X: X[:, 0] > 0.25)
    assert same_bits(whole(found, 7).X, whole(expected, 7).X)
    X = found.rows(torch.arange(50))
    assert torch.equal(found.unfiltered()[1](X), expected.unfiltered()[1](X))
    index = whole(expected, 7).index.tolist()
    assert found.configs(index) == expected.configs(index)


@pytest.mark.parametrize(
    ("arguments", "match"),
    [
        (({"a": 1},), r"`space` must be a Space; got {'a': 1}"),
        ((NETWORK, [("rate", 0.5)]), r"`fixed` must be a dict; got \[\('rate', 0.5\)\]"),
        ((HUGE, None, 5), "`constraint` must be a function of encoded rows; got 5"),
    ],
)
def test_arguments_of_other_types_are_named(arguments, match):
    with pytest.raises((SpaceError, SourceError), match=match):
        Grid(*arguments)


def test_an_index_that_is_not_there_is_named():
    grid = Grid(Space({"x": Float(0, 1, step=0.5)}), constraint=lambda X: X[:, 0] > 0)
    with pytest.raises(SourceError, match=r"must lie in \[0, 3\); got 1 to 3"):
        grid.configs([1, 3])
    with pytest.raises(SourceError, match="must satisfy the constraint; got 0"):
        grid.configs([1, 0])
    with pytest.raises(SourceError, match="`rows` must be a positive int; got 0"):
        list(grid.blocks(0))


def test_rows_are_the_same_on_every_device(device):
    fixed = {"rate": [1e-4, 1e-3], "dropout": [0.1, 0.2]}
    grid = Grid(NETWORK, fixed, constraint=lambda X: X[:, 1] < 0.5)
    X = whole(grid, 64).X
    moved = torch.cat([block.X for block in grid.blocks(50, device=device)])
    assert moved.device.type == device.type
    assert same_bits(moved.cpu(), X)


@given(st.data())
def test_pieces_are_the_same_candidates(data):
    """In strips or not: every row that the grid has at an index, once."""
    space = data.draw(spaces(finite=True, most=6))
    source = _left(space, data.draw(fixings(space)))
    least, most = data.draw(st.integers(1, 30)), data.draw(st.integers(1, 40))
    with mock.patch.multiple(grid, LEAST_SECOND=least, MOST_SECOND=most):
        pieces = [
            piece.block() if isinstance(piece, Strip) else piece
            for piece in source.pieces(data.draw(st.integers(1, 50)))
        ]
    index, order = torch.cat([piece.index for piece in pieces]).sort()
    assert index.tolist() == list(range(source.size))
    assert same_bits(torch.cat([piece.X for piece in pieces])[order], source.rows(index))


@given(st.data())
def test_halves_of_a_strip_are_grids_of_their_axes(data):
    """All combinations of some levels, those of a numeric parameter ascending; a box of the first half is not large."""
    space = data.draw(spaces(finite=True, most=6))
    with mock.patch.multiple(grid, LEAST_SECOND=3, MOST_SECOND=40, MOST_FIRST=data.draw(st.integers(1, 12))):
        strips = [piece for piece in Grid(space).pieces(9) if isinstance(piece, Strip)]
        most = grid.MOST_FIRST
    for strip in strips:
        assert len(strip.index_first) <= most
        for X, axes in ((strip.X_first, strip.axes_first), (strip.X_second, strip.axes_second)):
            assert not axes or math.prod(size for size, _ in axes) == len(X)
            shape = [size for size, _ in axes]
            for axis, (size, column) in enumerate(axes):
                if column is not None:
                    levels = X[:, column].view(shape).movedim(axis, -1).reshape(-1, size)
                    assert bool((levels == levels[0]).all())
                    assert bool((levels.diff() > 0).all())


def _left(space, fixed):
    try:
        return Grid(space, fixed)
    except SpaceError:  # nothing is left
        return Grid(space)


@given(st.data())
def test_halves_of_a_strip_share_no_parameter(data):
    """What belongs to the other half may be anything."""
    space = data.draw(spaces(finite=True, most=6))
    with mock.patch.multiple(grid, LEAST_SECOND=3, MOST_SECOND=20):
        strips = [piece for piece in Grid(space).pieces(9) if isinstance(piece, Strip)]
    for strip in strips:
        first, second = strip.X_first.clone(), strip.X_second.clone()
        first[:, strip.is_second], second[:, ~strip.is_second] = torch.nan, torch.nan
        assert same_bits(replace(strip, X_first=first, X_second=second).block().X, strip.block().X)


def test_a_filter_makes_blocks_and_is_handed_out():
    space = Space({"a": Integer(0, 99), "b": Integer(0, 99)})
    constraint = lambda X: X[:, 0] > 0.5  # noqa: E731
    source = Grid(space, constraint=constraint)
    with mock.patch.multiple(grid, LEAST_SECOND=3, MOST_SECOND=200):
        assert all(isinstance(piece, Block) for piece in source.pieces(500))
        everything, keep = source.unfiltered()
        assert all(isinstance(piece, Strip) for piece in everything.pieces(500))
    assert everything.size == 10_000
    assert source.size is None  # still filtered
    rows = everything.rows(torch.arange(10_000))
    assert torch.equal(keep(rows), constraint(rows))


@given(st.data())
def test_strides_lead_to_neighbours(data):
    """A step of a stride changes the columns of one independent part, except where a digit is carried."""
    space = data.draw(spaces(finite=True, most=5))
    source = Grid(space)
    parts = space.grid_parts()
    assert len(source.strides) == len(parts)
    assert {int(stride) for stride in source.strides} == {
        math.prod(size for size, _ in parts[number + 1 :]) for number in range(len(parts))
    }
    X = source.rows(torch.arange(min(source.size, 500)))
    for stride in source.strides:
        changed = (X[stride:] != X[:-stride]).any(0) if stride < len(X) else torch.zeros(0)
        assert len(X) <= stride or changed.any() or source.size == 1


@given(spaces(finite=True, most=4), st.data())
def test_unobserved_is_a_filter_on_top(space, data):
    X = space.grid_rows(torch.arange(space.size))
    source = Grid(space, constraint=lambda rows: rows.sum(1) > 0.4)
    observed = X[data.draw(st.lists(st.integers(0, len(X) - 1), min_size=1, max_size=4))]
    everything, keep = skip_observed(source, observed).unfiltered()
    expected = [float(x.sum()) > 0.4 and not bool((observed == x).all(1).any()) for x in X]
    assert keep(everything.rows(torch.arange(space.size))).tolist() == expected


def test_a_parameter_of_very_many_levels_is_never_listed():
    source = Grid(Space({"a": Integer(0, 9), "b": Integer(0, 2**40), "c": Categorical(["x", "y"])}))
    for number, piece in zip(range(3), source.pieces(4096), strict=False):
        assert len(piece) < 10**6
        assert int(piece.index_second.max()) < source.size
        assert same_bits(piece.block().X, source.rows(piece.block().index)), number
