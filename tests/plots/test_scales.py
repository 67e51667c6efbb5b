import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.figure import Figure

from gpbop import Categorical, Float, Integer, Ordinal, Space
from gpbop.errors import ArgumentError
from gpbop.parameters import INACTIVE
from gpbop.plots.scales import MOST_CELLS, ParameterAxis
from tests.plots.searches import MIXED
from tests.spaces import configs, spaces


@settings(max_examples=10)
@given(st.data())
def test_positions_are_the_values_or_the_numbers_of_listed_ones(data: st.DataObject) -> None:
    space = data.draw(spaces())
    config = data.draw(configs(space))
    row = space.encode([config])[0]
    for name in space.names:
        axis = ParameterAxis.of(space, name)
        position = float(axis.positions(row[axis.column]))
        parameter = space.parameters[name]
        if name not in config:
            assert math.isnan(position)
        elif isinstance(parameter, Float | Integer):
            low, high = float(parameter.low), float(parameter.high)
            assert position == pytest.approx(config[name], rel=1e-9, abs=1e-9 * max(abs(low), abs(high)))
            assert axis.unit(position) == pytest.approx(float(row[axis.column]), abs=1e-6)
        else:
            assert position == parameter.level_of(config[name], name)


@settings(max_examples=10)
@given(st.data())
def test_cells_hold_their_places_and_ticks_lie_inside(data: st.DataObject) -> None:
    space = data.draw(spaces())
    for name in space.names:
        axis = ParameterAxis.of(space, name)
        places = axis.places(16)
        edges, positions = axis.edges(places), axis.positions(places)
        assert bool((edges[:-1] <= positions).all()) and bool((positions <= edges[1:]).all())  # noqa: PT018
        assert len(places) == axis.parameter.count or len(places) <= max(16, MOST_CELLS)
        ax = Figure().add_subplot()
        axis.dress(ax, "x")
        low, high = ax.get_xlim()
        assert low == pytest.approx(float(edges[0])) and high == pytest.approx(float(edges[-1]))  # noqa: PT018
        slack = 1e-6 * (high - low)
        ticks, texts = axis.ticks()
        assert len(ticks) == len(texts) >= 1
        assert all(low - slack <= tick <= high + slack for tick in ticks)
        assert ax.get_xlabel() == name


def test_listed_values_are_named_log_axes_are_logarithmic() -> None:
    space = Space(
        {
            "rate": Float(1e-5, 1e-1, log=True),
            "width": Integer(4, 64, log=True),
            "size": Ordinal([2, 4, 8]),
            "kind": Categorical(["A", "B"]),
        }
    )
    ax = Figure().add_subplot()
    ParameterAxis.of(space, "rate").dress(ax, "x")
    ParameterAxis.of(space, "size").dress(ax, "y")
    assert (ax.get_xscale(), ax.get_yscale()) == ("log", "linear")
    assert [text.get_text() for text in ax.get_xticklabels()][:2] == ["$10^{-5}$", "$10^{-4}$"]
    assert [text.get_text() for text in ax.get_yticklabels()] == ["2", "4", "8"]
    assert ParameterAxis.of(space, "width").ticks()[1] == ["5", "10", "20", "50"]
    assert ParameterAxis.of(space, "kind").ticks() == ([0.0, 1.0], ["A", "B"])


def test_inactive_places_are_gaps() -> None:
    axis = ParameterAxis.of(MIXED, "kind")
    assert axis.positions(torch.tensor([0.0, INACTIVE, 2.0]).double()).isnan().tolist() == [False, True, False]


def test_an_unknown_name_is_an_error_that_suggests_one() -> None:
    with pytest.raises(ArgumentError, match=r"`x` must name a parameter of the space; got 'rat'. Did you mean 'rate'"):
        ParameterAxis.of(MIXED, "rat", "x")
