"""Many candidates against the training points in one pass: posterior mean, its size, and a share of the variance.

What is computed for each candidate, without ever holding the `m x n` matrix of covariances:

    mean = sum_j k_j alpha_j,   size = sum_j |k_j alpha_j|,   norm = |y|^2,   sway = sum_i g_i |y_i|

where y = G k, or y solves L1 y = k. A solve costs no more operations and is far more accurate, but each y_i waits for
those before: a CPU, which takes few candidates at a time, solves; a GPU multiplies.

This file holds the contract and its plain torch reference; `fused_cpu` (Numba) and `fused_cuda` (Triton) are the fast
ones. All of them are proven equal to the reference by the conformance test.

Notation:
    z       scaled numeric features, (F,): x = |z - z'|^2 = (c r)^2, with c of `SCALES`
    k_x     profile of x by powers of two, u = sqrt x: rbf 2^-x; matern32 (1 + u / e) 2^-u; matern52 (1 + u / e + u^2 /
            (3 e^2)) 2^-u, e = log2 of Euler's number
    k_h     product over the code columns of `similarity`, one factor for each
    k       mix_0 k_x k_h + mix_1 k_x + mix_2 k_h, the outputscale included; 1 stands for an absent part
    T       lower triangular, (r, r): G, or L1
    g       sum_j |G_ij|, (r,); none where y is solved for
"""

import math
from functools import cache
from importlib import import_module
from typing import Any, NamedTuple, Protocol

import torch
from torch import Tensor

from gpbop.kernels.closed_form import EXACT_DISTANCE
from gpbop.kernels.continuous import Smoothness

LOG2_E = math.log2(math.e)
SCALES: dict[Smoothness, float] = {
    "matern52": math.sqrt(5.0) * LOG2_E,
    "matern32": math.sqrt(3.0) * LOG2_E,
    "rbf": math.sqrt(0.5 * LOG2_E),
}


class Tables(NamedTuple):
    """What is read of the `n` training points; all floats have one dtype, float32 or float64, and are contiguous.

    For `grouped`, z, similarity, weights and T are stacked, one of each for every group.

    Attributes:
        z: `n x F` scaled numeric features.
        similarity: `n x H` factors of k_h: one column for each code of each code column, side by side.
        starts: `S` int32 numbers of the first column in `similarity` of each code column.
        mix: Three numbers.
        weights: `n` weights alpha of the mean; `0` where no mean is wanted, then only the first `r` rows are read.
        T: `r x r` lower triangular matrix, zero above the diagonal.
        g: `r` sums of absolute values of its rows; `0` where T y = k is solved.
        smoothness: The profile.
    """

    z: Tensor
    similarity: Tensor
    starts: Tensor
    mix: tuple[float, float, float]
    weights: Tensor
    T: Tensor
    g: Tensor
    smoothness: Smoothness

    @property
    def width(self) -> int:
        """Number of training points that are read."""
        return self.z.shape[-2] if self.has_mean else self.T.shape[-1]

    @property
    def has_mean(self) -> bool:
        """Whether a mean is wanted."""
        return self.weights.shape[-1] > 0

    @property
    def is_solved(self) -> bool:
        """Whether T y = k is solved for y; else y = T k."""
        return not len(self.g)


class Sums(NamedTuple):
    """What is known of `m` candidates after one pass; see the head of this file.

    Attributes:
        mean: `m` sums; empty where no mean is wanted.
        size: `m` sums of absolute values, or upper bounds of them; empty where no mean is wanted.
        norm: `m` sums of squares.
        sway: `m` sums that tell how far small errors of G k move the norm; empty where y is solved for.
    """

    mean: Tensor
    size: Tensor
    norm: Tensor
    sway: Tensor


def profile(x: Tensor, smoothness: Smoothness) -> Tensor:
    """Compute k_x of scaled squared distances."""
    if smoothness == "rbf":
        return torch.exp2(-x)
    u = x.sqrt()
    t = u / LOG2_E
    return torch.exp2(-u) * (1.0 + t if smoothness == "matern32" else 1.0 + t + t.square() / 3.0)


def scattered(z: Tensor, codes: Tensor, tables: Tables) -> Sums:
    """Evaluate candidates that have nothing in common.

    Args:
        z: `m x F` scaled numeric features.
        codes: `m x S` int32 codes of the code columns, none negative.
        tables: The training points.
    """
    n = tables.width
    x = (z.unsqueeze(1) - tables.z[:n]).square().sum(-1)
    kh = torch.ones_like(x)
    for column, start in zip(codes.unbind(1), tables.starts.tolist(), strict=True):
        kh = kh * tables.similarity[:n, start + column.long()].mT
    return _sums(x, kh, tables)


