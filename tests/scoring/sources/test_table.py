"""Laws of tables: whatever they are held in, they encode as `space.encode` does, and say where they do not."""

import csv
import json

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from gpbop.parameters import Categorical, Float, Integer, Ordinal
from gpbop.scoring.sources import Encoded, Grid, Sample, SourceError, Table, as_source
from gpbop.space import Space
from tests.scoring.sources.tables import CONTAINERS, same_bits, spaces_with_configs, whole, written
from tests.spaces import NETWORK

SPACE = Space(
    {
        "width": Integer(4, 64),
        "rate": Float(1e-4, 1e-1, log=True),
        "noise": Float(0.0, 0.5, step=0.1),
        "decoder": Categorical(["A", "B"]),
        "depth": Ordinal([1, 2, 4], when={"decoder": ["B"]}),
    }
)
GOOD = {"width": 8, "rate": 0.01, "noise": 0.3, "decoder": "B", "depth": 2}


@pytest.mark.parametrize("container", CONTAINERS)
@given(case=spaces_with_configs(), rows=st.integers(1, 15))
def test_every_container_encodes_as_the_space_does(tmp_path_factory, container, case, rows):
    space, configs = case
    extras = {"id": [f"n{i}" for i in range(len(configs))], "price": [i / 8 for i in range(len(configs))]}
    data = written(configs, space, container, tmp_path_factory.mktemp("t"), extras)
    table = Table(data, space)
    block = whole(table, rows)
    assert same_bits(block.X, space.encode(configs))
    assert block.index.tolist() == list(range(len(configs)))
    assert table.size in (None, len(configs))
    index = [len(configs) - 1, 0, len(configs) // 2, 0]
    assert same_bits(space.encode(table.configs(index)), block.X[index])
    assert table.extras(index) == {name: [column[i] for i in index] for name, column in extras.items()}
    assert table.configs([]) == []


@pytest.mark.parametrize("container", CONTAINERS)
def test_configs_with_values_of_inactive_parameters_are_read(tmp_path, container):
    rows = [GOOD, GOOD | {"decoder": "A", "depth": 999}, GOOD | {"decoder": "A", "depth": 4}]
    X = whole(Table(written(rows, SPACE, container, tmp_path), SPACE), 2).X
    assert X[:, 4].tolist() == [0.5, -1.0, -1.0]


@pytest.mark.parametrize("container", CONTAINERS)
@pytest.mark.parametrize(
    ("column", "value", "rule"),
    [
        ("width", 65, r"lie in \[4, 64\]; got 65"),
        ("width", 8.5, "be a whole number; got 8.5"),
        ("rate", 0.2, r"lie in \[0.0001, 0.1\]; got 0.2"),
        ("noise", 0.35, "be 0.0 plus a whole number of steps of 0.1; got 0.35"),
        ("decoder", "C", "be one of the choices; got 'C'"),
        ("depth", 3, "be one of the choices; got '?3"),
        ("depth", None, "(have a value, since it is active; got none|be one of the choices; got None|be .*nan)"),
        ("rate", None, "(have a value, since it is active; got none|be a number; got None)"),
    ],
)
def test_the_first_bad_cell_is_named(tmp_path, container, column, value, rule):
    rows = [*[GOOD] * 5, GOOD | {column: value}, GOOD]
    data = written(rows, SPACE, container, tmp_path)
    place, row = {
        "list": ("the list", 5),
        "frame": ("the DataFrame", 5),
        "arrow": ("the table", 5),
        "parquet": ("'table.parquet'", 5),
        "folder": ("'001.parquet'", 1),
        "csv": ("'table.csv'", 5),
    }[container]
    for size in (2, 100):
        with pytest.raises(SourceError, match=f"`{column}` in row {row} of {place} must {rule}"):
            list(Table(data, SPACE).blocks(size))


@pytest.mark.parametrize("container", ["arrow", "parquet", "frame"])
@pytest.mark.parametrize(
    ("column", "values", "rule"),
    [
        ("width", ["8", "9"], r"row 0 of .* be a number; got '8' \(str\)"),
        ("width", [True, True], r"row 0 of .* be a number; got True \(bool\)"),
        ("rate", ["0.01", "x"], r"row 0 of .* be a number; got '0.01' \(str\)"),
        ("rate", [True, False], r"row 0 of .* be a number; got True \(bool\)"),
        ("decoder", [1, 2], "row 0 of .* be one of the choices; got 1"),
        ("depth", [True, True], "row 0 of .* be one of the choices; got True"),
        ("rate", [0.01, float("nan")], "row 1 of .* (not be NaN; got nan|have a value)"),
    ],
)
def test_columns_of_the_wrong_type_are_named(tmp_path, container, column, values, rule):
    table = pa.table({name: pa.array([GOOD[name]] * 2) for name in SPACE.names} | {column: pa.array(values)})
    data = table
    if container == "frame":
        data = table.to_pandas()
    elif container == "parquet":
        data = tmp_path / "t.parquet"
        pa.parquet.write_table(table, data)
    with pytest.raises(SourceError, match=f"`{column}` in {rule}".replace(" of .* ", " of .* must ")):
        list(Table(data, SPACE).blocks(10))


@pytest.mark.parametrize("container", [c for c in CONTAINERS if c != "list"])
def test_a_missing_column_is_named(tmp_path, container):
    space = Space({name: p for name, p in SPACE.parameters.items() if name != "rate"})
    data = written([GOOD | {"rat": 0.1}], space, container, tmp_path, {"rat": [0.1]})
    with pytest.raises(SourceError, match=r"`data` must have a column 'rate'; .* Did you mean 'rat'"):
        Table(data, SPACE)


def test_a_missing_key_is_named_by_its_row():
    rows = [GOOD, {name: value for name, value in GOOD.items() if name != "rate"}]
    with pytest.raises(SourceError, match="`rate` in row 1 of the list must have a value, since it is active"):
        list(Table(rows, SPACE).blocks(4))
    with pytest.raises(SourceError, match="`rate` in row 0 of the list must have a value"):
        list(Table(rows[1:], SPACE).blocks(4))
    with pytest.raises(SourceError, match="`configs` row 1 must be a dict; got 3"):
        Table([GOOD, 3])


@pytest.mark.parametrize("container", CONTAINERS)
def test_extras_are_forbidden_or_chosen(tmp_path, container):
    data = written([GOOD] * 3, SPACE, container, tmp_path, {"id": [1, 2, 3], "price": [0.5, 1.5, 2.5]})
    with pytest.raises(SourceError, match="no column that is no parameter; got 'id'"):
        Table(data, SPACE, extras="forbid")
    with pytest.raises(SourceError, match="no column that is no parameter; got 'price'"):
        Table(data, SPACE, columns=["id"], extras="forbid")
    assert Table(data, SPACE, columns=["id"]).extras([2, 1]) == {"id": [3, 2]}
    assert Table(data, SPACE, columns=[]).extras([2]) == {}
    with pytest.raises(SourceError, match=r"`columns` must be in the table; got 'prize'. Did you mean 'price'"):
        Table(data, SPACE, columns=["prize"])
    with pytest.raises(SourceError, match="'keep' or 'forbid'"):
        Table(data, SPACE, extras="drop")
    for wrong in (5, "price"):
        with pytest.raises(SourceError, match=f"`columns` must be a list of names; got {wrong!r}"):
            Table(data, SPACE, columns=wrong)


def test_extras_that_some_configs_lack_are_none():
    table = Table([GOOD | {"id": 1}, GOOD, GOOD | {"price": 2.5}], SPACE)
    assert table.extras([0, 1, 2]) == {"id": [1, None, None], "price": [None, None, 2.5]}


@pytest.mark.parametrize("container", CONTAINERS)
def test_an_index_beyond_the_end_is_named(tmp_path, container):
    table = Table(written([GOOD] * 3, SPACE, container, tmp_path, {"id": [1, 2, 3]}), SPACE)
    for read in (table.configs, table.extras):
        with pytest.raises(SourceError, match="`index` must"):
            read([1, 3])
        with pytest.raises(SourceError, match="`index` must"):
            read([-1])


@pytest.mark.parametrize("container", CONTAINERS)
def test_an_empty_table_is_empty(tmp_path, container):
    if container == "folder":
        (tmp_path / "parts").mkdir()
        data, match = tmp_path / "parts", "must hold Parquet files; got none in 'parts'"
    else:
        data, match = written([], SPACE, container, tmp_path), "must hold at least one row"
    with pytest.raises(SourceError, match=match):
        list(Table(data, SPACE).blocks(3))


def test_numpy_and_unusual_types_are_read():
    frame = pd.DataFrame(
        {
            "width": np.array([8, 9, 10], dtype=np.uint8),
            "rate": np.array([0.5, 0.25, 0.125], dtype=np.float32) / 8,
            "noise": pd.array([0.3, 0.1, None], dtype="Float64").fillna(0.5),
            "decoder": pd.Categorical(["B", "A", "B"], categories=["C", "B", "A"]),
            "depth": pd.array([4, None, 1], dtype="Int64"),
        }
    )
    rows = [
        {"width": 8, "rate": 0.0625, "noise": 0.3, "decoder": "B", "depth": 4},
        {"width": 9, "rate": 0.03125, "noise": 0.1, "decoder": "A"},
        {"width": 10, "rate": 0.015625, "noise": 0.5, "decoder": "B", "depth": 1},
    ]
    expected = SPACE.encode(rows)
    assert same_bits(whole(Table(frame, SPACE), 2).X, expected)
    assert same_bits(whole(Table(frame.iloc[::-1], SPACE), 2).X, expected.flip(0))
    table = pa.Table.from_pandas(frame)
    assert same_bits(whole(Table(table, SPACE), 2).X, expected)
    assert same_bits(whole(Table(table.to_batches()[0], SPACE), 2).X, expected)
    decimal = table.set_column(2, "noise", table["noise"].cast(pa.decimal128(5, 2)))
    assert same_bits(whole(Table(decimal, SPACE), 2).X, expected)
    chunked = pa.concat_tables([table.slice(0, 1), table.slice(1)])
    assert same_bits(whole(Table(chunked, SPACE), 3).X, expected)


def test_float32_columns_hold_the_levels_of_steps():
    space = Space({"x": Float(0.0, 0.7, step=0.1), "y": Float(0.001, 1.0, step=0.001, log=True)})
    levels = {"x": [i / 10 for i in range(8)], "y": [i / 1000 for i in range(1, 1000, 130)]}
    frame = pd.DataFrame({name: np.array(column, dtype=np.float32) for name, column in levels.items()})
    expected = [dict(zip(levels, row, strict=True)) for row in zip(*levels.values(), strict=True)]
    for data in (frame, pa.Table.from_pandas(frame)):
        assert Table(data, space).configs(range(8)) == expected
    frame.loc[3, "x"] = np.nextafter(np.float32(0.3), np.float32(1))
    with pytest.raises(SourceError, match=r"`x` in row 3 of the DataFrame must be 0.0 plus a whole number of steps"):
        list(Table(frame, space).blocks(8))


def test_large_integers_keep_every_digit(tmp_path):
    space = Space({"n": Integer(-(2**63), 2**63 - 2**11, step=2**11)})
    numbers = [-(2**63), 2**62 + 2**11, 2**63 - 2**12]
    rows = [{"n": n} for n in numbers]
    for container in CONTAINERS:
        table = Table(written(rows, space, container, tmp_path), space)
        assert [config["n"] for config in table.configs([0, 1, 2])] == numbers
    off = pa.table({"n": pa.array([2**62 + 1])})
    with pytest.raises(SourceError, match="must be -9223372036854775808 plus a whole number of steps"):
        list(Table(off, space).blocks(1))


def test_continuous_text_is_checked_cell_by_cell(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("x,y\n 0.5 ,1e-1\n0.25,0.2\n,0.5\n0.1,abc\n")
    space = Space({"x": Float(0, 1), "y": Float(0, 1)})
    with pytest.raises(SourceError, match=r"`x` in row 2 of 't.csv' must have a value"):
        list(Table(path, space).blocks(9))
    with pytest.raises(SourceError, match=r"`y` in row 3 of 't.csv' must be a number; got 'abc' \(str\)"):
        list(Table(path, Space({"y": Float(0, 1)})).blocks(9))
    with pytest.raises(SourceError, match=r"`y` in row 1 of 't.csv' must lie in \[0.0, 0.15\]; got 0.2"):
        list(Table(path, Space({"y": Float(0, 0.15)})).blocks(2))


@pytest.mark.parametrize("sign", ["", "+", "-"])
def test_decimals_of_csv_are_read_the_same_by_every_parameter(tmp_path, sign):
    path = tmp_path / "t.csv"
    texts = [sign + text for text in ("1", "1.", "1.0", "01", ".1e1", "1e0", "10.E-1", "0.1E+1 ")]
    path.write_text("a,b,c,d\n" + "".join(f"{text},{text},{text},{text}\n" for text in texts))
    space = Space({"a": Integer(-2, 2), "b": Float(-2, 2, step=0.5), "c": Float(-2, 2), "d": Integer(-8, 1, step=3)})
    if sign == "-":
        space = Space({name: space.parameters[name] for name in "abc"})
    number = float(sign + "1")
    assert Table(path, space).configs(range(8)) == [dict.fromkeys(space.names, number)] * 8


@pytest.mark.parametrize("text", ["1_0", "0x1", "1 0", "--1", "1e", ".", "\uff11", "1f", "true", "nan", "inf", "1e999"])
@pytest.mark.parametrize("parameter", [Integer(0, 99), Float(0, 99, step=1.0), Float(0, 99)])
def test_what_is_no_decimal_is_refused_by_every_parameter(tmp_path, text, parameter):
    path = tmp_path / "t.csv"
    path.write_text(f"a\n1\n{text}\n")
    with pytest.raises(SourceError, match=r"`a` in row 1 of 't.csv' must"):
        list(Table(path, Space({"a": parameter})).blocks(9))


def test_csv_of_other_writers_reads_the_same(tmp_path):
    choices = [None, True, 1, 2.5, "A", "B,C", [1, 2], {"x": None}, 'q"']
    space = Space({"c": Categorical(choices), "w": Integer(1, 100), "n": Float(0, 1)})
    rows = [{"c": c, "w": 2 + i, "n": i / 16} for i, c in enumerate(choices)]
    frame = pd.DataFrame({k: pd.Series([row[k] for row in rows], dtype=object) for k in space.names})
    frame.to_csv(tmp_path / "pandas.csv", index=False)
    assert same_bits(whole(Table(tmp_path / "pandas.csv", space), 4).X, space.encode(rows))
    with (tmp_path / "python.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, space.names)
        writer.writeheader()
        writer.writerows(
            row | {"c": json.dumps(row["c"]) if isinstance(row["c"], dict) else row["c"]} for row in rows[1:]
        )
    assert same_bits(whole(Table(tmp_path / "python.csv", space), 4).X, space.encode(rows[1:]))


def test_text_that_stands_for_two_choices_is_refused(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text('c\n2\n1\n"1"\n')
    space = Space({"c": Categorical(["1", 1, 2])})
    with pytest.raises(SourceError, match=r"`c` in row 1 of 't.csv' must stand for one choice only; got '1'"):
        list(Table(path, space).blocks(9))


def test_an_empty_cell_is_none_or_the_empty_choice(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text('n,c\n1,\n2,""\n3,null\n')
    n = Integer(1, 9)
    only_none, only_empty = Categorical(["A", None]), Categorical(["A", "", "null"])
    assert whole(Table(path, Space({"c": only_none, "n": n})), 9).X[:, 0].tolist() == [1.0, 1.0, 1.0]
    assert whole(Table(path, Space({"c": only_empty, "n": n})), 9).X[:, 0].tolist() == [1.0, 1.0, 2.0]
    both = Space({"c": Categorical([None, ""]), "n": n})
    with pytest.raises(SourceError, match=r"`c` in row 0 of 't.csv' must stand for one choice only; got None"):
        list(Table(path, both).blocks(9))
    path.write_text('n,c\n2,""\n3,null\n')
    assert whole(Table(path, both), 9).X[:, 0].tolist() == [1.0, 0.0]


def test_csv_extras_are_numbers_where_they_are_written_as_such(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text('w,e\n1,7\n1,007\n1,2.5\n1,x\n1,\n1,NaN\n1,1e999\n1,true\n1,"[1]"\n')
    table = Table(path, Space({"w": Integer(1, 2)}))
    assert table.extras(range(9)) == {"e": [7, "007", 2.5, "x", None, "NaN", "1e999", True, "[1]"]}


def test_a_table_is_bound_to_one_space():
    table = Table([GOOD])
    with pytest.raises(SourceError, match="`space` must be given"):
        table.configs([0])
    assert as_source(SPACE, table) is table
    assert as_source(SPACE, table).configs([0]) == [GOOD]
    with pytest.raises(SourceError, match="`space` must be the one the table has"):
        as_source(NETWORK, table)


def test_anything_that_holds_candidates_becomes_a_source(tmp_path):
    X = SPACE.encode([GOOD, GOOD | {"decoder": "A"}])
    assert isinstance(as_source(SPACE, X), Encoded)
    assert same_bits(whole(as_source(SPACE, X), 1).X, X)
    assert as_source(SPACE, X).configs([0]) == [GOOD]
    assert isinstance(as_source(SPACE, [GOOD]), Table)
    assert isinstance(as_source(SPACE, written([GOOD], SPACE, "frame", tmp_path)), Table)
    assert isinstance(as_source(SPACE, written([GOOD], SPACE, "csv", tmp_path)), Table)
    finite = Space({"w": Integer(1, 4)})
    assert isinstance(as_source(finite, finite), Grid)
    sample = Sample(SPACE, 5)
    assert as_source(SPACE, sample) is sample
    for other in (Sample(NETWORK, 5), NETWORK):
        with pytest.raises(SourceError, match="must belong to the space of the model"):
            as_source(SPACE, other)
    for nothing in (3, None, object()):
        with pytest.raises(SourceError, match="`data` must be a table"):
            as_source(SPACE, nothing)


def test_encoded_rows_are_canonical():
    X = SPACE.encode([GOOD] * 3)
    X[1, 1] = 0.123456789012345678
    X[2, 4] = 0.4
    with pytest.raises(SourceError, match=r"`X` in row [12] must be canonical"):
        Encoded(SPACE, X)
    with pytest.raises(SourceError, match="at least one row"):
        Encoded(SPACE, torch.empty(0, 5))
