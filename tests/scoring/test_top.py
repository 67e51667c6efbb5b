"""The best candidates as tables and files."""

import datetime
import enum
import uuid
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gpbop import Categorical, Integer, Space, score
from gpbop.errors import ArgumentError
from gpbop.scoring import Top
from gpbop.scoring.sources import Table
from tests.scoring.candidates import process
from tests.scoring.sources.tables import is_plain, spaces_with_configs


@pytest.mark.parametrize("suffix", [".parquet", ".csv", ".CSV"])
@given(case=spaces_with_configs())
def test_what_is_saved_is_the_frame(tmp_path_factory: pytest.TempPathFactory, suffix: str, case: Any) -> None:
    space, configs = case
    rows = [config | {"id": f"n{i}", "price": i / 8} for i, config in enumerate(configs)]
    top = score(process(space, 3), rows, k=5, skip_observed=False)
    path = tmp_path_factory.mktemp("t") / f"top{suffix}"
    top.save(path)
    frame = top.to_frame()
    read = pd.read_csv(path) if suffix != ".parquet" else pd.read_parquet(path)
    assert list(read.columns) == list(frame.columns)
    assert read["id"].tolist() == frame["id"].tolist()
    for name in ("price", "mean", "std", "value", "index"):
        assert read[name].tolist() == pytest.approx(frame[name].tolist(), rel=1e-15)
    if set(space.names) <= set(read.columns) and all(map(is_plain, space.parameters.values())):
        assert Table(path, space).configs(range(len(top))) == top.configs


def test_files_of_other_kinds_and_places_are_refused(tmp_path: Path) -> None:
    top = Top([{"a": 1}], [0.0], [1.0], [0.5], [3], {}, None)  # type: ignore[arg-type]
    for name in ("top.xlsx", "top"):
        with pytest.raises(ArgumentError, match=r"`path` must end in \.parquet or \.csv"):
            top.save(tmp_path / name)
    with pytest.raises(ArgumentError, match="`path` must name a file in a folder that exists"):
        top.save(tmp_path / "nowhere" / "top.csv")
    (tmp_path / "top.csv").write_text("old")
    top.save(str(tmp_path / "top.csv"))
    assert (tmp_path / "top.csv").read_text() == '"a","mean","std","value","index"\n1,0,1,0.5,3\n'


def top_of(extras: dict[str, list[Any]], config: Any = None) -> Top:
    k = len(next(iter(extras.values())))
    return Top([config or {"a": 1}] * k, [0.5] * k, [1.0] * k, [0.25] * k, [*range(k)], extras, None)  # type: ignore[arg-type]


@given(st.sets(st.sampled_from([f"{name}{'_' * n}" for name in ("mean", "std", "value", "index") for n in range(4)])))
def test_no_column_is_lost_whatever_it_is_called(tmp_path_factory: pytest.TempPathFactory, names: set[str]) -> None:
    top = top_of({"id": ["x"]} | {name: [name] for name in names})
    path = tmp_path_factory.mktemp("t") / "top.parquet"
    top.save(path)
    frame = top.to_frame()
    assert pq.read_table(path).column_names == list(frame.columns)
    assert all(frame[name].tolist() == [name] for name in names)
    assert len(frame.columns) == 1 + len(top.extras) + 4
    assert frame.iloc[0, -4:].tolist() == [0.5, 1.0, 0.25, 0]


TIMES = st.datetimes(datetime.datetime(1700, 1, 1), datetime.datetime(2200, 1, 1))
TYPED = {
    "int64": st.integers(-(2**63), 2**63 - 1),
    "uint64": st.integers(2**63, 2**64 - 1),
    "float": st.floats(allow_nan=False),
    "bool": st.booleans(),
    "text": st.text(st.characters(codec="utf-8")),
    "bytes": st.binary(),
    "date": st.dates(),
    "time": st.times(),
    "datetime": st.datetimes(),
    "zone": st.datetimes(datetime.datetime(2, 1, 1), timezones=st.just(datetime.UTC)),
    "span": st.timedeltas(datetime.timedelta(-(10**6)), datetime.timedelta(10**6)),
    "decimal": st.decimals(-(10**20), 10**20, places=3) | st.decimals(-9, 9, places=30),
    "nanoseconds": TIMES.map(lambda time: pd.Timestamp(time).as_unit("ns") + pd.Timedelta(1, "ns")),
    "nanospan": st.integers(-(10**9), 10**9).map(lambda n: pd.Timedelta(n, "ns")),
}


@pytest.mark.parametrize("kind", TYPED)
@given(data=st.data())
def test_extras_that_have_a_type_are_read_as_they_were(
    tmp_path_factory: pytest.TempPathFactory, kind: str, data: st.DataObject
) -> None:
    values = data.draw(st.lists(st.none() | TYPED[kind], min_size=1, max_size=5))
    path = tmp_path_factory.mktemp("t") / "top.parquet"
    top_of({"x": values}).save(path)
    table = pq.read_table(path)
    assert Table(table, Space({"a": Integer(1, 2)})).extras(range(len(values)))["x"] == values
    assert table["x"].type != pa.string() or kind == "text"


