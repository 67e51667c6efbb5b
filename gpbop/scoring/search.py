"""One pass over a source: the best k for one question."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial

import torch
from torch import Tensor

from gpbop.acquisition import Question, acquisition
from gpbop.kernels.profiles import Workspace
from gpbop.progress import Progress
from gpbop.scoring.cascade import Cascade
from gpbop.scoring.contenders import Pool, Sieve
from gpbop.scoring.criteria import Criterion, criterion
from gpbop.scoring.exhaustive import Exhaustive
from gpbop.scoring.memory import EVEN_ROWS, enough, queue_room
from gpbop.scoring.queue import Queue
from gpbop.scoring.scan import Work, one_core, scan
from gpbop.scoring.scouting import foresee, scout
from gpbop.scoring.sources.base import Keep, Source
from gpbop.scoring.sources.blocks import Block
from gpbop.scoring.top import Certificate, Stage

# Candidates of a source, and covariances of all of them, up to which every candidate is computed.
FEW, FEW_COVARIANCES = 2048, 2**20

Works = list[Cascade | Exhaustive]


@dataclass(frozen=True)
class Found:
    """What a pass found, best first.

    Attributes:
        index: `k` positions in the source.
        X: `k x d` encoded points.
        values: `k` standardised values.
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
        devices: Where to work, besides where the process is: each takes the next block whenever it is free.
        whole: What `source` is a part of, from which a threshold is known; `source` itself if absent.
    """

    name: str
    source: Source
    threads: int
    block_rows: int
    is_shown: bool
    devices: tuple[torch.device, ...] = ()
    whole: Source | None = None

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
        with enough(question.gp.device), one_core(), torch.no_grad():
            works, source, keep = self._works(question)
            pool = Pool(k, source.space.d, acquisition(self.name, question), question.gp.device, without)
            if isinstance(works[0], Cascade):
                found = scout(self._scouted(source), works[0].criterion, k, keep, without, works[0].upper)
                if self.whole is None:
                    pool.add(found)
                elif len(found) == k:  # the source is a part that they need not be in
                    pool.raise_threshold(float(found.low.min()))
        certificate = self._through(source, works, pool)
        if certificate.is_complete and keep is not None and not pool.is_filled:
            next(self.source.blocks(self.block_rows), None)  # a source that is empty may have something to say
        with enough(question.gp.device), one_core(), torch.no_grad():
            best, values = pool.best()
        return Found(best.index, best.X, values, certificate)

    def queue(
        self, question: Question, wanted: int, without: Tensor, most: int
    ) -> tuple[Queue, float, Certificate] | None:
        """Find about as many of the best candidates as are wanted.

        Args:
            question: The process and what is asked of it.
            wanted: How many, more or less.
            without: Positions of candidates that are left out.
            most: How many of them may be chosen.
        Returns:
            The candidates, a value that no other candidate exceeds, and how they were found; None where rounding
            leaves no bound that would hold for so many points.
        """
        device = question.gp.device
        with enough(device), one_core(), torch.no_grad():
            works, source, keep = self._works(question, most)
            assert isinstance(works[0], Cascade), "draws are chosen one by one"
            judge = works[0].criterion
            if not judge.dense.is_known:
                return None
            threshold = foresee(self._scouted(source), judge, wanted, keep)
        d, means = source.space.d, judge.means
        room = queue_room(device) // (8 * (d + 2 * means + 2))  # X, means and their errors, place and bound
        sieve = Sieve(threshold, max(1, room), d, means, device, without)
        certificate = self._through(source, works, sieve)
        with enough(device), one_core(), torch.no_grad():
            contenders, threshold = sieve.contenders()
            try:
                queue = works[0].queue(contenders, threshold, most, self.threads)
            except KeyboardInterrupt:  # what the pass found is still there
                queue = Queue(judge, contenders, most, threads=self.threads)
                certificate = replace(certificate, is_complete=False)
            return queue, threshold, certificate

    def _scouted(self, source: Source) -> Source:
        return source if self.whole is None else self.whole.unfiltered()[0]

    def _works(self, question: Question, believes: int = 0) -> tuple[Works, Source, Keep | None]:
        """Return what is to be done on each device, and with what.

        Args:
            question: The process and what is asked of it.
            believes: How many more points may be believed while the bounds are to hold.
        """
        source, keep = self.source.unfiltered()
        extent = self._scouted(source).extent
        few = extent is not None and extent <= FEW and extent * len(question.gp.factor.L) <= FEW_COVARIANCES
        devices = question.gp.device, *self.devices
        if self.name == "thompson":
            draws = (acquisition(self.name, _moved(question, device)) for device in devices)
            drawn: Works = [Exhaustive.of_draw(*pair, keep) for pair in zip(draws, devices, strict=True)]
            return drawn, source, keep
        judge = criterion(self.name, question, believes)
        # A queue reads bounds of stages.
        works = [self._work(judge.to(device), keep, extent, few and not believes) for device in devices]
        return works, source, keep

    def _through(self, source: Source, works: Works, pool: Pool | Sieve) -> Certificate:
        is_complete = self._pass(source, works, pool)
        try:
            with enough(pool.device), one_core():
                for work in works:
                    work.finish(pool)
        except KeyboardInterrupt:
            is_complete = False
        return _certificate(works, is_complete)

    def _work(self, judge: Criterion, keep: Keep | None, extent: int | None, few: bool) -> Cascade | Exhaustive:
        return Exhaustive(judge.around, judge.factor.L.device, keep) if few else Cascade(judge, keep, extent)

    def _pass(self, source: Source, works: Works, pool: Pool | Sieve) -> bool:
        """Let all candidates pass; return whether Ctrl-C did not stop it."""
        processes = [partial(_process, work, pool) for work in works]
        begin, passed = time.monotonic(), 0
        with Progress(source.extent or 0, self.is_shown, "candidates") as bar:

            def count(work: Work) -> None:
                nonlocal passed
                passed += len(work)
                bar.advance(f"{passed / max(time.monotonic() - begin, 1e-9):,.0f}/s", len(work))

            takes_strips = all(isinstance(work, Cascade) and work.takes_strips for work in works)
            pieces = (source.pieces if takes_strips else source.blocks)(self.block_rows, device=pool.device)
            pieces = _first_in_parts(pieces, EVEN_ROWS[pool.device.type])
            return scan(pieces, processes, threads=self.threads, done=count)


def _moved(question: Question, device: torch.device) -> Question:
    pending = question.X_pending
    return replace(question, gp=question.gp.to(device), X_pending=None if pending is None else pending.to(device))


def _first_in_parts(pieces: Iterator[Work], rows: int) -> Iterator[Work]:
    """Cut the first block into parts of so many candidates: what is known after a few spares work for all others."""
    for number, piece in enumerate(pieces):
        if number == 0 and isinstance(piece, Block):
            yield from piece.within(rows)
        else:
            yield piece


def _process(work: Cascade | Exhaustive, pool: Pool | Sieve, piece: Work, workspace: Workspace) -> None:
    work.process(piece, pool, workspace)


def _certificate(works: Works, is_complete: bool) -> Certificate:
    """Add up what was done on all devices."""
    seen = sum(work.candidates for work in works)
    stages = [work.stages_done() for work in works]
    added = tuple(
        Stage(same[0].name, sum(stage.entered for stage in same), sum(stage.settled for stage in same))
        for same in zip(*stages, strict=True)
        if same[0] is stages[0][-1] or any(stage.entered for stage in same)
    )
    share = sum(work.dense_share() * work.candidates for work in works) / max(seen, 1)
    return Certificate(seen, added, share, is_complete)
