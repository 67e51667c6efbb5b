"""Plans are made of measured times by known rules; the times themselves are not held."""

import sys
from typing import Any

import pytest
import torch

from gpbop import Float, Grid, Integer, Plan, Sample, Space, plan
from gpbop.errors import AcquisitionError, GpbopError
from gpbop.scoring.job import SCORED, Job
from gpbop.scoring.memory import needed_bytes
from gpbop.scoring.sources import Table
from tests.scoring.candidates import process

SPACE = Space({"a": Float(0.0, 1.0), "b": Integer(0, 99)})
MODULE = "gpbop.scoring.plan"


class Clock:
    """A clock that goes on by a second for each 1000 candidates that are passed, and 10 seconds for each pass."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        module = sys.modules[MODULE]
        self.passes: list[int] = []

        def timed(job: Any, blocks: int, k: int, batch: bool = False) -> tuple[float, int]:
            part = module._Part(job.candidates, blocks)
            count = sum(len(piece) for piece in part.pieces(job.block_rows))
            self.passes.append(count)
            return 10.0 + count / 1000.0, count

        monkeypatch.setattr(module, "_timed", timed)
        monkeypatch.setattr(module, "LONG", torch.inf)


def test_a_draw_takes_more_memory_than_moments(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its features, for each candidate that is computed at a time."""
    Clock(monkeypatch)
    room = {name: plan(process(SPACE, 20), Sample(SPACE, 9000), acquisition=name, threads=1).bytes for name in SCORED}
    assert room["thompson"] > room["noisy_ei"] > room["ei"] == room["ucb"]


def test_where_the_first_block_takes_long_no_other_is_timed(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock(monkeypatch)
    monkeypatch.setattr(sys.modules[MODULE], "LONG", 11.0)
    found = plan(process(SPACE, 20), Sample(SPACE, 100_000), threads=1, block_rows=2000)
    assert clock.passes == [512, 2000]
    assert found.seconds == pytest.approx(12.0 * 50.0)


def test_ctrl_c_ends_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """A search gives what it has; a time of half a pass is worth nothing."""

    class Interrupted(Sample):
        def blocks(self, rows: int, **options: Any) -> Any:
            raise KeyboardInterrupt
            yield

    with pytest.raises(KeyboardInterrupt):
        plan(process(SPACE, 20), Interrupted(SPACE, 100_000), threads=1)


def test_time_is_extrapolated_from_blocks_and_what_is_done_once(monkeypatch: pytest.MonkeyPatch) -> None:
    Clock(monkeypatch)
    gp = process(SPACE, 20)
    for m in (10_000, 50_000, 1_000_000):
        found = plan(gp, Sample(SPACE, m), threads=1, block_rows=1000)
        assert found.candidates == m
        assert found.seconds == pytest.approx(10.0 + m / 1000.0)
        assert found.candidates_per_second == pytest.approx(1000.0)
        assert (found.block_rows, found.threads, found.device) == (1000, 1, gp.device)
        assert found.bytes == needed_bytes(gp.factor, 2, 1000, 1)


@pytest.mark.parametrize(("name", "passes"), [("ei", 1), ("pi", 7), ("thompson", 7)])
def test_batches_that_take_a_pass_for_each_point_cost_as_many(
    monkeypatch: pytest.MonkeyPatch, name: str, passes: int
) -> None:
    Clock(monkeypatch)
    gp, sample = process(SPACE, 20), Sample(SPACE, 40_000)
    found = plan(gp, sample, acquisition=name, k=7, batch=True, threads=1, block_rows=1000)
    assert found.seconds == pytest.approx(passes * (10.0 + 40.0))


def test_what_is_timed_are_the_candidates_that_are_passed() -> None:
    """Also where no block holds any of the best, of which the whole source tells beforehand."""
    space = Space({f"x{i}": Float(0.0, 1.0, step=1 / 15) for i in range(5)})
    module, gp = sys.modules[MODULE], process(space, 40, lengthscale=1.5)
    job = Job.of(gp, Grid(space), "ei", "minimize", None, None, 4.0, 0, None, "auto", None, 1)
    (_, few), (_, more) = (module._timed(job, blocks, 5) for blocks in (1, 4))
    sizes = {len(piece) for piece in Grid(space).pieces(job.block_rows)}
    assert few in sizes
    assert few < more <= 4 * max(sizes)
    assert plan(gp, Grid(space), k=5, threads=1).candidates_per_second > 1000.0


def test_small_sources_are_passed_whole_and_only_once_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock(monkeypatch)
    found = plan(process(SPACE, 20), Sample(SPACE, 900), threads=1, block_rows=1000)
    assert clock.passes == [512, 900, 900]
    assert found.candidates == 900


def test_a_real_run_gives_finite_times(tmp_path: Any) -> None:
    gp = process(SPACE, 15)
    path = tmp_path / "t.csv"
    path.write_text("a,b\n" + "".join(f"{i / 3000},{i % 100}\n" for i in range(3000)))
    for source in (Sample(SPACE, 5000), Grid(SPACE, {"a": [0.1, 0.2, 0.3]}), Table(path), [{"a": 0.5, "b": 3}]):
        for options in ({}, {"batch": True, "k": 3}, {"acquisition": "max_variance", "threads": 2}):
            found = plan(gp, source, block_rows=64, **options)  # type: ignore[arg-type]
            assert found.candidates_per_second > 0.0
            assert found.seconds is None or found.seconds > 0.0
            assert (found.seconds is None) == isinstance(source, Table)  # nobody knows the length of a CSV file


def test_what_is_left_out_counts_up_to_its_bound() -> None:
    gp = process(SPACE, 15)
    grid = Grid(SPACE, {"a": [0.1, 0.2]}, constraint=lambda X: X[:, 1] > 0.5)
    found = plan(gp, grid, block_rows=16)
    assert found.candidates == 200
    assert found.seconds is not None


def test_mistakes_are_those_of_score() -> None:
    gp = process(SPACE, 5)
    with pytest.raises(AcquisitionError, match="`acquisition` must be one of"):
        plan(gp, Sample(SPACE, 10), acquisition="best")
    with pytest.raises(GpbopError, match="`k` must be a positive int"):
        plan(gp, Sample(SPACE, 10), k=0)


@pytest.mark.parametrize(
    ("plan_", "text"),
    [
        (
            Plan(torch.device("cpu"), 1_000_000, 200.0, 82_000_000, 5000.0, 16384, 2),
            "1,000,000 candidates on cpu with 2 threads: about 3 min 20 s at 5,000 a second, "
            "in at most 82 MB of memory.",
        ),
        (
            Plan(torch.device("cuda"), None, None, 82_000_000, 5000.0, 16384, 1),
            "An unknown number of candidates on cuda: 5,000 a second, in at most 82 MB of memory.",
        ),
        (
            Plan(torch.device("cpu"), 7, 7300.0, 1_000_000, 1.0, 16384, 1),
            "7 candidates on cpu with 1 thread: about 2 h 1 min at 1 a second, in at most 1 MB of memory.",
        ),
    ],
)
def test_a_plan_is_one_sentence(plan_: Plan, text: str) -> None:
    assert str(plan_) == text
