"""Covariance matrices of the mixed kernel with hand-derived gradients, for the inner loops of fitting and searching.

The formulas are those of `ConditionalKernel`, `ExchangeableKernel`, `LatentKernel` and `MixedKernel` under a
`ScaleKernel`; those GPyTorch modules are the plain reference, and the tests prove this file equal to them, gradients
included. What is gained: no graph is recorded, all restarts of a fit share one batch, and no `n x n x d` tensor is
ever made: distances along single dimensions enter the gradients as matrix products, sum_ij G_ij (a_i - b_j)^2 = sum_i
a_i^2 (G 1)_i + sum_j b_j^2 (G'1)_j - 2 a'G b.

Notation:
    theta   (b, p)      log lengthscales (numeric features, then exchangeable columns), latent coordinates,
                        logit of the weight, log outputscale
    x, q                scaled squared distance of the numeric features; exponent of the categorical part
    k_x = f(x), k_h = exp(-q), K = s [w k_x k_h + (1 - w) (k_x + k_h) / 2]
    G       (b, n, m)   dL/dK for some scalar L
"""

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from gpbop.kernels.categorical import LATENT_RANK
from gpbop.kernels.columns import Columns
from gpbop.kernels.conditional import embed
from gpbop.kernels.continuous import Smoothness
from gpbop.kernels.features import Features, OneHot
from gpbop.kernels.profiles import PROFILES, Workspace

# How `torch.cdist` takes differences one by one: |a|^2 + |b|^2 - 2ab would lose half the digits for near neighbours.
EXACT_DISTANCE = "donot_use_mm_for_euclid_dist"


class Evaluation(NamedTuple):
    """A covariance matrix and the parts that its gradients need.

    Attributes:
        covariance: `b x n x m` matrix K, outputscale included.
        numeric: `b x n x m` k_x, or None without numeric features.
        slope: `b x n x m` dk_x / dx, or None.
        categorical: `b x n x m` k_h, or None without categorical columns.
        share: `b x n x m` w k_h + (1 - w) / 2 = d(K / s) / dk_x, or None unless both parts are there.
    """

    covariance: Tensor
    numeric: Tensor | None
    slope: Tensor | None
    categorical: Tensor | None
    share: Tensor | None


@dataclass(frozen=True)
class Layout:
    """Where each group of hyperparameters lies in the last axis of theta."""

    numeric: slice
    categorical: slice
    latent: slice
    weight: slice
    outputscale: slice

    @property
    def size(self) -> int:
        """Number p of entries of theta."""
        return int(self.outputscale.stop)


def _consecutive(*sizes: int) -> list[slice]:
    starts = [sum(sizes[:i]) for i in range(len(sizes))]
    return [slice(start, start + size) for start, size in zip(starts, sizes, strict=True)]


