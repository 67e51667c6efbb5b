"""Covariances of many candidates with the training points, by matrix products, with a bound on their error.

Notation:
    z       scaled numeric features, centred between the training points, (F,)
    x       c^2 r^2 = |z|^2 + |z'|^2 - 2 z'z, one matrix product of [z, |z|^2, 1] and [-2 z', 1, |z'|^2]
    k_x     the profile of x, by powers of two: exp2 is three times as fast as exp in torch
    a, b    of each combination of codes and training point: k = k_x a + b, a = s (w k_h + c), b = s c k_h, a + b <= s

Error: x is off by at most (F + 6) u (|z| + |z'|)^2, u = 2^-53: each of its products carries three roundings and their
sum F + 2. Twice the largest such error is added, so that x is positive and its square root needs no care: t = x / sqrt
x, as torch's `rsqrt` takes half the time of its `sqrt`, and a tenth where x is 0. Each profile obeys |dk/dx| <= Q k, so
k_x is off by the share Q dx; and by that of the profile's own roundings, in its own precision with unit roundoff v:

    t has 4 roundings (CUDA's rsqrt is good to 2.2 v), and k moves by at most min(t, t^2 / 2) times that share (matern32
    has the largest t |k'| / k)
    exp2 is good to 5 v (CUDA's is 2 ulp from the correctly rounded result); of the polynomial, x against t^2 carries 7
    v and three products and sums 3 v each: PROFILE_ROUNDINGS together
"""

import math
from typing import TypeVar

import torch
from torch import Tensor

from gpbop.kernels.conditional import embed
from gpbop.kernels.fused import LOG2_E, SCALES
from gpbop.kernels.profiles import Workspace
from gpbop.scoring.rounding import PROFILE_ROUNDINGS, SAFETY, UNIT
from gpbop.surrogate.factor import Factor

# Q of the notation; c is that of SCALES.
STEEPNESS = {"matern52": 1.0 / 6.0 / LOG2_E**2, "matern32": 0.5 / LOG2_E**2, "rbf": 1.0 / LOG2_E}
TensorOrFloat = TypeVar("TensorOrFloat", Tensor, float)


