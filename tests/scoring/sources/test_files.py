"""Files that are broken, and files that are read in part."""

import subprocess
import sys

import pyarrow as pa
import pyarrow.dataset
import pyarrow.parquet
import pytest
import torch

from gpbop.parameters import Categorical, Float, Integer
from gpbop.scoring.sources import SourceError, Table
from gpbop.space import Space
from tests.scoring.sources.tables import whole

SPACE = Space({"n": Integer(0, 9999), "x": Float(0, 1), "kind": Categorical(["A", "B"])})


def candidates(m, start=0):
    rows = range(start, start + m)
    return pa.table(
        {
            "x": [i / 10_000 for i in rows],
            "id": [f"n{i}" for i in rows],
            "n": list(rows),
            "kind": ["AB"[i % 2] for i in rows],
            "price": [float(i % 7) for i in rows],
        }
    )


def write(path, table, **settings):
    pa.parquet.write_table(table, path, **settings)
    return path


def test_filters_let_rows_through(tmp_path):
    path = write(tmp_path / "t.parquet", candidates(100), row_group_size=9)
    for filters in (
        [("price", "<", 2), ("kind", "==", "A")],
        (pa.dataset.field("price") < 2) & (pa.dataset.field("kind") == "A"),
    ):
        table = Table(path, SPACE, filters=filters)
        expected = [i for i in range(100) if i % 7 < 2 and i % 2 == 0]
        assert table.size is None
        block = whole(table, 4)
        assert block.index.tolist() == list(range(len(expected)))
        assert [config["n"] for config in table.configs(block.index.tolist())] == expected
        assert table.extras([3, 1])["id"] == [f"n{expected[3]}", f"n{expected[1]}"]
        with pytest.raises(SourceError, match="beyond the last row"):
            table.configs([len(expected)])


def test_filters_that_let_nothing_through_say_so(tmp_path):
    path = write(tmp_path / "t.parquet", candidates(10))
    with pytest.raises(
        SourceError, match=r"must hold at least one row; got none. Add a candidate, or loosen `filters`"
    ):
        list(Table(path, SPACE, filters=[("price", ">", 100)]).blocks(4))
    with pytest.raises(SourceError, match=r"'t.parquet' .*rows that pass `filters`.* must lie in"):
        list(Table(path, Space({"n": Integer(0, 3)}), filters=[("n", ">", 2)]).blocks(4))
    for wrong in (3, [("price", "~", 1)], "price < 3"):
        with pytest.raises(SourceError, match="`filters` must be a pyarrow filter"):
            Table(path, SPACE, filters=wrong)
    with pytest.raises(SourceError, match=r"`filters` must be a pyarrow filter; .*prize"):
        list(Table(path, SPACE, filters=[("prize", "<", 1)]).blocks(4))
    for other in ([{"n": 1}], candidates(1)):
        with pytest.raises(SourceError, match="`filters` must be for Parquet files only"):
            Table(other, SPACE, filters=[("price", "<", 1)])


def test_folders_are_columns(tmp_path):
    for kind, start in (("B", 5), ("A", 0)):
        folder = tmp_path / f"kind={kind}" / "year=2024"
        folder.mkdir(parents=True)
        write(folder / "0.parquet", candidates(5, start).drop_columns("kind"))
    (tmp_path / "_SUCCESS").write_text("")
    (tmp_path / "kind=A" / "._0.parquet").write_text("not data")
    table = Table(tmp_path, SPACE)
    assert table.size == 10
    assert [config["kind"] for config in table.configs(range(10))] == ["A"] * 5 + ["B"] * 5
    assert table.extras([7, 0]) == {"id": ["n7", "n0"], "price": [0.0, 0.0], "year": [2024, 2024]}
    filtered = Table(tmp_path, SPACE, filters=[("kind", "==", "B")])
    assert [config["n"] for config in filtered.configs(range(5))] == [5, 6, 7, 8, 9]


def test_folders_that_name_different_columns_are_refused(tmp_path):
    for folder in ("a", "kind=B"):
        (tmp_path / folder).mkdir()
        write(tmp_path / folder / "0.parquet", candidates(5).drop_columns("kind"))
    with pytest.raises(SourceError, match=r"must have the columns of 'a/0.parquet'; got \['kind'\] in one of them"):
        Table(tmp_path, SPACE)


def test_rows_far_apart_are_read_from_their_row_groups(tmp_path):
    for part in range(3):
        write(tmp_path / f"{part}.parquet", candidates(1000, 1000 * part), row_group_size=100)
    table = Table(tmp_path, SPACE)
    index = [2999, 0, 1000, 999, 1555, 1555]
    assert [config["n"] for config in table.configs(index)] == index
    assert table.extras(index)["id"] == [f"n{i}" for i in index]


def test_memory_does_not_grow_with_the_rows(tmp_path):
    table = pa.table({"x": torch.rand(1_000_000, dtype=torch.float64).numpy()})
    space = Space({"x": Float(0, 1)})
    for filters, group in ((None, 10_000), (None, 1_000_000), ([("x", ">", 0.25)], 10_000)):
        path = write(tmp_path / "t.parquet", table, row_group_size=group, use_dictionary=False)
        before, most = pa.total_allocated_bytes(), 0
        for _ in Table(path, space, filters=filters).blocks(5000):
            most = max(most, pa.total_allocated_bytes() - before)
        assert most < table.nbytes / 2


