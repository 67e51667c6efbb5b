"""Time, memory and energy of one side.

Time: `torch.utils.benchmark.Timer`, which waits for CUDA before it reads the clock. After a warm-up, runs are repeated
until their quartiles are within 5 % or the time of the plan is used up; a row keeps each run.
Disturbance: `busy` is the CPU time of this process over the time that passed, all threads together. Where it is well
under 1 on a CPU, others had the core: the times are theirs too, tables say so and `compare` draws no conclusion. Of t
threads no more can be told: at least one of them always has work, so that well under 1 is a disturbance for them too,
and near t is none; but between 1 and t, work that is done by fewer threads looks like work that lacked cores. Tables
show `busy` there, and `compare` may take a disturbance for a slowdown, which a second run must confirm.
Memory: on Linux the peak of the process's resident size while a side was measured (VmHWM, set back before), and by how
much that exceeds the size before; what the allocator kept from earlier sides hides growth. On CUDA the peak of the
allocated bytes above those allocated before.
Energy: of the whole GPU (NVML) or of the CPU's package (RAPL), where the driver tells it: mean power over all runs
times the median time, the machine's idle power included.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.utils.benchmark import Timer

from benchmarks.harness.energy import energy_joules
from benchmarks.harness.question import Row, Setting, Side

STEADY = 0.05  # quartile range over median that ends a measurement
LEAST_BUSY = 0.9  # share of a core below which a side on a CPU was disturbed, whatever its threads
MOST_KEPT = 100  # runs that a row keeps
LEAST_METERED = 0.5  # seconds over which a meter of power can be read


@dataclass(frozen=True)
class Plan:
    """How long a side is measured, after one warm-up call.

    Attributes:
        least: Seconds of runs at least.
        most: Seconds of runs after which no further one begins.
    """

    least: float
    most: float


PLANS = {"smoke": Plan(0.0, 0.003), "small": Plan(0.05, 0.5), "full": Plan(1.0, 12.0)}


def measure(side: Side, setting: Setting, plan: Plan) -> tuple[dict[str, Any], Any]:
    """Return the times, memory and energy of a side, and what its last call returned."""
    last: list[Any] = [None]
    names: dict[str, Any] = {"work": side.work, "fresh": side.fresh, "last": last}
    statement, setup = (
        ("last[0] = work()", "pass") if side.fresh is None else ("last[0] = work(state)", "state = fresh()")
    )
    timer = Timer(statement, setup, globals=names, num_threads=setting.threads)
    if side.warm_up is not None:
        side.warm_up()
    meters = _Meters(setting)
    if side.is_once:
        seconds, last[0] = _watched(side.work)
        times = [seconds]
    else:
        times = timer.adaptive_autorange(STEADY, min_run_time=plan.least, max_run_time=plan.most).times
    used = meters.read()
    low, median, high = (float(value) for value in np.quantile(times, [0.25, 0.5, 0.75]))
    watts = used.pop("watts")
    kept = [times[i] for i in np.linspace(0, len(times) - 1, min(len(times), MOST_KEPT)).round().astype(int)]
    row = {"median": median, "low": low, "high": high, "runs": len(times), "times": kept, **used}
    return row | {"joules": None if watts is None else watts * median}, last[0]


class _Meters:
    """Memory, energy and CPU time from now on."""

    def __init__(self, setting: Setting) -> None:
        self._device = setting.torch_device
        if self._device.type == "cuda":
            torch.cuda.synchronize()
            torch.cuda.reset_peak_memory_stats()
            self._allocated = torch.cuda.memory_allocated()
        self._can_reset = _reset_peak()
        self._resident = status_mib("VmRSS")
        self._energy = energy_joules(self._device)
        self._start, self._worked = time.perf_counter(), time.process_time()

    def read(self) -> dict[str, Any]:
        """Return the share of a core, mean watts and peaks in MiB; None for what this machine does not tell."""
        seconds, worked = time.perf_counter() - self._start, time.process_time() - self._worked
        energy = energy_joules(self._device)
        peak = status_mib("VmHWM") if self._can_reset else None
        growth = None if peak is None or self._resident is None else max(0.0, peak - self._resident)
        on_device = None
        if self._device.type == "cuda":
            on_device = (torch.cuda.max_memory_allocated() - self._allocated) / 2**20
        is_metered = energy is not None and self._energy is not None and seconds >= LEAST_METERED
        watts = (energy - self._energy) / seconds if is_metered else None  # type: ignore[operator]
        found = {"busy": worked / seconds, "watts": watts}
        return found | {"host_peak_mib": peak, "host_growth_mib": growth, "device_peak_mib": on_device}


def is_disturbed(row: Row) -> bool:
    """Return whether others took the core away while a row was measured; with several threads, whether that is sure."""
    return bool(row["device"] == "cpu" and row["busy"] < LEAST_BUSY)


def _reset_peak() -> bool:
    """Set the peak of the resident size back to the present size; False where the kernel does not let us."""
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        return False
    return status_mib("VmHWM") is not None


def status_mib(name: str) -> float | None:
    """Return a size from /proc/self/status; None where there is none."""
    try:
        text = Path("/proc/self/status").read_text()
    except OSError:
        return None
    found = text.partition(f"{name}:")[2].split()
    return int(found[0]) / 1024 if found else None


def _watched(work: Callable[[], Any]) -> tuple[float, Any]:
    """Return the seconds of one call, and what it returned."""
    start = time.perf_counter()
    result = work()
    return time.perf_counter() - start, result
