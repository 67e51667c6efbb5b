"""The other end of `benchmarks/harness/peers.py`: read a job, time it, write the answer. It needs NumPy alone."""

import json
import sys
import time
import warnings
from collections.abc import Callable, Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

Job = dict[str, Any]
Arrays = Mapping[str, Any]
Work = Callable[[], Any]
# A task prepares everything and returns what is timed, and what wants to be known of its last result.
Prepared = tuple[Work, Callable[[Any], dict[str, Any]]]
Task = Callable[[Job, Arrays], Prepared]
LEAST_RUNS = 4
MOST_RUNS = 100


def serve(tasks: Mapping[str, Task], packages: tuple[str, ...]) -> None:
    """Do the job in the folder that the command line names.

    Args:
        tasks: Tasks by name.
        packages: Packages whose versions are to be told.
    """
    folder = Path(sys.argv[1])
    job = json.loads((folder / "job.json").read_text())
    warnings.simplefilter("ignore")
    with np.load(folder / "arrays.npz") as arrays:
        try:
            work, values = tasks[job["task"]](job, dict(arrays))
        except ImportError as error:
            answer: dict[str, Any] = {"missing": str(error)}
        else:
            start, worked = time.perf_counter(), time.process_time()
            times, result = _times(work, job)
            busy = (time.process_time() - worked) / (time.perf_counter() - start)
            answer = {"times": times, "busy": busy, "values": values(result)}
            answer["peer"] = {name: version(name) for name in packages}
    (folder / "answer.json").write_text(json.dumps(answer))


def _times(work: Work, job: Job) -> tuple[list[float], Any]:
    synchronize = _synchronize(job["device"])
    if not job.get("is_once"):
        work()  # warm-up
    times: list[float] = []
    while not times or (len(times) < MOST_RUNS and _is_to_go_on(times, job)):
        synchronize()
        start = time.perf_counter()
        result = work()
        synchronize()
        times.append(time.perf_counter() - start)
    return times, result


def _is_to_go_on(times: list[float], job: Job) -> bool:
    if job.get("is_once"):
        return False
    is_short = sum(times) < job["least"] or len(times) < LEAST_RUNS
    return is_short and sum(times) < job["most"]


def _synchronize(device: str) -> Callable[[], None]:
    if device != "cuda":
        return lambda: None
    import torch

    return torch.cuda.synchronize


def plain(_: Any) -> dict[str, Any]:
    """Tell nothing of a result."""
    return {}
