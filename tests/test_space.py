"""Laws of the space: configs and encoded rows are two views of one point, whatever the nesting of its conditions."""

import copy
import json
import math
import pickle
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from gpbop.errors import ConfigError, ShapeError, SpaceError
from gpbop.parameters import INACTIVE, Categorical, Float, Integer, Ordinal
from gpbop.space import Space
from tests.spaces import NETWORK, collapse, full_configs, same, spaces, unit_rows


def uniform(space: Space, m: int) -> torch.Tensor:
    return torch.rand(m, space.d, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


@settings(max_examples=75)
@given(st.data())
def test_configs_come_back_from_their_rows(data: st.DataObject) -> None:
    """Finite parameters exactly, continuous ones as a value of the same row; inactive ones are left out."""
    space = data.draw(spaces())
    full = data.draw(st.lists(full_configs(space), min_size=1, max_size=4))
    X = space.encode(full)
    decoded = space.decode(X)
    assert torch.equal(space.encode(decoded), X)
    assert torch.equal(space.canonicalize(X), X)
    for config, back in zip(full, decoded, strict=True):
        assert list(back) == list(collapse(space, config))
        for name, value in back.items():
            if space.parameters[name].placement:
                assert same(value) == same(config[name])


@settings(max_examples=60)
@given(st.data())
def test_uniform_rows_are_canonical_and_decode(data: st.DataObject) -> None:
    space = data.draw(spaces())
    X = space.from_unit(torch.tensor(data.draw(unit_rows(space)), dtype=torch.float64))
    assert torch.equal(space.canonicalize(X), X)
    assert torch.equal(space.encode(space.decode(X)), X)
    low, high = space.bounds
    assert (X.eq(INACTIVE) | (X.ge(low) & X.le(high))).all()


@settings(max_examples=60)
@given(st.data())
def test_any_real_row_becomes_the_nearest_valid_one(data: st.DataObject) -> None:
    space = data.draw(spaces())
    real = st.floats(-1e6, 1e6) | st.floats(-1.5, 2.0) | st.just(INACTIVE)
    rows = torch.tensor(data.draw(st.lists(st.tuples(*[real] * space.d), min_size=1, max_size=4)), dtype=torch.float64)
    X = space.canonicalize(rows)
    assert torch.equal(space.canonicalize(X), X)
    assert torch.equal(space.encode(space.decode(rows)), X)
    assert torch.equal(X != INACTIVE, space.activity(rows))
    for j, parameter in enumerate(space.parameters.values()):
        free = (X[:, j] != INACTIVE) & (rows[:, j] != INACTIVE)
        asked, given_ = rows[free, j].clamp(*space.bounds[:, j]), X[free, j]
        levels = parameter.level(torch.arange(int(parameter.count))) if parameter.placement else asked
        nearest = (asked[:, None] - levels).abs().amin(1) if len(asked) else asked
        assert torch.allclose((asked - given_).abs(), nearest, rtol=0, atol=1e-12)
        unset = (X[:, j] != INACTIVE) & (rows[:, j] == INACTIVE)
        middle = 0.0 if parameter.is_categorical else 0.5
        widest = 1.0 if parameter.count <= 2 else (levels.diff().max().item() if parameter.placement else 0.0)
        assert ((X[unset, j] - middle).abs() <= widest / 2 + 1e-12).all() or parameter.count == 1


@settings(max_examples=30)
@given(st.data())
def test_a_batch_is_its_rows_one_by_one(data: st.DataObject) -> None:
    space = data.draw(spaces())
    U = torch.tensor(data.draw(unit_rows(space)), dtype=torch.float64)
    X = space.from_unit(U)
    for function, rows in ((space.from_unit, U), (space.canonicalize, U * 3 - 1), (space.activity, X)):
        whole = function(rows)
        assert torch.equal(whole, torch.cat([function(row[None]) for row in rows]))
        assert torch.equal(whole, function(rows[None])[0])
        assert torch.equal(whole[0], function(rows[0]))
    assert [space.decode(row[None])[0] for row in X] == space.decode(X)
    assert torch.equal(torch.cat([space.encode([config]) for config in space.decode(X)]), X)


@pytest.mark.parametrize("name", NETWORK.names)
def test_levels_have_equal_shares(name: str) -> None:
    space = Space({"x": type(NETWORK.parameters[name])(**_arguments(name))})
    count = space.parameters["x"].count if space.parameters["x"].placement else 10
    U = (torch.arange(int(count) * 7, dtype=torch.float64)[:, None] + 0.5) / (count * 7)
    X = space.from_unit(U)
    parameter = space.parameters["x"]
    if getattr(parameter, "log", False) and parameter.placement:
        return  # shares are even on the log scale: the next test
    if parameter.placement:
        assert X.unique(return_counts=True)[1].tolist() == [7] * int(count)
    else:
        assert torch.allclose(X, U, rtol=0, atol=1e-15)


def test_log_integers_are_as_likely_in_every_decade() -> None:
    for high in (10**4, 10**8):
        space = Space({"n": Integer(1, high, log=True)})
        U = (torch.arange(2000, dtype=torch.float64)[:, None] + 0.5) / 2000
        n = torch.tensor([config["n"] for config in space.decode(space.from_unit(U))], dtype=torch.float64)
        decades = n.log10().floor().clamp_max(math.log10(high) - 1)
        shares = decades.unique(return_counts=True)[1] / 2000
        assert float(shares.max() / shares.min()) < 1.4
        assert int(n.min()) == 1
        assert int(n.max()) > 0.98 * high


def test_the_ends_of_the_unit_cube_are_first_and_last_levels() -> None:
    space = Space({**NETWORK.parameters, "huge": Integer(0, 2**53), "one": Ordinal(["only"])})
    for end in (0.0, 1.0):
        X = space.from_unit(torch.full((1, space.d), end, dtype=torch.float64))
        for column, parameter in zip(X[0].tolist(), space.parameters.values(), strict=True):
            assert column == (0.0 if parameter.count == 1 else end) or (parameter.when and column == INACTIVE)
    assert space.decode(X)[0].keys() == set(space.names)


def test_huge_integers_come_back_from_a_space() -> None:
    space = Space(
        {"huge": Integer(0, 2**53), "far": Integer(2**62, 2**62 + 2**53), "log": Integer(1, 10**12, log=True)}
    )
    configs = [{"huge": 2**53 - i, "far": 2**62 + 2**53 - i, "log": 10**12 - i} for i in range(100)]
    X = space.encode(configs)
    assert space.decode(X) == configs
    assert torch.equal(space.canonicalize(X), X)
    odd = Space({"odd": Integer(1, 3**33)})  # a count for which rounding u (count - 1) alone does not find the level
    X = odd.from_unit(uniform(odd, 10_000))
    assert torch.equal(odd.canonicalize(X), X)
    assert torch.equal(odd.encode(odd.decode(X)), X)


def _arguments(name: str) -> dict[str, Any]:
    return {k: v for k, v in NETWORK.parameters[name].to_dict().items() if k not in ("type", "when")}


def test_samples_repeat_with_their_seed_and_leave_the_global_one_alone() -> None:
    before = torch.get_rng_state()
    assert NETWORK.sample(20, 3) == NETWORK.sample(20, 3) != NETWORK.sample(20, 4)
    assert torch.equal(torch.get_rng_state(), before)
    assert len(NETWORK.sample(0, 0)) == 0


@settings(max_examples=60)
@given(spaces())
def test_json_keeps_the_space(space: Space) -> None:
    text = json.dumps(space.to_dict(), sort_keys=True)
    again = Space.from_dict(json.loads(text))
    assert again == space
    assert hash(again) == hash(space)
    assert again.names == space.names
    assert json.dumps(again.to_dict(), sort_keys=True) == text


@settings(max_examples=60)
@given(spaces())
def test_the_representation_is_the_call_that_builds_the_space(space: Space) -> None:
    kinds = {"Space": Space, "Float": Float, "Integer": Integer, "Ordinal": Ordinal, "Categorical": Categorical}
    assert eval(repr(space), kinds) == space
    assert repr(Float(0, 1, log=False, when={"a": [1]})) == "Float(0.0, 1.0, when={'a': [1]})"


def test_spaces_differ_in_names_order_and_parameters() -> None:
    one, two = Categorical([True, False]), Categorical([1, 0])
    assert Space({"a": one}) != Space({"a": two})
    assert Space({"a": one, "b": two}) != Space({"b": two, "a": one})
    assert Space({"a": one, "b": one}) != Space({"a": one, "b": Categorical([True, False], when={"a": [True]})})


def test_spaces_survive_pickle_and_copy_after_use() -> None:
    space = copy.deepcopy(NETWORK)
    configs = space.sample(3, 0)
    again = pickle.loads(pickle.dumps(space))
    assert again == copy.deepcopy(space) == NETWORK
    assert torch.equal(again.encode(configs), NETWORK.encode(configs))


def test_gradients_and_arguments_stay_outside() -> None:
    U = uniform(NETWORK, 5).requires_grad_()
    X = NETWORK.from_unit(U)
    assert not X.requires_grad
    kept = X.clone()
    NETWORK.canonicalize(X)
    NETWORK.decode(X)
    NETWORK.bounds.fill_(7.0)
    assert torch.equal(X, kept)
    assert NETWORK.bounds.max() == 1


def test_rows_that_are_equal_have_equal_bits() -> None:
    space = Space({"x": Float(0, 1), "y": Integer(0, 3), "c": Categorical(["a", "b"])})
    zeros = [space.encode([{"x": -0.0, "y": -0.0, "c": "a"}]), space.canonicalize(torch.full((1, 3), -0.0))]
    assert all(not rows.signbit().any() for rows in zeros)


def test_float32_rows_are_read_as_float64() -> None:
    X = NETWORK.canonicalize(NETWORK.from_unit(uniform(NETWORK, 50)).float())
    assert X.dtype == torch.float64
    assert torch.equal(NETWORK.encode(NETWORK.decode(X)), X)


def test_same_bits_on_the_device(device: torch.device) -> None:
    U = uniform(NETWORK, 2000)
    X = NETWORK.from_unit(U)
    assert torch.equal(NETWORK.from_unit(U.to(device)).cpu(), X)
    assert torch.equal(NETWORK.canonicalize(2 * U.to(device) - 0.5).cpu(), NETWORK.canonicalize(2 * U - 0.5))
    assert torch.equal(NETWORK.activity(X.to(device)).cpu(), NETWORK.activity(X))
    assert torch.equal(NETWORK.encode(NETWORK.decode(X.to(device)), device=device).cpu(), X)
    assert NETWORK.encode([], device=device).device.type == device.type


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({}, r"`parameters` must be a dict of at least one parameter; got \{\}\."),
        ([Float(0, 1)], r"`parameters` must be a dict of at least one parameter; got \[Float"),
        ({"": Float(0, 1)}, r"`parameters` must have strings as names; got ''\."),
        ({1: Float(0, 1)}, r"`parameters` must have strings as names; got 1\."),
        (
            {"a": (0, 1)},
            r"`parameters\['a'\]` must be a parameter; got \(0, 1\)\. Use Float, Integer, Ordinal or Categorical\.",
        ),
    ],
)
def test_bad_spaces(parameters: Any, message: str) -> None:
    with pytest.raises(SpaceError, match=message):
        Space(parameters)


