"""Candidates that wait for company are never lost: not for want of memory, and not for Ctrl-C."""

from typing import Any
from unittest import mock

import pytest
import torch

from gpbop import Float, Space
from gpbop.acquisition import Question
from gpbop.errors import DeviceError
from gpbop.scoring import later, score
from gpbop.scoring.later import LaterStages
from tests.scoring.candidates import InMemory, plain_order, process

SPACE = Space({"a": Float(0.0, 1.0), "b": Float(0.0, 1.0)})
GP = process(SPACE, 60, lengthscale=0.5)
X = torch.rand(2000, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
ORDER = plain_order("ei", Question(GP), X)[0]


def failing(error: type[BaseException], when: Any) -> Any:
    """Return `_finish` that fails when `when` says so of the number of its call and of candidates."""
    finish, calls = LaterStages._finish, 0

    def fails(self: LaterStages, held: Any, *rest: Any) -> None:
        nonlocal calls
        calls += 1
        if when(calls, len(held)):
            raise error
        finish(self, held, *rest)

    return mock.patch.object(LaterStages, "_finish", fails)


def found(**options: Any) -> Any:
    with mock.patch.multiple(later, WAITING={"cpu": 20}, GROWTH=1.0):
        return score(GP, InMemory(SPACE, X), k=20, block_rows=100, skip_observed=False, **options)


def test_those_with_the_highest_bounds_go_on_and_all_others_once_there_is_no_room() -> None:
    """Whoever waits to the end, or had to go on early, the answer is the same, and nobody counts twice."""
    computed, rising = [], InMemory(SPACE, X[ORDER[::-1]])
    for room in (0, 5_000, 2**25):
        finish, sizes = LaterStages._finish, list[int]()

        def counted(self: LaterStages, held: Any, *rest: Any, finish: Any = finish, sizes: Any = sizes) -> None:
            sizes.append(len(held))
            finish(self, held, *rest)

        with (
            mock.patch.dict(later.WAITING_BYTES, {"cpu": room}),
            mock.patch.dict(later.CHUNK, {"cpu": 1}),
            mock.patch.object(LaterStages, "_finish", counted),
        ):
            top = score(GP, rising, k=20, block_rows=100, skip_observed=False, threads=1)
        assert top.indices == list(range(1999, 1979, -1))
        assert sum(stage.settled for stage in top.certificate.stages) == len(X)
        computed.append(sum(sizes))
    assert computed[0] > computed[1] >= computed[2], computed


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("call", [1, 6, 9, 11])
def test_out_of_memory_once(call: int, threads: int) -> None:
    with failing(torch.OutOfMemoryError, lambda calls, held: calls == call and held > 1):
        top = found(threads=threads)
    assert top.indices == ORDER[:20]
    assert top.certificate.is_complete
    assert sum(stage.settled for stage in top.certificate.stages) == len(X)


def test_room_for_few_at_a_time() -> None:
    with failing(torch.OutOfMemoryError, lambda calls, held: held > 7):
        assert found(threads=1).indices == ORDER[:20]


def test_no_room_for_one() -> None:
    with failing(torch.OutOfMemoryError, lambda calls, held: held > 0), pytest.raises(DeviceError, match="memory"):
        found(threads=1)


@pytest.mark.parametrize("call", [6, 9, 11])
def test_ctrl_c(call: int) -> None:
    """What the blocks before left is there, and all of it counts."""
    with failing(KeyboardInterrupt, lambda calls, held: calls == call):
        top = found(threads=1)
    assert not top.certificate.is_complete
    # The block that was interrupted does not count yet, but what it left is among them.
    assert top.indices == [index for index in ORDER if index < top.certificate.candidates + 100][:20]


def test_ctrl_c_at_the_end() -> None:
    late = mock.patch.multiple(later, IMPATIENT=0, WAITING={"cpu": 10**6})
    with late, failing(KeyboardInterrupt, lambda calls, held: True):
        top = score(GP, InMemory(SPACE, X), k=20, block_rows=100, skip_observed=False, threads=1)
    assert not top.certificate.is_complete


@pytest.mark.parametrize("call", [1, 2, 3])
def test_a_block_that_waits_already_when_memory_runs_out_counts_once(call: int) -> None:
    go_on, calls = LaterStages.go_on, list[int]()

    def scarce(self: LaterStages, *rest: Any) -> None:
        calls.append(len(calls))
        if len(calls) == call:
            raise torch.OutOfMemoryError("not enough")
        go_on(self, *rest)

    with mock.patch.object(LaterStages, "go_on", scarce):
        assert found(threads=1).indices == ORDER[:20]
    assert len(calls) > call
