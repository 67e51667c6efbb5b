"""Scoring by one function drawn from the posterior: nothing bounds it, so every candidate is computed."""

from threading import Lock

import torch

from gpbop.acquisition import Acquisition
from gpbop.kernels.profiles import Workspace
from gpbop.scoring.cascade import Counts
from gpbop.scoring.contenders import Contenders, Pool
from gpbop.scoring.sources.base import Block
from gpbop.scoring.top import Stage

# Share of |value| + 1 by which rounding in blocks may move a value: sums of some thousand terms, each a covariance
# times a weight of the draw's correction, keep nine digits.
VALUE_ERROR = 1e-9


class SampleScores:
    """Dense scoring by one draw.

    Args:
        path: The draw, as an acquisition function.
    """

    def __init__(self, path: Acquisition) -> None:
        self._path, self.counts = path, Counts(0, [0])
        self._lock = Lock()

    def process(self, block: Block, pool: Pool, _: Workspace) -> None:
        """Compute one block."""
        with torch.no_grad():
            values = self._path(block.X)
        margin = VALUE_ERROR * (values.abs() + 1.0)
        pool.add(Contenders(block.index, block.X, values - margin, values + margin))
        with self._lock:
            self.counts.candidates += len(block.index)
            self.counts.entered[0] += len(block.index)

    def stages_done(self) -> tuple[Stage, ...]:
        """Return what was computed for how many."""
        return (Stage("dense", self.counts.entered[0], 0),)

    def dense_share(self) -> float:
        """Everything is computed."""
        return 1.0
