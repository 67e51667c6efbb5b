import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gpbop.errors import ConfigError
from gpbop.parameters import Float, Integer
from gpbop.scoring.sources.levels import UNCERTAIN, certain_levels
from tests.spaces import integers, stepped_floats


def level_of(parameter, number):
    try:
        return parameter.level_of(number, "value")
    except ConfigError:
        return UNCERTAIN


@given(integers() | stepped_floats(), st.data())
def test_certain_levels_are_those_of_the_parameter(parameter, data):
    values = [parameter.value_of(level) for level in range(parameter.count)]
    near = st.sampled_from(values).flatmap(
        lambda v: st.sampled_from([v, v + 1, v - 1, v * (1 + 1e-15), v + 1e-10, v + 1e-6])
    )
    numbers = data.draw(st.lists(near | st.floats(-1e3, 1e3) | st.sampled_from([np.nan, np.inf, 1e300]), min_size=1))
    levels = certain_levels(parameter, np.array(numbers, dtype=np.float64)).tolist()
    for number, level in zip(numbers, levels, strict=True):
        assert level in (UNCERTAIN, level_of(parameter, float(number)))


@given(stepped_floats(), st.sampled_from([np.float16, np.float32]), st.data())
def test_short_floats_are_on_the_level_that_they_are_nearest_to(parameter, dtype, data):
    levels = data.draw(st.lists(st.integers(0, parameter.count - 1), min_size=1))
    with np.errstate(over="ignore"):
        numbers = np.array([parameter.value_of(level) for level in levels]).astype(dtype)
    found = certain_levels(parameter, numbers).tolist()
    gap = float(np.finfo(dtype).eps) * max(abs(parameter.low), abs(parameter.high))
    is_fine = parameter.step > 2 * gap
    expected = [level if is_fine and np.isfinite(x) else UNCERTAIN for level, x in zip(levels, numbers, strict=True)]
    assert found == expected
    beside = certain_levels(parameter, np.nextafter(numbers, dtype(np.inf)))
    assert parameter.step <= 4 * gap or (beside == UNCERTAIN).all()


@pytest.mark.parametrize(
    "parameter",
    [
        Integer(1, 10**9),
        Integer(-(2**63), 2**63 - 2**11, step=2**11),
        Integer(-7, 8, step=3),
        Float(0.0, 0.5, step=0.1),
        Float(-1.0, 1.0, step=1e-5),
    ],
)
def test_valid_numbers_are_certain(parameter):
    levels = np.unique(np.linspace(0, parameter.count - 1, 1000).astype(np.int64))
    numbers = np.array([parameter.value_of(level) for level in levels.tolist()])
    assert certain_levels(parameter, numbers).tolist() == levels.tolist()


@given(st.integers(-(2**63), 2**63 - 1), st.integers(0, 2**64 - 1))
def test_whole_numbers_of_64_bits_are_exact(signed, unsigned):
    parameter = Integer(-(2**63), 2**63 - 2**11, step=2**11)
    for number, dtype in ((signed, np.int64), (unsigned, np.uint64)):
        level = level_of(parameter, number)
        assert certain_levels(parameter, np.array([number], dtype=dtype)).tolist() == [level]


@pytest.mark.parametrize("step", [0.01, 1e-8])
def test_steps_too_fine_for_the_margin_are_never_certain(step):
    parameter = Float(1e6, 1e6 + 1, step=step)
    assert certain_levels(parameter, np.array([1e6, 1e6 + 0.5])).tolist() == [UNCERTAIN, UNCERTAIN]
