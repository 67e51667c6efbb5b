"""Calls of the Triton kernels under Triton's interpreter, for a process of their own.

Triton reads TRITON_INTERPRET when it is imported, once for all kernels of a process; so no process that might run
another Triton kernel may set it.
"""

import os
from typing import Any

import numpy as np
import torch

Arrays = tuple[np.ndarray, ...]


def start() -> None:
    """Choose the interpreter, before anything imports Triton, and help it with NumPy 2.4."""
    os.environ["TRITON_INTERPRET"] = "1"
    torch.set_num_threads(1)
    from triton.runtime import interpreter

    patch = interpreter._patch_lang_tensor

    def patched(tensor: Any, scope: Any) -> None:
        # The interpreter holds scalars in arrays of length 1, which int() refuses since NumPy 2.4.
        patch(tensor, scope)
        scope.set_attr(tensor, "__index__", lambda self: self.handle.data.item())

    interpreter._patch_lang_tensor = patched


def call(name: str, arguments: Arrays, tables: tuple[Any, ...]) -> Arrays:
    """Return the sums of `scattered` or `strips` of `fused_cuda`; tensors travel as arrays."""
    from gpbop.kernels import fused_cuda
    from gpbop.kernels.fused import Tables

    sums = getattr(fused_cuda, name)(*map(tensor, arguments), Tables(*map(tensor, tables)))
    return tuple(part.numpy() for part in sums)


def tensor(value: Any) -> Any:
    return torch.from_numpy(value) if isinstance(value, np.ndarray) else value
