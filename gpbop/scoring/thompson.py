"""Scoring by one function drawn from the posterior: nothing bounds it, so every candidate is computed."""

from threading import Lock

import torch

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


class SampleScores:
    """Dense scoring by one draw.

    Args:
        path: The draw, as an acquisition function.
        device: Where it is computed.
        keep: Which candidates count; None: all.
    """

    def __init__(self, path: Acquisition, device: torch.device, keep: Keep | None = None) -> None:
        self._path, self._device, self._keep, self.counts = path, device, keep, Counts.of(1)
        self.candidates = 0
        self._lock = Lock()

    def process(self, work: Block | Strip, pool: Pool | Sieve, _: Workspace) -> None:
        """Compute one block."""
        block = (work.block() if isinstance(work, Strip) else work).to(self._device)
        with torch.no_grad():
            if self._keep is not None:
                block = block.take(self._keep(block.X))
            values = self._path(block.X)
        margin = VALUE_ERROR * (values.abs() + 1.0)
        pool.add(Contenders(block.index, block.X, values - margin, values + margin))
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
