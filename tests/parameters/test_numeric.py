"""Float and Integer: exact round trips, levels as people write them, one clear error for each bad input."""

import copy
import pickle
from decimal import Decimal
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from gpbop.errors import ConfigError, SpaceError
from gpbop.parameters import Float, Integer, Parameter
from tests.spaces import continuous_floats, integers, stepped_floats, values_of


@settings(max_examples=100)
@given(integers(most=40) | stepped_floats(most=40))
def test_every_level_comes_back_exactly(parameter: Parameter) -> None:
    values = values_of(parameter)
    encoded = parameter.encode_all(values)
    assert parameter.decode_all(encoded) == values
    assert [type(value) for value in parameter.decode_all(encoded)] == [type(value) for value in values]
    assert torch.equal(encoded, parameter.level(torch.arange(len(values))))
    assert encoded.tolist() == [parameter.encode(value) for value in values]
    assert encoded[0] == 0
    assert encoded[-1] == 1
    assert (encoded.diff() > 0).all()


@settings(max_examples=100)
@given(st.integers(-(10**6), 10**6), st.integers(1, 10**4), st.integers(1, 10**4), st.integers(0, 12), st.data())
def test_stepped_values_are_decimals(low: int, step: int, steps: int, scale: int, data: st.DataObject) -> None:
    def written(number: int) -> float:
        return float(Decimal(number).scaleb(-scale))

    parameter = Float(written(low), written(low + steps * step), step=written(step))
    level = data.draw(st.integers(0, steps))
    assert parameter.count == steps + 1
    assert parameter.decode(level / steps) == written(low + level * step)
    assert parameter.encode(written(low + level * step)) == level / steps


@given(st.integers(0, 10**6), st.floats(-0.9e-9, 0.9e-9))
def test_a_value_next_to_a_level_counts_as_on_it(level: int, error: float) -> None:
    parameter = Float(0.0, 1e5, step=0.1)
    assert parameter.decode(parameter.encode(min(max((level + error) * 0.1, 0.0), 1e5))) == round(level * 0.1, 1)


def test_steps_that_no_decimal_writes_still_end_at_high() -> None:
    assert values_of(Float(0.0, 1.0, step=1 / 3)) == [0.0, 1 / 3, 2 / 3, 1.0]
    assert values_of(Float(0.0, 0.7, step=0.1)) == [0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7]
    assert values_of(Float(-1e308, 1e308, step=1e308)) == [-1e308, 0.0, 1e308]


@settings(max_examples=100)
@given(continuous_floats(), st.data())
def test_continuous_values_encode_decode_encode(parameter: Float, data: st.DataObject) -> None:
    value = data.draw(st.floats(parameter.low, parameter.high))
    encoded = parameter.encode(value)
    assert 0 <= encoded <= 1
    assert parameter.encode(parameter.decode(encoded)) == encoded
    assert parameter.decode(encoded) == pytest.approx(
        value, rel=1e-12, abs=1e-12 * max(map(abs, (parameter.low, parameter.high)))
    )


@settings(max_examples=200)
@given(st.floats(0, 1))
def test_every_float_of_the_unit_interval_comes_back(value: float) -> None:
    assert Float(0, 1).encode(value) == value
    assert Float(0, 1).decode(value) == value


@pytest.mark.parametrize(("low", "high"), [(0, 2**53), (-(2**52), 2**52), (2**62, 2**63 - 1 - (2**62 - 2**53 - 1))])
@given(share=st.floats(0, 1))
def test_huge_integers_come_back(low: int, high: int, share: float) -> None:
    parameter = Integer(low, high)
    for value in (low, low + 1, high - 1, high, low + int(share * (high - low))):
        assert parameter.decode(parameter.encode(value)) == value


@pytest.mark.parametrize(
    "scalar", [3, 3.0, np.float32(3), np.int64(3), np.array(3), torch.tensor(3), torch.tensor(3.0)]
)
def test_any_scalar_is_a_number(scalar: Any) -> None:
    for parameter in (Integer(0, 10), Float(0, 10), Float(0, 10, step=0.5), Integer(1, 10, log=True)):
        assert parameter.encode(scalar) == parameter.encode(3)
        assert type(parameter.decode(parameter.encode(scalar))) is (int if isinstance(parameter, Integer) else float)


