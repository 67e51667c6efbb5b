"""What is written is what was scored, whole or not at all."""

import resource
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from gpbop import Categorical, Grid, Integer, Sample, Space, score_all, write_scores
from gpbop.errors import ArgumentError, ShapeError
from gpbop.scoring.sources import SourceError, Table, as_source
from tests.scoring.candidates import process
from tests.scoring.sources.tables import CONTAINERS, is_plain, spaces_with_configs, written

SPACE = Space({"width": Integer(1, 40), "kind": Categorical(["A", "B"]), "depth": Integer(1, 3, when={"kind": ["B"]})})


def listing(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize("container", CONTAINERS)
@given(case=spaces_with_configs(), rows=st.integers(1, 9), skips=st.booleans())
def test_every_container_is_written_with_its_scores(
    tmp_path_factory: pytest.TempPathFactory, container: str, case: Any, rows: int, skips: bool
) -> None:
    space, configs = case
    folder = tmp_path_factory.mktemp("t")
    extras = {"id": [f"n{i}" for i in range(len(configs))], "price": [i / 8 for i in range(len(configs))]}
    source = as_source(space, written(configs, space, container, folder, extras))
    gp = process(space, 4)
    if skips:
        gp = gp.condition(configs[:1], [0.5])
    path = folder / "scores.parquet"
    count = write_scores(gp, source, path, block_rows=rows, skip_observed=skips)
    parts = list(score_all(gp, source, block_rows=rows, skip_observed=skips))
    index = [i for part in parts for i in part.index.tolist()]
    table = pq.read_table(path)
    assert table["index"].to_pylist() == index
    assert count == len(index)
    for column, field in (("mean", "mean"), ("std", "std"), ("value", "values")):
        found = torch.tensor(table[column].to_pylist(), dtype=torch.float64)
        expected = torch.cat([getattr(part, field) for part in parts]) if parts else found
        assert torch.equal(found, expected)
    assert table["id"].to_pylist() == [extras["id"][i] for i in index]
    assert table["price"].to_pylist() == [extras["price"][i] for i in index]
    if index and all(map(is_plain, space.parameters.values())):
        assert Table(path, space).configs(range(count)) == source.configs(index)


def test_sources_without_a_table_are_written(tmp_path: Path) -> None:
    gp = process(SPACE, 10)
    for source in (Grid(SPACE), Sample(SPACE, 100), SPACE.sample(50, 3)):
        count = write_scores(gp, source, tmp_path / "s.parquet", block_rows=16)
        table = pq.read_table(tmp_path / "s.parquet")
        assert table.num_rows == count == as_source(SPACE, source).size
        assert table.column_names == ["width", "kind", "depth", "mean", "std", "value", "index"]
        assert pq.ParquetFile(tmp_path / "s.parquet").num_row_groups == -(-count // 16)
        configs = as_source(SPACE, source).configs(range(count))
        found = [{n: v for n, v in row.items() if n in SPACE.names and v is not None} for row in table.to_pylist()]
        assert found == configs
    write_scores(gp, Grid(SPACE), tmp_path / "s.parquet", configs=False, acquisition="ucb")
    assert pq.read_table(tmp_path / "s.parquet").column_names == ["mean", "std", "value", "index"]


def test_names_that_are_taken_and_columns_of_several_types(tmp_path: Path) -> None:
    rows = [
        {"width": 3 + i, "kind": "A", "mean": v, "tag": t}
        for i, (v, t) in enumerate([(1, 1), (2.5, "x"), (None, None)])
    ]
    write_scores(process(SPACE, 5), rows, tmp_path / "s.parquet", block_rows=1)
    table = pq.read_table(tmp_path / "s.parquet")
    assert table["mean"].to_pylist() == [1.0, 2.5, None]
    assert table["tag"].to_pylist() == ["1", "x", None]
    assert table["mean_"].type == pa.float64()


def test_columns_of_every_type_keep_their_values(tmp_path: Path) -> None:
    columns = {
        "id": pa.array([2**62 + 1, None, -5]),
        "none": pa.nulls(3, pa.int64()),
        "price": pa.array([Decimal("12345678901234567890123.5"), Decimal("1"), None]),
        "time": pa.array([1, 2, None], pa.timestamp("ns", "UTC")),
        "bytes": pa.array([b"\xff", b"", None]),
        "mean": pa.array(["a", "b", "c"]),
        "mean_": pa.array(["d", "e", "f"]),
    }
    table = pa.table({"width": [3, 4, 5], "kind": ["A"] * 3, "depth": pa.nulls(3, pa.int64())} | columns)
    write_scores(process(SPACE, 5), table, tmp_path / "s.parquet", block_rows=1)
    read = pq.read_table(tmp_path / "s.parquet")
    assert {name: read[name].to_pylist() for name in columns} == {n: c.to_pylist() for n, c in columns.items()}
    assert {read[name].type == c.type for name, c in columns.items() if name not in ("none", "price")} == {True}
    assert read["mean__"].type == pa.float64()


def test_nothing_new_is_an_empty_table(tmp_path: Path) -> None:
    gp = process(SPACE, 5)
    assert write_scores(gp, SPACE.decode(gp.X), tmp_path / "s.parquet", skip_observed=True) == 0
    assert pq.read_table(tmp_path / "s.parquet").num_rows == 0


@contextmanager
def little_room(size: int) -> Iterator[None]:
    """Let no file grow beyond a size, as on a disk that is full: writing fails with EFBIG."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)


@pytest.mark.parametrize("old", [None, b"old"])
def test_a_full_disk_leaves_nothing_half_written(tmp_path: Path, old: bytes | None) -> None:
    gp, path = process(SPACE, 10), tmp_path / "s.parquet"
    if old is not None:
        path.write_bytes(old)
    with little_room(20_000), pytest.raises(ArgumentError, match=r"on a disk with room for it; got .*s.parquet'. Free"):
        write_scores(gp, Sample(SPACE, 5000), path, block_rows=500)
    assert listing(tmp_path) == ([] if old is None else ["s.parquet"])
    assert old is None or path.read_bytes() == old


def test_an_interrupted_run_leaves_nothing_half_written(tmp_path: Path) -> None:
    class Interrupted(Sample):
        def rows(self, index: torch.Tensor) -> torch.Tensor:
            if int(index[0]) >= 200:
                raise KeyboardInterrupt
            return super().rows(index)

    with pytest.raises(KeyboardInterrupt):
        write_scores(process(SPACE, 10), Interrupted(SPACE, 1000), tmp_path / "s.parquet", block_rows=100)
    assert listing(tmp_path) == []


def test_mistakes_come_before_the_work(tmp_path: Path) -> None:
    gp = process(SPACE, 5)
    with pytest.raises(ArgumentError, match="`path` must name a file in a folder that exists"):
        write_scores(gp, Grid(SPACE), tmp_path / "nowhere" / "s.parquet")
    with pytest.raises(ShapeError, match="`block_rows`"):
        write_scores(gp, Grid(SPACE), tmp_path / "s.parquet", block_rows=0)
    with pytest.raises(SourceError, match="row 1 of the list"):
        write_scores(gp, [{"width": 1, "kind": "A"}, {"width": 99, "kind": "A"}], tmp_path / "s.parquet", block_rows=1)
    assert listing(tmp_path) == []


class Watched(Sample):
    """A sample that keeps in mind how many bytes Arrow held at most."""

    most = 0

    def rows(self, index: torch.Tensor) -> torch.Tensor:
        self.most = max(self.most, pa.total_allocated_bytes())
        return super().rows(index)


def test_memory_does_not_grow_with_the_candidates(tmp_path: Path) -> None:
    gp, before, most = process(SPACE, 5), pa.total_allocated_bytes(), []
    for m in (2_000, 20_000):
        source = Watched(SPACE, m)
        write_scores(gp, source, tmp_path / "s.parquet", block_rows=500, configs=False)
        most.append(source.most - before)
    assert most[1] < 1.5 * most[0] + 100_000
