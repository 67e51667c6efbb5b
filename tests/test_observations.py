"""The door of values: what is a number, what is a failure, what is a mistake."""

import math
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from gpbop import Float, Observations, Space
from gpbop.errors import ConfigError, ObjectiveError, ShapeError
from gpbop.observations import check_value, check_values

SPACE = Space({"x": Float(0.0, 1.0)})


@given(value=st.floats(allow_nan=False, allow_infinity=False), container=st.sampled_from([float, np.float64, np.array]))
def test_numbers_keep_their_last_bit(value: float, container: Any) -> None:
    checked = check_value(container(value))
    assert type(checked) is float
    assert math.copysign(1.0, checked) == math.copysign(1.0, value)
    assert checked == value


@pytest.mark.parametrize(
    ("value", "number"),
    [
        (3, 3.0),
        (np.int32(-2), -2.0),
        (np.float32(0.5), 0.5),
        (np.longdouble(0.5), 0.5),
        (Decimal("0.25"), 0.25),
        (Fraction(1, 4), 0.25),
        (torch.tensor(2.0, requires_grad=True), 2.0),
        (torch.tensor(2), 2.0),
    ],
)
def test_every_kind_of_number_counts(value: Any, number: float) -> None:
    assert check_value(value) == number


FAILURES = [
    None,
    math.nan,
    math.inf,
    -math.inf,
    np.float32("nan"),
    Decimal("Infinity"),
    10**400,
    torch.tensor(math.inf),
]


@pytest.mark.parametrize("value", FAILURES)
def test_what_is_not_finite_is_a_failure(value: Any) -> None:
    assert math.isnan(check_value(value))


MISTAKES = [
    "0.3",
    b"1",
    True,
    np.True_,
    torch.tensor(True),
    1j,
    np.complex128(1),
    torch.tensor(1j),
    [0.3],
    np.array([0.3]),
    torch.tensor([[0.3]]),
    np.array("0.3"),
    Decimal("sNaN"),
    np.datetime64("2024-01-01"),
    {},
    object(),
]


@pytest.mark.parametrize("value", MISTAKES)
def test_what_is_no_number_is_a_mistake(value: Any) -> None:
    message = r"must be a number, or None for a failed experiment; got (?s:.*) of type .*\. Tell the objective"
    with pytest.raises(ObjectiveError, match="`value` " + message):
        check_value(value)
    with pytest.raises(ObjectiveError, match=r"`values\[1\]` " + message):
        check_values([{}, {}], [1.0, value])


def test_observations_part_successes_from_failures() -> None:
    xs, values = [0.0, 0.25, 0.5, 0.75], [1.0, None, -2.0, math.inf]
    observations = Observations.of(SPACE, [{"x": x} for x in xs], values)
    assert len(observations) == 4
    assert observations.succeeded.tolist() == [True, False, True, False]
    assert observations.successes().X.tolist() == [[0.0], [0.5]]
    assert observations.successes().y.tolist() == [1.0, -2.0]
    assert observations.failures().tolist() == [[0.25], [0.75]]
    infinite = Observations(observations.X, torch.tensor([1.0, math.inf, math.nan, 2.0]))
    assert infinite.succeeded.tolist() == [True, False, False, True]


def test_observations_may_be_none() -> None:
    observations = Observations.of(SPACE, [], [])
    assert observations.X.shape == (0, 1)
    assert len(observations.successes()) == 0


def test_shapes_are_checked() -> None:
    with pytest.raises(ShapeError, match=r"`X` and `y` must have shapes n x d and n; got \(2, 1\) and \(3,\)\. Encode"):
        Observations(torch.zeros(2, 1), torch.zeros(3))
    with pytest.raises(ShapeError, match=r"`X` and `y` must have"):
        Observations(torch.zeros(2), torch.zeros(2))
    with pytest.raises(
        ShapeError, match=r"`values` must be a list of one value for each config; got 1 configs and 2 values"
    ):
        Observations.of(SPACE, [{"x": 0.0}], [1.0, 2.0])
    with pytest.raises(ConfigError, match="nan"):
        Observations.of(SPACE, [{"x": math.nan}], [1.0])
