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

from gpbop.kernels.compiled import LANES, compiled, power
from gpbop.kernels.continuous import Smoothness
from gpbop.kernels.fused import LOG2_E, Sums, Tables
from gpbop.kernels.nearest_cpu import by_nearest as by_nearest

SUM_BLOCK = 8
SOLVES, SOLVE_BLOCK = True, 32
# The length of a tuple is known when its type is: each profile is compiled for itself, which is twice as fast.
PROFILES: dict[Smoothness, tuple[int, ...]] = {"rbf": (), "matern32": (0,), "matern52": (0, 0)}


@compiled
def _differences(z: Any, t: Any, x: Any) -> None:
    """Write the squared distances of all lanes from one training point; z holds `F x LANES`."""
    fours, twos = len(t) // 4 * 4, len(t) // 2 * 2
    for c in range(LANES):
        x[c] = 0
    for f in range(0, fours, 4):
        own, t0, t1, t2, t3 = z[f * LANES : (f + 4) * LANES], t[f], t[f + 1], t[f + 2], t[f + 3]
        for c in range(LANES):
            d, e = own[c] - t0, own[c + LANES] - t1
            g, h = own[c + 2 * LANES] - t2, own[c + 3 * LANES] - t3
            x[c] += d * d + e * e + g * g + h * h
    for f in range(fours, twos, 2):
        own, t0, t1 = z[f * LANES : (f + 2) * LANES], t[f], t[f + 1]
        for c in range(LANES):
            d, e = own[c] - t0, own[c + LANES] - t1
            x[c] += d * d + e * e
    for f in range(twos, len(t)):
        own, t0 = z[f * LANES : (f + 1) * LANES], t[f]
        for c in range(LANES):
            d = own[c] - t0
            x[c] += d * d


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
    rate, curve, one = x.dtype.type(1.0 / LOG2_E), x.dtype.type(1.0 / (3.0 * LOG2_E**2)), x.dtype.type(1.0)
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
            k[c] = a * (power(u) * (one + u * (rate + u * curve))) + b
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
    rate, curve, one = x.dtype.type(1.0 / LOG2_E), x.dtype.type(1.0 / (3.0 * LOG2_E**2)), x.dtype.type(1.0)
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
            k[c] = (both * kh[c] + only_x) * (power(u) * (one + u * (rate + u * curve))) + only_h * kh[c]
    if x.itemsize == 4:
        for c in range(LANES):
            term = w * k[c]
            part[c] += term
            size[c] += abs(term)
    else:  # the size is bounded afterwards
        for c in range(LANES):
            part[c] += w * k[c]


@compiled
def _solve(K: Any, T: Any, inverse: Any, v: Any, out: Any) -> None:
    """Solve T y = k for all lanes, in the place of k, and write |y|^2; `r` is a multiple of 4, K holds `r x LANES`.

    Four rows of T and four of y at a time: what is read once is used four times. SOLVE_BLOCK terms are summed before
    they are taken from k. All four sums lie in one buffer, v of 4 x LANES, so that the compiler sees that they do not
    overlap; `inverse` holds the inverse elements of the diagonal.
    """
    flat, r = K.ravel(), len(T)
    for c in range(LANES):
        out[c] = 0.0
    for i in range(0, r, 4):
        own = flat[i * LANES : (i + 4) * LANES]
        g0, g1, g2, g3 = T[i], T[i + 1], T[i + 2], T[i + 3]
        for first in range(0, i, SOLVE_BLOCK):
            for c in range(4 * LANES):
                v[c] = 0
            for j in range(first, min(first + SOLVE_BLOCK, i), 4):
                a0, a1, a2, a3 = g0[j], g0[j + 1], g0[j + 2], g0[j + 3]
                b0, b1, b2, b3 = g1[j], g1[j + 1], g1[j + 2], g1[j + 3]
                d0, d1, d2, d3 = g2[j], g2[j + 1], g2[j + 2], g2[j + 3]
                e0, e1, e2, e3 = g3[j], g3[j + 1], g3[j + 2], g3[j + 3]
                y = flat[j * LANES : (j + 4) * LANES]
                for c in range(LANES):
                    y0, y1, y2, y3 = y[c], y[c + LANES], y[c + 2 * LANES], y[c + 3 * LANES]
                    v[c] += a0 * y0 + a1 * y1 + a2 * y2 + a3 * y3
                    v[c + LANES] += b0 * y0 + b1 * y1 + b2 * y2 + b3 * y3
                    v[c + 2 * LANES] += d0 * y0 + d1 * y1 + d2 * y2 + d3 * y3
                    v[c + 3 * LANES] += e0 * y0 + e1 * y1 + e2 * y2 + e3 * y3
            for c in range(4 * LANES):
                own[c] -= v[c]
        n0, n1, n2, n3 = inverse[i], inverse[i + 1], inverse[i + 2], inverse[i + 3]
        b0, d0, d1, e0, e1, e2 = g1[i], g2[i], g2[i + 1], g3[i], g3[i + 1], g3[i + 2]
        for c in range(LANES):
            y0 = own[c] * n0
            y1 = (own[c + LANES] - b0 * y0) * n1
            y2 = (own[c + 2 * LANES] - (d0 * y0 + d1 * y1)) * n2
            y3 = (own[c + 3 * LANES] - (e0 * y0 + e1 * y1 + e2 * y2)) * n3
            own[c], own[c + LANES], own[c + 2 * LANES], own[c + 3 * LANES] = y0, y1, y2, y3
        for part in range(4):
            row = own[part * LANES : (part + 1) * LANES]
            for c in range(LANES):
                out[c] += np.float64(row[c]) * np.float64(row[c])


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
    z: Any, codes: Any, train: Any, similarity: Any, starts: Any, mix: Any, weights: Any, T: Any, inverse: Any,
    kind: tuple[int, ...], mean: Any, size: Any, norm: Any,
) -> None:  # fmt: skip
    m, F = z.shape
    S, width, r = codes.shape[1], len(weights), len(T)
    zc, K, column = np.empty(F * LANES, z.dtype), np.zeros((r + 1, LANES), z.dtype), np.empty((S, LANES), np.int32)
    x, kh, v = np.empty(LANES, z.dtype), np.empty(LANES, z.dtype), np.empty(4 * LANES, z.dtype)
    part, part_size = np.empty(LANES, z.dtype), np.empty(LANES, z.dtype)
    total, total_size, squares = np.empty(LANES), np.empty(LANES), np.empty(LANES)
    for begin in range(0, m, LANES):
        filled = min(LANES, m - begin)
        for c in range(LANES):
            row = begin + min(c, filled - 1)
            for f in range(F):
                zc[f * LANES + c] = z[row, f]
            for s in range(S):
                column[s, c] = codes[row, s] + starts[s]
        is_uniform = _is_uniform(column)
        _clear(total, total_size)
        for first in range(0, width, SUM_BLOCK):
            _clear(part, part_size)
            for j in range(first, min(first + SUM_BLOCK, width)):
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
        _solve(K, T, inverse, v, squares)
        mean[begin : begin + filled] = total[:filled]
        size[begin : begin + filled] = total_size[:filled]
        norm[begin : begin + filled] = squares[:filled]


