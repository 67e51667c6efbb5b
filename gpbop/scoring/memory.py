"""How many candidates make a block: as many as are fastest, fewer where memory is short."""

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Protocol, Self, TypeVar

import torch

from gpbop.errors import DeviceError, explain
from gpbop.scoring.local import CENTRES, local_bytes, queue_points
from gpbop.scoring.sources.blocks import MOST_TABLE
from gpbop.surrogate.factor import BLOCK_ARRAYS, Factor

# Candidates of a block. On a CPU: some megabytes of encoded rows, and neighbourhoods that fill several tiles. On a GPU:
# enough to fill it; chosen by reasoning, not yet by a measurement.
BLOCK_ROWS = {"cpu": 65536, "cuda": 2**20}
# Blocks for each thread, at least, while they have as many candidates as that: threads are to end together, and what is
# known after a block raises the threshold of the next.
BLOCKS_EACH, EVEN_ROWS = 4, {"cpu": 16384, "cuda": 2**20}
# Smaller blocks cost more time than they save memory; where there is none for them they are halved as they come.
LEAST_BLOCK_ROWS = {"cpu": 256, "cuda": 2**16}
# Blocks alive for each thread: one in work, two waiting.
BLOCKS_ALIVE = 3
# Matrices of n x n: the factor L, the covariance it is ordered by, and the projection.
SQUARES = 3
# Tables of a second half, and sums of each candidate of a part of a strip, while they are made.
STRIP_TABLES, STRIP_SUMS = 4, 8
# Candidates of a part of a strip that are evaluated at once; on a GPU enough for its kernels to be tuned.
STRIP_PART = {"cpu": 2**19, "cuda": 2**21}
# Cells of a strip that are told apart, and numbers for each while they are.
MOST_CELLS, CELL_ARRAYS = {"cpu": 2**21, "cuda": 2**23}, 6
# What candidates may take that wait for the later stages; while they are joined and sorted there are so many copies.
WAITING_BYTES, WAITING_COPIES = {"cpu": 2**25, "cuda": 2**27}, 3
# What the candidates of a batch's queue may take, and again what is computed of those that were looked at; where memory
# is short so large a share of what is free, but no less than some.
QUEUE_BYTES, QUEUE_PART, LEAST_QUEUE_BYTES = {"cpu": 2**28, "cuda": 2**31}, 0.125, 2**24
# Share of the free memory that is used.
SHARE = 0.5
# What the driver, Triton, cuBLAS and cuSOLVER say where they get no memory of their own, and torch for a CPU.
OUT_OF_MEMORY = "out of memory", "ALLOC_FAILED", "can't allocate memory"

Result = TypeVar("Result")


class Candidates(Protocol):
    """Some candidates that can be worked on a half at a time."""

    def __len__(self) -> int: ...

    def halves(self) -> Sequence[Self]:
        """Cut them in two; there are two or more."""
        ...


Some = TypeVar("Some", bound=Candidates)


def needed_bytes(factor: Factor, d: int, rows: int, threads: int, numbers: int | None = None) -> int:
    """Return an upper bound of the memory that scoring takes beside the source, in bytes, whatever its size.

    8 [3 n^2 + 4 n q + threads (8 p + 6 c + 3 rows (d + 1) + 6 rows n)], the last term under the cap
    `factor.block_bytes`, `local_bytes`, and 3 WAITING_BYTES: squares of the factor; tables of the second halves of
    strips of a grid, q = MOST_TABLE; sums of parts of strips, p = STRIP_PART; cells of strips, c = MOST_CELLS; blocks
    of encoded rows with their indices; rows of covariances of those computed densely; neighbourhoods; candidates that
    wait.

    Args:
        factor: The factorised process over n points.
        d: Columns of an encoded point.
        rows: Candidates of a block.
        threads: Number of threads.
        numbers: How many numbers a candidate takes that is computed densely; 6 n if absent.
    """
    n, kind = len(factor.L), factor.L.device.type
    dense = min(factor.block_bytes, 8 * rows * (numbers or BLOCK_ARRAYS * n))
    shared = 8 * SQUARES * n * n + 8 * STRIP_TABLES * n * MOST_TABLE + WAITING_COPIES * WAITING_BYTES[kind]
    shared += local_bytes(factor) if kind == "cpu" else 0
    cells = 8 * CELL_ARRAYS * MOST_CELLS[kind]
    return shared + threads * (cells + 8 * STRIP_SUMS * STRIP_PART[kind] + 8 * BLOCKS_ALIVE * rows * (d + 1) + dense)


