"""Where and with what a benchmark ran, for the record beside its results."""

import platform
import subprocess
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import torch

import gpbop
from benchmarks.harness.energy import driver_version

PACKAGES = ("torch", "gpytorch", "botorch", "numpy", "scikit-learn", "optuna")


def describe() -> dict[str, Any]:
    """Return processor, GPU, driver, versions, commit and date; never the name of the machine."""
    return {
        "cpu": _cpu(),
        "gpu": torch.cuda.get_device_name() if torch.cuda.is_available() else None,
        "driver": driver_version(),
        "python": platform.python_version(),
        "versions": {"gpbop": gpbop.__version__, **{name: _version(name) for name in PACKAGES}},
        "commit": _commit(),
        "date": datetime.now(UTC).date().isoformat(),
    }


def _cpu() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.machine()


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _commit() -> str | None:
    """Return the commit of this checkout; None without one.

    It is marked "-dirty" where tracked files differ from it, other than the results that the run before has written.
    """
    commit = _git("rev-parse", "--short=12", "HEAD")
    if not commit:
        return None
    changed = _git("status", "--porcelain", "--untracked-files=no", "--", ":/", ":(top,exclude)benchmarks/results")
    return f"{commit}-dirty" if changed else commit


def _git(*arguments: str) -> str:
    command = ["git", *arguments]
    try:
        run = subprocess.run(command, cwd=Path(__file__).parent, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return ""
    return run.stdout.strip()
