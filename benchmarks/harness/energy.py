"""Energy that the device has used since it was started, in joules, where a counter is to be read."""

import ctypes
from functools import cache
from pathlib import Path

import torch

RAPL = Path("/sys/class/powercap/intel-rapl:0/energy_uj")


def energy_joules(device: torch.device) -> float | None:
    """Return the counter of the GPU (NVML) or of the CPU's first package (RAPL); None where there is none."""
    if device.type == "cuda":
        return _gpu_joules(torch.cuda.current_device() if device.index is None else device.index)
    try:
        return int(RAPL.read_text()) * 1e-6
    except (OSError, ValueError):
        return None


def _gpu_joules(index: int) -> float | None:
    found = _nvml(index)
    if found is None:
        return None
    nvml, handle = found
    millijoules = ctypes.c_ulonglong()
    failed = nvml.nvmlDeviceGetTotalEnergyConsumption(handle, ctypes.byref(millijoules))
    return None if failed else millijoules.value * 1e-3


@cache
def _nvml(index: int) -> tuple[ctypes.CDLL, ctypes.c_void_p] | None:
    """Return the driver's library and its handle of a device of torch, found by its UUID."""
    try:
        nvml = ctypes.CDLL("libnvidia-ml.so.1")
    except OSError:
        return None
    handle = ctypes.c_void_p()
    name = f"GPU-{torch.cuda.get_device_properties(index).uuid}".encode()
    if nvml.nvmlInit_v2() or nvml.nvmlDeviceGetHandleByUUID(name, ctypes.byref(handle)):
        return None
    return nvml, handle


@cache
def driver_version() -> str | None:
    """Return the version of the NVIDIA driver; None without one."""
    found = _nvml(0) if torch.cuda.is_available() else None
    if found is None:
        return None
    text = ctypes.create_string_buffer(96)
    return None if found[0].nvmlSystemGetDriverVersion(text, 96) else text.value.decode()
