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

CPUINFO = Path("/proc/cpuinfo")
# What tells processors of one name apart, and how /proc/cpuinfo calls it.
GENERATION = {"family": "cpu family", "model": "model"}
PACKAGES = ("torch", "gpytorch", "botorch", "numpy", "scikit-learn", "optuna")


def describe() -> dict[str, Any]:
    """Return processor, GPU, driver, versions, commit and date; never the name of the machine."""
    return {
        "cpu": processor(CPUINFO.read_text() if CPUINFO.exists() else ""),
        "gpu": torch.cuda.get_device_name() if torch.cuda.is_available() else None,
        "driver": driver_version(),
        "python": platform.python_version(),
        "versions": {"gpbop": gpbop.__version__, **{name: _version(name) for name in PACKAGES}},
        "commit": _commit(),
        "date": datetime.now(UTC).date().isoformat(),
    }


def processor(cpuinfo: str) -> str:
    """Return the model of a processor; its name alone may be that of several generations, which differ in speed.

    Args:
        cpuinfo: What Linux says of all processors; may be empty.
    """
    pairs = [[part.strip() for part in line.split(":", 1)] for line in cpuinfo.splitlines() if ":" in line]
    said = dict(reversed(pairs))  # the first processor's
    if "model name" not in said:
        return platform.machine()
    generation = ", ".join(f"{key} {said[name]}" for key, name in GENERATION.items() if name in said)
    return f"{said['model name']} ({generation})" if generation else said["model name"]


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
