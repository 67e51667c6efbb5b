"""The fused evaluation on the CPU, compiled by Numba: one pass through caches and vector registers.

Candidates are taken in tiles of LANES. The innermost loops run over the candidates of a tile, one vector lane each, so
a sum over training points is made lane by lane, in the order written here: no compiler flag that reorders sums is set,
and what the error bounds assume is what is computed. SUM_BLOCK terms are summed in the working precision, the sums of
these blocks in float64.
"""

import math
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from gpbop.kernels.compiled import compiled, power
from gpbop.kernels.continuous import Smoothness
from gpbop.kernels.fused import LOG2_E, Sums, Tables

LANES = 128
SUM_BLOCK = 32
G_STEP = 4
# The length of a tuple is known when its type is: each profile is compiled for itself, which is twice as fast.
PROFILES: dict[Smoothness, tuple[int, ...]] = {"rbf": (), "matern32": (0,), "matern52": (0, 0)}


@compiled
def _differences(z: Any, t: Any, x: Any) -> None:
    """Write the squared distances of all lanes from one training point, from differences; z holds `F x LANES`."""
    fours = len(t) // 4 * 4
    for c in range(LANES):
        x[c] = 0
    for f in range(0, fours, 4):
        own, t0, t1, t2, t3 = z[f * LANES : (f + 4) * LANES], t[f], t[f + 1], t[f + 2], t[f + 3]
        for c in range(LANES):
            d, e = own[c] - t0, own[c + LANES] - t1
            g, h = own[c + 2 * LANES] - t2, own[c + 3 * LANES] - t3
            x[c] += d * d + e * e + g * g + h * h
    for f in range(fours, len(t)):
        own, t0 = z[f * LANES : (f + 1) * LANES], t[f]
        for c in range(LANES):
            d = own[c] - t0
            x[c] += d * d


@compiled
def _products(z: Any, squares: Any, t: Any, x: Any) -> None:
    """Write the squared distances as |z|^2 + |t|^2 - 2 t'z: half the work, and for float64 exact enough."""
    fours, square = len(t) // 4 * 4, x.dtype.type(0.0)
    for f in range(len(t)):
        square += t[f] * t[f]
    for c in range(LANES):
        x[c] = squares[c] + square
    for f in range(0, fours, 4):
        own, t0, t1 = z[f * LANES : (f + 4) * LANES], 2 * t[f], 2 * t[f + 1]
        t2, t3 = 2 * t[f + 2], 2 * t[f + 3]
        for c in range(LANES):
            x[c] -= own[c] * t0 + own[c + LANES] * t1 + own[c + 2 * LANES] * t2 + own[c + 3 * LANES] * t3
    for f in range(fours, len(t)):
        own, t0 = z[f * LANES : (f + 1) * LANES], 2 * t[f]
        for c in range(LANES):
            x[c] -= own[c] * t0
    for c in range(LANES):
        if x[c] < 0:
            x[c] = 0


@compiled
def _similarities(h: Any, column: Any, kh: Any) -> None:
    """Write k_h of all lanes with one training point."""
    at = column[0]
    for c in range(LANES):
        kh[c] = h[at[c]]
    for s in range(1, len(column)):
        at = column[s]
        for c in range(LANES):
            kh[c] *= h[at[c]]


@compiled
def _add_uniform(x: Any, a: Any, b: Any, w: Any, kind: tuple[int, ...], k: Any, part: Any, size: Any) -> None:
    """Write k = a k_x + b of all lanes, and add w k to their sums."""
    rate, third, one = x.dtype.type(1.0 / LOG2_E), x.dtype.type(1.0 / 3.0), x.dtype.type(1.0)
    if len(kind) == 0:
        for c in range(LANES):
            k[c] = a * power(x[c]) + b
    elif len(kind) == 1:
        for c in range(LANES):
            u = math.sqrt(x[c])
            k[c] = a * (power(u) * (one + u * rate)) + b
    else:
        for c in range(LANES):
            u = math.sqrt(x[c])
            t = u * rate
            k[c] = a * (power(u) * (one + t * (one + t * third))) + b
    if x.itemsize == 4:
        for c in range(LANES):
            term = w * k[c]
            part[c] += term
            size[c] += abs(term)
    else:  # the size is bounded afterwards
        for c in range(LANES):
            part[c] += w * k[c]


@compiled
def _add(x: Any, kh: Any, mix: Any, w: Any, kind: tuple[int, ...], k: Any, part: Any, size: Any) -> None:
    """Write the covariances of all lanes, each with a k_h of its own, and add w k to their sums."""
    rate, third, one = x.dtype.type(1.0 / LOG2_E), x.dtype.type(1.0 / 3.0), x.dtype.type(1.0)
    both, only_x, only_h = mix[0], mix[1], mix[2]
    if len(kind) == 0:
        for c in range(LANES):
            k[c] = (both * kh[c] + only_x) * power(x[c]) + only_h * kh[c]
    elif len(kind) == 1:
        for c in range(LANES):
            u = math.sqrt(x[c])
            k[c] = (both * kh[c] + only_x) * (power(u) * (one + u * rate)) + only_h * kh[c]
    else:
        for c in range(LANES):
            u = math.sqrt(x[c])
            t = u * rate
            k[c] = (both * kh[c] + only_x) * (power(u) * (one + t * (one + t * third))) + only_h * kh[c]
    if x.itemsize == 4:
        for c in range(LANES):
            term = w * k[c]
            part[c] += term
            size[c] += abs(term)
    else:  # the size is bounded afterwards
        for c in range(LANES):
            part[c] += w * k[c]


