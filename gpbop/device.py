"""Devices and threads: gpbop is a guest beside the model that is being trained."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from gpbop.errors import DeviceError

# Fewer observations than this are faster on the CPU: launching kernels takes longer than running them (xopt issue 331 saw the
# GPU lose below thousands of points). benchmarks/ask_latency.py --device cuda measures it.
CUDA_FROM_OBSERVATIONS = 1000
# Matrices smaller than this gain nothing from a second thread; starting it costs more.
THREADS_FROM_OBSERVATIONS = 300


def resolve_device(device: str | torch.device, n: int | None = None) -> torch.device:
    """Turn a device name into a device that is there.

    Args:
        device: "auto", "cpu", "cuda", "cuda:1", or a torch device. "auto" takes CUDA where it is present and, if n is given, where
            n observations are enough for it to be faster.
        n: Number of observations.
    Returns:
        The device.
    Raises:
        DeviceError: If the name is unknown, or CUDA is asked for and absent.
    """
    if device == "auto":
        worth_it = n is None or n >= CUDA_FROM_OBSERVATIONS
        return torch.device("cuda" if worth_it and torch.cuda.is_available() else "cpu")
    try:
        resolved = torch.device(device)
    except RuntimeError:
        resolved = torch.device("meta")
    if resolved.type not in ("cpu", "cuda"):
        raise DeviceError(f"`device` must be 'auto', 'cpu', 'cuda' or 'cuda:<number>'; got {device!r}. Use 'auto' if in doubt.")
    if resolved.type == "cuda" and (resolved.index or 0) >= torch.cuda.device_count():
        raise DeviceError(
            f"`device` must be present; got {str(resolved)!r} with {torch.cuda.device_count()} CUDA devices in sight. "
            "Use device='cpu' or 'auto', or install a CUDA build of torch."
        )
    return resolved


@contextmanager
def guest(device: torch.device, n: int) -> Iterator[None]:
    """Work as a guest: few CPU threads while inside, and the device's cached memory handed back on leaving.

    BLAS and OpenMP pools that both take all cores slow small factorisations down many times (NumPy issue 29884), so the number of
    threads follows the size of the matrices. It is restored on leaving.

    Args:
        device: Where the work runs.
        n: Number of observations.
    """
    threads = torch.get_num_threads()
    wanted = 1 if n < THREADS_FROM_OBSERVATIONS else threads
    if wanted != threads:
        torch.set_num_threads(wanted)
    try:
        yield
    finally:
        if wanted != threads:
            torch.set_num_threads(threads)
        if device.type == "cuda":
            torch.cuda.empty_cache()