@compiled
def _grouped(
    z: Any, codes: Any, ends: Any, train: Any, similarity: Any, starts: Any, mix: Any, weights: Any, T: Any,
    inverse: Any, kind: tuple[int, ...], mean: Any, size: Any, norm: Any,
) -> None:  # fmt: skip
    begin = 0
    for i in range(len(ends)):
        at = slice(begin, ends[i])
        if ends[i] > begin:
            _scattered(
                z[at], codes[at], train[i], similarity[i], starts, mix, weights[i], T[i], inverse[i], kind, mean[at],
                size[at], norm[at],
            )  # fmt: skip
        begin = ends[i]


@compiled
def _strips(
    x_first: Any, h_first: Any, x_second: Any, h_second: Any, is_uniform: bool, mix: Any, weights: Any, T: Any,
    inverse: Any, kind: tuple[int, ...], mean: Any, size: Any, norm: Any,
) -> None:  # fmt: skip
    q, count = x_second.shape[1], len(norm)
    width, r, dtype = len(weights), len(T), x_first.dtype
    K, x, kh = np.zeros((r + 1, LANES), dtype), np.zeros(LANES, dtype), np.zeros(LANES, dtype)
    v = np.empty(4 * LANES, dtype)
    part, part_size = np.empty(LANES, dtype), np.empty(LANES, dtype)
    total, total_size, squares = np.empty(LANES), np.empty(LANES), np.empty(LANES)
    for begin in range(0, count, LANES):  # a tile may begin and end within a row, and have several
        filled = min(LANES, count - begin)
        top, bottom = begin // q, (begin + filled - 1) // q + 1
        _clear(total, total_size)
        for first in range(0, width, SUM_BLOCK):
            _clear(part, part_size)
            for j in range(first, min(first + SUM_BLOCK, width)):
                is_same = is_uniform
                for row in range(top, bottom):
                    start, end = max(row * q - begin, 0), min((row + 1) * q - begin, filled)
                    own, a = x[start:end], x_first[row, j]
                    others = x_second[j, begin + start - row * q : begin + end - row * q]
                    for c in range(len(own)):
                        own[c] = a + others[c]
                    is_same = is_same and h_first[row, j] == h_first[top, j]
                k, w = K[min(j, r)], weights[j]
                if is_same:
                    h = h_first[top, j] * h_second[j, 0]
                    _add_uniform(x, mix[0] * h + mix[1], mix[2] * h, w, kind, k, part, part_size)
                else:
                    for row in range(top, bottom):
                        start, end = max(row * q - begin, 0), min((row + 1) * q - begin, filled)
                        own, a = kh[start:end], h_first[row, j]
                        others = h_second[j, begin + start - row * q : begin + end - row * q]
                        for c in range(len(own)):
                            own[c] = a * others[c]
                    _add(x, kh, mix, w, kind, k, part, part_size)
            _gather(total, part, total_size, part_size)
        _solve(K, T, inverse, v, squares)
        mean[begin : begin + filled] = total[:filled]
        size[begin : begin + filled] = total_size[:filled]
        norm[begin : begin + filled] = squares[:filled]


