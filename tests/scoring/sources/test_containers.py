"""What rides along with the candidates is what the container holds."""

import uuid
from decimal import Decimal

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gpbop.parameters import Integer
from gpbop.scoring.sources import Table
from gpbop.space import Space

SPACE = Space({"w": Integer(0, 99)})


@given(numbers=st.lists(st.none() | st.decimals(-(10**20), 10**20, places=10), min_size=1, max_size=9))
def test_decimals_keep_every_digit(numbers: list[Decimal | None]) -> None:
    table = pa.table({"w": range(len(numbers)), "x": pa.array(numbers, pa.decimal128(38, 10))})
    for data in (table, table.to_pandas(), table.to_pandas(types_mapper=pd.ArrowDtype)):
        assert Table(data, SPACE).extras(range(len(numbers))) == {"x": numbers}


def test_times_that_python_does_not_have_ride_along() -> None:
    table = pa.table({"w": [1, 2], "x": pa.array([10**12, 0], pa.timestamp("s"))})
    assert Table(table, SPACE).extras([0])["x"] == ["33658-09-27T01:46:40"]
    nested = table.set_column(1, "x", pa.array([[10**12], None], pa.list_(pa.timestamp("s"))))
    assert Table(nested, SPACE).extras([1, 0])["x"] == [None, ["33658-09-27T01:46:40"]]


@pytest.mark.parametrize(
    "values",
    [
        pd.period_range("2020-01", periods=2, freq="M"),
        pd.interval_range(0, 2),
        pd.Categorical(pd.period_range("2020-01", periods=2, freq="M")),
        [uuid.UUID(int=1), uuid.UUID(int=2)],
        pd.date_range("2020-01-01", periods=2, freq="ns", unit="ns"),
    ],
)
def test_values_of_pandas_stay_what_they_are(values: object) -> None:
    frame = pd.DataFrame({"w": [1, 2], "x": values})
    assert Table(frame, SPACE).extras([0, 1])["x"] == frame["x"].tolist()
    assert Table(frame.assign(x=frame["x"].where([True, False])), SPACE).extras([1])["x"] == [None]


def test_values_of_extension_types_are_those_of_the_type() -> None:
    ids = [uuid.UUID(int=1), None, uuid.UUID(int=2)]
    table = pa.table({"w": [1, 2, 3], "x": pa.array([i and i.bytes for i in ids], pa.uuid())})
    assert Table(table, SPACE).extras([2, 1, 0])["x"] == ids[::-1]


def test_decimals_are_parameters() -> None:
    table = pa.table({"w": pa.array([Decimal("7.0"), Decimal("99.0")])})
    assert Table(table, SPACE).configs([1, 0]) == [{"w": 99}, {"w": 7}]
    assert np.isclose(next(Table(table, SPACE).blocks(9)).X[1, 0], 1.0)
