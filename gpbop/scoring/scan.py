"""Passing a whole source through a cascade, block by block, on as many threads as allowed.

torch lets go of the interpreter's lock while it computes, so threads over blocks use all cores, where parallel loops
inside operations on blocks this small would not. Each thread computes with one core.
"""

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from threading import local

import torch

from gpbop.kernels.profiles import Workspace
from gpbop.scoring.sources.base import Block

# Blocks that wait for each thread.
WAITING = 2

Process = Callable[[Block, Workspace], None]


@contextmanager
def one_core() -> Iterator[None]:
    """Let torch's own operations use one core while inside."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def scan(blocks: Iterator[Block], process: Process, *, threads: int, done: Callable[[Block], None]) -> bool:
    """Process all blocks.

    Args:
        blocks: The blocks; read by this thread alone.
        process: What to do with each; called from any thread.
        threads: Number of threads.
        done: Called after each block, by this thread.
    Returns:
        Whether all blocks were processed: False if Ctrl-C stopped it; blocks begun by then are finished.
    """
    kept = local()

    def work(block: Block) -> Block:
        if not hasattr(kept, "workspace"):
            kept.workspace = Workspace()
        _halving(block, process, kept.workspace)
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
            running: deque[Future[Block]] = deque()
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


def _halving(block: Block, process: Process, workspace: Workspace) -> None:
    """Process a block; in halves where the device has not enough memory for it."""
    try:
        process(block, workspace)
        return
    except torch.OutOfMemoryError:
        if len(block.index) == 1:
            raise
    torch.cuda.empty_cache()
    half = len(block.index) // 2
    for part in (slice(0, half), slice(half, None)):
        _halving(Block(block.index[part], block.X[part]), process, workspace)
