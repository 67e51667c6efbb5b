"""Run questions: every case on every device, each side in its turn, one row appended as soon as it is known."""

import time
import traceback
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from benchmarks.environment import describe
from benchmarks.harness.ceilings import ceilings
from benchmarks.harness.peers import measure_peer
from benchmarks.harness.question import Peer, Row, Setting, Side
from benchmarks.harness.registry import load
from benchmarks.harness.results import append, sizes_text
from benchmarks.harness.selection import Selection, is_selected
from benchmarks.harness.show import duration
from benchmarks.harness.timing import PLANS, measure


@dataclass(frozen=True)
class Run:
    """What is asked of a run.

    Attributes:
        names: The questions.
        size: "smoke", "small" or "full".
        devices: "cpu", "cuda" or both.
        out: Folder of the results.
        threads: Number of CPU threads.
        seed: Seed of everything random.
        rounds: How often everything is measured: rows of several rounds show what differs from one to the next.
        has_peers: Whether peers are measured too.
        pythons: Interpreters of the peers by their modules; this one where absent.
        commit: Commit that the rows are to name, where no checkout tells it.
        only: Values of sizes that the measured cases have; all cases where empty.
    """

    names: list[str]
    size: str
    devices: list[str]
    out: Path
    threads: int = 1
    seed: int = 0
    rounds: int = 1
    has_peers: bool = False
    pythons: Mapping[str, str] | None = None
    commit: str | None = None
    only: Selection = field(default_factory=dict)


def run(asked: Run) -> list[str]:
    """Measure, print and append; return the names of the questions that failed, whose rows until then are kept."""
    failed = []
    environment = describe()
    if asked.commit is not None:
        environment["commit"] = asked.commit
    before = torch.get_num_threads()
    torch.set_num_threads(asked.threads)
    try:
        for _ in range(asked.rounds):
            for name in asked.names:
                start = time.perf_counter()
                try:
                    _run_question(asked, name, environment)
                except Exception:  # the others are still worth their time
                    traceback.print_exc()
                    failed.append(name)
                print(f"{name}: {time.perf_counter() - start:.0f} s in all", flush=True)
    finally:
        torch.set_num_threads(before)
    return failed


def _run_question(asked: Run, name: str, environment: dict[str, Any]) -> None:
    question = load(name)
    for sizes in (sizes for sizes in question.cases[asked.size] if is_selected(sizes, asked.only)):
        for device in asked.devices:
            setting = Setting(sizes, device, asked.threads, asked.seed, asked.has_peers)
            for side in question.sides(setting):
                measured = _measured(asked, side, setting)
                if measured is None:
                    continue
                row = {"question": name, "side": side.name, "is_peer": isinstance(side, Peer), "device": device}
                row |= {"sizes": sizes, "size": asked.size, "threads": asked.threads, "seed": asked.seed}
                row |= {"count": side.count, "unit": side.unit, **measured, "environment": environment}
                append(asked.out / f"{name}.jsonl", row)
                print(_line(row), flush=True)


def _measured(asked: Run, side: Side | Peer, setting: Setting) -> Row | None:
    plan = PLANS[asked.size]
    if isinstance(side, Peer):
        return measure_peer(side, setting, plan, (asked.pythons or {}).get(side.module))
    row, result = measure(side, setting, plan)
    values = dict(side.values(result, row["median"])) if side.values else {}
    if side.cost is not None:
        values |= side.cost.shares(row["median"], ceilings(setting.device, side.cost.dtype, setting.threads))
    return row | {"values": values}


def _line(row: Row) -> str:
    place = f"{row['question']:10} {row['device']:4} {sizes_text(row['sizes'])}"
    time_text = f"{duration(row['median'])} ({duration(row['low'])} to {duration(row['high'])}, {row['runs']} runs)"
    return f"{place:70} {row['side']:16} {time_text}"
