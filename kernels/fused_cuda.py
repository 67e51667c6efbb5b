"""The fused evaluation on CUDA, in Triton: covariances live in registers only, from the distance to the last sum.

A program takes LANES candidates, one or two for each thread, and walks over the training points in blocks of POINTS.
All threads read the same training points, so their features come as broadcasts of 16 bytes from the first cache, and a
candidate's own features stay in registers. A tile is POINTS x LANES: each thread holds whole columns of it, and sums
over training points need neither shuffles nor barriers.

What bounds it: one covariance (Matern-5/2, float32, F features) takes 2 F instructions for the distance (a difference
and a fused multiply-add; never |a|^2 + |b|^2 - 2 a b, which cancels), 2 special-function instructions (a square root
and a power of two), 9 for profile, mix and sums, and F / 4 loads: 40 at F = 12 in the machine code for sm_90. A
multiprocessor of that kind issues 128 lanes per cycle, 16 of them to the special functions; so these are busy for 40 %
of the time, and the issue of multiply-adds binds. Device memory is idle: a candidate moves F + S + 6 words for 40 n
instructions. In `strips` distances are sums and 19 instructions remain, for 4 first halves at once; the special
functions are then busy for 80 %. The product with G adds r^2 / 2 multiply-adds per candidate, in IEEE float32 (no
TF32), through shared memory.

Rounding (derived at `roundings` and `distance_roundings`): u is half the machine epsilon of the dtype. Sums over
training points: SUM_BLOCK terms at most in the dtype, the blocks in float64. G k: up to r terms in the dtype, its
squares and their sum in float64. All results are float64.
"""

# mypy: disable-error-code="no-untyped-def, no-untyped-call, untyped-decorator, assignment"
# pyright: reportGeneralTypeIssues=false
# ruff: noqa: RUF005, SIM108
# The kernels are Triton's own language in Python's syntax; only the functions that call them have Python's types.

from collections import defaultdict
from functools import cache
from threading import Lock
from typing import Any

import torch
import triton
import triton.language as tl
from torch import Tensor
from torch.nn import functional
from triton import Config, knobs, testing

from gpbop.kernels.continuous import Smoothness
from gpbop.kernels.fused import LOG2_E, Sums, Tables

SUM_BLOCK = 64
SOLVES = False
PADDING = 64  # tables are padded to multiples of this, so that no block needs a mask and loads are 16 bytes wide
PROFILES: dict[Smoothness, int] = {"rbf": 0, "matern32": 1, "matern52": 2}
_BLOCK = tl.constexpr(SUM_BLOCK)
_RATE = tl.constexpr(1.0 / LOG2_E)
_CURVE = tl.constexpr(1.0 / (3.0 * LOG2_E**2))


def _config(LANES: int, PIVOTS: int, registers: int = 255, ROWS: int = 1, warps: int = 4) -> Config:
    """Return a shape.

    Registers are always capped: where more than 255 are wanted, ptxas was seen to fall back to 32 without a cap.
    """
    shape = {"LANES": LANES, "PIVOTS": PIVOTS, "ROWS": ROWS, "POINTS": 16}
    return Config(shape, num_warps=warps, num_stages=1, maxnreg=registers)


# The first of each list is taken where nothing is tuned. In every one a thread has 16 to 64 covariances in flight, and
# 8 to 16 warps fit a multiprocessor; compiled for sm_90 at F = 12, float32, the loop of the mean holds no more than two
# reloads of spilled registers. In float64, for models of small noise and for variances alone, numbers take two
# registers and powers of two are calls; so two threads share a column: the first shape then spills nothing at F = 6 and
# F = 24 and 40 bytes at F = 12 with 3 code columns, where a thread for each column spilled 72, 656 and 1,048.
CONFIGS = {
    ("_scattered", torch.float32): [
        _config(128, 32, 168),
        _config(128, 16, 128),
        _config(256, 16, 168),
        _config(128, 64),
    ],
    ("_scattered", torch.float64): [
        _config(128, 16, warps=8),
        _config(128, 32, warps=8),
        _config(128, 64, warps=8),
        _config(64, 16),
    ],
    ("_strips", torch.float32): [_config(128, 16, ROWS=4), _config(128, 32, 168, ROWS=2), _config(128, 64)],
    ("_strips", torch.float64): [_config(128, 16), _config(128, 32, warps=8), _config(128, 16, ROWS=2, warps=8)],
}
# Covariances of one kind, in a process, from which on its shapes are timed: to compile them takes seconds, in which a
# device of that kind computes some 10^12. Launches of fewer lanes than a block has are never timed.
TUNED_FROM, TUNED_LANES = 2**42, 2**20
_computed: defaultdict[tuple[Any, ...], int] = defaultdict(int)
_tuning = Lock()  # what tunes keeps its arguments in itself, and threads of several devices share it


