"""What GPyTorch leaves to kernels that are made of others."""

from collections.abc import Iterable
from typing import Any

import torch
from gpytorch.kernels import Kernel
from typing_extensions import override


class ComposedKernel(Kernel):  # type: ignore[misc]  # GPyTorch is untyped
    """A kernel that takes its batch shape from its parts, and hands every index and expansion of the batch to them.

    GPyTorch 1.15.2 lists the parts of parts as parts too, so `kernel[i]` copies them twice, under dotted names; and it
    leaves the old batch shape on the copy if the kernel has no parameter of its own: the copy's size is wrong then.
    """

    @override
    def named_sub_kernels(self) -> Iterable[tuple[str, Kernel]]:
        """The direct parts, by attribute name."""
        return ((name, part) for name, part in self.named_children() if isinstance(part, Kernel))

    @override
    def __getitem__(self, index: Any) -> Kernel:
        return _without_batch_shape(super().__getitem__(index))

    @override
    def expand_batch(self, *sizes: Any) -> Kernel:
        """Repeat the hyperparameters.

        Args:
            sizes: The new batch shape.

        Returns:
            A kernel whose parts have this batch shape.
        """
        return _without_batch_shape(super().expand_batch(*sizes))


def _without_batch_shape(kernel: Kernel) -> Kernel:
    kernel.batch_shape = torch.Size()  # what `batch_shape` then reads is the parts' shape
    return kernel
