"""CUDA devices that are none: tensors in main memory that say they are elsewhere, and refuse what CUDA would refuse.

Code that mixes devices fails here as it would there, on any machine. Sums come from the kernels for the CPU, so nothing
here says anything about Triton, streams or speed. A module's parameters do not move: `Module.to` swaps their memory.
"""

import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from types import ModuleType
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import tree_flatten, tree_map

CPU = torch.device("cpu")
# What makes tensors out of nothing.
MAKERS = {
    getattr(torch, name)
    for name in ("arange", "empty", "eye", "full", "linspace", "ones", "rand", "randint", "randn", "tensor", "zeros")
}
MAKERS |= {torch.as_tensor, torch.empty_strided, torch.randperm, torch.scalar_tensor}
NEW = {getattr(Tensor, name) for name in ("new_empty", "new_full", "new_ones", "new_tensor", "new_zeros")}
# What CUDA cannot do: give its memory to NumPy.
FOREIGN = {Tensor.numpy, Tensor.__array__}
# What copies from wherever, or reads a shape of what is elsewhere.
COPIES = {Tensor.copy_, Tensor.view_as, Tensor.expand_as, Tensor.reshape_as}


class Simulated(Tensor):
    """A tensor that says it is on a CUDA device."""

    where: torch.device

    @classmethod
    def __torch_function__(
        cls, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        return simulated(func, args, kwargs or {})


class SimulatedCuda(TorchFunctionMode):
    """While inside, tensors can be made on CUDA devices; in the thread that enters it."""

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        return simulated(func, args, kwargs or {})


def device_of(tensor: Tensor) -> torch.device:
    return tensor.where if isinstance(tensor, Simulated) else CPU


def placed(value: Any, device: torch.device) -> Any:
    """Say of all tensors in a value that they are on a device."""

    def place(part: Any) -> Any:
        if not isinstance(part, Tensor):
            return part
        if device.type == "cpu":
            return part.as_subclass(Tensor) if isinstance(part, Simulated) else part
        there = part if isinstance(part, Simulated) else part.as_subclass(Simulated)
        there.where = device
        return there

    with torch._C.DisableTorchFunction():
        return tree_map(place, value)


def simulated(func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Do what torch would do, if there were the devices."""
    if func == Tensor.device.__get__:  # type: ignore[attr-defined]
        return device_of(args[0])
    if func == Tensor.is_cuda.__get__:  # type: ignore[attr-defined]
        return device_of(args[0]).type == "cuda"
    if func in FOREIGN and device_of(args[0]).type == "cuda":
        raise TypeError("can't convert cuda:0 device type tensor to numpy.")
    if func in (Tensor.to, Tensor.cpu, Tensor.cuda):
        return _moved(func, args, kwargs)
    asked = kwargs.get("device")
    if func in MAKERS or func in NEW or asked is not None:
        kwargs = {name: value for name, value in kwargs.items() if name != "device"}
        target = _device(asked) if asked is not None else (device_of(args[0]) if func in NEW else CPU)
        if isinstance(kwargs.get("generator"), torch.Generator) and target.type == "cuda":
            raise RuntimeError("Expected a 'cuda' device type for generator but found 'cpu'")
    else:
        target = _common(func, args, kwargs)
    with torch._C.DisableTorchFunction():
        return placed(func(*args, **kwargs), target)


def _moved(func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Tensor:
    tensor, *rest = args
    source, target = device_of(tensor), device_of(tensor)
    if func is Tensor.cpu:
        target, rest = CPU, []
    elif func is Tensor.cuda:
        target, rest = _device("cuda"), []
    elif rest and isinstance(rest[0], Tensor):
        target, rest = device_of(rest[0]), [rest[0].dtype]
    elif rest and (rest[0] is None or isinstance(rest[0], str | torch.device)):
        asked = rest.pop(0)
        target = source if asked is None else _device(asked)
    kwargs = dict(kwargs)
    if kwargs.get("device") is not None:
        target = _device(kwargs["device"])
    kwargs.pop("device", None)
    with torch._C.DisableTorchFunction():
        # Of what follows only a dtype changes anything here; the flags say how to copy.
        dtype = next((part for part in [*rest, *kwargs.values()] if isinstance(part, torch.dtype)), tensor.dtype)
        moved = Tensor.to(tensor, dtype)
        if target == source:
            return placed(moved, target) if moved is not tensor else tensor
        return placed(moved.clone(), target)


def _device(asked: Any) -> torch.device:
    device = torch.device(asked)
    return torch.device("cuda", device.index or 0) if device.type == "cuda" else device


def _common(func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> torch.device:
    """Return where all arguments are.

    Raises:
        RuntimeError: If they are not on one device, where torch would mind.
    """
    tensors = [part for part in tree_flatten((args, kwargs))[0] if isinstance(part, Tensor)]
    if func in COPIES:
        return device_of(args[0])
    if func in (Tensor.__getitem__, Tensor.__setitem__):
        # An index may be in main memory; so may what is assigned to a slice.
        home, index = device_of(args[0]), [part for part in tree_flatten(args[1])[0] if isinstance(part, Tensor)]
        wrong = [part for part in index if device_of(part) not in (CPU, home)]
        if func is Tensor.__setitem__ and isinstance(args[2], Tensor) and index and args[2].ndim:
            wrong += [args[2]] * (device_of(args[2]) != home)
        _check(func, wrong, home)
        return home
    with torch._C.DisableTorchFunction():
        scalars = [part.dim() == 0 for part in tensors]
    places = {device_of(part) for part, scalar in zip(tensors, scalars, strict=True) if not scalar}
    places |= {device_of(part) for part in tensors if device_of(part).type == "cuda"}
    home = next((place for place in places if place.type == "cuda"), CPU)
    _check(func, tensors if len(places) > 1 else [], home)
    return home


def _check(func: Callable[..., Any], wrong: list[Tensor], home: torch.device) -> None:
    if wrong:
        found = sorted({str(device_of(part)) for part in wrong} | {str(home)})
        name = getattr(func, "__name__", str(func))
        raise RuntimeError(f"Expected all tensors to be on the same device, but found {', '.join(found)} in {name}")


def _kernels() -> ModuleType:
    """Return what stands for `fused_cuda`: the reference, on tensors that must all be on one device."""
    from gpbop.kernels import fused

    module = ModuleType("gpbop.kernels.fused_cuda")
    module.SUM_BLOCK, module.SOLVES = 128, False  # type: ignore[attr-defined]
    module.term_roundings = lambda r: r + 8  # type: ignore[attr-defined]
    module.roundings = lambda codes: 17 + codes  # type: ignore[attr-defined]
    module.distance_roundings = lambda features: 6 + features // 2  # type: ignore[attr-defined]

    def on_device(evaluate: Callable[..., Any]) -> Callable[..., Any]:
        def run(*args: Any) -> Any:
            parts = [part for part in tree_flatten(args)[0] if isinstance(part, Tensor)]
            (home,) = {device_of(part) for part in parts}
            assert home.type == "cuda"
            return placed(evaluate(*placed(args, CPU)), home)

        return run

    module.scattered, module.strips = on_device(fused.scattered), on_device(fused.strips)  # type: ignore[attr-defined]
    return module


class _Threads(ThreadPoolExecutor):
    """Threads that all see the devices."""

    def __init__(self, threads: int, initializer: Callable[..., Any], initargs: tuple[Any, ...]) -> None:
        def enter() -> None:
            SimulatedCuda().__enter__()
            initializer(*initargs)

        super().__init__(threads, initializer=enter)


@contextmanager
def simulated_cuda(monkeypatch: pytest.MonkeyPatch, free: int = 2**33) -> Iterator[None]:
    """Let there be two CUDA devices, of which each has so many bytes free."""
    from gpbop.kernels import fused
    from gpbop.scoring import scan

    if torch.cuda.is_available():
        pytest.skip("there are real ones")
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device=None: (free, free))
    monkeypatch.setattr(scan, "ThreadPoolExecutor", _Threads)
    monkeypatch.setitem(sys.modules, "gpbop.kernels.fused_cuda", _kernels())
    fused.backend.cache_clear()
    try:
        with SimulatedCuda():
            yield
    finally:
        fused.backend.cache_clear()
