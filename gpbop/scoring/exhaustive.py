"""Scoring without bounds: every candidate is computed, for nothing bounds a draw, and few cost less than bounds do."""

from collections.abc import Callable
from functools import partial
from threading import Lock

import torch
from torch import Tensor

from gpbop.acquisition import Acquisition
from gpbop.kernels.profiles import Workspace
from gpbop.scoring.contenders import Contenders, Pool, Sieve
from gpbop.scoring.held import Counts
from gpbop.scoring.sources.base import Keep
from gpbop.scoring.sources.blocks import Block, Strip
from gpbop.scoring.top import Stage

# Share of |value| + 1 by which rounding in blocks may move a value: sums of some thousand terms, each a covariance
# times a weight of the draw's correction, keep nine digits.
VALUE_ERROR = 1e-9

Around = Callable[[Tensor], tuple[Tensor, Tensor]]
"""Computes `m` values, and returns bounds of the values that count, those of one candidate at a time."""


class Exhaustive:
    """Dense scoring.

    Args:
        around: What is computed.
        device: Where it is computed.
        keep: Which candidates count; None: all.
    """

    def __init__(self, around: Around, device: torch.device, keep: Keep | None = None) -> None:
        self._around, self._device, self._keep, self.counts = around, device, keep, Counts.of(1)
        self.candidates = 0
        self._lock = Lock()

    @staticmethod
    def of_draw(path: Acquisition, device: torch.device, keep: Keep | None = None) -> "Exhaustive":
        """Score by one function drawn from the posterior."""
        return Exhaustive(partial(_around_draw, path), device, keep)

    def process(self, work: Block | Strip, pool: Pool | Sieve, _: Workspace) -> None:
        """Compute one block."""
        assert isinstance(pool, Pool), "a queue is filled from bounds"
        assert isinstance(work, Block), "what comes of a strip takes as much memory as it has candidates"
        block = work.to(self._device)
        with torch.no_grad():
            if self._keep is not None:
                block = block.take(self._keep(block.X))
            pool.add(Contenders(block.index, block.X, *self._around(block.X)))
        with self._lock:
            self.candidates += len(work)
            self.counts.count(0, len(work), 0)

    def finish(self, pool: Pool | Sieve) -> None:
        """Nothing waits."""

    def stages_done(self) -> tuple[Stage, ...]:
        """Return what was computed for how many."""
        return (Stage("dense", self.counts.entered[0], self.counts.settled[0]),)

    def dense_share(self) -> float:
        """Everything is computed."""
        return 1.0


def _around_draw(path: Acquisition, X: Tensor) -> tuple[Tensor, Tensor]:
    values = path(X)
    margin = VALUE_ERROR * (values.abs() + 1.0)
    return values - margin, values + margin
