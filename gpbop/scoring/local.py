"""Bounds from the training points next to a candidate, which say more of it than as many that suit all candidates.

A hundred pivots leave several times the variance that all training points leave, and far more of them are needed to
come near it; the nearest hundred leave a fraction more. So candidates are told apart by the nearest of some centres,
and each such neighbourhood has points of its own: the first pivots, which know the trend, and those next to its centre.
Those with the largest weights in the predictions of candidates from all over it say more still than those next to its
centre, of which many say the same; to find them takes time that is spent where many bounds are asked for.

Any set of points bounds variance and mean, see `gpbop.scoring.pivoting` and `gpbop.scoring.partial`, so it does not
matter for a bound which centre a candidate goes with. For some points P, A = (L L')_P is K_P and the measured diagonal
of L L' but for what rounding hides, and L1 is its Cholesky factor, off by gamma_r+1 s_max for each pair of points.
"""

import math
from typing import NamedTuple, cast

import torch
from torch import Tensor
from typing_extensions import override

from gpbop.kernels.features import Features
from gpbop.kernels.fused import LOG2_E, SCALES, Grouping, backend
from gpbop.kernels.profiles import Workspace
from gpbop.scoring.fused_screening import FusedScreen
from gpbop.scoring.partial import Means
from gpbop.scoring.pivoting import Projection
from gpbop.scoring.rounding import SAFETY, UNIT, DenseRounding, gamma
from gpbop.scoring.screening import NEARBY, Bounds, stage_name
from gpbop.scoring.screens import solves
from gpbop.scoring.sources.blocks import Strip
from gpbop.surrogate.factor import Factor

# Neighbourhoods; with 16,384 candidates in a block each has two tiles of them. Candidates of each, on average, whose
# predictions tell which points matter there.
CENTRES, PROBES = 64, 8
# Points of the early stages, if they are chosen by weight, and of the later ones: they leave less than far more pivots.
EARLY, EARLY_BY_WEIGHT, LATER = (96,), (96, 192), (128, 256, 512)
# Points of a neighbourhood for each of which one is a pivot, unless weights tell.
PIVOT_SHARE = 4
# Points nearby for a queue: so many times n^(2/3), and at most so many; CPU: as measured.
QUEUE_POINTS, MOST_QUEUE = 2.2, 512


def local_bytes(factor: Factor) -> int:
    """Return an upper bound of the memory that all of them take, in bytes: 8 c r^2 for r points of each."""
    return 8 * CENTRES * sum(r * r for r in (*EARLY_BY_WEIGHT, *EARLY_BY_WEIGHT, *LATER) if 2 * r < len(factor.L))