def queue_bytes(factor: Factor, k: int) -> int:
    """Return an upper bound of the memory that a batch of `k` takes beside what scoring does, in bytes.

    A sieve holds up to twice what it keeps, and once more while these are joined, and again while they are sorted. Then
    there is what it kept, once more while that is bounded, and what is computed of candidates: less. Points nearby take
    8 c r^2 bytes, twice while they are made, and the factor that knows the believed points 8 (n + k)^2.
    """
    n, kind = len(factor.L), factor.L.device.type
    nearby = 16 * (CENTRES * queue_points(n) ** 2 + (n + k) ** 2) if kind == "cpu" else 0
    return 6 * QUEUE_BYTES[kind] + nearby


def queue_room(device: torch.device) -> int:
    """Return what the candidates of a batch's queue may take on a device, in bytes."""
    most, free = QUEUE_BYTES[device.type], free_bytes(device)
    return most if free is None else min(most, max(int(QUEUE_PART * free), LEAST_QUEUE_BYTES))


def free_bytes(device: torch.device) -> int | None:
    """Return the free memory of a device, in bytes; None where the system does not tell."""
    if device.type == "cuda":
        # What torch holds and does not use, as beside a model that is being trained, is free as well.
        unused = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
        return int(torch.cuda.mem_get_info(device)[0]) + unused
    try:
        return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, OSError, ValueError):  # not on Windows, and not all of it on macOS
        return None


def default_block_rows(factor: Factor, d: int, threads: int, free: int | None, extent: int | None = None) -> int:
    """Return the candidates of a block: those of `BLOCK_ROWS`, halved until scoring fits into half of the free memory.

    Args:
        factor: The factorised process.
        d: Columns of an encoded point.
        threads: Number of threads.
        free: Free memory in bytes, if known.
        extent: Candidates of the source, if known.
    """
    kind = factor.L.device.type
    rows = BLOCK_ROWS[kind]
    while extent is not None and rows > EVEN_ROWS[kind] and rows * BLOCKS_EACH * threads > extent:
        rows //= 2
    while free is not None and rows > LEAST_BLOCK_ROWS[kind] and needed_bytes(factor, d, rows, threads) > SHARE * free:
        rows //= 2
    return rows


def halving(work: Callable[[Some], Result], some: Some, device: torch.device) -> list[Result]:
    """Work on some candidates; a half at a time where a device has not enough memory for all of them.

    Args:
        work: What is to be done; what it began in vain leaves no trace.
        some: The candidates.
        device: Where it is done.
    Returns:
        What came of all, or of each part, in order.
    Raises:
        DeviceError: If there is no memory for a single candidate.
    """
    try:
        return [work(some)]
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
        if len(some) <= 1:
            raise _out_of_memory(device) from error
    torch.cuda.empty_cache()  # only now, for until here the error kept alive what was begun
    return [result for half in some.halves() for result in halving(work, half, device)]


def is_out_of_memory(error: Exception) -> bool:
    """Return whether a device had too little memory: some say so by a type of its own, some by a text."""
    return isinstance(error, torch.OutOfMemoryError | MemoryError) or any(text in str(error) for text in OUT_OF_MEMORY)


@contextmanager
def enough(device: torch.device) -> Iterator[None]:
    """Say of a device that it is full where it has no memory for what is not done candidate by candidate.

    Raises:
        DeviceError: If so.
    """
    try:
        yield
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
        raise _out_of_memory(device) from error


def _out_of_memory(device: torch.device) -> DeviceError:
    advice = "Free memory there, as other programs use it too, or use device='cpu'."
    return DeviceError(explain("device", "have memory to score candidates", f"{str(device)!r}, which is full", advice))