class ClosedForm:
    """The mixed covariance over encoded columns, and its gradients, in closed form.

    Args:
        columns: Which columns of X are numeric, conditional, exchangeable and latent.
        smoothness: "matern52", "matern32" or "rbf" for the numeric part.
        device: Where the tensors will be.
    """

    def __init__(
        self, columns: Columns, smoothness: Smoothness = "matern52", device: torch.device | None = None
    ) -> None:
        self.columns = columns
        self.smoothness: Smoothness = smoothness
        self.profile = PROFILES[smoothness]
        self.has_numeric = columns.num_features > 0
        self.has_categorical = bool(columns.categorical or columns.latent)
        self._num_latent = [k for _, k in columns.latent]
        latent = LATENT_RANK * sum(self._num_latent)
        mixed = int(self.has_numeric and self.has_categorical)
        self.layout = Layout(*_consecutive(columns.num_features, len(columns.categorical), latent, mixed, 1))
        self._exchangeable = OneHot(columns.categorical, device)
        self._latent = OneHot(columns.latent, device)

    def features(self, X: Tensor) -> Features:
        """Embed encoded points, `n x d`, once; everything else works on features."""
        numeric = embed(X, self.columns) if self.has_numeric else X[:, :0]
        return Features(numeric, self._exchangeable(X), self._latent(X))

    def evaluate(
        self, theta: Tensor, first: Features, second: Features, workspace: Workspace | None = None
    ) -> Evaluation:
        """Compute K(first, second) for a batch of hyperparameters.

        Args:
            theta: `b x p` hyperparameters.
            first: `n` points.
            second: `m` points.
            workspace: Buffers to work in; what was evaluated in them before is overwritten.
        Returns:
            The `b x n x m` covariance and the parts its gradients need.   Cost: O(b n m F).
        """
        buffers = workspace or Workspace()
        shape = (len(theta), len(first.numeric), len(second.numeric))
        scale = theta[:, self.layout.outputscale].exp().unsqueeze(-1)
        kx = slope = kh = None
        work = buffers.take("work", shape, theta)
        if self.has_numeric:
            inverse = theta[:, self.layout.numeric].neg().exp_().unsqueeze(1)
            r = torch.cdist(first.numeric * inverse, second.numeric * inverse, compute_mode=EXACT_DISTANCE)
            kx, slope = self.profile(r, work, buffers.take("slope", shape, theta))
        if self.has_categorical:
            kh = self.log_similarity(theta, first, second, buffers.take("categorical", shape, theta)).exp_()
        K = buffers.take("covariance", shape, theta)
        if kx is None or kh is None:
            only = kx if kh is None else kh
            assert only is not None, "a space has at least one column"
            return Evaluation(torch.mul(only, scale, out=K), kx, slope, kh, None)
        w, c = self.weights(theta)
        share = torch.mul(kh, w, out=work).add_(c)
        torch.mul(kx, share, out=K).addcmul_(kh, c).mul_(scale)
        return Evaluation(K, kx, slope, kh, share)

    def grad_theta(
        self,
        theta: Tensor,
        first: Features,
        second: Features,
        parts: Evaluation,
        G: Tensor,
        workspace: Workspace | None = None,
    ) -> Tensor:
        """Pull dL/dK back to the hyperparameters. G and the parts of the evaluation are used up.

        Args:
            theta: `b x p` hyperparameters of the evaluation.
            first: `n` points.
            second: `m` points.
            parts: What `evaluate` returned for them.
            G: `b x n x m` values of dL/dK.
            workspace: Buffers to work in, not those of another live evaluation.
        Returns:
            `b x p` values of dL/dtheta.   Cost: O(b n m (F + H)).
        """
        kx, slope, kh, share = parts.numeric, parts.slope, parts.categorical, parts.share
        outputscale = _inner(G, parts.covariance)
        Gs = G.mul_(theta[:, self.layout.outputscale].exp().unsqueeze(-1))  # dL/dk
        groups: list[Tensor] = []
        weight: list[Tensor] = []
        Gx, Gq = Gs, Gs
        if kx is not None and kh is not None and share is not None:
            w, c = self.weights(theta)
            Gk = torch.mul(Gs, kx, out=(workspace or Workspace()).take("pull", kx.shape, kx))
            along = _inner(Gk, kh) - 0.5 * (Gk.sum((-1, -2)) + _inner(Gs, kh))
            weight = [along.unsqueeze(-1) * (w * (1.0 - w))[:, 0]]
            Gq = Gk.mul_(w).addcmul_(Gs, c)
            Gx = Gs.mul_(share)
        if slope is not None:
            inverse2 = theta[:, self.layout.numeric].mul(-2.0).exp_()
            moments = _square_moments(Gx.mul_(slope), first.numeric, second.numeric)
            groups.append(moments.mul_(inverse2).mul_(-2.0))
        if kh is not None:
            Gq = Gq.mul_(kh).neg_()
            groups += self._grad_categorical(theta, first, second, Gq)
        return torch.cat([*groups, *weight, outputscale.unsqueeze(-1)], -1)

    def grad_numeric(self, theta: Tensor, first: Features, second: Features, parts: Evaluation, G: Tensor) -> Tensor:
        """Pull dL/dK back to the numeric features of the first points.

        Returns:
            `b x n x F` values of dL/dz.   Cost: O(b n m F).
        """
        assert parts.slope is not None, "only asked for spaces with numeric columns"
        Gx = G * parts.slope if parts.share is None else (G * parts.slope).mul_(parts.share)
        pulled = first.numeric * Gx.sum(-1, keepdim=True) - Gx @ second.numeric
        factor = 2.0 * (theta[:, self.layout.outputscale] - 2.0 * theta[:, self.layout.numeric]).exp()
        return pulled.mul_(factor.unsqueeze(1))

    def latents(self, theta: Tensor) -> list[Tensor]:
        """Return the `b x K_j x rank` coordinates of the choices of each latent column."""
        if not self._num_latent:
            return []
        return list(
            theta[:, self.layout.latent].reshape(len(theta), -1, LATENT_RANK).split_with_sizes(self._num_latent, -2)
        )

    def weights(self, theta: Tensor) -> tuple[Tensor, Tensor]:
        """Return w and (1 - w) / 2, `b x 1 x 1`."""
        w = torch.sigmoid(theta[:, self.layout.weight]).unsqueeze(-1)
        return w, (1.0 - w) * 0.5

    def log_similarity(self, theta: Tensor, first: Features, second: Features, out: Tensor) -> Tensor:
        """Return -q: minus the sum of 1 / lengthscale over unequal codes and half the squared latent distances."""
        if self.columns.categorical:
            gamma = theta[:, self.layout.categorical].neg().exp_()
            left = first.onehot * gamma[:, self._exchangeable.owner].unsqueeze(1)
            torch.matmul(left, second.onehot.mT, out=out)
            out.sub_(gamma.sum(-1)[:, None, None]).clamp_max_(0.0)
        else:
            out.zero_()
        for one, two in self._latent_points(theta, first, second):
            out.sub_(torch.cdist(one, two, compute_mode=EXACT_DISTANCE).square_().mul_(0.5))
        return out

    def code_similarities(self, theta: Tensor, second: Features) -> list[Tensor]:
        """Return the factors of k_h: for each exchangeable, then each latent column, all its codes against all points.

        Args:
            theta: `1 x p` hyperparameters.
            second: `n` points.
        Returns:
            For each column of K codes `n x K` factors; k_h of any point is the product of those of its codes.
        """
        tables = []
        if self.columns.categorical:
            gammas = theta[0, self.layout.categorical].neg().exp()
            sizes = [size for _, size in self.columns.categorical]
            for onehot, gamma in zip(second.onehot.split_with_sizes(sizes, -1), gammas, strict=True):
                tables.append(((onehot - 1.0) * gamma).exp())
        onehots = second.latent.split_with_sizes(self._num_latent, -1)
        for onehot, E in zip(onehots, self.latents(theta), strict=True):
            distance = torch.cdist(onehot @ E[0], E[0], compute_mode=EXACT_DISTANCE)
            tables.append(distance.square().mul(-0.5).exp())
        return tables

    def _latent_points(self, theta: Tensor, first: Features, second: Features) -> list[tuple[Tensor, Tensor]]:
        """Return, for each latent column, the coordinates of the first and second points, `b x n x rank`."""
        if not self._num_latent:
            return []
        ones, twos = (
            first.latent.split_with_sizes(self._num_latent, -1),
            second.latent.split_with_sizes(self._num_latent, -1),
        )
        return [(one @ E, two @ E) for one, two, E in zip(ones, twos, self.latents(theta), strict=True)]

    def _grad_categorical(self, theta: Tensor, first: Features, second: Features, Gq: Tensor) -> list[Tensor]:
        """Pull dL/dq back to the exchangeable lengthscales and the latent coordinates."""
        groups = []
        if self.columns.categorical:
            equal = (first.onehot * (Gq @ second.onehot)).sum(-2) @ self._exchangeable.membership
            unequal = Gq.sum((-1, -2)).unsqueeze(-1) - equal
            groups.append(unequal.mul_(theta[:, self.layout.categorical].neg().exp_()).neg_())
        if self._num_latent:
            # Each pair pulls its two coordinates along their difference; both sides own rows of the same E.
            ones, twos = (
                first.latent.split_with_sizes(self._num_latent, -1),
                second.latent.split_with_sizes(self._num_latent, -1),
            )
            pulls = []
            for (e1, e2), one, two in zip(self._latent_points(theta, first, second), ones, twos, strict=True):
                pull1 = e1 * Gq.sum(-1, keepdim=True) - Gq @ e2
                pull2 = e2 * Gq.sum(-2).unsqueeze(-1) - Gq.mT @ e1
                pulls.append(one.mT @ pull1 + two.mT @ pull2)
            groups.append(torch.cat(pulls, -2).flatten(-2))
        return groups


def _inner(A: Tensor, B: Tensor) -> Tensor:
    """Return sum_ij A_ij B_ij of each batch, without a temporary."""
    if A.is_cuda:  # whose products of matrices give so long a sum to few of its processors
        return torch.stack([torch.dot(a.reshape(-1), b.reshape(-1)) for a, b in zip(A, B, strict=True)])
    return torch.bmm(A.reshape(len(A), 1, -1), B.reshape(len(B), -1, 1))[:, 0, 0]


def _square_moments(G: Tensor, first: Tensor, second: Tensor) -> Tensor:
    """Return sum_ij G_ij (a_if - b_jf)^2 for each feature f, `b x F`."""
    cross = (first * (G @ second)).sum(-2)
    return (G.sum(-1) @ first.square()).add_(G.sum(-2) @ second.square()).sub_(cross, alpha=2.0)