def test_bounds_may_be_numpy_scalars_and_whole_floats() -> None:
    assert Integer(np.int64(1), 5.0, step=np.int32(2)) == Integer(1, 5, step=2)  # type: ignore[arg-type]
    assert Float(0, np.float32(0.5), step=np.float64(0.25)) == Float(0.0, 0.5, step=0.25)
    assert Float(0, 1) == Float(0.0, 1.0) != Float(0, 1, log=False, step=0.5)
    assert len({Float(0, 1), Float(0.0, 1.0), Integer(0, 1)}) == 2


@pytest.mark.parametrize(
    "parameter", [Float(0, 1), Float(1, 9, log=True, step=2), Integer(1, 8, log=True), Float(1, 2, log=True)]
)
def test_parameters_survive_pickle_and_copy_after_use(parameter: Parameter) -> None:
    parameter.encode(1)
    assert pickle.loads(pickle.dumps(parameter)) == copy.deepcopy(parameter) == parameter
    assert pickle.loads(pickle.dumps(parameter)).encode(1) == parameter.encode(1)


NAN, INF = float("nan"), float("inf")


@pytest.mark.parametrize(
    ("kind", "arguments", "message"),
    [
        (
            Float,
            {"low": 1, "high": 1},
            r"`low` must be less than `high`; got low=1\.0, high=1\.0\. Leave a constant out",
        ),
        (Float, {"low": 2, "high": 1}, r"`low` must be less than `high`; got low=2\.0, high=1\.0\. Swap the bounds\."),
        (Integer, {"low": 5, "high": 4}, r"`low` must be less than `high`; got low=5, high=4\. Swap"),
        (Float, {"low": 0, "high": INF}, r"`high` must be finite; got inf\."),
        (Float, {"low": NAN, "high": 1}, r"`low` must be finite; got nan\."),
        (Float, {"low": 0, "high": 10**400}, r"`high` must be finite; got 1000"),
        (Integer, {"low": 0, "high": INF}, r"`high` must be a whole number; got inf \(float\)\."),
        (Integer, {"low": NAN, "high": 1}, r"`low` must be a whole number; got nan \(float\)\."),
        (Integer, {"low": 0, "high": 1.5}, r"`high` must be a whole number; got 1\.5 \(float\)\. Use an int, or Float"),
        (Integer, {"low": 0, "high": 2**64}, r"`high` must fit into 64 bits"),
        (Integer, {"low": -(2**53), "high": 2**53}, r"`step` must be wide enough"),
        (Float, {"low": "0", "high": 1}, r"`low` must be a number; got '0' \(str\)\."),
        (Float, {"low": False, "high": 1}, r"`low` must be a number; got False \(bool\)\."),
        (Integer, {"low": None, "high": 1}, r"`low` must be a whole number; got None \(NoneType\)\."),
        (
            Float,
            {"low": 0, "high": 1, "log": True},
            r"`low` must be positive when log=True; got 0\.0\. Raise it, or use log=False\.",
        ),
        (Float, {"low": 5e-324, "high": 1, "log": True}, r"`low` must be a normal float64 when log=True"),
        (Integer, {"low": -1, "high": 4, "log": True}, r"`low` must be positive when log=True; got -1\."),
        (Integer, {"low": 1, "high": 4, "log": 1}, r"`log` must be True or False; got 1\."),
        (Float, {"low": 0, "high": 1, "step": 0}, r"`step` must be positive; got 0\.0\."),
        (Integer, {"low": 0, "high": 4, "step": -2}, r"`step` must be positive; got -2\."),
        (Integer, {"low": 0, "high": 4, "step": None}, r"`step` must be a whole number; got None"),
        (Float, {"low": 0, "high": 1, "step": NAN}, r"`step` must be finite; got nan\."),
        (
            Float,
            {"low": 0, "high": 1, "step": 2},
            r"`step` must be at most high - low; got step=2\.0 with low=0\.0, high=1\.0\.",
        ),
        (
            Float,
            {"low": 0, "high": 1, "step": 0.3},
            r"`high` must be `low` plus a whole number of steps; .* Use high=0\.9\.",
        ),
        (
            Integer,
            {"low": 1, "high": 10, "step": 2},
            r"`high` must be `low` plus a whole number of steps; .* Use high=9\.",
        ),
        (
            Float,
            {"low": 0, "high": 1, "step": 1e-17},
            r"`step` must be wide enough for float64 to tell the levels apart",
        ),
        (Float, {"low": 1e9, "high": 1e9 + 1, "step": 1e-9}, r"`step` must be wide enough"),
        (
            Float,
            {"low": 0, "high": 1, "when": ["a"]},
            r"`when` must map names of parameters to lists of values; got \['a'\]\.",
        ),
        (
            Float,
            {"low": 0, "high": 1, "when": {"a": True}},
            r"`when\['a'\]` must be a list of values; got True\. Write \[True\]\.",
        ),
        (
            Float,
            {"low": 0, "high": 1, "when": {"a": "xy"}},
            r"`when\['a'\]` must be a list of values; got 'xy'\. Write \['xy'\]\.",
        ),
        (Float, {"low": 0, "high": 1, "when": {"a": []}}, r"`when\['a'\]` must hold at least one value; got \[\]\."),
    ],
)
def test_bad_arguments(kind: type[Parameter], arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(SpaceError, match=message):
        kind(**arguments)


@pytest.mark.parametrize(
    ("parameter", "value", "message"),
    [
        (Float(0, 1), 1.5, r"`value` must lie in \[0\.0, 1\.0\]; got 1\.5\."),
        (Float(0, 1), 10**400, r"`value` must lie in \[0\.0, 1\.0\]; got 1000"),
        (Float(0, 1), INF, r"`value` must lie in \[0\.0, 1\.0\]; got inf\."),
        (Float(0, 1), NAN, r"`value` must not be NaN; got nan\. Use a number from 0\.0 to 1\.0\."),
        (Float(0, 1), torch.tensor(NAN), r"`value` must not be NaN"),
        (Float(0, 1), True, r"`value` must be a number; got True \(bool\)\."),
        (Float(0, 1), np.bool_(True), r"`value` must be a number; got True \(bool\)\."),
        (Float(0, 1), "0.5", r"`value` must be a number; got '0\.5' \(str\)\."),
        (Float(0, 1), None, r"`value` must be a number; got None \(NoneType\)\."),
        (Float(0, 1), np.array([0.5]), r"`value` must be a number; got array\(\[0\.5\]\) \(ndarray\)\."),
        (
            Float(0, 1, step=0.1),
            0.25,
            r"`value` must be 0\.0 plus a whole number of steps of 0\.1; got 0\.25\. Use 0\.[23]",
        ),
        (Float(0, 1, step=0.1), 0.30000001, r"got 0\.30000001\. Use 0\.3, the nearest level\."),
        (Float(0, 1, step=0.1), -0.1, r"`value` must lie in \[0\.0, 1\.0\]; got -0\.1\."),
        (Float(0, 1, step=0.1), NAN, r"`value` must not be NaN"),
        (Integer(0, 9), 10, r"`value` must lie in \[0, 9\]; got 10\."),
        (Integer(0, 9), 2.5, r"`value` must be a whole number; got 2\.5\. Use 2\."),
        (Integer(0, 9), NAN, r"`value` must not be NaN"),
        (Integer(0, 9), False, r"`value` must be a number; got False \(bool\)\."),
        (Integer(1, 9, step=2), 4, r"`value` must be 1 plus a whole number of steps of 2; got 4\. Use 3\."),
    ],
)
def test_bad_values(parameter: Parameter, value: object, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        parameter.encode(value)


def test_a_continuous_parameter_has_no_levels() -> None:
    with pytest.raises(SpaceError, match=r"`step` must be given to number the levels; got Float\(.*\)\."):
        Float(0, 1).index(torch.zeros(1))
