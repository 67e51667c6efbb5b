"""Ordinal and Categorical: choices of any JSON type, told apart as JSON tells them apart but for 1 and 1.0."""

import json
from collections import OrderedDict
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings

from gpbop.errors import ConfigError, SpaceError
from gpbop.parameters import Categorical, Ordinal, Parameter
from gpbop.parameters.choices import identity
from tests.spaces import choice_lists, same, values_of

KINDS = [Ordinal, Categorical]


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=60)
@given(values=choice_lists(8))
def test_every_choice_comes_back_exactly(kind: Any, values: list[Any]) -> None:
    parameter: Parameter = kind(values)
    encoded = parameter.encode_all(values)
    assert same(parameter.decode_all(encoded)) == same(values)
    assert torch.equal(encoded, parameter.level(torch.arange(len(values))))
    expected = [i / (len(values) - 1) if kind is Ordinal and i else float(i) for i in range(len(values))]
    assert encoded.tolist() == expected
    assert same(parameter.decode_all(parameter.encode_all(json.loads(json.dumps(values))))) == same(values)


@pytest.mark.parametrize("kind", KINDS)
def test_true_and_one_are_different_choices(kind: Any) -> None:
    parameter = kind([True, 1, False, 0, "1", None, [1], [True]])
    assert [type(value) for value in values_of(parameter)] == [bool, int, bool, int, str, type(None), list, list]
    for value in values_of(parameter):
        assert same(parameter.decode(parameter.encode(value))) == same(value)
    assert kind([True, False]) != kind([1, 0])
    assert kind([1, 2]) == kind([1.0, 2.0])


def test_scalars_and_tuples_stand_for_their_json_values() -> None:
    parameter = Categorical([np.int64(1), np.bool_(True), np.str_("a"), (1, 2), 0.5, OrderedDict(a=1, b=2)])
    assert values_of(parameter) == [1, True, "a", [1, 2], 0.5, {"a": 1, "b": 2}]
    told = [1.0, torch.tensor(True), np.array("a"), [1, 2.0], np.float64(0.5), {"b": 2, "a": 1}]
    assert parameter.encode_all(told).tolist() == [0, 1, 2, 3, 4, 5]
    assert [type(value) for value in values_of(parameter)] == [int, bool, str, list, float, dict]


def test_choices_cannot_be_changed_from_outside() -> None:
    layers: list[Any] = [[8, [8]], {"width": 4}]
    parameter = Categorical(layers)
    layers[0][1].append(8)
    parameter.decode(0.0)[1].append(8)
    parameter.decode(1.0)["width"] = 5
    assert values_of(parameter) == [[8, [8]], {"width": 4}]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("values", "message"),
    [
        ([], r"must hold at least one value; got \[\]\."),
        ("abc", r"must be a list of values; got 'abc'\. Write \['abc'\]\."),
        (3, r"must be a list of values; got 3\. Write \[3\]\."),
        (["a", "b", "a"], r"must hold no value twice; got 'a' and 'a'\. Remove one"),
        ([1, 1.0], r"must hold no value twice; got 1 and 1\.0\."),
        ([[1], (1.0,)], r"must hold no value twice"),
        ([float("nan")], r"must hold JSON values only; got nan\."),
        ([float("inf")], r"must hold JSON values only; got inf\."),
        ([object], r"must hold JSON values only; got <class 'object'>\."),
        ([{1: 2}], r"must hold JSON values only; got \{1: 2\}\."),
    ],
)
def test_bad_lists(kind: Any, values: Any, message: str) -> None:
    argument = "values" if kind is Ordinal else "choices"
    with pytest.raises(SpaceError, match=rf"`{argument}` {message}"):
        kind(values)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("tahn", r"`value` must be one of the choices; got 'tahn'\. Did you mean 'tanh'\?"),
        ("xyz", r"`value` must be one of the choices; got 'xyz'\. Use one of 'relu', 'tanh', 1, None\."),
        (True, r"must be one of the choices; got True\."),
        (float("nan"), r"must be one of the choices; got nan\."),
        (object, r"must be one of the choices; got <class 'object'>\."),
        ([1], r"must be one of the choices; got \[1\]\."),
    ],
)
def test_unknown_choices(kind: Any, value: object, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        kind(["relu", "tanh", 1, None]).encode(value)


@settings(max_examples=60)
@given(choice_lists(2))
def test_identity_is_equality_of_json(values: list[Any]) -> None:
    for one in values:
        for other in values:
            assert (identity(one) == identity(other)) == (same(one) == same(other))