def roundings(codes: int) -> int:
    """Return R with |k computed - k| <= R u k + underflow, where k is exact for the computed distance.

    Mix and similarities must lie in [0, inf) and [0, 1]. In units of u, where a sum of terms >= 0 has the larger of
    their errors and one more, and no multiply-add is taken to be fused (fused, it saves one):

        2^-u                       5    ex2.approx.ftz.f32: 2 ulp from the correctly rounded result, so 2.5 ulp from
                                        the exact one, and an ulp is at most 2 u
        polynomial                 5    a rounded constant, then two products and two sums
        k_x, their product        11
        k_h                        c    codes - 1 products of exact factors, none without codes
        mix_0 k_h + mix_1      c + 3    mix_0 rounded to the dtype, product, sum
        ... k_x               c + 15
        ... + mix_2 k_h       c + 16

    and one more for all products of errors. float64 has fewer (2^-u: 1 ulp), which is not used. Underflow: k_x below
    2^-126 (float64: 2^-1022) may become zero, at most 2^-112 (2^-1004) times mix_0 + mix_1 + mix_2 + 1.

    Args:
        codes: Number of factors of k_h: the code columns of `scattered`, 2 for `strips`.
    References:
        PTX ISA 9.1, ex2: ex2.approx.f32 has a "maximum ulp error" of "2 ulp from correctly rounded result across the
        full range of inputs".
    """
    return 17 + max(codes - 1, 0)


def term_roundings(r: int) -> int:
    """Return how many come together in a term of G k: one for each, with a few to spare for how it is summed."""
    return r + 8


def distance_roundings(features: int) -> float:
    """Return D with |w computed - w| <= D u w, where w = sqrt x and x is exact for the inputs.

    x: 2 for the difference, which is squared, 1 for the square, features - 1 for the sums; 1 in all in `strips`. Half
    of that stays under the square root. The root: sqrt.approx.ftz.f32 is documented to 2^-23, or 2; 4 are counted.
    (The correctly rounded sqrt.rn would branch at every covariance, to save 3 beside those of x.) By .ftz the root of
    x < 2^-126 is zero, whatever D: that moves w by less than 2^-63, and k_x by no more.

    The effect on k_x: at most t D u k_x for the Matern profiles, t = w / log2(e); 2 t D u k_x for rbf, t = x / log2(e).
    For all distances at once: 0.61 D u, 0.55 D u and 0.74 D u for Matern-5/2, Matern-3/2 and rbf.

    Args:
        features: Number of numeric features of `scattered`, 0 for `strips`.
    References:
        PTX ISA 9.1, sqrt: sqrt.approx.f32 has a "maximum relative error over the entire positive finite floating-point
        range" of 2^-23.
    """
    return 4 + (max(features, 1) + 3) // 2


@triton.jit
def _profile(x, PROFILE: tl.constexpr):
    if PROFILE == 0:
        k = tl.exp2(-x)
    else:
        u = tl.sqrt(x)
        if PROFILE == 1:
            k = (u * _RATE + 1.0) * tl.exp2(-u)
        else:
            k = ((u * _CURVE + _RATE) * u + 1.0) * tl.exp2(-u)
    return k


@triton.jit
def _load(pointers):
    """Load a tile as one row, as Triton would else choose a layout in which threads share a column."""
    row = tl.load(tl.reshape(pointers, [pointers.shape[0] * pointers.shape[1]]))
    return tl.reshape(row, [pointers.shape[0], pointers.shape[1]])


