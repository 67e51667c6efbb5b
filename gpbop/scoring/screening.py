"""The first look at every candidate: its mean and an upper bound of its variance, from one covariance row.

Candidates with the same codes share a and b (see `gpbop.scoring.rows`), so these are folded into what their k_x rows
are multiplied with, and a mixed covariance costs no more than a numeric one.

Error of the mean k'alpha = sum_j k_x a_j alpha_j + sum_j b_j alpha_j: with T = sum_j k_x |a_j alpha_j|, computed beside
it by the same product, the covariances contribute T times their relative error, and the sum gamma_n times T.

Error of y = G k: each row of |G| s times the same shares, error g_i s; since (y_i + e)^2 >= y_i^2 - 2 |y_i| |e|, it
moves |y|^2 by at most 2 error s sum_i g_i |y_i|. Rows of G are large where y_i is small: this sum is far below |g| |y|.
"""

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import NamedTuple

import torch
from torch import Tensor
from typing_extensions import override

from gpbop.kernels.profiles import Workspace
from gpbop.scoring.pivoting import Projection
from gpbop.scoring.rounding import SAFETY, UNIT, DenseRounding, gamma
from gpbop.scoring.rows import KernelRows, TensorOrFloat
from gpbop.surrogate.factor import Factor

# Rows of one tile on a CPU: with 1,000 training points its two buffers are 2 MB. On a GPU as many as a dense block has.
TILE_ROWS = 256
# Groups of equal codes with fewer candidates than this, on average, are not worth a table each.
LEAST_GROUP = 32
# Covariances smaller than this share of the outputscale may have become 0 in float32.
UNDERFLOW = 1e-36
# Share of the outputscale above which rho bounds |L1^-1| well enough.
WELL_ABOVE = 1e-5
# How stages are told apart that read other points than pivots, or no others.
NEARBY, ALONE = "points nearby", ", alone"
# Bytes of folded tables that are kept.
TABLE_BYTES = 64 * 2**20


def stage_name(r: int, dtype: torch.dtype, points: str = "pivots", more: str = "") -> str:
    """Return what a stage of so many points computes, for the certificate."""
    return f"{r} {points}, {str(dtype).removeprefix('torch.')}{more}"


class Bounds(NamedTuple):
    """What is known of `m` candidates.

    Attributes:
        mean: `m x s` standardised means; `m x 0` where they are not needed.
        delta: `m x s` bounds of their errors, those of the dense arithmetic included.
        high: `m` upper bounds of the variances, likewise.
    """

    mean: Tensor
    delta: Tensor
    high: Tensor


@dataclass(frozen=True)
class _Folded:
    """What the k_x rows of one combination of codes are multiplied with."""

    weights: Tensor  # (n, 2 s): for the mean and for T
    constant: Tensor  # (s,)
    constant_size: Tensor  # (s,)
    G: Tensor  # (r, r), transposed
    offset: Tensor  # (r,)