def roundings(codes: int) -> int:
    """Return R with |k computed - k| <= R u k + underflow, where k is exact for the computed distance.

    In units of u, half the machine epsilon, where a sum of terms >= 0 has the larger of their errors and one more, and
    no multiply-add is taken to be fused:

        2^-u                       4    see `gpbop.kernels.compiled`
        polynomial                 5    two rounded constants, then two products and two sums
        k_x, their product        10
        k_h                    c - 1    products of exact factors
        mix_0 k_h + mix_1      c + 2    mix_0 rounded to the dtype, product, sum
        ... k_x               c + 13
        ... + mix_2 k_h       c + 14

    and one more for all products of errors.

    Args:
        codes: Number c of factors of k_h: the code columns of `scattered`, 2 for `strips`; one where there are none.
    """
    return 14 + max(codes, 1) + 1


def distance_roundings(features: int) -> float:
    """Return D with |w computed - w| <= D u w, where w = sqrt x and x is exact for the inputs.

    x: 2 for the difference, which is squared, 1 for the square, up to 3 for the sum of four of them, and 1 for each
    group but one of those that are added up; 1 in all in `strips`. Half of that stays under the root, which has 1.

    Args:
        features: Number of numeric features of `scattered`, 0 for `strips`.
    """
    groups = features // 4 + features % 4 // 2 + features % 2
    return 1.0 + 0.5 * (5 + groups)


def term_roundings(r: int) -> int:
    """Return how many come together in a term of L1 y: of four products, of a block, of all, of what is divided by."""
    return 4 + SOLVE_BLOCK // 4 + -(-r // SOLVE_BLOCK) + 5


def scattered(z: Tensor, codes: Tensor, tables: Tables) -> Sums:
    """Evaluate candidates that have nothing in common; as `gpbop.kernels.fused.scattered`."""
    mean, size, norm = _empty((len(z),))
    fixed = (tables.z, tables.similarity, tables.starts, *_padded(tables))
    _scattered(*_arrays(z, codes, *fixed), PROFILES[tables.smoothness], *_arrays(mean, size, norm))
    return _wanted(mean, size, norm, tables)


def grouped(z: Tensor, codes: Tensor, ends: Tensor, tables: Tables) -> Sums:
    """Evaluate groups of candidates, each beside training points of its own; as `gpbop.kernels.fused.grouped`."""
    mean, size, norm = _empty((len(z),))
    fixed = (tables.z, tables.similarity, tables.starts, *_padded(tables))
    _grouped(*_arrays(z, codes, ends, *fixed), PROFILES[tables.smoothness], *_arrays(mean, size, norm))
    return _wanted(mean, size, norm, tables, ends.diff(prepend=ends.new_zeros(1)))


def strips(x_first: Tensor, h_first: Tensor, x_second: Tensor, h_second: Tensor, tables: Tables) -> Sums:
    """Evaluate all pairs of first and second halves; as `gpbop.kernels.fused.strips`."""
    mean, size, norm = _empty((len(x_first) * x_second.shape[1],))
    is_uniform = bool((h_second == h_second[:, :1]).all())
    halves = _arrays(x_first, h_first, x_second, h_second)
    _strips(*halves, is_uniform, *_arrays(*_padded(tables)), PROFILES[tables.smoothness], *_arrays(mean, size, norm))
    return _wanted(mean, size, norm, tables)


def _empty(shape: tuple[int, ...]) -> tuple[Tensor, Tensor, Tensor]:
    """Return room for mean, size and norm."""
    mean, size, norm = (torch.empty(shape, dtype=torch.float64) for _ in range(3))
    return mean, size, norm


def _wanted(mean: Tensor, size: Tensor, norm: Tensor, tables: Tables, counts: Tensor | None = None) -> Sums:
    """Return what was asked for; in float64 with bounds of the sizes, of so many candidates of each group."""
    if not tables.has_mean:
        return Sums(norm[:0], norm[:0], norm, norm[:0])
    if tables.z.dtype == torch.float64:
        most = sum(tables.mix) * tables.weights.abs().sum(-1)
        size.copy_(most if counts is None else most.repeat_interleave(counts))
    return Sums(mean, size, norm, norm[:0])


def _padded(tables: Tables) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Return mix, weights (zeros where no mean is wanted), T and its inverse diagonal, up to a multiple of 4 pivots.

    What is added has zeros for both, so it is solved for by zeros.
    """
    assert tables.is_solved, "nothing else is compiled for the CPU"
    T, inverse = tables.T, tables.T.diagonal(dim1=-2, dim2=-1).reciprocal()
    weights = tables.weights if tables.has_mean else torch.zeros_like(inverse)
    spare = -T.shape[-1] % 4
    if spare:
        T, inverse = functional.pad(T, (0, spare, 0, spare)), functional.pad(inverse, (0, spare))
    return T.new_tensor(tables.mix), weights, T, inverse


def _arrays(*tensors: Tensor) -> tuple[Any, ...]:
    return tuple(tensor.contiguous().numpy() for tensor in tensors)