@triton.jit
def _scattered_tile(j, data, F: tl.constexpr, S: tl.constexpr):
    """Return x and k_h of the training points `j` with all lanes."""
    own, code, train, stride, similarity, row, nothing = data
    x = tl.zeros([j.shape[0], 1], nothing.dtype) + nothing[None, :]
    for f in tl.static_range(F):
        difference = tl.load(train + f * stride + j)[:, None] - own[f][None, :]
        x += difference * difference
    kh = 1.0
    if S > 0:
        at = (j.to(tl.int64) * row)[:, None]
        kh = _load((similarity + code[0])[None, :] + at)
        for s in tl.static_range(1, S):
            kh *= _load((similarity + code[s])[None, :] + at)
    return x, kh


@triton.jit
def _strips_tile(j, data, F: tl.constexpr, S: tl.constexpr):
    """Return x and k_h of the training points `j` with all pairs of some first and some second halves."""
    x_first, h_first, stride, x_second, h_second, q, last = data
    at = j.to(tl.int64)
    first, second = (at * stride)[:, None], (tl.minimum(j, last).to(tl.int64) * q)[:, None]
    lanes: tl.constexpr = x_first.shape[0] * x_second.shape[0]
    x = tl.load(x_first[None, :] + first)[:, :, None] + _load(x_second[None, :] + second)[:, None, :]
    kh = 1.0
    if S > 0:
        kh = tl.load(h_first[None, :] + first)[:, :, None] * _load(h_second[None, :] + second)[:, None, :]
        kh = tl.reshape(kh, [j.shape[0], lanes])
    return tl.reshape(x, [j.shape[0], lanes]), kh


@triton.jit
def _covariances(TILE: tl.constexpr, j, data, mix, F: tl.constexpr, S: tl.constexpr, KIND: tl.constexpr):
    x, kh = TILE(j, data, F, S)
    if F > 0:
        k = (mix[0] * kh + mix[1]) * _profile(x, KIND) + mix[2] * kh
    else:
        k = (mix[0] * kh + (mix[1] + x)) + mix[2] * kh
    return k


@triton.jit
def _sweep(
    TILE: tl.constexpr, data, nothing, lane, inside, mix_at, weights, G, g, mean, size, norm, sway, width, r,
    F: tl.constexpr, S: tl.constexpr, KIND: tl.constexpr, HAS_MEAN: tl.constexpr, POINTS: tl.constexpr,
    PIVOTS: tl.constexpr,
):  # fmt: skip
    """Compute the sums of all lanes and store them at `lane` where `inside`; `nothing` holds a zero for each lane.

    PIVOTS rows of G are taken at a time, and the covariances up to them are computed anew for each; the last of these
    passes meets all pivots and adds them to the mean, so that up to PIVOTS pivots cost no covariance twice.
    """
    mix = (tl.load(mix_at), tl.load(mix_at + 1), tl.load(mix_at + 2))
    total, total_size, squares = nothing.to(tl.float64), nothing.to(tl.float64), nothing.to(tl.float64)
    swayed = nothing
    for i0 in range(0, r, PIVOTS):
        i = i0 + tl.arange(0, PIVOTS)
        end = tl.minimum(i0 + PIVOTS, r)
        v = tl.zeros([PIVOTS, 1], nothing.dtype) + nothing[None, :]
        for begin in range(0, end, _BLOCK):
            part, part_size = nothing, nothing
            for j0 in range(begin, tl.minimum(begin + _BLOCK, end), POINTS):
                j = j0 + tl.arange(0, POINTS)
                k = _covariances(TILE, j, data, mix, F, S, KIND)
                is_read = (i[:, None] >= j[None, :]) & (i < r)[:, None]
                part_of_G = tl.load(G + i[:, None] * r + j[None, :], mask=is_read, other=0.0)
                v = tl.dot(part_of_G, k, v, input_precision="ieee", out_dtype=nothing.dtype)
                if HAS_MEAN:
                    terms = tl.load(weights + j, mask=(end == r) & (j >= 0), other=0.0)[:, None] * k
                    part += tl.sum(terms, 0)
                    part_size += tl.sum(tl.abs(terms), 0)
            total += part.to(tl.float64)
            total_size += part_size.to(tl.float64)
        v64 = v.to(tl.float64)
        squares += tl.sum(v64 * v64, 0)
        swayed += tl.sum(tl.abs(v) * tl.load(g + i, mask=i < r, other=0.0)[:, None], 0)
    tl.store(norm + lane, squares, mask=inside)
    tl.store(sway + lane, swayed.to(tl.float64), mask=inside)
    if HAS_MEAN:
        for begin in range(tl.cdiv(r, POINTS) * POINTS, width, _BLOCK):
            part, part_size = nothing, nothing
            for j0 in range(begin, tl.minimum(begin + _BLOCK, width), POINTS):
                j = j0 + tl.arange(0, POINTS)
                terms = tl.load(weights + j)[:, None] * _covariances(TILE, j, data, mix, F, S, KIND)
                part += tl.sum(terms, 0)
                part_size += tl.sum(tl.abs(terms), 0)
            total += part.to(tl.float64)
            total_size += part_size.to(tl.float64)
        tl.store(mean + lane, total, mask=inside)
        tl.store(size + lane, total_size, mask=inside)


