"""The map of speed-ups divides times of the same case."""

from typing import Any

from benchmarks.questions.crossover import summary
from tests.benchmarks.rows import row


def timed(device: str, n: int, m: int | None, seconds: float, threads: int = 1) -> dict[str, Any]:
    return row(question="crossover", device=device, sizes={"n": n, "m": m}, times=(seconds,), threads=threads)


def test_each_number_of_threads_has_a_map() -> None:
    rows = [timed("cpu", 10, None, 6.0), timed("cpu", 10, 100, 8.0), timed("cpu", 10, 100, 4.0, threads=2)]
    rows += [timed("cuda", 10, None, 3.0), timed("cuda", 10, 100, 2.0), timed("cuda", 20, 100, 1.0)]
    one, two = summary(rows).split("(threads: 2)")
    assert "(threads: 1)" in one
    assert "| 10 | 2x | 4x |\n| 20 | - | - |" in one
    assert "| 10 | - | 2x |\n| 20 | - | - |" in two


def test_no_map_without_both_devices() -> None:
    assert "only times of the CPU are recorded" in summary([timed("cpu", 10, 100, 1.0)])
    assert "only times of CUDA are recorded" in summary([timed("cuda", 10, 100, 1.0)])
