"""Peers, each measured in a process of its own, in an environment of its own if it has one."""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from benchmarks.harness.question import Peer, Row, Setting
from benchmarks.harness.timing import Plan

ROOT = Path(__file__).parents[2]
POOLS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS")


def measure_peer(peer: Peer, setting: Setting, plan: Plan, python: str | None = None) -> Row | None:
    """Return the times of a peer; None, after a line that says so, where it is not installed.

    Args:
        peer: What is to be done.
        setting: Where and how.
        plan: How long.
        python: Interpreter of the peer's environment; this one if absent.
    Raises:
        RuntimeError: If the peer fails otherwise.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        job = {"task": peer.task, "device": setting.device, "threads": setting.threads, "seed": setting.seed}
        job |= {"least": plan.least, "most": plan.most, **peer.job}
        (folder / "job.json").write_text(json.dumps(job))
        np.savez(folder / "arrays.npz", **{key: value.cpu().numpy() for key, value in peer.arrays.items()})
        pinned = dict(os.environ) | dict.fromkeys(POOLS, str(setting.threads))
        command = [python or sys.executable, "-m", f"benchmarks.peers.{peer.module}", str(folder)]
        done = subprocess.run(command, cwd=ROOT, env=pinned, capture_output=True, text=True, check=False)
        answer = folder / "answer.json"
        if done.returncode or not answer.exists():
            raise RuntimeError(f"the peer {peer.name} failed:\n{done.stdout}{done.stderr}")
        found: Row = json.loads(answer.read_text())
    if "missing" in found:
        print(f"{peer.name} is left out: {found['missing']}", flush=True)
        return None
    times = found.pop("times")
    if peer.values is not None:
        found["values"] = dict(peer.values(found["values"]))
    low, median, high = (float(value) for value in np.quantile(times, [0.25, 0.5, 0.75]))
    return {"median": median, "low": low, "high": high, "runs": len(times), "times": times, **found}
