import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from gpbop.parameters import INACTIVE
from gpbop.plots.scales import ParameterAxis
from gpbop.plots.slices import Slice, sampled_rows
from tests.plots.searches import MIXED
from tests.spaces import configs, spaces


@settings(max_examples=10)
@given(st.data())
def test_a_slice_holds_its_config_and_moves_its_parameters_alone(data: st.DataObject) -> None:
    space = data.draw(spaces())
    row = space.encode([data.draw(configs(space))])[0]
    name = data.draw(st.sampled_from(space.names))
    axis = ParameterAxis.of(space, name)
    slice_ = Slice.through(space, row, [axis])
    places = axis.places(9)
    X, active = slice_.rows(places.unsqueeze(-1))
    torch.testing.assert_close(X, space.canonicalize(X))
    assert slice_.contains(X).tolist() == active.tolist()
    if row[axis.column] != INACTIVE:
        torch.testing.assert_close(slice_.base, row)
        assert bool(slice_.contains(row.unsqueeze(0))[0])
        assert bool(active.all())
        torch.testing.assert_close(X[:, axis.column], places, atol=1e-9, rtol=0)
    children = {child for child, p in space.parameters.items() if p.when}
    fixed = [j for j, other in enumerate(space.names) if other != name and other not in children]
    if not space.parameters[name].when:
        assert bool((X[:, fixed] == row[fixed]).all())


def test_a_conditional_parameter_gets_parents_that_have_it() -> None:
    row = MIXED.encode([{"rate": 0.01, "width": 3, "kind": "A", "momentum": 0.5, "batch": 8}])[0]
    slice_ = Slice.through(MIXED, row, [ParameterAxis.of(MIXED, "decay")])
    assert MIXED.decode(slice_.base.unsqueeze(0))[0]["kind"] == "C"
    assert slice_.text == "at rate = 0.01, width = 3, kind = C, batch = 8"


@settings(max_examples=10)
@given(st.data())
def test_sampled_rows_are_valid_and_differ_in_the_moving_parameter_alone(data: st.DataObject) -> None:
    space = data.draw(spaces())
    axis = ParameterAxis.of(space, data.draw(st.sampled_from(space.names)))
    places = axis.places(5)
    X = sampled_rows(space, axis, places, 8)
    torch.testing.assert_close(X, space.canonicalize(X))
    torch.testing.assert_close(X[..., axis.column], places.unsqueeze(-1).expand(X.shape[:2]), atol=1e-9, rtol=0)