@pytest.mark.parametrize(
    "state",
    [
        None,
        {},
        [],
        "text",
        {"parameters": 3},
        {"parameters": [3]},
        {"parameters": ["ab"]},
        {"parameters": [{"type": "Float", "low": 0, "high": 1}]},
        {"parameters": [{"name": "a", "type": "Flot", "low": 0, "high": 1}]},
        {"parameters": [{"name": "a", "type": ["Float"], "low": 0, "high": 1}]},
        {"parameters": [{"name": ["a"], "type": "Float", "low": 0, "high": 1}]},
        {"parameters": [{"name": "a", "type": "Float", "low": 0}]},
        {"parameters": [{"name": "a", "type": "Float", "low": 1, "high": 0}]},
        {"parameters": [{"name": "a", "type": "Float", "low": 0, "high": 1, "width": 3}]},
        {"parameters": [{"name": "a", "type": "Float", "low": 0, "high": 1, 3: 3}]},
        {"parameters": [{"name": "a", "type": "Float", "low": 0, "high": 1}] * 2},
    ],
)
def test_garbage_is_no_space(state: Any) -> None:
    with pytest.raises(SpaceError, match=r"`state` must .*Save the space again\."):
        Space.from_dict(state)


def test_a_state_without_parameters_or_with_broken_conditions_is_no_space() -> None:
    with pytest.raises(SpaceError, match="at least one parameter"):
        Space.from_dict({"parameters": []})
    with pytest.raises(SpaceError, match="`when` of `a` must name a parameter"):
        Space.from_dict({"parameters": [{"name": "a", "type": "Float", "low": 0, "high": 1, "when": {"b": [1]}}]})


@pytest.mark.parametrize("method", [NETWORK.decode, NETWORK.canonicalize, NETWORK.activity, NETWORK.from_unit])
def test_rows_of_another_shape_or_with_nan(method: Any) -> None:
    with pytest.raises(ShapeError, match=r"must have 7 columns, one a parameter; got \(4, 6\)\."):
        method(torch.zeros(4, 6))
    with pytest.raises(ShapeError, match=r"must have 7 columns"):
        method(torch.tensor(0.0))
    with pytest.raises(ConfigError, match=r"must hold no NaN; got 2 of them\."):
        method(torch.tensor([[0.0] * 5 + [math.nan] * 2]))


def test_decode_takes_a_matrix() -> None:
    with pytest.raises(ShapeError, match=r"`X` must have shape n x 7; got \(7,\)\."):
        NETWORK.decode(torch.zeros(7))
