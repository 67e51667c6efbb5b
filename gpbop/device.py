"""Devices and threads: gpbop is a guest beside the model that is being trained."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

import torch

from gpbop.errors import DeviceError, explain

# Fewer observations than this are faster on the CPU: launching kernels takes longer than running them (xopt issue 331
# saw the GPU lose below thousands of points). benchmarks/ask_latency.py --device cuda measures it.
CUDA_FROM_OBSERVATIONS = 1000
# Matrices smaller than this gain nothing from a second thread; starting it costs more.
THREADS_FROM_OBSERVATIONS = 300


def parse_device(device: str | torch.device) -> torch.device | Literal["auto"]:
    """Read the name of a device, which may be absent from this machine.

    Args:
        device: "auto", "cpu", "cuda", "cuda:1", or a torch device.
    Returns:
        "auto", or the torch device.
    Raises:
        DeviceError: If the name is unknown.
    """
    if isinstance(device, str) and device == "auto":
        return "auto"
    try:
        parsed = torch.device(device) if isinstance(device, str | torch.device) else None
    except RuntimeError:
        parsed = None
    # torch wraps numbers around: it takes "cuda:256" for "cuda:0".
    wrapped = isinstance(device, str) and str(parsed) != device
    if parsed is None or wrapped or parsed.type not in ("cpu", "cuda"):
        rule = "be 'auto', 'cpu', 'cuda' or 'cuda:<number>'"
        raise DeviceError(explain("device", rule, repr(device), "Use 'auto' if in doubt."))
    return parsed if parsed.type == "cuda" else torch.device("cpu")


def resolve_device(device: str | torch.device, n: int | None = None) -> torch.device:
    """Turn a device name into a device that is there.

    Args:
        device: "auto", "cpu", "cuda", "cuda:1", or a torch device. "auto" takes CUDA where it is present and, if n is
            given, where n observations are enough for it to be faster.
        n: Number of observations.
    Returns:
        The device.
    Raises:
        DeviceError: If the name is unknown, or CUDA is asked for and absent.
    """
    parsed = parse_device(device)
    if parsed == "auto":
        worth_it = n is None or n >= CUDA_FROM_OBSERVATIONS
        return _numbered(torch.device("cuda" if worth_it and torch.cuda.is_available() else "cpu"))
    if parsed.type == "cuda" and (parsed.index or 0) >= torch.cuda.device_count():
        got = f"{str(parsed)!r} with {torch.cuda.device_count()} CUDA devices in sight"
        advice = "Use device='cpu' or 'auto', or install a CUDA build of torch."
        raise DeviceError(explain("device", "be present", got, advice))
    return _numbered(parsed)


def _numbered(device: torch.device) -> torch.device:
    """Return a device with its number, as tensors there have it: "cuda" is the one that torch works on."""
    if device.type == "cpu" or device.index is not None:
        return device
    return torch.device("cuda", torch.cuda.current_device() if torch.cuda.is_initialized() else 0)


@contextmanager
def guest(device: torch.device, n: int) -> Iterator[None]:
    """Work as a guest: few CPU threads while inside, and the device's unused memory handed back on leaving.

    BLAS and OpenMP pools that both take all cores slow small factorisations down many times (NumPy issue 29884), so the
    number of threads follows the size of the matrices. It is restored on leaving. Tensors that still have a name on
    leaving keep their memory: do the work in a function of its own.

    Args:
        device: Where the work runs.
        n: Number of observations.
    """
    threads = torch.get_num_threads()
    wanted = 1 if n < THREADS_FROM_OBSERVATIONS else threads
    if wanted != threads:
        torch.set_num_threads(wanted)
    try:
        with torch.inference_mode(False):  # gradients must flow inside, whatever the caller is doing
            yield
    finally:
        if wanted != threads:
            torch.set_num_threads(threads)
        if device.type == "cuda":
            torch.cuda.empty_cache()
