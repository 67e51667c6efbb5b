"""What is timed once is warmed up by a smaller grid."""

from benchmarks.harness.question import Setting, Side
from benchmarks.questions import grids


def first(m: int) -> Side:
    sizes = {"acquisition": "ei", "n": 20, "m": m, "d": 3, "k": 5, "noise": 0.1, "part": 50}
    side = next(grids.sides(Setting(sizes, "cpu", 1, 0, False)))
    assert isinstance(side, Side)
    return side


def test_a_grid_that_is_passed_once_follows_a_smaller_one() -> None:
    side = first(grids.ONCE_FROM)
    assert side.is_once
    assert side.warm_up is not None
    assert grids.WARM_UP / 2 < side.warm_up().certificate.candidates <= grids.WARM_UP


def test_a_small_grid_is_its_own_warm_up() -> None:
    side = first(1000)
    assert not side.is_once
    assert side.warm_up is None