class KernelRows:
    """Evaluates covariances with the training points of a factor, in a given order and precision.

    Args:
        factor: The factorised process.
        order: `n` numbers of the training points, in the order wanted.
        profile_dtype: Precision of the profile: float32 or float64. All else is float64.
    """

    def __init__(self, factor: Factor, order: Tensor, profile_dtype: torch.dtype) -> None:
        form, theta = factor.form, factor.theta.unsqueeze(0)
        self.form, self.theta, self.profile_dtype = form, theta, profile_dtype
        self.features = factor.features.rows(order)
        self.n = len(order)
        self.scale = float(factor.outputscale)
        self.has_numeric = form.has_numeric
        self.codes = [*form.columns.categorical, *form.columns.latent]
        if form.has_numeric:
            self._inverse = theta[0, form.layout.numeric].neg().exp() * SCALES[form.smoothness]
            self._center = 0.5 * (self.features.numeric.amin(0) + self.features.numeric.amax(0))
            z = (self.features.numeric - self._center) * self._inverse
            squares = z.square().sum(1)
            self._radius = float(squares.max().sqrt())
            farthest = (torch.maximum(self._center, 1.0 - self._center) * self._inverse).norm()
            self._offset = 2.0 * self._product_error(float(farthest) + self._radius)
            squares = squares.add(self._offset).unsqueeze(1)
            self._right = torch.cat([z.mul(-2.0), torch.ones_like(squares), squares], 1).mT.contiguous()

    def left(self, X: Tensor) -> tuple[Tensor, Tensor]:
        """Return what the matrix product reads of `m x d` encoded points, and the `m` relative errors of their k_x."""
        if not self.has_numeric:
            return X[:, :0], X.new_zeros(len(X))
        z = (embed(X, self.form.columns) - self._center) * self._inverse
        squares = z.square().sum(1)
        reach = squares.sqrt() + self._radius
        dx = self._product_error(reach) + self._offset
        t = reach / LOG2_E
        own = UNIT[self.profile_dtype] * (PROFILE_ROUNDINGS + 4.0 * torch.minimum(t, 0.5 * t.square()))
        error = SAFETY * STEEPNESS[self.form.smoothness] * dx + own
        # First-order bounds hold while they are small; no bound is given beyond.
        error = torch.where(error < 0.1, error, torch.inf)
        return torch.cat([z, squares.unsqueeze(1), torch.ones_like(z[:, :1])], 1), error

    def _product_error(self, reach: TensorOrFloat) -> TensorOrFloat:
        return (len(self._inverse) + 6) * UNIT[torch.float64] * reach * reach

    def numeric(self, left: Tensor, workspace: Workspace, columns: slice = slice(None)) -> Tensor:
        """Compute `m x n` k_x in the workspace, which the next call overwrites."""
        right = self._right[:, columns]
        shape = (len(left), right.shape[1])
        x = torch.mm(left, right, out=_buffer(workspace, "x", shape, torch.float64, left.device))
        t = _buffer(workspace, "t", shape, self.profile_dtype, left.device)
        if self.profile_dtype == torch.float64:
            return self._profile(x, t)
        single = _buffer(workspace, "x", shape, self.profile_dtype, left.device)
        return x.copy_(self._profile(single.copy_(x), t))

    def _profile(self, x: Tensor, t: Tensor) -> Tensor:
        """Compute k_x in the place of x or t."""
        if self.form.smoothness == "rbf":
            return x.neg_().exp2_()
        torch.rsqrt(x, out=t).mul_(x)
        if self.form.smoothness == "matern32":
            torch.neg(t, out=x).exp2_()
            return torch.addcmul(x, x, t, value=1.0 / LOG2_E, out=x)
        # 1 + t / log2 e + t^2 / (3 log2^2 e) = 1 + (t^2 + 3 log2 e t) / (3 log2^2 e)
        x.add_(t, alpha=3.0 * LOG2_E)
        t.neg_().exp2_()
        return torch.addcmul(t, t, x, value=1.0 / (3.0 * LOG2_E**2), out=x)

    def combinations(self, X: Tensor) -> tuple[Tensor, Tensor]:
        """Return the numbers of `m` rows sorted by their codes, and the `u` sizes of the groups of equal codes."""
        if not self.codes:
            return torch.arange(len(X), device=X.device), torch.tensor([len(X)])
        codes = X[:, [column for column, _ in self.codes]].round().long()
        if math.prod(size + 1 for _, size in self.codes) < 2**62:
            key = codes[:, 0]
            for j, (_, size) in enumerate(self.codes[1:], 1):
                key = key * (size + 1) + codes[:, j]
        else:
            key = torch.unique(codes, dim=0, return_inverse=True)[1]
        ordered, order = key.sort(stable=True)
        return order, torch.unique_consecutive(ordered, return_counts=True)[1].cpu()

    def runs(self, X: Tensor) -> tuple[Tensor, Tensor]:
        """Return the first of each run of `m` rows with equal codes, `u` numbers, and the `m` runs that rows are in."""
        codes = X[:, [column for column, _ in self.codes]]
        begins = torch.ones(len(X), dtype=torch.bool, device=X.device)
        begins[1:] = (codes[1:] != codes[:-1]).any(1)
        return begins.nonzero()[:, 0], begins.cumsum(0).sub_(1)

    def tables(self, X: Tensor) -> tuple[Tensor, Tensor]:
        """Return a and b of `u x d` encoded points, `u x n`, float64."""
        form = self.form
        out = X.new_zeros(len(X), self.n)
        if not form.has_categorical:
            return out + self.scale, out
        kh = form.log_similarity(self.theta, form.features(X), self.features, out.unsqueeze(0)).exp_()[0]
        if not form.has_numeric:
            return torch.zeros_like(kh), kh.mul_(self.scale)
        w, c = (float(part) for part in form.weights(self.theta))
        return kh.mul(w).add_(c).mul_(self.scale), kh.mul_(c * self.scale)


def _buffer(
    workspace: Workspace, name: str, shape: tuple[int, int], dtype: torch.dtype, device: torch.device
) -> Tensor:
    """Return a contiguous matrix at the beginning of a buffer that is kept, grown where it is too small."""
    wanted = shape[0] * shape[1]
    size = 1 << max(wanted - 1, 1).bit_length()
    like = torch.empty(0, dtype=dtype, device=device)
    return workspace.take(f"{name} {size} {dtype}", (size,), like)[:wanted].view(shape)
