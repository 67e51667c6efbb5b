"""Blocks fit into the memory there is, and a device that is full is said to be."""

from typing import Any
from unittest import mock

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from gpbop import Float, Space
from gpbop.errors import DeviceError
from gpbop.scoring import memory, score_all
from gpbop.scoring.memory import (
    BLOCK_ROWS,
    BLOCKS_EACH,
    EVEN_ROWS,
    LEAST_BLOCK_ROWS,
    LEAST_QUEUE_BYTES,
    QUEUE_BYTES,
    SHARE,
    default_block_rows,
    enough,
    free_bytes,
    halving,
    needed_bytes,
    queue_bytes,
    queue_room,
)
from gpbop.scoring.sources.base import Block
from gpbop.surrogate.factor import Factor
from tests.scoring.candidates import InMemory, process

SPACE = Space({"a": Float(0.0, 1.0), "b": Float(0.0, 1.0)})


@given(free=st.integers(0, 2**40), threads=st.integers(1, 64), d=st.integers(1, 50))
def test_blocks_fit_into_half_of_the_free_memory(free: int, threads: int, d: int) -> None:
    factor = process(SPACE, 30).factor
    rows = default_block_rows(factor, d, threads, free)
    assert LEAST_BLOCK_ROWS["cpu"] <= rows <= BLOCK_ROWS["cpu"]
    needed = needed_bytes(factor, d, rows, threads)
    assert needed <= SHARE * free or rows == LEAST_BLOCK_ROWS["cpu"]
    if rows < BLOCK_ROWS["cpu"]:  # no smaller than they have to be
        assert needed_bytes(factor, d, 2 * rows, threads) > SHARE * free
    assert default_block_rows(factor, d, threads, None) == BLOCK_ROWS["cpu"]


@given(extent=st.integers(0, 10**7), threads=st.integers(1, 64))
def test_every_thread_has_several_blocks_unless_they_would_be_small(extent: int, threads: int) -> None:
    rows = default_block_rows(process(SPACE, 30).factor, 2, threads, None, extent)
    assert EVEN_ROWS["cpu"] <= rows <= BLOCK_ROWS["cpu"]
    assert rows * threads * BLOCKS_EACH <= extent or rows == EVEN_ROWS["cpu"]
    if rows < BLOCK_ROWS["cpu"]:  # no smaller than they have to be
        assert 2 * rows * threads * BLOCKS_EACH > extent


def test_the_free_memory_is_known_here() -> None:
    free = free_bytes(torch.device("cpu"))
    assert free is None or free > 0


def limited(rows: int) -> Any:
    """Return a function of a block that has memory for so many candidates only."""

    def work(block: Block) -> list[int]:
        if len(block.index) > rows:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return block.index.tolist()

    return work


def test_chunks_are_halved_until_they_fit() -> None:
    block = Block(torch.arange(37), torch.zeros(37, 2, dtype=torch.float64))
    for rows in (1, 5, 36, 37):
        parts = halving(limited(rows), block, block.device)
        assert [index for part in parts for index in part] == list(range(37))
        assert len(parts) == 1 or rows < 37
    with pytest.raises(DeviceError, match=r"`device` must have memory to score candidates; got 'cpu', which is full"):
        halving(limited(0), block, block.device)


@pytest.mark.parametrize(
    "text",
    [
        "Triton Error [CUDA]: out of memory",
        "CUDA error: out of memory",
        "cuda error: CUBLAS_STATUS_ALLOC_FAILED",
        "DefaultCPUAllocator: can't allocate memory",
    ],
)
def test_memory_that_others_want_counts_as_well(text: str) -> None:
    """The driver, Triton and cuBLAS have no error of their own for it."""
    block = Block(torch.arange(9), torch.zeros(9, 2, dtype=torch.float64))

    def work(some: Block) -> int:
        if len(some) > 2:
            raise RuntimeError(text)
        return len(some)

    assert sum(halving(work, block, block.device)) == 9
    with pytest.raises(DeviceError, match="which is full"), enough(block.device):
        raise RuntimeError(text)


def test_other_errors_are_left_as_they_are() -> None:
    block = Block(torch.arange(9), torch.zeros(9, 2, dtype=torch.float64))
    error = RuntimeError("mat1 and mat2 shapes cannot be multiplied")

    def work(_: Block) -> None:
        raise error

    for attempt in (lambda: halving(work, block, block.device), lambda: in_vain(work, block)):
        with pytest.raises(RuntimeError) as caught:
            attempt()
        assert caught.value is error


def in_vain(work: Any, block: Block) -> None:
    with enough(block.device):
        work(block)


def test_what_torch_holds_unused_is_free(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (1000, 5000))
    monkeypatch.setattr(torch.cuda, "memory_reserved", lambda device: 700)
    monkeypatch.setattr(torch.cuda, "memory_allocated", lambda device: 300)
    assert free_bytes(torch.device("cuda", 0)) == 1400


def test_dense_scoring_is_halved_as_well(monkeypatch: pytest.MonkeyPatch) -> None:
    gp = process(SPACE, 10)
    X = torch.rand(50, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    (whole,) = score_all(gp, InMemory(SPACE, X))
    moments, room = Factor.moments, 7

    def scarce(self: Factor, X: torch.Tensor) -> Any:
        if len(X) > room:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return moments(self, X)

    monkeypatch.setattr(Factor, "moments", scarce)
    (halved,) = score_all(gp, InMemory(SPACE, X))
    for name in ("index", "mean", "std", "values"):
        torch.testing.assert_close(getattr(halved, name), getattr(whole, name), rtol=1e-12, atol=1e-12)
    room = 0
    with pytest.raises(DeviceError, match="Free memory there"):
        list(score_all(gp, InMemory(SPACE, X)))


@given(free=st.none() | st.integers(0, 2**40))
def test_a_queue_takes_a_share_of_what_is_free(free: int | None) -> None:
    with mock.patch.object(memory, "free_bytes", return_value=free):
        room = queue_room(torch.device("cpu"))
    assert LEAST_QUEUE_BYTES <= room <= QUEUE_BYTES["cpu"]
    assert free is None or room <= max(LEAST_QUEUE_BYTES, free / 8)
    assert 2 * room <= queue_bytes(process(SPACE, 3).factor, 10)
