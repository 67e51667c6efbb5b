"""Device names, and the manners of a guest."""

from typing import Any

import pytest
import torch

from gpbop.device import CUDA_FROM_OBSERVATIONS, THREADS_FROM_OBSERVATIONS, guest, parse_device, resolve_device
from gpbop.errors import DeviceError

CPU = torch.device("cpu")


@pytest.mark.parametrize("name", ["cpu", "cpu:0", CPU, torch.device("cpu", 3)])
def test_every_name_of_the_cpu_is_the_cpu(name: Any) -> None:
    assert resolve_device(name) == resolve_device(name, 10**6) == CPU


def test_auto_takes_cuda_where_it_pays(monkeypatch: pytest.MonkeyPatch) -> None:
    for present, expected in ((False, "cpu"), (True, "cuda:0")):
        monkeypatch.setattr(torch.cuda, "is_available", lambda present=present: present)
        assert resolve_device("auto") == torch.device(expected)
        assert resolve_device("auto", CUDA_FROM_OBSERVATIONS) == torch.device(expected)
        assert resolve_device("auto", CUDA_FROM_OBSERVATIONS - 1) == CPU


def test_cuda_must_be_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert resolve_device("cuda") == torch.device("cuda", 0), "with its number, as tensors there have it"
    assert resolve_device("cuda:1", 1) == resolve_device(torch.device("cuda", 1)) == torch.device("cuda", 1)
    message = (
        r"`device` must be present; got 'cuda:2' with 2 CUDA devices in sight\. Use device='cpu' or 'auto', or install"
    )
    with pytest.raises(DeviceError, match=message):
        resolve_device("cuda:2")
    monkeypatch.setattr(torch.cuda, "is_initialized", lambda: True)
    monkeypatch.setattr(torch.cuda, "current_device", lambda: 1)
    assert resolve_device("cuda") == resolve_device("cuda:1")
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    with pytest.raises(DeviceError, match="got 'cuda' with 0 CUDA devices"):
        resolve_device("cuda")
    assert parse_device("cuda:2") == torch.device("cuda", 2), "a name may be read where the device is not"


@pytest.mark.parametrize(
    "name", ["gpu", "", "CPU", "cuda:", "cuda:x", "cuda:-1", "cuda:256", "mps", "meta", None, 0, True, ["cpu"]]
)
def test_other_names_are_refused(name: Any) -> None:
    with pytest.raises(
        DeviceError, match=r"`device` must be 'auto', 'cpu', 'cuda' or 'cuda:<number>'; got .* Use 'auto'"
    ):
        resolve_device(name)


@pytest.mark.parametrize("threads", [1, 3])
def test_a_guest_limits_threads_and_restores_them(threads: int) -> None:
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        for n, inside in ((THREADS_FROM_OBSERVATIONS - 1, 1), (THREADS_FROM_OBSERVATIONS, threads)):
            with guest(CPU, n):
                assert torch.get_num_threads() == inside
                with guest(CPU, 1):
                    assert torch.get_num_threads() == 1
                assert torch.get_num_threads() == inside
            assert torch.get_num_threads() == threads
        with pytest.raises(KeyboardInterrupt), guest(CPU, 1):
            raise KeyboardInterrupt
        assert torch.get_num_threads() == threads
    finally:
        torch.set_num_threads(before)


def test_a_guest_hands_cuda_memory_back_whatever_happens(monkeypatch: pytest.MonkeyPatch) -> None:
    emptied: list[str] = []
    monkeypatch.setattr(torch.cuda, "empty_cache", lambda: emptied.append("emptied"))
    with guest(CPU, 1):
        pass
    assert emptied == []
    with guest(torch.device("cuda"), 1):
        assert emptied == []
    assert emptied == ["emptied"]
    with pytest.raises(ValueError, match="inside"), guest(torch.device("cuda"), 1):
        raise ValueError("inside")
    assert len(emptied) == 2


def test_a_guest_lets_gradients_flow() -> None:
    with torch.inference_mode(), guest(CPU, 1):
        x = torch.ones(1, requires_grad=True)
        with torch.enable_grad():
            assert torch.autograd.grad((2 * x).sum(), x)[0].item() == 2.0
