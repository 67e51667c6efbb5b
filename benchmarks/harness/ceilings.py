"""What a device can do at best, measured; and how near to it a piece of work came.

Notation:
    arithmetic  floating-point operations of one large matrix product a second
    bandwidth   bytes a second that a copy of a large array reads and writes
    exponentials    torch.exp of an array that stays in the cache (on a GPU: of a large one), a second
    floor       the longest of the three times that the work takes at these rates; its kind is what bounds the work
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

import torch
from torch import Tensor
from torch.utils.benchmark import Timer

# Work that takes more than this many times its floor is bound by none of the three: by launches, by Python, or by
# operations on small blocks.
NEAR = 4.0
MOST_SECONDS = 0.15  # of each measurement


@dataclass(frozen=True)
class Ceilings:
    """Measured rates of a device, a second.

    Attributes:
        arithmetic: Operations.
        bandwidth: Bytes.
        exponentials: Values.
    """

    arithmetic: float
    bandwidth: float
    exponentials: float


@dataclass(frozen=True)
class Cost:
    """What a piece of work cannot do without.

    Attributes:
        flops: Floating-point operations.
        bytes: Bytes moved: each input read once, each output written once.
        exponentials: Exponentials.
        dtype: Of the arithmetic.
    """

    flops: float = 0.0
    bytes: float = 0.0
    exponentials: float = 0.0
    dtype: torch.dtype = torch.float64

    def shares(self, seconds: float, ceilings: Ceilings) -> dict[str, Any]:
        """Return the reached share of each ceiling, the largest of them as `of_limit`, and what bounds the work."""
        floors = {
            "arithmetic": self.flops / ceilings.arithmetic,
            "bandwidth": self.bytes / ceilings.bandwidth,
            "exponentials": self.exponentials / ceilings.exponentials,
        }
        kind = max(floors, key=lambda name: floors[name])
        bound = kind if floors[kind] * NEAR >= seconds else f"overhead ({kind} next)"
        shares = {f"{name}_share": floor / seconds for name, floor in floors.items()}
        return {**shares, "of_limit": floors[kind] / seconds, "bound": bound}


@cache
def ceilings(device: str, dtype: torch.dtype, threads: int) -> Ceilings:
    """Measure the ceilings of a device once."""
    side, rows, cached = (8192, 2**28, 2**28) if device == "cuda" else (512, 2**24, 2**14)
    return Ceilings(
        _arithmetic(torch.rand(side, side, dtype=dtype, device=device), threads),
        _bandwidth(torch.ones(rows, dtype=dtype, device=device), threads),
        _exponentials(torch.rand(cached, dtype=dtype, device=device).neg_(), threads),
    )


def _arithmetic(A: Tensor, threads: int) -> float:
    out = torch.empty_like(A)
    return 2.0 * len(A) ** 3 / _seconds(lambda: torch.mm(A, A, out=out), threads)


def _bandwidth(source: Tensor, threads: int) -> float:
    target = torch.empty_like(source)
    return 2.0 * source.nbytes / _seconds(lambda: target.copy_(source), threads)


def _exponentials(x: Tensor, threads: int) -> float:
    out = torch.empty_like(x)
    return len(x) / _seconds(lambda: torch.exp(x, out=out), threads)


def _seconds(work: Callable[[], Any], threads: int) -> float:
    timer = Timer("work()", globals={"work": work}, num_threads=threads)
    # The fastest run: a ceiling is what the device can do, not what it does on average.
    return min(timer.adaptive_autorange(min_run_time=MOST_SECONDS / 3, max_run_time=MOST_SECONDS).times)
