"""What is the loss of every config of the autoencoder example?

Trains all 768 configs once, with seed 0, on one thread each, and writes `gpbop/examples/autoencoder_grid.csv` and,
beside it, `autoencoder_grid.json` with the machine, versions, commit and date. The demo and the replay benchmark
compare their answers with this table. Interrupted, it continues where it stopped.

    python -m benchmarks.record_autoencoder_grid --processes 2
"""

import argparse
import csv
import json
import multiprocessing
import time
from pathlib import Path
from typing import Any

import torch

import gpbop.examples
from benchmarks.environment import describe
from gpbop.examples.autoencoder import space, train
from gpbop.examples.recorded import COLUMNS, GRID_FILE, to_row

TABLE = Path(gpbop.examples.__file__).with_name(GRID_FILE)
PARTIAL = Path(__file__).parent / "results" / "autoencoder_grid.partial.jsonl"


def main() -> None:
    """Record what is missing, then write the table in the order of the grid."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--processes", type=int, default=2)
    processes = parser.parse_args().processes
    configs = list(space().grid())
    done = _read_partial()
    missing = [i for i in range(len(configs)) if i not in done]
    print(f"{len(configs)} configs, {len(missing)} to train, {processes} processes", flush=True)
    PARTIAL.parent.mkdir(exist_ok=True)
    context = multiprocessing.get_context("spawn")
    with context.Pool(processes) as pool, PARTIAL.open("a", encoding="utf-8") as partial:
        for count, (index, row) in enumerate(pool.imap_unordered(_record, [(i, configs[i]) for i in missing]), 1):
            done[index] = row
            partial.write(json.dumps([index, row]) + "\n")
            partial.flush()
            if count % 50 == 0:
                print(f"{count} of {len(missing)}", flush=True)
    _write([done[i] for i in range(len(configs))], processes)
    PARTIAL.unlink()
    print(f"wrote {TABLE.name}")


def _record(job: tuple[int, dict[str, Any]]) -> tuple[int, dict[str, str]]:
    index, config = job
    start = time.perf_counter()
    loss = train(config, seed=0)
    return index, to_row(config, loss, time.perf_counter() - start)


def _read_partial() -> dict[int, dict[str, str]]:
    """Return the finished rows by grid index; a last line that was cut off is trained again."""
    done = {}
    for line in PARTIAL.read_text(encoding="utf-8").splitlines() if PARTIAL.exists() else []:
        try:
            index, row = json.loads(line)
        except json.JSONDecodeError:
            continue
        done[int(index)] = row
    return done


def _write(rows: list[dict[str, str]], processes: int) -> None:
    with TABLE.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    record = {"seed": 0, "device": "cpu", "processes": processes, "threads_each": 1, **describe()}
    TABLE.with_suffix(".json").write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    torch.set_num_threads(1)
    main()