def by_nearest(points: Tensor, centres: Tensor) -> tuple[Tensor, Tensor]:
    """Sort points by the nearest of some centres.

    Args:
        points: `m x F` float32 points.
        centres: `g x F` centres, at least one.
    Returns:
        An order of the points, and the `g` ends of the groups in it.
    """
    number = torch.cdist(points, centres, compute_mode=EXACT_DISTANCE).argmin(1)
    return number.argsort(stable=True), number.bincount(minlength=len(centres)).cumsum(0)


def grouped(z: Tensor, codes: Tensor, ends: Tensor, tables: Tables) -> Sums:
    """Evaluate groups of candidates, each beside training points of its own.

    Args:
        z: `m x F` scaled numeric features, group by group.
        codes: `m x S` int32 codes.
        ends: `g` ascending int64 numbers of the first candidates after each group.
        tables: The training points of all groups, as many of each.
    """
    parts = []
    stacked = zip(tables.z, tables.similarity, tables.weights, tables.T, strict=True)
    for end, begin, (points, similarity, weights, T) in zip(
        ends.tolist(), [0, *ends.tolist()[:-1]], stacked, strict=True
    ):
        own = tables._replace(z=points, similarity=similarity, weights=weights, T=T)
        parts.append(scattered(z[begin:end], codes[begin:end], own))
    return Sums(*map(torch.cat, zip(*parts, strict=True)))


def strips(x_first: Tensor, h_first: Tensor, x_second: Tensor, h_second: Tensor, tables: Tables) -> Sums:
    """Evaluate all pairs of a first half and a second half of a product of candidates.

    Squared distances of the halves add and similarities multiply, so a pair costs no distance and no look-up.

    Args:
        x_first: `p x n` squared distances of the first halves, over their own features.
        h_first: `p x n` products of their similarities.
        x_second: `n x q` squared distances of the second halves.
        h_second: `n x q` products of their similarities.
        tables: The training points; its features, similarities and starts are not read.
    Returns:
        `p q` sums, the second half varying fastest.
    """
    n = tables.width
    x = (x_first[:, None, :n] + x_second.mT[:, :n]).flatten(0, 1)
    kh = (h_first[:, None, :n] * h_second.mT[:, :n]).flatten(0, 1)
    return _sums(x, kh, tables)


def _sums(x: Tensor, kh: Tensor, tables: Tables) -> Sums:
    kx = profile(x, tables.smoothness)
    both, only_x, only_h = tables.mix
    k = both * kx * kh + only_x * kx + only_h * kh
    r = len(tables.T)
    if tables.is_solved:
        y = torch.linalg.solve_triangular(tables.T, k[:, :r].mT, upper=False).mT
        norm, sway = y.square().sum(1), y[:0, 0]
    else:
        y = k[:, :r] @ tables.T.tril().mT
        norm, sway = y.square().sum(1), y.abs() @ tables.g
    if not tables.has_mean:
        return Sums(norm[:0], norm[:0], norm, sway)
    terms = k * tables.weights
    return Sums(terms.sum(1), terms.abs().sum(1), norm, sway)


class Backend(Protocol):
    """A fast implementation of `scattered` and `strips`."""

    # Terms of the mean that are summed in the working precision before they are added in float64.
    SUM_BLOCK: int
    # Whether y is solved for.
    SOLVES: bool

    def roundings(self, codes: int) -> int:
        """Return R with |k computed - k| <= R u k, u half the machine epsilon, for `codes` exact factors of k_h."""
        ...

    def distance_roundings(self, features: int) -> float:
        """Return D with |w computed - w| <= D u w, w = sqrt x; strips, which have a sum of two in its place, less."""
        ...

    def term_roundings(self, r: int) -> int:
        """Return how many roundings come together, at most, in a term of a row of G k, or of L1 y."""
        ...

    def scattered(self, z: Tensor, codes: Tensor, tables: Tables) -> Sums:
        """Evaluate candidates that have nothing in common."""
        ...

    def strips(self, x_first: Tensor, h_first: Tensor, x_second: Tensor, h_second: Tensor, tables: Tables) -> Sums:
        """Evaluate all pairs of first and second halves."""
        ...


class Grouping(Backend, Protocol):
    """One that takes few candidates at a time, so that they may have training points of their own."""

    # Candidates that a group is computed along with: the last ones of each group take as long as so many.
    LANES: int

    def by_nearest(self, points: Tensor, centres: Tensor) -> tuple[Tensor, Tensor]:
        """Sort points by the nearest of some centres."""
        ...

    def grouped(self, z: Tensor, codes: Tensor, ends: Tensor, tables: Tables) -> Sums:
        """Evaluate groups of candidates, each beside training points of its own."""
        ...


@cache
def backend(device_type: str) -> Backend | None:
    """Return the fast implementation for "cpu" (Numba) or "cuda" (Triton); None where its compiler is absent."""
    name = {"cpu": "fused_cpu", "cuda": "fused_cuda"}[device_type]
    try:
        module: Any = import_module(f"gpbop.kernels.{name}")
    except ImportError:
        return None
    found: Backend = module
    return found
