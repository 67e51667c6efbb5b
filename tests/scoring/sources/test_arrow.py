"""Cells of Arrow arrays as Python values: exact, and text where Python has none."""

import datetime

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gpbop.scoring.sources.arrow import python_values

BEYOND = 10**12  # seconds: a time in the year 33658
NUMBERS = st.lists(st.none() | st.integers(-(2**62), 2**62), max_size=5)


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
@given(numbers=NUMBERS)
def test_times_keep_every_digit(unit: str, numbers: list[int | None]) -> None:
    for kind, of in ((pa.timestamp, np.datetime64), (pa.duration, np.timedelta64)):
        values = python_values(pa.array(numbers, kind(unit)))
        for number, value in zip(numbers, values, strict=True):
            if isinstance(value, str):
                assert value == str(of(number, unit))
            elif isinstance(value, pd.Timestamp | pd.Timedelta):
                assert value.value == number
            else:
                assert pa.scalar(value, kind(unit)).value == number


@pytest.mark.parametrize(
    ("array", "values"),
    [
        (pa.array([BEYOND, 0, None], pa.timestamp("s")), ["33658-09-27T01:46:40", datetime.datetime(1970, 1, 1), None]),
        (pa.array([BEYOND], pa.timestamp("s", "Europe/Berlin")), ["33658-09-27T01:46:40Z"]),
        (pa.array([2**31 - 1], pa.date32()), ["5881580-07-11"]),
        (pa.array([86_400_000 * 10**7], pa.date64()), ["29349-01-26T00:00:00.000"]),
        (pa.array([2**62], pa.duration("s")), [f"{2**62} seconds"]),
        (pa.array([1, 1000, None], pa.time64("ns")), ["00:00:00.000000001", datetime.time(0, 0, 0, 1), None]),
        (pa.array([[BEYOND, None], None], pa.list_(pa.timestamp("s"))), [["33658-09-27T01:46:40", None], None]),
        (pa.array([{"a": BEYOND}], pa.struct({"a": pa.timestamp("s")})), [{"a": "33658-09-27T01:46:40"}]),
        (pa.array([BEYOND], pa.timestamp("s")).dictionary_encode(), ["33658-09-27T01:46:40"]),
        (pa.array([b"a", b"\xff"]).view(pa.string()), ["a", b"\xff"]),
        (pa.nulls(2), [None, None]),
    ],
)
def test_what_python_has_no_value_for_is_text(array: pa.Array, values: list[object]) -> None:
    assert python_values(array) == values
    assert python_values(pa.chunked_array([array, array])) == values + values