@compiled
def _squares(K: Any, G: Any, g: Any, v: Any, out: Any, sway: Any) -> None:
    """Write |G k|^2 and the sums of g |G k| of all lanes; `r` is a multiple of 4, K holds `r x LANES` and more.

    Four rows of G and four of K at a time: what is read once is used four times. All four results lie in one buffer,
    v of 4 x LANES, so that the compiler sees that they do not overlap.
    """
    flat, r = K.ravel(), len(G)
    for c in range(LANES):
        out[c] = 0.0
        sway[c] = 0
    for i in range(0, r, 4):
        for c in range(4 * LANES):
            v[c] = 0
        g0, g1, g2, g3 = G[i], G[i + 1], G[i + 2], G[i + 3]
        for j in range(0, i + 4, 4):  # zeros beyond the diagonal
            a0, a1, a2, a3 = g0[j], g0[j + 1], g0[j + 2], g0[j + 3]
            b0, b1, b2, b3 = g1[j], g1[j + 1], g1[j + 2], g1[j + 3]
            d0, d1, d2, d3 = g2[j], g2[j + 1], g2[j + 2], g2[j + 3]
            e0, e1, e2, e3 = g3[j], g3[j + 1], g3[j + 2], g3[j + 3]
            k = flat[j * LANES : (j + 4) * LANES]
            for c in range(LANES):
                k0, k1, k2, k3 = k[c], k[c + LANES], k[c + 2 * LANES], k[c + 3 * LANES]
                v[c] += a0 * k0 + a1 * k1 + a2 * k2 + a3 * k3
                v[c + LANES] += b0 * k0 + b1 * k1 + b2 * k2 + b3 * k3
                v[c + 2 * LANES] += d0 * k0 + d1 * k1 + d2 * k2 + d3 * k3
                v[c + 3 * LANES] += e0 * k0 + e1 * k1 + e2 * k2 + e3 * k3
        for part in range(4):
            row, own = v[part * LANES : (part + 1) * LANES], g[i + part]
            for c in range(LANES):
                out[c] += np.float64(row[c]) * np.float64(row[c])
                sway[c] += own * abs(row[c])


@compiled
def _clear(first: Any, second: Any) -> None:
    for c in range(LANES):
        first[c] = 0
        second[c] = 0


@compiled
def _gather(total: Any, part: Any, total_size: Any, part_size: Any) -> None:
    """Add the sums of a block to the totals."""
    for c in range(LANES):
        total[c] += part[c]
        total_size[c] += part_size[c]


@compiled
def _is_uniform(column: Any) -> bool:
    """Return whether all lanes have the same codes."""
    for s in range(len(column)):
        for c in range(LANES):
            if column[s, c] != column[s, 0]:
                return False
    return True


@compiled
def _scattered(
    z: Any, codes: Any, train: Any, similarity: Any, starts: Any, mix: Any, weights: Any, G: Any, g: Any,
    kind: tuple[int, ...], mean: Any, size: Any, norm: Any, sway: Any,
) -> None:  # fmt: skip
    m, F = z.shape
    S, width, r = codes.shape[1], len(weights), len(G)
    zc, K, column = np.empty(F * LANES, z.dtype), np.zeros((r + 1, LANES), z.dtype), np.empty((S, LANES), np.int32)
    x, kh, lengths = np.empty(LANES, z.dtype), np.empty(LANES, z.dtype), np.zeros(LANES, z.dtype)
    v, swayed = np.empty(4 * LANES, z.dtype), np.empty(LANES, z.dtype)
    part, part_size = np.empty(LANES, z.dtype), np.empty(LANES, z.dtype)
    total, total_size, squares = np.empty(LANES), np.empty(LANES), np.empty(LANES)
    for begin in range(0, m, LANES):
        filled = min(LANES, m - begin)
        for c in range(LANES):
            row = begin + min(c, filled - 1)
            lengths[c] = 0
            for f in range(F):
                zc[f * LANES + c] = z[row, f]
                lengths[c] += z[row, f] * z[row, f]
            for s in range(S):
                column[s, c] = codes[row, s] + starts[s]
        is_uniform = _is_uniform(column)
        _clear(total, total_size)
        for first in range(0, width, SUM_BLOCK):
            _clear(part, part_size)
            for j in range(first, min(first + SUM_BLOCK, width)):
                if z.itemsize == 8:
                    _products(zc, lengths, train[j], x)
                else:
                    _differences(zc, train[j], x)
                k, w = K[min(j, r)], weights[j]
                if is_uniform:
                    h = z.dtype.type(1.0)
                    for s in range(S):
                        h *= similarity[j, column[s, 0]]
                    _add_uniform(x, mix[0] * h + mix[1], mix[2] * h, w, kind, k, part, part_size)
                else:
                    _similarities(similarity[j], column, kh)
                    _add(x, kh, mix, w, kind, k, part, part_size)
            _gather(total, part, total_size, part_size)
        _squares(K, G, g, v, squares, swayed)
        mean[begin : begin + filled] = total[:filled]
        size[begin : begin + filled] = total_size[:filled]
        norm[begin : begin + filled] = squares[:filled]
        sway[begin : begin + filled] = swayed[:filled]


