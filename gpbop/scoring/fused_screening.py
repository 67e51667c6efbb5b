"""The first look at every candidate in one fused pass, see `gpbop.kernels.fused`, and how far it can be off.

Notation:
    v       unit roundoff of the working precision, float32 or float64
    z       c / lengthscale times the centred numeric features; R the largest norm among the training points
    rho     |z - z'|, reach = |z| + R its largest value for a candidate, t = rho / log2 e
    C       number of code columns
    R, D    roundings of a covariance and of a distance, as the implementation states them

The inputs: z and z' are computed in float64 and rounded to the working precision, so rho moves by at most I v reach: in
float32 I is 1. In float64 it is 6, 2 for centring and the product, and as c / lengthscale is off for both alike, 4 more
for c, the exponential and their product. The arithmetic moves rho by at most a share D v of itself. (In strips both
halves are computed in float64, with F + 6 roundings, and x is their sum: three roundings of x in float32.) With d =
those two together, at most (I + D) v reach, no k_x moves by more than a share of d / log2 e for a Matern profile (|dk /
dt| <= k), and of 2 ln 2 rho d for rbf (k = 2^-rho^2). As a share of 1 it moves by at most AT_SHARE of the share by
which rho moves, and AT_STEPS of the steps by which it does: the maxima of |rho dk / drho| and of |dk / drho|.

All else that is rounded moves a covariance by R v of itself, and the factors of k_h are rounded once, or products of C
of them. They come from float64 exponents, so they are off by a few times q 2^-53.

Sums: a block of the mean to SUM_BLOCK + 2 roundings (alpha is rounded too), the blocks in float64. Those of a row of G
k, or of L1 y, are for the implementation to say, that of G or L1 itself included.

Both shares of k_x bound what a mean is off by: that of each k_j by sum |k_j alpha_j|, and that of 1 by s sum |alpha_j|.

2^-u is not computed beyond u = 126 (float32; 112 on the GPU) or 1020 (1004): a larger u leaves at most SMALLEST (1 +
t)^2 in the place of less.
"""

import math
from typing import NamedTuple

import torch
from torch import Tensor
from typing_extensions import override

from gpbop.kernels.closed_form import EXACT_DISTANCE
from gpbop.kernels.conditional import embed
from gpbop.kernels.continuous import Smoothness
from gpbop.kernels.fused import LOG2_E, SCALES, Backend, Sums, Tables
from gpbop.kernels.profiles import Workspace
from gpbop.scoring.partial import PartialMean
from gpbop.scoring.pivoting import Projection
from gpbop.scoring.rounding import UNIT, DenseRounding, gamma
from gpbop.scoring.rows import TensorOrFloat
from gpbop.scoring.screening import ALONE, Bounds, Screen, stage_name
from gpbop.scoring.sources.blocks import MOST_TABLE, Strip
from gpbop.surrogate.factor import Factor

# What is left out of sums of errors, where all together are less than LARGEST_ERROR: their products.
PRODUCTS, LARGEST_ERROR = 1.1, 0.05
INPUTS = {torch.float32: 1.0, torch.float64: 6.0}
AT_SHARE: dict[Smoothness, float] = {"matern52": 0.61, "matern32": 0.55, "rbf": 0.74}
AT_STEPS: dict[Smoothness, float] = {"matern52": 0.20, "matern32": 0.26, "rbf": 0.72}
SMALLEST = {torch.float32: 2.0**-112, torch.float64: 2.0**-1004}
# Outputscales beyond which squares and inverses may leave the range.
LARGEST_SCALE = {torch.float32: 1e15, torch.float64: 1e120}
# Codes of neighbouring columns are joined while they are at most so many: one look-up then serves them all, and a row
# of the table stays in the first cache.
JOINED_CODES = 64
# Second halves under which the more numerous first ones take their place: those fill whole tiles.
BROAD = 512
# Sorting pays where so many candidates share all their codes.
LEAST_GROUP = 256


class _Second(NamedTuple):
    """What is read of `q` second halves of strips, which are `X`."""

    X: Tensor
    x: Tensor  # (n, q): squared distances
    h: Tensor  # (n, q): similarities
    far: float  # the largest norm of scaled features