def queue_points(n: int) -> int:
    """Return how many points of each neighbourhood bound the candidates of a queue."""
    return min(int(QUEUE_POINTS * math.cbrt(n) ** 2), MOST_QUEUE, (n - 1) // 2)


def is_local_known(factor: Factor, dense: DenseRounding, r: int) -> bool:
    """Return whether `r` points nearby are of use: they must be few of all, rho known, and groups cost no launches."""
    return solves(factor) and dense.rho > 0.0 and 0 < 2 * r < len(factor.L)


def tile(factor: Factor) -> int:
    """Return how many candidates a group is computed along with, where groups are of use."""
    return cast(Grouping, backend(factor.L.device.type)).LANES


def spread(X: Tensor, count: int) -> Tensor:
    """Choose so many of `m x d` candidates, or all, from all over them: they may be sorted."""
    count = min(count, len(X))
    return X[torch.arange(count, device=X.device) * len(X) // max(count, 1)]


class Built(NamedTuple):
    """What is known of `r` points of each of `c` neighbourhoods.

    Attributes:
        points: `c x r` places in the order of the pivots.
        L1: `c x r x r` Cholesky factors.
        weights: `c x r` weights of their means; `c x 0` where none is wanted.
        errors: `c` numbers: what a mean may differ by, for each unit of the standard deviation that the points leave.
    """

    points: Tensor
    L1: Tensor
    weights: Tensor
    errors: Tensor


class Neighbourhoods:
    """Training points for each of some neighbourhoods.

    Args:
        factor: The factorised process.
        projection: Its pivots.
        dense: Rounding errors of the dense arithmetic, of which rho is known.
        X: `m x d` candidates like those to come, of which those are taken that are needed.
        means: The mean of the process, if those of the neighbourhoods are wanted.
        by_weight: Whether points are chosen by their weights in predictions: they leave less than those that are next
            to a centre, and it costs as much as 2 c (1 + PROBES) dense values.
    """

    def __init__(
        self,
        factor: Factor,
        projection: Projection,
        dense: DenseRounding,
        X: Tensor,
        means: Means | None = None,
        by_weight: bool = False,
    ) -> None:
        self.factor, self.projection, self.dense = factor, projection, dense
        self.grouping = cast(Grouping, backend(factor.L.device.type))
        form, theta, order = factor.form, factor.theta.unsqueeze(0), projection.order
        self._by_weight = by_weight
        self._features, features = factor.features.rows(order), form.features(spread(X, CENTRES))
        self._diagonal = factor.L.square().sum(1)[order]
        self._centres = self.embedded(features)
        if by_weight:
            self._near = self._weights(spread(X, CENTRES * (1 + PROBES)))[:, order]
        else:
            self._near = form.evaluate(theta, features, self._features).covariance[0]
        self._means = means
        self._mean = means.at(projection.order) if means else self._diagonal
        self._built: dict[int, Built] = {}

    def embedded(self, features: Features) -> Tensor:
        """Return points whose squared distances are, roughly, minus logarithms of covariances: those of `centres`."""
        form, theta = self.factor.form, self.factor.theta.unsqueeze(0)
        parts = [features.numeric * (theta[0, form.layout.numeric].neg().exp() * SCALES[form.smoothness])]
        if form.columns.categorical:
            gamma_of = theta[0, form.layout.categorical].neg().exp()
            sizes = torch.tensor([size for _, size in form.columns.categorical], device=gamma_of.device)
            parts.append(features.onehot * (0.5 * LOG2_E * gamma_of).sqrt().repeat_interleave(sizes))
        if form.columns.latent:
            onehots = features.latent.split_with_sizes([size for _, size in form.columns.latent], -1)
            latents = zip(onehots, form.latents(theta), strict=True)
            parts += [math.sqrt(0.5 * LOG2_E) * (onehot @ E[0]) for onehot, E in latents]
        return torch.cat(parts, 1).float()

    def sorted(self, X: Tensor) -> tuple[Tensor, Tensor]:
        """Return an order of `m x d` candidates by neighbourhoods, and the ends of these in it."""
        return self.grouping.by_nearest(self.embedded(self.factor.form.features(X)), self._centres)

    def _weights(self, probes: Tensor) -> Tensor:
        """Return `c x n` sums of absolute weights of the training points in the predictions of each neighbourhood."""
        L, form = self.factor.L, self.factor.form
        number = torch.cdist(self.embedded(form.features(probes)), self._centres).argmin(1)
        V = torch.linalg.solve_triangular(L, self.factor.rows(probes).mT, upper=False)
        weights = torch.linalg.solve_triangular(L.mT, V, upper=True).mT.abs_()
        sums: Tensor = weights.new_zeros(len(self._centres), len(L))
        sums.index_add_(0, number, weights)
        return sums

    def built(self, r: int) -> "Built":
        """Return what is known of `r` points of each neighbourhood.   Cost: O(c r^3)."""
        if r not in self._built:
            g = 0 if self._by_weight else r // PIVOT_SHARE
            near = self._near[:, g:].topk(r - g, 1).indices.sort(1).values + g
            pivots = torch.arange(g, device=near.device).expand(len(near), -1)
            self._built[r] = self._build(torch.cat([pivots, near], 1))
        return self._built[r]

    def _build(self, points: Tensor) -> "Built":
        form, theta = self.factor.form, self.factor.theta.unsqueeze(0)
        c, r = points.shape
        L1, weights = self._diagonal.new_empty(c, r, r), self._diagonal.new_empty(c, r if self._means else 0)
        errors = self._diagonal.new_zeros(c)
        for i, places in enumerate(points):
            some = self._features.rows(places)
            K = form.evaluate(theta, some, some).covariance[0]
            if self._means:
                partial = self._means.of(K, self._mean[places])
                weights[i], errors[i] = partial.weights, partial.error
            K.diagonal().copy_(self._diagonal[places])
            L1[i] = torch.linalg.cholesky(K)
        return Built(points, L1, weights, errors)

    def apart(self, r: int) -> float:
        """Bound |L1 L1' - A|."""
        dense, unit = self.dense, UNIT[torch.float64]
        pairs = r * (gamma(r + 2, unit) * dense.largest + dense.tau * dense.scale)
        return dense.hidden + SAFETY * (pairs + gamma(dense.n + 2, unit) * dense.largest)


class LocalScreen(FusedScreen):
    """Bounds for blocks of candidates, of each by the points of its neighbourhood.

    Args:
        neighbourhoods: The neighbourhoods.
        r: Number of points of each.
        needs_mean: Whether to compute means.
        dtype: The working precision.
    """

    def __init__(self, neighbourhoods: Neighbourhoods, r: int, needs_mean: bool, dtype: torch.dtype) -> None:
        factor, projection = neighbourhoods.factor, neighbourhoods.projection
        super().__init__(factor, projection, neighbourhoods.dense, 1, False, dtype, neighbourhoods.grouping)
        self._neighbourhoods = neighbourhoods
        points, L1, weights, self._errors = neighbourhoods.built(r)
        weights = weights if needs_mean else weights[:, :0]
        self.r, self._width, self._apart, self.steepest = r, r, neighbourhoods.apart(r), torch.inf
        self.alpha = factor.alpha.reshape(len(factor.L), -1)[:r, : int(needs_mean)]
        self._size_of_alpha = float(weights.abs().sum(1).max())
        stacked = self._train[points], self._similarity[points], weights, L1
        z, similarity, weights, T = (part.to(dtype).contiguous() for part in stacked)
        self._tables = self._tables._replace(z=z, similarity=similarity, weights=weights, T=T)

    @override
    def __call__(self, X: Tensor, workspace: Workspace) -> tuple[Tensor, Bounds]:
        order, ends = self._neighbourhoods.sorted(X)
        X = X[order]
        z, codes = self._scaled(X), self._joined(self._codes(X))
        sums = self._neighbourhoods.grouping.grouped(z.to(self.dtype), codes, ends, self._tables)
        errors = self._errors.repeat_interleave(ends.diff(prepend=ends.new_zeros(1)))
        return order, self._bounds(sums, self._farthest(z) + self._radius, errors)

    @property
    @override
    def name(self) -> str:
        return stage_name(self.r, self.dtype, NEARBY)

    @override
    def strip(self, strip: Strip) -> Bounds:
        raise NotImplementedError("candidates of a strip have no neighbourhood of their own")