@compiled
def _strips(
    x_first: Any, h_first: Any, x_second: Any, h_second: Any, is_uniform: bool, mix: Any, weights: Any, G: Any,
    g: Any, kind: tuple[int, ...], mean: Any, size: Any, norm: Any, sway: Any,
) -> None:  # fmt: skip
    p, q = mean.shape
    width, r, dtype = len(weights), len(G), x_first.dtype
    K, x, kh = np.zeros((r + 1, LANES), dtype), np.empty(LANES, dtype), np.empty(LANES, dtype)
    v, swayed = np.empty(4 * LANES, dtype), np.empty(LANES, dtype)
    part, part_size = np.empty(LANES, dtype), np.empty(LANES, dtype)
    total, total_size, squares = np.empty(LANES), np.empty(LANES), np.empty(LANES)
    for row in range(p):
        for begin in range(0, q, LANES):
            filled = min(LANES, q - begin)
            _clear(total, total_size)
            for first in range(0, width, SUM_BLOCK):
                _clear(part, part_size)
                for j in range(first, min(first + SUM_BLOCK, width)):
                    a, h = x_first[row, j], h_first[row, j]
                    xs, hs = x_second[j, begin : begin + LANES], h_second[j, begin : begin + LANES]
                    for c in range(LANES):
                        x[c] = a + xs[c]
                    k, w = K[min(j, r)], weights[j]
                    if is_uniform:
                        h = h * hs[0]
                        _add_uniform(x, mix[0] * h + mix[1], mix[2] * h, w, kind, k, part, part_size)
                    else:
                        for c in range(LANES):
                            kh[c] = h * hs[c]
                        _add(x, kh, mix, w, kind, k, part, part_size)
                _gather(total, part, total_size, part_size)
            _squares(K, G, g, v, squares, swayed)
            mean[row, begin : begin + filled] = total[:filled]
            size[row, begin : begin + filled] = total_size[:filled]
            norm[row, begin : begin + filled] = squares[:filled]
            sway[row, begin : begin + filled] = swayed[:filled]


def scattered(z: Tensor, codes: Tensor, tables: Tables) -> Sums:
    """Evaluate candidates that have nothing in common; as `gpbop.kernels.fused.scattered`."""
    sums = _empty((len(z),))
    fixed = (tables.z, tables.similarity, tables.starts, *_padded(tables))
    _scattered(*_arrays(z, codes, *fixed), PROFILES[tables.smoothness], *_arrays(*sums))
    return _wanted(sums, tables)


def strips(x_first: Tensor, h_first: Tensor, x_second: Tensor, h_second: Tensor, tables: Tables) -> Sums:
    """Evaluate all pairs of first and second halves; as `gpbop.kernels.fused.strips`."""
    sums = _empty((len(x_first), x_second.shape[1]))
    is_uniform = bool((h_second == h_second[:, :1]).all())
    spare = -x_second.shape[1] % LANES  # whole tiles are read
    x_second, h_second = (functional.pad(half, (0, spare), value=1.0) for half in (x_second, h_second))
    halves = _arrays(x_first, h_first, x_second, h_second)
    _strips(*halves, is_uniform, *_arrays(*_padded(tables)), PROFILES[tables.smoothness], *_arrays(*sums))
    return _wanted(Sums(*(part.flatten() for part in sums)), tables)


def _empty(shape: tuple[int, ...]) -> Sums:
    return Sums(*(torch.empty(shape, dtype=torch.float64) for _ in range(4)))


def _wanted(sums: Sums, tables: Tables) -> Sums:
    if not len(tables.weights):
        return Sums(sums.mean[:0], sums.size[:0], sums.norm, sums.sway)
    if tables.z.dtype == torch.float64:
        sums.size.fill_(sum(tables.mix) * float(tables.weights.abs().sum()))
    return sums


def _padded(tables: Tables) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Return mix, weights (zeros where no mean is wanted), and G and g with zeros up to a multiple of 4 pivots."""
    r = len(tables.G)
    weights = tables.weights if len(tables.weights) else tables.G.new_zeros(r)
    G, g = functional.pad(tables.G, (0, -r % 4, 0, -r % 4)), functional.pad(tables.g, (0, -r % 4))
    return tables.G.new_tensor(tables.mix), weights, G, g


def _arrays(*tensors: Tensor) -> tuple[Any, ...]:
    return tuple(tensor.contiguous().numpy() for tensor in tensors)