class FusedScreen(Screen):
    """Bounds for blocks of candidates by one fused pass.

    Args:
        factor: The factorised process, of one mean function.
        projection: Its pivots.
        dense: Rounding errors of the dense arithmetic.
        r: Number of pivots to read.
        needs_mean: Whether to compute means.
        dtype: The working precision.
        backend: The implementation for the factor's device.
        partial: The mean of the `r` pivots that is computed in the place of the whole one, if any.
    """

    def __init__(
        self,
        factor: Factor,
        projection: Projection,
        dense: DenseRounding,
        r: int,
        needs_mean: bool,
        dtype: torch.dtype,
        backend: Backend,
        partial: PartialMean | None = None,
    ) -> None:
        super().__init__(factor, projection, dense, r, needs_mean, dtype)
        self._is_alone, self._error = partial is not None, 0.0
        if partial is not None:
            self.alpha, self._width, self._error = partial.weights.unsqueeze(1), r, partial.error
        form, theta, features = factor.form, factor.theta.unsqueeze(0), factor.features.rows(projection.order)
        self._form, self._backend = form, backend
        self._inverse = theta[0, form.layout.numeric].neg().exp() * SCALES[form.smoothness]
        self._center, self._train = self._inverse, features.numeric[:, :0]
        if form.has_numeric:
            self._center = 0.5 * (features.numeric.amin(0) + features.numeric.amax(0))
            self._train = (features.numeric - self._center) * self._inverse
        self._radius = float(self._train.square().sum(1).max().sqrt())
        self._columns = [*form.columns.categorical, *form.columns.latent]
        self._similarities = form.code_similarities(theta, features)
        exponent = sum(-float(table.min().clamp_min(1e-300).log()) for table in self._similarities)
        self._similarity_error = 4.0 * UNIT[torch.float64] * exponent
        self._joins = _joins([size for _, size in self._columns])
        joined = [_product([self._similarities[c] for c in join]) for join in self._joins]
        starts = torch.tensor([0, *(table.shape[1] for table in joined)]).cumsum(0)[:-1]
        s, mix = self.scale, (self.scale, 0.0, 0.0)
        if form.has_numeric and form.has_categorical:
            w, c = (float(part) for part in form.weights(theta))
            mix = (s * w, s * c, s * c)
        weights = self.alpha[:, 0] if needs_mean else self.alpha.new_zeros(0)
        self._size_of_alpha = float(self.alpha.abs().sum())
        read, self._similarity = slice(0, self._width), torch.cat([self._train[:, :0], *joined], 1)
        T, g = (projection.L1[:r, :r], self._train.new_zeros(0)) if backend.SOLVES else (self.G, self.g)
        parts = (self._train[read], self._similarity[read], weights, T, g)
        z, similarity, weights, T, g = (part.to(dtype).contiguous() for part in parts)
        self._seconds: tuple[_Second, ...] = ()
        self._tables = Tables(z, similarity, starts.to(z.device, torch.int32), mix, weights, T, g, form.smoothness)

    @override
    def __call__(self, X: Tensor, workspace: Workspace) -> tuple[Tensor, Bounds]:
        z, codes = self._scaled(X), self._codes(X)
        joined = self._joined(codes)
        order = self._order(joined)
        if order is not None:
            z, joined = z[order], joined[order]
        sums = self._backend.scattered(z.to(self.dtype), joined, self._tables)
        order = torch.arange(len(X), device=X.device) if order is None else order
        return order, self._bounds(sums, self._farthest(z) + self._radius, self._error)

    @property
    @override
    def name(self) -> str:
        return stage_name(self.r, self.dtype, more=ALONE if self._is_alone else "")

    def strip(self, strip: Strip) -> Bounds:
        """Bound all pairs of halves of a strip, the second half varying fastest."""
        second = self._second(strip)
        x_second, h_second = second.x, second.h
        x_first, h_first = self._half(strip.X_first, ~strip.is_second)
        p, q = len(x_first), x_second.shape[1]
        if q < min(p, BROAD):
            turned = self._backend.strips(x_second.mT, h_second.mT, x_first.mT, h_first.mT, self._tables)
            sums = Sums(*(part.view(-1, p).mT.flatten() for part in turned))
        else:
            sums = self._backend.strips(x_first, h_first, x_second, h_second, self._tables)
        far = second.far + self._farthest(self._scaled(strip.X_first)) + self._radius
        return self._bounds(sums, far, self._error)

    def _second(self, strip: Strip) -> "_Second":
        """Return what is read of second halves; strips that follow each other mostly share them, and their nodes."""
        for second in self._seconds:
            if second.X is strip.X_second:
                return second
        kept, room = [], MOST_TABLE - len(strip.X_second)
        for second in self._seconds:  # the latest first
            room -= len(second.X)
            kept += [second] if room >= 0 else []
        x, h = self._half(strip.X_second, strip.is_second)
        far = self._farthest(self._scaled(strip.X_second))
        second = _Second(strip.X_second, x.mT.contiguous(), h.mT.contiguous(), far)
        self._seconds = second, *kept  # at once: threads share it
        return second

    def _farthest(self, z: Tensor) -> float:
        """Return the largest norm of `m x F` scaled features."""
        return math.sqrt(float(z.square().sum(1).max())) if z.numel() else 0.0

    def _half(self, X: Tensor, own: Tensor) -> tuple[Tensor, Tensor]:
        """Return `m x n` squared distances and similarities over the columns that are a half's own."""
        columns, n = self._form.columns, self._tables.width
        features = own[[*columns.numeric, *columns.conditional]]
        z, train = self._scaled(X)[:, features], self._train[:n, features]
        x = torch.cdist(z, train, compute_mode=EXACT_DISTANCE).square_()
        kh = torch.ones_like(x)
        for (column, _), codes, table in zip(self._columns, self._codes(X).unbind(1), self._similarities, strict=True):
            if own[column]:
                kh.mul_(table[:n, codes].mT)
        return x.to(self.dtype), kh.to(self.dtype)

    def _scaled(self, X: Tensor) -> Tensor:
        """Return `m x F` scaled features."""
        if not self._form.has_numeric:
            return X[:, :0]
        return embed(X, self._form.columns).sub_(self._center).mul_(self._inverse)

    def _codes(self, X: Tensor) -> Tensor:
        """Return the `m x C` codes of all code columns; an inactive one is the last of its column."""
        codes = X[:, [column for column, _ in self._columns]].round().long()
        last = codes.new_tensor([size - 1 for _, size in self._columns])
        return torch.where(codes < 0, last, codes)

    def _joined(self, codes: Tensor) -> Tensor:
        """Return the `m x S` int32 codes of the joined columns."""
        parts = []
        for join in self._joins:
            code = codes[:, join[0]]
            for c in join[1:]:
                code = code * self._columns[c][1] + codes[:, c]
            parts.append(code.int())
        return torch.stack(parts, 1) if parts else codes.int()

    def _order(self, codes: Tensor) -> Tensor | None:
        """Return an order of `m` candidates with equal codes side by side; None where it would not pay."""
        sizes = [math.prod(self._columns[c][1] for c in join) for join in self._joins]
        if not sizes or codes.device.type != "cpu" or math.prod(sizes) * LEAST_GROUP > len(codes):
            return None
        key = codes[:, 0].long()
        for column, size in zip(codes[:, 1:].unbind(1), sizes[1:], strict=True):
            key = key * size + column
        return key.argsort()

    def _bounds(self, sums: Sums, reach: float, partial: TensorOrFloat) -> Bounds:
        """Return what is known after a pass.

        Args:
            sums: What it computed.
            reach: That of the farthest candidate.
            partial: What the mean leaves out, for each unit of the standard deviation.
        """
        v, n, r = UNIT[self.dtype], self._tables.width, self.r
        t, F, codes = reach / LOG2_E, self._train.shape[1], max(len(self._columns), 2)
        smoothness, steps, share = self._form.smoothness, INPUTS[self.dtype], self._backend.distance_roundings(F)
        if self.dtype == torch.float64:
            share = max(share, 0.5 * F + 6.0)
        moved = PRODUCTS * (steps + share) * v * (2.0 * reach * reach if smoothness == "rbf" else t)
        moved_at_most = PRODUCTS * v * (AT_SHARE[smoothness] * share + AT_STEPS[smoothness] * steps * reach)
        own = (self._backend.roundings(codes) + codes) * v + self._similarity_error
        error = moved + own
        if not (error < LARGEST_ERROR and 1.0 / LARGEST_SCALE[self.dtype] < self.scale < LARGEST_SCALE[self.dtype]):
            return self._unknown(len(sums.norm))
        least = SMALLEST[self.dtype] * (1.0 + t) ** 2
        of_k, roundings = min(moved, moved_at_most) + own + least, self._backend.term_roundings(r)
        if self._tables.is_solved:
            high = self.variance_by_solve(sums.norm, of_k, roundings)
        else:
            of_y = of_k + PRODUCTS * gamma(roundings, v)
            high = self.variance(sums.norm, sums.sway.mul_(1.0 + PRODUCTS * gamma(r + 4, v)), of_y)
        if not self._tables.has_mean:
            nothing = high.new_empty(len(high), 0)
            return Bounds(nothing, nothing, high)
        summed = own + PRODUCTS * gamma(self._backend.SUM_BLOCK + 3, v) + gamma(n + 8, UNIT[torch.float64])
        size, most = sums.size.mul_(1.0 + 2.0 * (moved + summed)), self.scale * self._size_of_alpha
        delta = size.mul(moved).clamp_max_(moved_at_most * most).add_(size, alpha=summed)
        lost, rounding = (most + n) * least, 4.0 * UNIT[torch.float64] * float(self.constant.abs())
        delta.add_(self.dense.mean + (lost + rounding))
        if isinstance(partial, Tensor) or partial:
            delta.add_(high.sqrt().mul_(partial))
        return Bounds(sums.mean.add_(self.constant).unsqueeze(1), delta.unsqueeze(1), high)

    def _unknown(self, m: int) -> Bounds:
        """Return bounds where first-order bounds do not hold, and sums may be infinite or NaN."""
        high = self._train.new_full((m,), self.scale)
        mean = self._train.new_zeros(m, int(self._tables.has_mean))
        return Bounds(mean, torch.full_like(mean, torch.inf), high.add_(self.dense.variance(high)))


def _joins(sizes: list[int]) -> list[list[int]]:
    """Join neighbouring columns of codes while they have few codes together."""
    joins: list[list[int]] = []
    for c, size in enumerate(sizes):
        if joins and math.prod(sizes[other] for other in joins[-1]) * size <= JOINED_CODES:
            joins[-1].append(c)
        else:
            joins.append([c])
    return joins


def _product(tables: list[Tensor]) -> Tensor:
    """Return the `n x (K1 K2 ...)` products of `n x K1`, `n x K2`, ... factors, the last code varying fastest."""
    product = tables[0]
    for table in tables[1:]:
        product = (product.unsqueeze(2) * table.unsqueeze(1)).flatten(1)
    return product
