"""Passing a whole source through a cascade, block by block, on as many threads as allowed.

torch lets go of the interpreter's lock while it computes, so threads over blocks use all cores, where parallel loops
inside operations on blocks this small would not. Each thread computes with one core. Where there are several devices
each has threads of its own, and takes the next block whenever it is free.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from itertools import cycle
from threading import local
from typing import TypeVar

import torch

from gpbop.kernels.profiles import Workspace
from gpbop.scoring.memory import halving
from gpbop.scoring.sources.blocks import Block, Strip

# Blocks that wait for each thread.
WAITING = 2

Work = Block | Strip
Process = Callable[[Work, Workspace], None]
Part = TypeVar("Part")
Result = TypeVar("Result")


@contextmanager
def cores(threads: int) -> Iterator[None]:
    """Let torch's own operations use so many cores while inside."""
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def one_core() -> AbstractContextManager[None]:
    """Let torch's own operations use one core while inside, for their last digits depend on how many there are."""
    return cores(1)


def side_by_side(process: Callable[[Part], Result], parts: Iterable[Part], threads: int) -> list[Result]:
    """Process all parts, each on one core, and return what comes of them in order."""
    if threads == 1:
        return list(map(process, parts))
    with ThreadPoolExecutor(threads, initializer=torch.set_num_threads, initargs=(1,)) as executor:
        return list(executor.map(process, parts))


def scan(blocks: Iterator[Work], processes: Sequence[Process], *, threads: int, done: Callable[[Work], None]) -> bool:
    """Process all blocks.

    Args:
        blocks: The blocks; read by this thread alone.
        processes: What to do with each, one entry per device; called from any thread.
        threads: Number of threads; at least one per device is taken.
        done: Called after each block, by this thread.
    Returns:
        Whether all blocks were processed: False if Ctrl-C stopped it; blocks begun by then are finished.
    """
    threads = max(threads, len(processes))
    kept, turns = local(), cycle(processes)

    def work(block: Work) -> Work:
        if not hasattr(kept, "workspace"):
            kept.workspace, kept.process = Workspace(), next(turns)
        halving(lambda part: kept.process(part, kept.workspace), block, block.device)
        return block

    with one_core():
        if threads == 1:
            try:
                for block in blocks:
                    done(work(block))
            except KeyboardInterrupt:
                return False
            return True
        with ThreadPoolExecutor(threads, initializer=torch.set_num_threads, initargs=(1,)) as executor:
            running: deque[Future[Work]] = deque()
            try:
                for block in blocks:
                    running.append(executor.submit(work, block))
                    if len(running) >= WAITING * threads:
                        done(running.popleft().result())
                while running:
                    done(running.popleft().result())
            except KeyboardInterrupt:
                for future in running:
                    future.cancel()
                return False
    return True
