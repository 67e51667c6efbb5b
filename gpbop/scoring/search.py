"""One pass over a source: the best k for one question."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from gpbop.acquisition import Question, acquisition
from gpbop.progress import Progress
from gpbop.scoring.cascade import Cascade
from gpbop.scoring.contenders import Pool
from gpbop.scoring.criteria import criterion
from gpbop.scoring.scan import one_core, scan
from gpbop.scoring.sources.base import Source
from gpbop.scoring.thompson import SampleScores
from gpbop.scoring.top import Certificate


@dataclass(frozen=True)
class Found:
    """What a pass found, best first.

    Attributes:
        index: `k` positions in the source.
        X: `k x d` encoded points.
        values: `k` exact standardised values.
        certificate: How they were found.
    """

    index: Tensor
    X: Tensor
    values: Tensor
    certificate: Certificate


@dataclass(frozen=True)
class Search:
    """How to pass over a source.

    Attributes:
        name: The acquisition function.
        source: The candidates.
        threads: Number of CPU threads.
        block_rows: Candidates of a block.
        is_shown: Whether to show a progress bar.
    """

    name: str
    source: Source
    threads: int
    block_rows: int
    is_shown: bool

    def value(self, question: Question) -> Callable[[Tensor], float]:
        """Return the exact value of one candidate, `1 x d`, which everything else is measured by."""
        function = acquisition(self.name, question)
        return lambda x: float(function(x)[0])

    def __call__(self, question: Question, k: int, without: Tensor | None = None) -> Found:
        """Find the best k.

        Args:
            question: The process and what is asked of it.
            k: How many.
            without: Positions of candidates that are left out.
        """
        gp = question.gp
        with one_core(), torch.no_grad():
            value = self.value(question)
            if self.name == "thompson":
                work: Cascade | SampleScores = SampleScores(acquisition(self.name, question))
            else:
                work = Cascade(criterion(self.name, question))
        pool = Pool(k, gp.space.d, value, gp.device, without)
        size = self.source.size
        with Progress(-(-size // self.block_rows) if size is not None else 0, self.is_shown, "scoring") as bar:
            is_complete = scan(
                self.source.blocks(self.block_rows, device=gp.device),
                lambda block, workspace: work.process(block, pool, workspace),
                threads=self.threads,
                done=lambda _: bar.advance(""),
            )
        with one_core(), torch.no_grad():
            best, values = pool.best()
        seen = work.counts.candidates
        certificate = Certificate(seen, work.stages_done(), work.dense_share(), is_complete)
        return Found(best.index, best.X, values, certificate)
