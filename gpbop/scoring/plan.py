"""What scoring a source will take: measured on a few of its blocks, and extrapolated."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain, islice
from time import perf_counter
from typing import Any

import torch
from torch import Tensor
from typing_extensions import override

from gpbop.acquisition import UCB_BETA, Direction, FunctionAcquisition
from gpbop.acquisition import acquisition as value_of
from gpbop.configs import Config
from gpbop.scoring.batch import LEAST_QUEUE, QUEUE_SHARE, choose_batch
from gpbop.scoring.job import Job, check_positive
from gpbop.scoring.memory import needed_bytes, queue_bytes
from gpbop.scoring.sources.base import Device, Indexed, Keep, Source
from gpbop.scoring.sources.blocks import Block, Strip
from gpbop.space import Space
from gpbop.surrogate import GaussianProcess

# Blocks that are timed: some for each thread, so that all are at work.
BLOCKS_PER_THREAD, LEAST_BLOCKS = 2, 3
LONG = 2.0  # seconds; where the first block takes longer, others are not timed
WARM = 512  # candidates of a block that is passed before any is timed
# Strips that are left out between two that are timed, at most: making one to leave it out takes time, too.
MOST_SKIPPED = 64


@dataclass(frozen=True)
class Plan:
    """What scoring a source will take.

    Attributes:
        device: Where the work will be done.
        candidates: How many there are, at most; None if only reading the source tells.
        seconds: How long it will take; None if the number of candidates is unknown.
        bytes: The memory it takes beside the source, at most; see `gpbop.scoring.memory.needed_bytes`.
        candidates_per_second: How many are passed each second, once everything is set up.
        block_rows: Candidates of a block.
        threads: Number of CPU threads.
    """

    device: torch.device
    candidates: int | None
    seconds: float | None
    bytes: int
    candidates_per_second: float
    block_rows: int
    threads: int

    @override
    def __str__(self) -> str:
        """Return one sentence."""
        many = "An unknown number of" if self.candidates is None else f"{self.candidates:,}"
        where = str(self.device)
        if self.device.type == "cpu":
            where += f" with {self.threads} thread" + "s" * (self.threads > 1)
        speed = f"{self.candidates_per_second:,.0f} a second"
        time = f"{speed}" if self.seconds is None else f"about {_duration(self.seconds)} at {speed}"
        return f"{many} candidates on {where}: {time}, in at most {self.bytes / 1e6:,.0f} MB of memory."


def plan(
    gp: GaussianProcess,
    candidates: Any,
    *,
    acquisition: str = "ei",
    direction: Direction = "minimize",
    k: int = 100,
    batch: bool = False,
    X_pending: Tensor | None = None,
    best_f: float | None = None,
    beta: float = UCB_BETA,
    seed: int = 0,
    skip_observed: bool | None = None,
    device: str | torch.device = "auto",
    threads: int | None = None,
    block_rows: int | None = None,
) -> Plan:
    """Estimate what `score` with the same arguments will take.

    A few blocks are scored and timed: spread over the source where any of it is at hand (`Grid`, `Sample`, encoded
    rows), else the first ones. Later blocks are cheaper, since more candidates are ruled out once good ones are known:
    the time is rather too long than too short, but for sources whose blocks differ much, as parts of a large grid do.

    Args:
        gp: As for `score`, as are all others.
        candidates: As for `score`.
        acquisition: As for `score`.
        direction: As for `score`.
        k: As for `score`.
        batch: As for `score`. A batch chosen by "pi" or "thompson" takes a pass for each point.
        X_pending: As for `score`.
        best_f: As for `score`.
        beta: As for `score`.
        seed: As for `score`.
        skip_observed: As for `score`.
        device: As for `score`.
        threads: As for `score`.
        block_rows: As for `score`.
    Returns:
        The plan; `print` it for one sentence.
    Raises:
        GpbopError: As from `score`.
        KeyboardInterrupt: After Ctrl-C.
    """
    k = check_positive("k", k)
    asked = acquisition, direction, X_pending, best_f, beta, seed, skip_observed, device, block_rows, threads
    job = Job.of(gp, candidates, *asked)
    is_lazy = acquisition not in ("pi", "thompson")
    wanted = (max(QUEUE_SHARE * k, LEAST_QUEUE) if is_lazy else 1) if batch else k
    # What is done once in a process, such as compiling kernels, is done now.
    _timed(replace(job, block_rows=min(job.block_rows, WARM)), 1, wanted)
    short, few = long, many = _timed(job, 1, wanted)
    if long < LONG:
        long, many = _timed(job, 1 + max(LEAST_BLOCKS, BLOCKS_PER_THREAD * job.threads), wanted)
    each = (long - short) / (many - few) if many > few and long > short else long / max(many, 1)
    passes = k if batch and not is_lazy else 1
    size = job.candidates.size if job.candidates.size is not None else job.candidates.extent
    once = passes * max(short - each * few, 0.0)
    if batch and is_lazy:  # the choices from the queue, whatever the number of candidates
        once += max(_timed(job, 1, k, True)[0] - short, 0.0)
    factor, asked_for = job.question.factor(), value_of(job.name, job.question)
    numbers = asked_for.numbers if isinstance(asked_for, FunctionAcquisition) else None
    room = needed_bytes(factor, gp.space.d, job.block_rows, job.threads, numbers)
    room += queue_bytes(factor, k) if batch else 0
    return Plan(
        job.question.gp.device,
        size,
        None if size is None else once + passes * each * size,
        room,
        1.0 / (passes * each),
        job.block_rows,
        job.threads,
    )


def _timed(job: Job, blocks: int, k: int, batch: bool = False) -> tuple[float, int]:
    """Return the seconds that some blocks of a job take, and the candidates in them."""
    part = replace(job, candidates=_Part(job.candidates, blocks))
    search = replace(part.search(), whole=job.candidates)
    start = perf_counter()
    found = choose_batch(search, job.question, k) if batch else search(job.question, k)
    if not found.certificate.is_complete:  # a search returns what it has found; nobody waits for that of a plan
        raise KeyboardInterrupt
    return perf_counter() - start, found.certificate.candidates


class _Part(Source):
    """Some blocks of a source.

    Args:
        source: The source.
        count: How many blocks.
    """

    def __init__(self, source: Source, count: int) -> None:
        self._source, self._keep = source.unfiltered()
        self._count = count

    @property
    @override
    def space(self) -> Space:
        return self._source.space

    @property
    @override
    def size(self) -> int | None:
        return None

    @override
    def unfiltered(self) -> tuple[Source, Keep | None]:
        return self, self._keep

    @override
    def pieces(self, rows: int, *, device: Device = None) -> Iterator[Block | Strip]:
        first = next(self._source.pieces(rows, device=device), None)
        if isinstance(first, Strip):
            strips = -(-(self._source.extent or 0) // len(first))
            step = min(MOST_SKIPPED, max(1, strips // self._count))
            yield from islice(self._source.pieces(rows, device=device), 0, self._count * step, step)
        else:
            yield from self.blocks(rows, device=device)

    @override
    def blocks(self, rows: int, *, device: Device = None) -> Iterator[Block]:
        if isinstance(self._source, Indexed):
            spread = _starts(self._source.extent, rows, self._count)
            parts = (self._source.blocks(rows, device=device, start=start, stop=start + rows) for start in spread)
            yield from chain.from_iterable(parts)
        else:
            yield from islice(self._source.blocks(rows, device=device), self._count)

    @override
    def configs(self, index: Sequence[int]) -> list[Config]:
        return self._source.configs(index)


def _starts(extent: int, rows: int, count: int) -> list[int]:
    """Return where `count` blocks begin that are spread over a range, or all blocks if it has fewer."""
    if extent <= count * rows:
        return list(range(0, extent, rows))
    return [(extent - rows) * i // max(count - 1, 1) for i in range(count)]


def _duration(seconds: float) -> str:
    if seconds < 60.0:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s"
