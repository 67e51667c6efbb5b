"""The grid visits every config once, whatever the conditions, and finds any of them by its number."""

import itertools
import math
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from gpbop.errors import ShapeError, SpaceError
from gpbop.parameters import Categorical, Float, Integer, Ordinal
from gpbop.space import Space
from tests.spaces import collapse, same, spaces, values_of


def brute_force(space: Space) -> set[str]:
    """Return every combination of all values, collapsed, as text."""
    values = [values_of(parameter) for parameter in space.parameters.values()]
    full = (dict(zip(space.names, combination, strict=True)) for combination in itertools.product(*values))
    return {same(collapse(space, config)) for config in full}


@settings(max_examples=80)
@given(spaces(finite=True, most=5))
def test_the_grid_is_every_config_once(space: Space) -> None:
    visited = [same(config) for config in space.grid()]
    assert len(visited) == space.size == len(set(visited))
    assert set(visited) == brute_force(space)


@settings(max_examples=30)
@given(spaces(finite=True, most=5), st.data())
def test_any_slice_and_any_order_is_part_of_the_grid(space: Space, data: st.DataObject) -> None:
    size = int(space.size)
    start = data.draw(st.integers(0, size))
    stop = data.draw(st.integers(start, size))
    assert list(space.grid(start, stop)) == list(itertools.islice(space.grid(), start, stop))
    index = torch.tensor(data.draw(st.lists(st.integers(0, size - 1), max_size=20)), dtype=torch.int64)
    X = space.grid_rows(index)
    assert torch.equal(X, space.grid_rows(torch.arange(size))[index])
    assert torch.equal(space.canonicalize(X), X)


@settings(max_examples=30)
@given(spaces())
def test_a_space_is_infinite_with_a_continuous_parameter_that_can_be_active(space: Space) -> None:
    """A continuous parameter counts when some values of the others make it active."""
    finite = Space(
        {
            name: p if p.placement else Categorical(["any"], when=p.when)  # continuous ones are no parents
            for name, p in space.parameters.items()
        }
    )
    reached = {name for config in finite.grid() for name in config}
    assert (space.size == math.inf) == any(space.parameters[name].placement is None for name in reached)


def test_the_first_parameter_varies_slowest() -> None:
    parameters = {"a": Integer(0, 2), "b": Categorical(["x", "y"]), "c": Float(0, 1, step=0.5)}
    expected = itertools.product(*(values_of(p) for p in parameters.values()))
    assert [tuple(config.values()) for config in Space(parameters).grid()] == list(expected)


def test_a_parent_stands_before_its_children() -> None:
    space = Space({"use": Categorical([False, True]), "p": Ordinal([1, 2], when={"use": [True]}), "n": Integer(0, 1)})
    off = [{"use": False, "n": n} for n in (0, 1)]
    on = [{"use": True, "p": p, "n": n} for p in (1, 2) for n in (0, 1)]
    assert list(space.grid()) == off + on


def test_twenty_switches_are_counted_at_once() -> None:
    switches: dict[str, Any] = {f"s{i}": Categorical([False, True], when={"on": [True]}) for i in range(20)}
    values: dict[str, Any] = {f"v{i}": Integer(1, 9, when={f"s{i}": [True]}) for i in range(20)}
    assert Space({"on": Categorical([False, True])} | switches | values).size == 1 + 10**20
    last = Space({"on": Categorical([False, True])} | {k: v for k, v in (switches | values).items() if int(k[1:]) < 15})
    assert set(next(last.grid(int(last.size) - 1)).values()) == {True, 9}


def test_a_parent_with_many_values_is_not_listed() -> None:
    space = Space({"n": Integer(0, 2**50), "x": Integer(0, 9, when={"n": [3, 2**50]})})
    assert space.size == 2**50 - 1 + 2 * 10
    rows = space.decode(space.grid_rows(torch.tensor([0, 2, 3, 2**50 - 2, 2**50 - 1, 2**50 + 18])))
    assert {config["n"] for config in rows} >= {0, 2, 4, 2**50}
    assert sum("x" in config for config in rows) == 2


def test_sizes_are_exact_beyond_64_bits() -> None:
    space = Space({f"n{i}": Integer(0, 2**53) for i in range(3)})
    assert space.size == (2**53 + 1) ** 3
    with pytest.raises(SpaceError, match=r"`space` must have fewer than 2\*\*63 configs; got \d+\. Use sample\(\)\."):
        space.grid()
    wide = Space({"a": Integer(0, 2**53), "b": Integer(0, 1022)})
    assert next(wide.grid(int(wide.size) - 1)) == {"a": 2**53, "b": 1022}


def test_an_infinite_space_has_no_grid() -> None:
    space = Space({"n": Integer(0, 1), "x": Float(0, 1)})
    assert space.size == math.inf
    message = r"`space` must be finite to have a grid; got continuous \['x'\]\. Give them a step, or use sample\(\)\."
    with pytest.raises(SpaceError, match=message):
        space.grid()
    with pytest.raises(SpaceError, match=message):
        space.grid_rows(torch.arange(1))


def test_numbers_outside_the_grid() -> None:
    space = Space({"n": Integer(0, 4)})
    for start, stop in ((-1, 2), (3, 2), (0, 6)):
        with pytest.raises(SpaceError, match=rf"`start` must be at least 0, .*; got start={start}, stop={stop}\."):
            space.grid(start, stop)
    with pytest.raises(SpaceError, match=r"`index` must lie in \[0, 5\); got 0 to 5\."):
        space.grid_rows(torch.tensor([0, 5]))
    with pytest.raises(ShapeError, match=r"`index` must be a vector of int64; got shape \(1,\), torch\.float32\."):
        space.grid_rows(torch.zeros(1))


def test_rows_on_the_device(device: torch.device) -> None:
    space = Space({"c": Categorical([0, 1, 2]), "n": Integer(1, 9, log=True, when={"c": [0, 2]}), "o": Ordinal([1, 2])})
    index = torch.arange(int(space.size))
    assert torch.equal(space.grid_rows(index.to(device)).cpu(), space.grid_rows(index))


@settings(max_examples=40)
@given(spaces(finite=True, most=6))
def test_parts_of_the_grid_are_digits_of_its_numbers(space: Space) -> None:
    """What the columns of a part hold depends on its own digit alone; columns in no part are never active."""
    parts, size = space.grid_parts(), int(space.size)
    assert math.prod(number for number, _ in parts) == size
    columns = [column for _, own in parts for column in own]
    assert len(set(columns)) == len(columns)
    index = torch.arange(size)
    X, left = space.grid_rows(index), index.clone()
    for number, own in reversed(parts):
        digit, left = left % number, left // number
        seen = {}
        for row, value in zip(X[:, list(own)].tolist(), digit.tolist(), strict=True):
            assert seen.setdefault(value, row) == row
        assert len({tuple(row) for row in seen.values()}) == number
    others = [column for column in range(space.d) if column not in columns]
    assert bool((X[:, others] == -1.0).all())


def test_columns_of_a_tree_are_those_it_writes() -> None:
    space = Space(
        {
            "on": Categorical([False, True]),
            "n": Integer(0, 2),
            "x": Integer(0, 4, when={"on": [True]}),
            "y": Integer(0, 1, when={"x": [0, 1]}),
        }
    )
    assert space.grid_parts() == [(1 + 2 * 2 + 3, (0, 2, 3)), (3, (1,))]


def test_only_a_finite_grid_has_parts() -> None:
    with pytest.raises(SpaceError, match=r"continuous \['x'\]"):
        Space({"x": Float(0, 1)}).grid_parts()