def test_files_with_other_columns_are_named(tmp_path):
    write(tmp_path / "0.parquet", candidates(5))
    write(tmp_path / "1.parquet", candidates(5).drop_columns("price"))
    with pytest.raises(SourceError, match=r"'1.parquet' must have the columns of '0.parquet'; got \['price'\]"):
        Table(tmp_path, SPACE)


def test_files_may_differ_in_the_types_and_the_order_of_columns(tmp_path):
    write(tmp_path / "0.parquet", candidates(5))
    other = candidates(5, 5)
    other = other.set_column(other.schema.get_field_index("n"), "n", other["n"].cast(pa.float64()))
    write(tmp_path / "1.parquet", other.select(["price", "n", "x", "kind", "id"]))
    assert [config["n"] for config in Table(tmp_path, SPACE).configs(range(10))] == list(range(10))


def test_files_whose_types_do_not_fit_the_filter_are_named(tmp_path):
    write(tmp_path / "0.parquet", candidates(5))
    other = candidates(5, 5)
    texts = other["price"].cast(pa.string())
    write(tmp_path / "1.parquet", other.set_column(other.schema.get_field_index("price"), "price", texts))
    table = Table(tmp_path, SPACE, filters=[("price", "<", 3)])
    with pytest.raises(SourceError, match=r"`1.parquet` must be readable; got .*no kernel matching input types"):
        list(table.blocks(10))


@pytest.mark.parametrize("keep", [0.0, 0.1, 0.5, 0.99])
def test_a_parquet_file_cut_off_is_named(tmp_path, keep):
    data = write(tmp_path / "t.parquet", candidates(1000)).read_bytes()
    (tmp_path / "t.parquet").write_bytes(data[: int(keep * len(data))])
    with pytest.raises(SourceError, match=r"`t.parquet` must be readable; got .* Write it again"):
        Table(tmp_path / "t.parquet", SPACE)
    write(tmp_path / "a.parquet", candidates(10))
    with pytest.raises(SourceError, match=r"`t.parquet` must be readable"):
        Table(tmp_path, SPACE)


def test_a_parquet_file_with_a_hole_is_named(tmp_path):
    path = write(tmp_path / "t.parquet", candidates(1000), row_group_size=500)
    data = bytearray(path.read_bytes())
    data[4:200] = bytes(196)
    path.write_bytes(bytes(data))
    table = Table(path, SPACE)
    with pytest.raises(SourceError, match=r"`t.parquet` must be readable"):
        list(table.blocks(100))


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("", "`t.csv` must be readable; got Empty CSV file"),
        ("n,x,kind\n", "must hold at least one row"),
        ("n,x,kind\n1,0.5,A\n2,0.", "`t.csv` must be readable; got .*Expected 3 columns, got 2"),
        ('n,x,kind\n1,0.5,A\n2,0.5,"A', "must be a whole CSV file; got 't.csv' with an odd number of quotes"),
        ("n,x,kind\n1,0.5,A\n2,0.5,", "`kind` in row 1 of 't.csv' must have a value"),
        ("n,x,kind,x\n1,0.5,A,0.5\n", "`columns` of 't.csv' must have distinct names; got .*x"),
        ("n,x\n1,0.5\n", "must have a column 'kind'"),
        ("n,x,kind\n1,0.5,\xff\n", "`t.csv` must be readable; got .*UTF"),
        ("n,x,kind,gr\xf6\xdfe\n1,0.5,A,1\n", "`t.csv` must be readable; got .*utf-8"),
    ],
)
def test_a_broken_csv_file_is_named(tmp_path, text, match):
    (tmp_path / "t.csv").write_bytes(text.encode("latin-1"))
    with pytest.raises(SourceError, match=match):
        list(Table(tmp_path / "t.csv", SPACE).blocks(10))


def test_other_paths_are_named(tmp_path):
    with pytest.raises(SourceError, match=r"`path` must exist; got .*nowhere.parquet"):
        Table(tmp_path / "nowhere.parquet", SPACE)
    (tmp_path / "t.csv").write_text("n,x,kind\n1,0.5,A\n")
    with pytest.raises(SourceError, match="`filters` must be for Parquet files only"):
        Table(tmp_path / "t.csv", SPACE, filters=[("n", "<", 1)])
    (tmp_path / "t.json").write_text("{}")
    with pytest.raises(SourceError, match=r"`t.json` must be readable"):
        Table(tmp_path / "t.json", SPACE)


def test_pandas_and_pyarrow_are_imported_when_they_are_used():
    program = """
import sys
sys.modules["pyarrow"] = sys.modules["pandas"] = None  # importing them fails
from gpbop.parameters import Integer
from gpbop.scoring.sources import SourceError, Table
from gpbop.space import Space
space = Space({"n": Integer(0, 4)})
assert next(Table([{"n": 2, "id": 1}], space).blocks(1)).X.tolist() == [[0.5]]
try:
    Table(sys.argv[1], space)
except SourceError as error:
    assert "pip install pyarrow" in str(error), error
else:
    raise AssertionError("read without pyarrow")
"""
    run = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", program, __file__], capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stderr
