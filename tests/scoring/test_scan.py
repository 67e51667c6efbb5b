"""Every block is processed once, whatever the threads, the devices and their memory."""

from threading import Lock, get_ident
from typing import Any

import pytest
import torch

from gpbop.errors import DeviceError
from gpbop.scoring.scan import cores, one_core, scan, side_by_side
from gpbop.scoring.sources.blocks import Block, Strip


def works(count: int = 9, size: int = 5) -> list[Block | Strip]:
    """Return blocks and strips with indices that follow each other."""
    found: list[Block | Strip] = []
    for number in range(count):
        index = torch.arange(size) + number * size
        if number % 2:
            rows = torch.zeros(1, 2).double(), torch.zeros(size, 2).double()
            found.append(Strip(index[:1], index - index[:1], *rows, torch.ones(2, dtype=torch.bool)))
        else:
            found.append(Block(index, torch.zeros(size, 2).double()))
    return found


class Seen:
    """Notes what was processed, by which device and thread, in which workspace."""

    def __init__(self, most: int = 100) -> None:
        self.index: list[int] = []
        self.workspaces: dict[int, set[int]] = {}
        self._most, self._lock = most, Lock()

    def __call__(self, work: Block | Strip, workspace: Any) -> None:
        if len(work) > self._most:
            raise torch.OutOfMemoryError("not enough")
        index = work.index if isinstance(work, Block) else work.block().index
        with self._lock:
            self.index += index.tolist()
            self.workspaces.setdefault(id(workspace), set()).add(get_ident())


@pytest.mark.parametrize("threads", [1, 2, 4])
@pytest.mark.parametrize("devices", [1, 2, 3])
@pytest.mark.parametrize("most", [1, 2, 100])
def test_all_are_processed_once(threads: int, devices: int, most: int) -> None:
    """In halves where the device has too little memory; and each is reported once, whole, in order."""
    seen, done = [Seen(most) for _ in range(devices)], list[Block | Strip]()
    all_of_it = works()
    assert scan(iter(all_of_it), seen, threads=threads, done=done.append)
    assert sorted(index for one in seen for index in one.index) == list(range(45))
    assert done == all_of_it
    assert all(len(users) == 1 for one in seen for users in one.workspaces.values())


def test_a_device_too_small_for_one_candidate_is_named() -> None:
    with pytest.raises(DeviceError):
        scan(iter(works()), [Seen(0)], threads=1, done=lambda _: None)


@pytest.mark.parametrize("threads", [1, 2])
def test_ctrl_c_finishes_what_was_begun(threads: int) -> None:
    def interrupted() -> Any:
        yield from works()[:4]
        raise KeyboardInterrupt

    seen = Seen()
    assert not scan(interrupted(), [seen], threads=threads, done=lambda _: None)
    assert len(set(seen.index)) == len(seen.index) <= 20


@pytest.mark.parametrize("threads", [1, 2])
def test_mistakes_come_out_and_threads_are_given_back(threads: int) -> None:
    def fails(*_: Any) -> None:
        assert torch.get_num_threads() == 1
        raise ValueError("this block")

    before = torch.get_num_threads()
    with pytest.raises(ValueError, match="this block"):
        scan(iter(works()), [fails], threads=threads, done=lambda _: None)
    with one_core():
        assert torch.get_num_threads() == 1
    assert torch.get_num_threads() == before


@pytest.mark.parametrize("threads", [1, 2, 4])
def test_side_by_side_is_a_loop_on_one_core_each(threads: int) -> None:
    with one_core():
        found = side_by_side(lambda number: (number**2, torch.get_num_threads()), range(20), threads)
    assert found == [(number**2, 1) for number in range(20)]


@pytest.mark.parametrize("threads", [1, 2])
def test_a_mistake_side_by_side_comes_out(threads: int) -> None:
    with pytest.raises(ZeroDivisionError):
        side_by_side(lambda number: 1 // number, [1, 0, 2], threads)


def test_cores_are_given_back() -> None:
    with one_core():
        with cores(2):
            assert torch.get_num_threads() == 2
        assert torch.get_num_threads() == 1