@pytest.mark.parametrize("suffix", [".parquet", ".csv"])
@given(values=st.lists(st.none() | st.one_of(*TYPED.values()), min_size=1, max_size=5))
def test_extras_of_any_types_are_saved(
    tmp_path_factory: pytest.TempPathFactory, suffix: str, values: list[Any]
) -> None:
    path = tmp_path_factory.mktemp("t") / f"top{suffix}"
    top_of({"id": [f"n{i}" for i in range(len(values))], "x": values}).save(path)
    read = Table(path, Space({"a": Integer(1, 2)})).extras(range(len(values)))
    assert read["id"] == [f"n{i}" for i in range(len(values))]


def test_large_whole_numbers_are_parameters_again(tmp_path: Path) -> None:
    space = Space({"a": Integer(2**60, 2**60 + 1000), "b": Categorical([2**61, 2**61 + 1])})
    configs = [{"a": 2**60 + 7, "b": 2**61 + 1}, {"a": 2**60 + 1, "b": 2**61}]
    top = Top(configs, [0.5] * 2, [1.0] * 2, [0.25] * 2, [0, 1], {"id": [2**63, 2**64]}, None)  # type: ignore[arg-type]
    for name in ("top.parquet", "top.csv"):
        top.save(tmp_path / name)
        assert Table(tmp_path / name, space).configs([0, 1]) == configs
    assert pq.read_table(tmp_path / "top.parquet")["id"].to_pylist() == [str(2**63), str(2**64)]


class Color(enum.Enum):
    RED = 1


class Shade(enum.StrEnum):
    DARK = "dark"


@pytest.mark.parametrize(
    ("values", "texts"),
    [
        ([b"a", b"\xff", None], ["b'a'", "b'\\xff'", None]),
        ([b"a", b"b"], ["a", "b"]),
        ([[np.array([1, 2])], [np.float32(0.5)]], ["[[1, 2]]", "[0.5]"]),
        ([np.array([[1.5], [2]]), (1, "x")], ["[[1.5], [2.0]]", '[1, "x"]']),
        ([uuid.UUID(int=3), None], ["00000000-0000-0000-0000-000000000003", None]),
        ([Decimal("123.45"), Decimal("1.5")], ["123.45", "1.50"]),
        ([Decimal("NaN"), Decimal("1.5"), Decimal("1E-90")], ["NaN", "1.5", "1E-90"]),
        ([1j, Color.RED, Shade.DARK], ["1j", "Color.RED", "dark"]),
        ([set(), {1}], ["set()", "{1}"]),
        ([{3: "x"}, {"a": {1: 2}}, {}], ["{3: 'x'}", '{"a": "{1: 2}"}', "{}"]),
        ([np.datetime64("2020-01-02", "D"), np.datetime64("2020", "Y")], ["2020-01-02", "2020"]),
        ([np.datetime64("2020-01-02", "s"), np.datetime64("NaT", "ns")], ["2020-01-02 00:00:00", None]),
        ([pd.Timestamp("2020-01-02"), pd.NaT, pd.NA], ["2020-01-02 00:00:00.000000", None, None]),
        ([pd.Period("2020-01", "M"), pd.Interval(0, 1)], ["2020-01", "(0, 1]"]),
        ([pa.MonthDayNano([1, 2, 3])], ["[1, 2, 3]"]),
        ([datetime.timedelta(1, 0, 5)], ["1 day, 0:00:00.000005"]),
        ([np.int64(1), 2], ["1", "2"]),
        ([np.float32(0.1), 1], [str(float(np.float32(0.1))), "1"]),
        ([True, np.bool_(False)], ["true", "false"]),
        ([None, None], [None, None]),
    ],
)
def test_what_has_no_type_is_text(tmp_path: Path, values: list[Any], texts: list[str | None]) -> None:
    for order in (slice(None), slice(None, None, -1)):
        for name in ("top.parquet", "top.csv"):
            top_of({"x": values[order]}).save(tmp_path / name)
        read = pd.read_csv(tmp_path / "top.csv", dtype=str, keep_default_na=False)["x"].tolist()
        assert read == [text or "" for text in texts[order]]
        assert pq.read_table(tmp_path / "top.parquet").num_rows == len(values)


class Nameless:
    def __str__(self) -> str:
        raise RuntimeError("no name")


@pytest.mark.parametrize("name", ["top.parquet", "top.csv"])
def test_a_column_that_cannot_be_written_is_named_before_the_file_is_touched(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("old")
    for extras, column in (({"x": [Nameless()]}, "`x`"), ({7: [1]}, "`7`")):
        with pytest.raises(ArgumentError, match=f"{column} must be a column that can be written; got .*Error"):
            top_of(extras).save(tmp_path / name)  # type: ignore[arg-type]
    assert (tmp_path / name).read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_half_a_surrogate_pair_is_escaped(tmp_path: Path) -> None:
    top_of({"x": ["a\ud800", "b"]}).save(tmp_path / "top.parquet")
    assert pq.read_table(tmp_path / "top.parquet")["x"].to_pylist() == ["a\\ud800", "b"]