class Screen(ABC):
    """Bounds for blocks of candidates.

    Args:
        factor: The factorised process.
        projection: Its pivots.
        dense: Rounding errors of the dense arithmetic.
        r: Number of pivots to read.
        needs_mean: Whether to compute means.
        dtype: The working precision: float32 or float64.
    """

    def __init__(
        self,
        factor: Factor,
        projection: Projection,
        dense: DenseRounding,
        r: int,
        needs_mean: bool,
        dtype: torch.dtype,
    ) -> None:
        self.r, self.dense, self.dtype = r, dense, dtype
        self._projection, self._apart = projection, projection.apart
        n = len(factor.L)
        alpha = factor.alpha.reshape(n, -1)[projection.order]
        self.alpha = alpha if needs_mean else alpha[:, :0]
        self.constant = factor.mean
        self.scale = float(factor.outputscale)
        self._width, self._features = n if needs_mean else r, factor.features.numeric.shape[1]

    @abstractmethod
    def __call__(self, X: Tensor, workspace: Workspace) -> tuple[Tensor, Bounds]:
        """Bound `m x d` candidates.

        Returns:
            The order in which they were taken, and their bounds in this order.
        """

    @property
    def name(self) -> str:
        """What it computes, for the certificate."""
        return stage_name(self.r, self.dtype)

    @property
    def points(self) -> int:
        """Number of training points that it reads."""
        return self._width

    def multiplications(self) -> float:
        """Number of multiplications for one candidate."""
        return self._width * (self._features + 2 + 2 * self.alpha.shape[1]) + self.r**2 / 2

    @cached_property
    def G(self) -> Tensor:
        """The rows of the pivots in an inverse of L1, `r x r`."""
        return self._projection.product.G[: self.r, : self.r]

    @cached_property
    def g(self) -> Tensor:
        """The `r` sums of absolute values of its rows."""
        return self.G.abs().sum(1)

    @cached_property
    def _square_of_g(self) -> float:
        return float(self.g.square().sum())

    @cached_property
    def steepest(self) -> float:
        """A bound of |L1^-1|, beside that which rho gives; infinite where none is known."""
        return float(self._projection.steepest[self.r - 1])

    def variance(self, norm: Tensor, sway: Tensor, error: TensorOrFloat) -> Tensor:
        """Bound variances by s - |y|^2 + |y'D y|, and the errors that the dense arithmetic may make with them.

        Args:
            norm: `m` computed |y|^2 of y = G k.
            sway: `m` sums of g_i |y_i|.
            error: How far each y_i is off at most, in units of g_i s.
        """
        product, unit, s = self._projection.product, UNIT[torch.float64], self.scale
        # The y_i of `sway` are off themselves.
        sway = sway + s * self._square_of_g * error
        lost = sway.mul(product.defect).add_(2.0 * s * error + s**0.5 * product.sway).mul_(sway)
        lost.add_(norm, alpha=gamma(self.r + 4, unit) - 1.0).add_(product.eta * s)
        # Infinite errors of nothing are no number: then nothing is known.
        high = lost.nan_to_num_(nan=0.0, posinf=0.0).clamp_max_(0.0).add_(s)
        return high.add_(self.dense.variance(high))

    def variance_by_solve(self, norm: Tensor, error: float, roundings: int) -> Tensor:
        """Bound variances by what weights leave of them that are as good as the best, likewise.

        Args:
            norm: `m` computed |y|^2 of L1 y = k.
            error: How far each covariance is off at most, in units of s.
            roundings: How many come together in each term of L1 y.
        """
        s, root, rho = self.scale, self.r**0.5, max(self.dense.rho - self._apart, 0.0)
        N = rho**-0.5 if rho > WELL_ABOVE * s else min(self.steepest, rho**-0.5 if rho else torch.inf)
        of_row = (1.0 + 1e-9) * gamma(roundings, UNIT[self.dtype]) * self.dense.largest**0.5
        share = N * root * of_row
        if not share < 0.5:
            high = torch.full_like(norm, s)
            return high.add_(self.dense.variance(high))
        y = (1.0 + 1e-9) * (s**0.5 + N * root * error * s) / (1.0 - share)
        # What is longer, or no number, was not solved for as is assumed: then nothing is known.
        norm = torch.where(norm <= y * y, norm, 0.0)
        length = norm.sqrt()
        e = length.mul(root * of_row).add_(root * error * s)
        left = norm.mul(gamma(self.r + 4, UNIT[torch.float64]) - 1.0).add_(s).clamp_min_(0.0)
        w = length.mul_(N)
        if rho:
            m = e.div(rho**0.5)
            w = torch.minimum(w, left.add(m.square()).sqrt_().add_(m).div_(rho**0.5))
        e.mul_(w)
        high = left.add_(e, alpha=2.0).add_(w.square_(), alpha=self._apart).clamp_max_(s)
        return high.add_(self.dense.variance(high))


