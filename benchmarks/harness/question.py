"""What a question is made of: cases, and the sides that are measured in each."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from benchmarks.harness.ceilings import Cost

Sizes = dict[str, Any]
Row = dict[str, Any]


@dataclass(frozen=True)
class Setting:
    """Where and how a case is measured.

    Attributes:
        sizes: The case: names and values.
        device: "cpu" or "cuda".
        threads: Number of CPU threads.
        seed: Seed of everything random.
        has_peers: Whether peers are to be measured too.
    """

    sizes: Sizes
    device: str
    threads: int
    seed: int
    has_peers: bool

    @property
    def torch_device(self) -> torch.device:
        """The device as torch names it."""
        return torch.device(self.device)


@dataclass(frozen=True)
class Side:
    """One way to do the work of a case.

    Attributes:
        name: Its name in the tables.
        work: What is timed; takes what `fresh` made, if there is that.
        count: Number of items one call processes.
        unit: What an item is.
        fresh: Makes the state that a call uses up; not timed.
        cost: Arithmetic and bytes that a call cannot do without.
        values: Further results, from what the last call returned and the median seconds.
        is_once: Whether it runs once, without a warm-up call: a whole search, whose answer counts more than its time.
        warm_up: Smaller work to be done before anything is measured, where a call of `work` would take too long.
    """

    name: str
    work: Callable[..., Any]
    count: int = 1
    unit: str = "calls"
    fresh: Callable[[], Any] | None = None
    cost: Cost | None = None
    values: Callable[[Any, float], Mapping[str, Any]] | None = None
    is_once: bool = False
    warm_up: Callable[[], Any] | None = None


@dataclass(frozen=True)
class Peer:
    """A side in a process of its own: `task` of `benchmarks/peers/<module>.py`.

    Attributes:
        name: Its name in the tables.
        module: The file in `benchmarks/peers`.
        task: The function in it.
        job: JSON values it reads.
        arrays: Tensors it reads, as NumPy arrays.
        count: Number of items one call processes.
        unit: What an item is.
        values: What the row keeps of what the peer tells of its last result; all of it if absent.
    """

    name: str
    module: str
    task: str
    job: Mapping[str, Any] = field(default_factory=dict)
    arrays: Mapping[str, Tensor] = field(default_factory=dict)
    count: int = 1
    unit: str = "calls"
    values: Callable[[dict[str, Any]], Mapping[str, Any]] | None = None


@dataclass(frozen=True)
class Question:
    """A question and how it is answered.

    Attributes:
        cases: By size, "smoke", "small" and "full": the cases.
        sides: The sides of one case, each built when its turn comes.
        y: What the plot shows: "seconds" of a call, "rate" of items, or "host_peak_mib", the memory of the process.
        also: What further plots show.
        summary: Further Markdown from the rows of one machine; "" if there is nothing to say.
        is_race: Whether the sides of a case do the same work, so that their times are to be compared.
        lines: Names of sizes that tell lines of one plot apart, besides side and device.
    """

    cases: Mapping[str, list[Sizes]]
    sides: Callable[[Setting], Iterator[Side | Peer]]
    y: str = "seconds"
    also: tuple[str, ...] = ()
    summary: Callable[[list[Row]], str] | None = None
    is_race: bool = True
    lines: tuple[str, ...] = ()


def sweep(base: Sizes, **varied: list[Any]) -> list[Sizes]:
    """Return the base case and those that differ from it in one size; `base` first, none twice.

    Example:
        >>> sweep({"n": 100, "m": 10}, n=[100, 200])
        [{'n': 100, 'm': 10}, {'n': 200, 'm': 10}]
    """
    cases = [base]
    for name, values in varied.items():
        cases += [base | {name: value} for value in values if value != base[name]]
    return cases