@triton.jit(do_not_specialize=["m", "H", "width", "r", "bucket"])
def _scattered(
    z, codes, m, train, stride, similarity, H, starts, mix, weights, G, g, mean, size, norm, sway,
    width, r, bucket, F: tl.constexpr, S: tl.constexpr, KIND: tl.constexpr, HAS_MEAN: tl.constexpr,
    POINTS: tl.constexpr, PIVOTS: tl.constexpr, LANES: tl.constexpr, ROWS: tl.constexpr,
):  # fmt: skip
    lane = tl.program_id(0).to(tl.int64) * LANES + tl.arange(0, LANES)
    row = tl.minimum(lane, m - 1)
    own, code = (), ()
    for f in tl.static_range(F):
        own = own + (tl.load(z + row * F + f),)
    for s in tl.static_range(S):
        code = code + (tl.load(codes + row * S + s) + tl.load(starts + s),)
    nothing = tl.zeros([LANES], z.dtype.element_ty)
    data = (own, code, train, stride, similarity, H, nothing)
    _sweep(
        _scattered_tile, data, nothing, lane, lane < m, mix, weights, G, g, mean, size, norm, sway, width, r, F, S,
        KIND, HAS_MEAN, POINTS, PIVOTS,
    )  # fmt: skip


@triton.jit(do_not_specialize=["p", "q", "last", "width", "r", "bucket"])
def _strips(
    x_first, h_first, p, stride, x_second, h_second, q, last, mix, weights, G, g, mean, size, norm, sway,
    width, r, bucket, F: tl.constexpr, S: tl.constexpr, KIND: tl.constexpr, HAS_MEAN: tl.constexpr,
    POINTS: tl.constexpr, PIVOTS: tl.constexpr, LANES: tl.constexpr, ROWS: tl.constexpr,
):  # fmt: skip
    tiles = tl.cdiv(q, LANES)
    a = (tl.program_id(0) // tiles).to(tl.int64) * ROWS + tl.arange(0, ROWS)
    b = (tl.program_id(0) % tiles).to(tl.int64) * LANES + tl.arange(0, LANES)
    lane = tl.reshape((a * q)[:, None] + b[None, :], [ROWS * LANES])
    inside = tl.reshape((a < p)[:, None] & (b < q)[None, :], [ROWS * LANES])
    column = tl.minimum(b, q - 1)
    nothing = tl.zeros([ROWS * LANES], x_first.dtype.element_ty)
    data = (x_first + a, h_first + a, stride, x_second + column, h_second + column, q, last)
    _sweep(
        _strips_tile, data, nothing, lane, inside, mix, weights, G, g, mean, size, norm, sway, width, r, F, S, KIND,
        HAS_MEAN, POINTS, PIVOTS,
    )  # fmt: skip


def scattered(z: Tensor, codes: Tensor, tables: Tables) -> Sums:
    """Evaluate candidates that have nothing in common; as `gpbop.kernels.fused.scattered`, all sums in float64."""
    n = tables.width
    train = _turned(tables.z[:n])
    similarity = functional.pad(tables.similarity[:n], (0, 0, 0, -n % PADDING))
    own = (z.contiguous(), codes.contiguous(), len(z), train, train.stride(0), similarity, similarity.shape[1])
    return _run(_scattered, len(z), 1, (*own, tables.starts), {"F": z.shape[1], "S": codes.shape[1]}, tables)


def strips(x_first: Tensor, h_first: Tensor, x_second: Tensor, h_second: Tensor, tables: Tables) -> Sums:
    """Evaluate all pairs of first and second halves; as `gpbop.kernels.fused.strips`, all sums in float64.

    Similarities are not even read where `mix` has no use for them.
    """
    n, p, q = tables.width, len(x_first), x_second.shape[1]
    has_h = tables.mix[0] != 0.0 or tables.mix[2] != 0.0
    x_turned = _turned(x_first[:, :n])
    h_turned = _turned(h_first[:, :n]) if has_h else x_turned
    halves = (x_turned, h_turned, p, x_turned.stride(0), x_second.contiguous(), h_second.contiguous(), q, n - 1)
    return _run(_strips, q, p, halves, {"F": 1, "S": 2 if has_h else 0}, tables)


def _run(kernel: Any, lanes: int, rows: int, own: tuple[Any, ...], shape: dict[str, int], tables: Tables) -> Sums:
    """Launch a kernel over `rows x lanes` candidates; `bucket` is read by the tuning only."""
    assert not tables.is_solved, "G is what is compiled for a GPU"
    G, n, r = tables.T.contiguous(), tables.width, len(tables.T)
    has_mean = tables.has_mean
    weights = functional.pad(tables.weights, (0, -n % PADDING)) if has_mean else G
    norm, sway = (torch.empty(rows * lanes, dtype=torch.float64, device=G.device) for _ in range(2))
    mean, size = (torch.empty_like(norm if has_mean else norm[:0]) for _ in range(2))
    named = shape | {"KIND": PROFILES[tables.smoothness], "HAS_MEAN": has_mean}
    configs = CONFIGS[kernel.__name__, G.dtype]
    mix, bucket = G.new_tensor(tables.mix), 64 * n.bit_length() + r.bit_length()
    arguments = (*own, mix, weights, G, tables.g.contiguous(), mean, size, norm, sway, n, r, bucket)

    def grid(chosen: dict[str, int]) -> tuple[Any, ...]:
        return (triton.cdiv(rows, chosen["ROWS"]) * triton.cdiv(lanes, chosen["LANES"]),)

    if not rows * lanes:
        return Sums(mean, size, norm, sway)
    kind = kernel, G.dtype, bucket, *named.values()
    with torch.cuda.device_of(G):
        if rows * lanes >= TUNED_LANES and _is_worth_tuning(kind, rows * lanes * n):
            tuned = _tuned(kernel, G.dtype)
            with _tuning:
                try:
                    tuned[grid](*arguments, **named)
                finally:
                    tuned.nargs = None  # after an error it would keep them
        else:
            kernel[grid](*arguments, **named, **configs[0].all_kwargs())
    return Sums(mean, size, norm, sway)


def _is_worth_tuning(kind: tuple[Any, ...], covariances: int) -> bool:
    """Count covariances, and return whether a better shape would have saved as much time as it takes to find."""
    with _tuning:
        _computed[kind] += covariances
        return _computed[kind] >= TUNED_FROM and not knobs.runtime.interpret


@cache
def _tuned(kernel: Any, dtype: torch.dtype) -> Any:
    """Return the kernel with its configs timed once for each power of two of n and r, and kept on disk."""

    def bench(call: Any, quantiles: Any) -> Any:
        return testing.do_bench(call, warmup=5, rep=25, quantiles=quantiles)

    key = ["bucket", "F", "S", "KIND", "HAS_MEAN"]
    return triton.autotune(CONFIGS[kernel.__name__, dtype], key, do_bench=bench, cache_results=True)(kernel)


def _turned(rows: Tensor) -> Tensor:
    """Return the transpose with zeros up to a multiple of PADDING on both sides."""
    count, width = rows.shape
    turned = rows.new_zeros(width + -width % PADDING, count + -count % PADDING)
    turned[:width, :count] = rows.mT
    return turned