class TiledScreen(Screen):
    """Bounds by operations of torch on tiles of covariances: for any number of mean functions, and without a compiler.

    The profile is computed in the working precision, all else in float64; arguments as for `Screen`.
    """

    def __init__(
        self,
        factor: Factor,
        projection: Projection,
        dense: DenseRounding,
        r: int,
        needs_mean: bool,
        dtype: torch.dtype,
    ) -> None:
        super().__init__(factor, projection, dense, r, needs_mean, dtype)
        self.rows = KernelRows(factor, projection.order, dtype)
        n = self.rows.n
        self.columns = slice(0, n if needs_mean else r)
        self._underflow = UNDERFLOW * self.scale * self.alpha.abs().sum(0)
        self._cache: dict[tuple[float, ...], _Folded] = {}
        self._cached = max(1, TABLE_BYTES // (16 * n * (self.alpha.shape[1] + 1) + 8 * r * r))
        ones = torch.ones_like(projection.order, dtype=torch.float64)
        self._tile_rows = TILE_ROWS if factor.L.device.type == "cpu" else factor.block_rows()
        self._unfolded = self._fold(ones, torch.zeros_like(ones))

    @override
    def __call__(self, X: Tensor, workspace: Workspace) -> tuple[Tensor, Bounds]:
        order, sizes = self.rows.combinations(X)
        X = X[order]
        left, error = self.rows.left(X)
        s, m = self.alpha.shape[1], len(X)
        bounds = X.new_empty(m, s), X.new_empty(m, s), X.new_empty(m), X.new_empty(m)
        if len(sizes) * LEAST_GROUP > m:
            for tile in _tiles(0, m, self._tile_rows):
                self._tile(self._covariances(X[tile], left[tile], workspace), error[tile], self._unfolded, tile, bounds)
        else:
            ends = sizes.cumsum(0)
            for start, end in zip((ends - sizes).tolist(), ends.tolist(), strict=True):
                folded = self._folded(X[start])
                for tile in _tiles(start, end, self._tile_rows):
                    self._tile(self._similarities(left[tile], workspace), error[tile], folded, tile, bounds)
        mean, delta, norm, sway = bounds
        error = error + SAFETY * gamma(self.r + 6, UNIT[torch.float64])
        return order, Bounds(mean, delta, self.variance(norm, sway, error))

    def _similarities(self, left: Tensor, workspace: Workspace) -> Tensor:
        """Return `m x n` k_x; zeros if there is none."""
        if not self.rows.has_numeric:
            return left.new_zeros(len(left), self.columns.stop)
        return self.rows.numeric(left, workspace, self.columns)

    def _covariances(self, X: Tensor, left: Tensor, workspace: Workspace) -> Tensor:
        """Return `m x n` k = k_x a + b."""
        first, inverse = self.rows.runs(X)
        a, b = (table[:, self.columns][inverse] for table in self.rows.tables(X[first]))
        return torch.addcmul(b, self._similarities(left, workspace), a, out=b)

    def _tile(
        self, k: Tensor, error: Tensor, folded: _Folded, tile: slice, bounds: tuple[Tensor, Tensor, Tensor, Tensor]
    ) -> None:
        """Write the means, their errors, the sums of squares and their sway of one tile."""
        mean, delta, norm, sway = (part[tile] for part in bounds)
        s = self.alpha.shape[1]
        if s:
            sums = torch.mm(k, folded.weights)
            torch.add(sums[:, :s], self.constant + folded.constant, out=mean)
            delta.copy_(self._mean_error(sums[:, s:], error, folded))
        y = torch.addmm(folded.offset, k[:, : self.r], folded.G)
        sway.copy_(y.abs() @ self.g)
        norm.copy_(y.square_().sum(1))

    def _mean_error(self, size: Tensor, error: Tensor, folded: _Folded) -> Tensor:
        sums = SAFETY * gamma(self.rows.n + 8, UNIT[torch.float64])
        total = size + folded.constant_size + self.constant.abs()
        return size * (error * (1.0 + 2.0 * error)).unsqueeze(-1) + sums * total + self._underflow + self.dense.mean

    def _folded(self, row: Tensor) -> _Folded:
        """Return the tables of the codes of one candidate."""
        key = tuple(row[[column for column, _ in self.rows.codes]].tolist())
        folded = self._cache.get(key)
        if folded is None:
            folded = self._fold(*(table[0] for table in self.rows.tables(row.unsqueeze(0))))
            if len(self._cache) < self._cached:
                self._cache[key] = folded
        return folded

    def _fold(self, a: Tensor, b: Tensor) -> _Folded:
        weights = a.unsqueeze(1) * self.alpha
        G = self.G * a[: self.r]
        return _Folded(
            # By columns: with few of them, products with a matrix stored by rows are four times slower.
            torch.cat([weights, weights.abs()], 1).mT.contiguous().mT,
            b @ self.alpha,
            b @ self.alpha.abs(),
            G.mT.contiguous(),
            self.G @ b[: self.r],
        )


def _tiles(start: int, end: int, most: int) -> list[slice]:
    """Cut rows into even tiles."""
    size = end - start
    count = math.ceil(size / most)
    cuts = [start + size * i // count for i in range(count + 1)]
    return [slice(first, last) for first, last in pairwise(cuts)]
