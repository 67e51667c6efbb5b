"""What the examples share: scikit-learn's digits, a private torch to train in, and the name of a device."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from sklearn.datasets import load_digits
from torch import Tensor


def digits(generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Return the 1797 images, `n x 8 x 8` in [0, 1], and their `n` labels, in an order that the generator draws."""
    pixels, labels = load_digits(return_X_y=True)  # 1797 x 64, 0 to 16
    images = torch.as_tensor(pixels, dtype=torch.float32).reshape(-1, 8, 8) / 16
    order = torch.randperm(len(images), generator=generator)
    return images[order], torch.as_tensor(labels, dtype=torch.int64)[order]


def device_name(device: torch.device) -> str:
    """Return what a sentence calls a device."""
    return torch.cuda.get_device_name(device) if device.type == "cuda" else "the CPU"


@contextmanager
def private_state(seed: int, device: torch.device) -> Iterator[None]:
    """Seed torch, take one thread and deterministic kernels; put everything back at the end.

    Args:
        seed: Seed of torch's global random generators.
        device: Where the training runs.
    """
    threads = torch.get_num_threads()
    cuda = [device] if device.type == "cuda" else []
    with (
        torch.random.fork_rng(devices=cuda),
        torch.backends.cudnn.flags(enabled=True, benchmark=False, deterministic=True, allow_tf32=False),
    ):
        torch.default_generator.manual_seed(seed)  # torch.manual_seed would also reseed every CUDA device
        for index in cuda:
            with torch.cuda.device(index):
                torch.cuda.manual_seed(seed)
        torch.set_num_threads(1)
        try:
            yield
        finally:
            torch.set_num_threads(threads)
