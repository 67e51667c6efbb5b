"""`when`: which parameters are active, at any depth and in any order of declaration; and what it may not say."""

from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from gpbop.errors import SpaceError
from gpbop.parameters import INACTIVE, Categorical, Float, Integer
from gpbop.space import Space
from tests.spaces import collapse, full_configs, is_active, spaces


@settings(max_examples=60)
@given(st.data())
def test_activity_is_what_the_conditions_say(data: st.DataObject) -> None:
    space = data.draw(spaces())
    full = data.draw(st.lists(full_configs(space), min_size=1, max_size=4))
    expected = torch.tensor([[is_active(space, name, config) for name in space.names] for config in full])
    X = space.encode(full)
    assert torch.equal(space.activity(X), expected)
    assert torch.equal(X != INACTIVE, expected)
    assert torch.equal(space.activity(X + 1e-9), expected)


@settings(max_examples=60)
@given(st.data())
def test_inactive_parameters_do_not_matter(data: st.DataObject) -> None:
    space = data.draw(spaces())
    full = data.draw(full_configs(space))
    active = collapse(space, full)
    nonsense = {name: full[name] if name in active else object() for name in space.names}
    assert torch.equal(space.encode([full, active, nonsense]), space.encode([active]).expand(3, -1))


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"a": Float(0, 1, when={"b": [1]})}, r"`when` of `a` must name a parameter of the space; got 'b'\."),
        (
            {"decoder": Integer(0, 1), "a": Float(0, 1, when={"decodr": [1]})},
            r"got 'decodr'\. Did you mean 'decoder'\?",
        ),
        ({"a": Integer(0, 1, when={"a": [1]})}, r"`when` of `a` must name another parameter; got 'a'\."),
        (
            {"a": Float(0, 1), "b": Integer(0, 1, when={"a": [1]})},
            r"`when` of `b` must name a parameter with a finite number of values; got 'a', a continuous Float\.",
        ),
        (
            {"a": Categorical(["x", "y"]), "b": Integer(0, 1, when={"a": ["z"]})},
            r"`when` of `b` must list values that `a` can have; got 'z'\. .* Use one of 'x', 'y'\.",
        ),
        (
            {"a": Categorical([True, False]), "b": Integer(0, 1, when={"a": [1]})},
            r"`when` of `b` must list values that `a` can have; got 1\.",
        ),
        (
            {"a": Integer(0, 4, step=2), "b": Integer(0, 1, when={"a": [2, 3]})},
            r"`when` of `b` must list values that `a` can have; got 3\.",
        ),
        (
            {"a": Integer(0, 1, when={"b": [1]}), "b": Integer(0, 1, when={"a": [1]})},
            r"`when` must not go in a circle; got a needs b needs a\.",
        ),
        (
            {
                "z": Integer(0, 1),
                "d": Integer(0, 1, when={"a": [1]}),
                "a": Integer(0, 1, when={"c": [1], "z": [1]}),
                "b": Integer(0, 1, when={"a": [1]}),
                "c": Integer(0, 1, when={"b": [1]}),
            },
            r"must not go in a circle; got a needs c needs b needs a\.",
        ),
    ],
)
def test_bad_conditions(parameters: Any, message: str) -> None:
    with pytest.raises(SpaceError, match=message):
        Space(parameters)
