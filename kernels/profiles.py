"""Covariance as a function of distance, with its slope, computed in place; and the buffers to compute in."""

import math
from collections.abc import Callable

import torch
from torch import Tensor


class Workspace:
    """Buffers that are kept from one evaluation to the next.

    At n = 500 a matrix is 2 MB; handing it back to the system and taking it anew costs more page faults than the
    arithmetic on it takes time. Whoever passes a workspace must be done with the last evaluation made in it.
    """

    def __init__(self) -> None:
        self._buffers: dict[str, Tensor] = {}

    def take(self, name: str, shape: torch.Size | tuple[int, ...], like: Tensor) -> Tensor:
        """Return an uninitialised buffer of the given shape, the one used under this name before if it fits."""
        buffer = self._buffers.get(name)
        if buffer is None or buffer.shape != torch.Size(shape):
            buffer = self._buffers[name] = like.new_empty(shape)
        return buffer


# Distance r (overwritten) and a buffer -> k_x and dk_x/dx, x = r^2. Both are finite at r = 0: no gradient divides by a
# distance.
def _matern52(r: Tensor, e: Tensor, slope: Tensor) -> tuple[Tensor, Tensor]:
    t = r.mul_(math.sqrt(5.0))
    torch.neg(t, out=e).exp_()
    torch.add(t, 1.0, out=slope).mul_(e)  # (1 + t) e^-t
    k = t.square_().mul_(e).div_(3.0).add_(slope)
    return k, slope.mul_(-5.0 / 6.0)


def _matern32(r: Tensor, e: Tensor, slope: Tensor) -> tuple[Tensor, Tensor]:
    t = r.mul_(math.sqrt(3.0))
    torch.neg(t, out=e).exp_()
    return t.add_(1.0).mul_(e), torch.mul(e, -1.5, out=slope)


def _rbf(r: Tensor, _: Tensor, slope: Tensor) -> tuple[Tensor, Tensor]:
    k = r.square_().mul_(-0.5).exp_()
    return k, torch.mul(k, -0.5, out=slope)


PROFILES: dict[str, Callable[[Tensor, Tensor, Tensor], tuple[Tensor, Tensor]]] = {
    "matern52": _matern52,
    "matern32": _matern32,
    "rbf": _rbf,
}
