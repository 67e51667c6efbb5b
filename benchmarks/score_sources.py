"""How many candidates a second does each source deliver, encoded, and how much memory does a pass add?

    python -m benchmarks.score_sources --rows 1000000

Ten parameters: four continuous (one on a log scale), two integers, one stepped, one ordinal, two categorical, and two
extra columns. Each source is read once to the end in blocks of 65536 after a warm-up on its first block, in a process
of its own. `memory_mib` is the growth of the peak resident size while reading; files are in the page cache. One line
of JSON a source.
"""

import argparse
import json
import multiprocessing
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from benchmarks.environment import describe
from gpbop.parameters import Categorical, Float, Integer, Ordinal
from gpbop.scoring.sources import Grid, Sample, Source, Table, skip_observed
from gpbop.space import Space

BLOCK = 65536
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
FIXED = {"x1": [i / 20 for i in range(20)], "x2": [-1.0, 1.0], "x3": 150.0, "rate": [1e-4, 1e-3]}


def write(folder: Path, rows: int) -> None:
    import pyarrow as pa
    import pyarrow.csv
    import pyarrow.parquet

    X = torch.cat([block.X for block in Sample(SPACE, rows).blocks(BLOCK)])
    columns: dict[str, Any] = {}
    for j, (name, parameter) in enumerate(SPACE.parameters.items()):
        if isinstance(parameter, Float) and parameter.placement is None:
            columns[name] = parameter.scale.value(X[:, j]).numpy()
        else:
            levels = [parameter.value_of(level) for level in range(int(parameter.count))]
            columns[name] = pa.array(levels).take(pa.array(parameter.index(X[:, j]).numpy()))
    columns |= {"id": [f"candidate-{i}" for i in range(rows)], "price": X[:, 0].numpy() * 3}
    table = pa.table(columns)
    pa.parquet.write_table(table, folder / "t.parquet")
    pa.csv.write_csv(table, folder / "t.csv")
    (folder / "parts").mkdir()
    for part in range(10):
        share = -(-rows // 10)
        pa.parquet.write_table(table.slice(part * share, share), folder / "parts" / f"{part}.parquet")


def sources(folder: Path, rows: int) -> dict[str, Callable[[], Source]]:
    import pyarrow.parquet

    def observed() -> Source:
        sample = Sample(SPACE, rows)
        return skip_observed(sample, sample.rows(torch.arange(0, OBSERVED * 3, 3)))

    def listed() -> Source:
        return Table(pyarrow.parquet.read_table(folder / "t.parquet").slice(0, rows // 10).to_pylist(), SPACE)

    return {
        "sample": lambda: Sample(SPACE, rows),
        "sample, observed skipped": observed,
        "grid": lambda: Grid(SPACE, FIXED),
        "grid, constraint": lambda: Grid(SPACE, FIXED, constraint=lambda X: X[:, 4] + X[:, 5] < 1),
        "arrow": lambda: Table(pyarrow.parquet.read_table(folder / "t.parquet"), SPACE),
        "frame": lambda: Table(pyarrow.parquet.read_table(folder / "t.parquet").to_pandas(), SPACE),
        "parquet": lambda: Table(folder / "t.parquet", SPACE),
        "parquet, filter": lambda: Table(folder / "t.parquet", SPACE, filters=[("price", "<", 1.5)]),
        "folder": lambda: Table(folder / "parts", SPACE),
        "csv": lambda: Table(folder / "t.csv", SPACE),
        "list": listed,
    }


def measure(name: str, folder: Path, rows: int, threads: int, device: torch.device) -> dict[str, Any]:
    torch.set_num_threads(threads)
    source = sources(folder, rows)[name]()
    next(iter(source.blocks(BLOCK, device=device)))
    before, count, start = _peak(), 0, time.perf_counter()
    for block in source.blocks(BLOCK, device=device):
        count += len(block)
        if isinstance(source, Grid) and int(block.index[-1]) >= rows:
            break
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    seconds = time.perf_counter() - start
    visited = int(block.index[-1]) + 1 if isinstance(source, Grid) else count
    return {"candidates": count, "rows_per_second": round(visited / seconds), "memory_mib": _peak() - before}


def _peak() -> int:
    status = Path("/proc/self/status")
    if status.exists():  # ru_maxrss would count the parent process
        return int(status.read_text().partition("VmHWM:")[2].split()[0]) >> 10
    unit = 2**20 if sys.platform == "darwin" else 2**10
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // unit


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--threads", type=int, default=1, help="threads of torch")
    parser.add_argument("--only", nargs="*", help="names of sources")
    arguments = parser.parse_args()
    print(json.dumps({"rows": arguments.rows, "threads": arguments.threads} | describe()))
    with tempfile.TemporaryDirectory() as folder:
        write(Path(folder), arguments.rows)
        settings = (Path(folder), arguments.rows, arguments.threads, torch.device(arguments.device))
        for name in arguments.only or sources(Path(folder), arguments.rows):
            with multiprocessing.get_context("spawn").Pool(1) as process:
                result = process.apply(measure, (name, *settings))
                print(json.dumps({"source": name, "device": arguments.device, **result}), flush=True)


if __name__ == "__main__":
    main()
