"""How many candidates a second does each source deliver, encoded?

Ten parameters: four continuous (one on a log scale), two integers, one stepped, one ordinal, two categorical; tables
have two more columns. A call reads the source to its end in blocks of 65536 rows; files are in the page cache. A grid
is read up to m rows before its constraint; rows that a filter or a constraint leaves out count.
"""

import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch

from benchmarks.harness.question import Peer, Question, Setting, Side
from gpbop import Categorical, Float, Grid, Integer, Ordinal, Sample, Space, Table
from gpbop.scoring import Source, skip_observed

BLOCK = 65536
PARTS = 10
OBSERVED = 1000
SPACE = Space(
    {
        "x1": Float(0.0, 1.0),
        "x2": Float(-5.0, 5.0),
        "x3": Float(100.0, 200.0),
        "rate": Float(1e-5, 1e-1, log=True),
        "width": Integer(4, 512, log=True),
        "depth": Integer(1, 10),
        "noise": Float(0.0, 0.5, step=0.1),
        "size": Ordinal(["small", "medium", "large"]),
        "decoder": Categorical(["A", "B", "C"]),
        "use_dropout": Categorical([False, True]),
    }
)
FIXED: dict[str, Any] = {"x1": [i / 20 for i in range(20)], "x2": [-1.0, 1.0], "x3": 150.0, "rate": [1e-4, 1e-3]}


def sides(setting: Setting) -> Iterator[Side | Peer]:
    rows = setting.sizes["m"]
    with tempfile.TemporaryDirectory() as folder:
        write(Path(folder), rows, setting.seed)
        for name, (build, count) in sources(Path(folder), rows, setting.seed).items():
            yield Side(name, partial(exhaust, build(), count, setting.torch_device), count, "candidates")


def exhaust(source: Source, rows: int, device: torch.device) -> None:
    """Read a source to its end, or up to its position `rows`."""
    for block in source.blocks(BLOCK, device=device):
        if int(block.index[-1]) >= rows - 1:
            break


def write(folder: Path, rows: int, seed: int) -> None:
    """Write the same rows as Parquet, as a folder of ten Parquet files, and as CSV."""
    import pyarrow as pa
    import pyarrow.csv
    import pyarrow.parquet

    configs = SPACE.decode(torch.cat([block.X for block in Sample(SPACE, rows, seed=seed).blocks(BLOCK)]))
    prices = [{"id": f"candidate-{i}", "price": 3.0 * config["x1"]} for i, config in enumerate(configs)]
    table = pa.Table.from_pylist([{**config, **more} for config, more in zip(configs, prices, strict=True)])
    pa.parquet.write_table(table, folder / "t.parquet")
    pa.csv.write_csv(table, folder / "t.csv")
    (folder / "parts").mkdir()
    share = -(-rows // PARTS)
    for part in range(PARTS):
        pa.parquet.write_table(table.slice(part * share, share), folder / "parts" / f"{part}.parquet")


def sources(folder: Path, rows: int, seed: int) -> dict[str, tuple[Callable[[], Source], int]]:
    """Return what builds each source, and how many rows are read of it; a DataFrame where there is pandas."""
    import pyarrow.parquet

    table = pyarrow.parquet.read_table(folder / "t.parquet")
    sample, grid = Sample(SPACE, rows, seed=seed), Grid(SPACE, FIXED)
    visited, few = min(rows, grid.extent), max(1, rows // 10)
    frame = {"frame": (lambda: Table(table.to_pandas(), SPACE), rows)} if find_spec("pandas") else {}
    return {
        "sample": (lambda: sample, rows),
        "sample, observed skipped": (
            lambda: skip_observed(sample, sample.rows(torch.arange(0, rows, max(1, rows // OBSERVED)))),
            rows,
        ),
        "grid": (lambda: grid, visited),
        "grid, constraint": (lambda: Grid(SPACE, FIXED, constraint=lambda X: X[:, 4] + X[:, 5] < 1), visited),
        "arrow": (lambda: Table(table, SPACE), rows),
        "parquet": (lambda: Table(folder / "t.parquet", SPACE), rows),
        "parquet, filter": (lambda: Table(folder / "t.parquet", SPACE, filters=[("price", "<", 1.5)]), rows),
        "folder": (lambda: Table(folder / "parts", SPACE), rows),
        "csv": (lambda: Table(folder / "t.csv", SPACE), rows),
        "list of dicts": (lambda: Table(table.slice(0, few).to_pylist(), SPACE), few),
        **frame,
    }


QUESTION = Question(
    cases={"smoke": [{"m": 300}], "small": [{"m": 30_000}], "full": [{"m": 100_000}, {"m": 1_000_000}]},
    sides=sides,
    y="rate",
)
