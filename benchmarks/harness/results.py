"""Results: one JSON line for each side of each case, appended, so that runs are merged by concatenating files."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from benchmarks.harness.question import Row
from benchmarks.harness.registry import names

FOLDER = Path(__file__).parents[1] / "results"
# How a device is named when so many threads are used.
Places = Mapping[tuple[str, int], str]


def append(path: Path, row: Row) -> None:
    """Add a row to a file, which is made if there is none."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(row) + "\n")


def read(path: Path) -> list[Row]:
    """Read the rows of a file, or of the files of all questions in a folder, in the order they were measured.

    Raises:
        SystemExit: If there is no such file or folder.
    """
    if not path.exists():
        raise SystemExit(
            f"`{path}` must be a file or a folder of results; got nothing there. Run: python -m benchmarks run"
        )
    files = [path / f"{name}.jsonl" for name in names()] if path.is_dir() else [path]
    lines = [line for file in files if file.exists() for line in file.read_text(encoding="utf-8").splitlines()]
    return [json.loads(line) for line in lines if line]


def machine(row: Row) -> str:
    """Return processor and GPU of a row."""
    environment = row["environment"]
    return " + ".join(part for part in (environment["cpu"], environment["gpu"]) if part)


def places(rows: Iterable[Row]) -> Places:
    """Return how the devices of a machine are named, with the threads where a device has rows of several numbers.

    Args:
        rows: All rows of one machine that are shown.
    Returns:
        Names by device and number of threads, such as "cpu x 2".
    """
    pairs = list(dict.fromkeys((row["device"], row["threads"]) for row in rows))
    devices = [device for device, _ in pairs]
    return {(device, n): f"{device} x {n}" if devices.count(device) > 1 else device for device, n in pairs}


def case(row: Row) -> str:
    """Return what a row measured, without where and when; equal texts are comparable on one machine."""
    return f"{row['question']} {row['side']} on {row['device']}, {row['threads']} threads, {sizes_text(row['sizes'])}"


def sizes_text(sizes: dict[str, Any]) -> str:
    """Return the sizes of a case in one line."""
    return " ".join(f"{name}={value}" for name, value in sizes.items() if value is not None)


def latest(rows: Iterable[Row]) -> list[Row]:
    """Return the last row of each machine and case; a later run takes the place of an earlier one."""
    found: dict[tuple[str, str], Row] = {}
    for row in rows:
        found[machine(row), case(row)] = row
    return list(found.values())
