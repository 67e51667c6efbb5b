"""How far computed numbers can be from exact ones: proven, not measured.

Exact means: in real arithmetic, on the numbers that a `Factor` holds (L, alpha, theta, the training points), whatever
rounding made them. Every bound of this folder is stated against these exact values, so that a candidate is dropped only
if no rounding, of the screening or of the dense arithmetic, can bring it back.

Notation:
    u           unit roundoff, 2^-53 (float64) or 2^-24 (float32)
    gamma_n     n u / (1 - n u): relative error of a sum of n products, in any order (Higham 2002, section 3.1)
    kappa       2-norm bound of |L^-1| |L|, the Bauer-Skeel condition number
    tau         absolute error of one covariance, as a share of the outputscale s
    V, w, v     L^-1 k, the weights K^-1 k of a prediction, and the variance s - |V|^2
    rho         least noise variance of a training point, less all that K = L L' is off otherwise: a bound of its
                eigenvalues from below

Where v is small, errors of v are small too: f(x) - w'f(X) has a variance, s - 2 w'k + w'(K - noise) w = v - w'(noise)
w, which is not negative, and no eigenvalue of K is below rho, so

    rho |w|^2 <= v,    |L^-1 e|^2 <= |e|^2 / rho

References:
    Higham (2002), Accuracy and stability of numerical algorithms, theorem 8.5: a computed triangular solve is exact
    for a matrix L + dL with |dL| <= gamma_n |L|.
"""

import math
from dataclasses import dataclass, replace
from functools import cached_property

import torch
from torch import Tensor

from gpbop.kernels.closed_form import ClosedForm
from gpbop.surrogate.factor import Factor

UNIT = {torch.float32: 2.0**-24, torch.float64: 2.0**-53}
# Bounds are first order in u; the terms left out, and the rounding of the bounds themselves, are far under a half.
SAFETY = 1.5
# Roundings of one profile, see `gpbop.scoring.rows`.
PROFILE_ROUNDINGS = 15
# Share of the noise under which rho is called small.
SMALL_RHO = 0.25


def gamma(n: int, unit: float) -> float:
    """Relative error of a sum of `n` products."""
    return n * unit / (1.0 - n * unit)


@dataclass(frozen=True)
class DenseRounding:
    """Bounds on the rounding errors of `Factor.moments`, for any block of candidates and any order of summation.

    The mean k'alpha: |error| <= (tau + gamma_n) s |alpha|_1.
    The variance s - |V|^2: V is exact for a factor L + dL and for covariances k + dk, |dk| <= tau s, so V is off by
    L^-1 e, e = dk - dL V, |e| <= sqrt(n) (tau s + gamma_n sqrt(s_max s)), for no row of L is longer than sqrt(s_max).
    With moved = |e| / sqrt(rho), |V|^2 is off by

        2 V'L^-1 e + |L^-1 e|^2 = 2 w'e + |L^-1 e|^2 <= 2 sqrt(v) moved + moved^2

    and its sum by gamma_n s. Where rho is not positive, or small, kappa serves: |L^-1 e| <= gamma_n kappa sqrt(s) +
    tau s ||L^-1|1| =: moved, and |V|^2 <= s is off by 2 sqrt(s) moved + moved^2.

    Attributes:
        mean: `s` bounds of the error of each mean function, in standardised units.
        n: Number of training points.
        scale: s, the outputscale.
        largest: s_max, the largest prior variance of an observation.
        tau: See the head of this file.
        rho: Likewise; zero where no positive bound of it is known.
        hidden: How far L L' can be from K and its own measured diagonal, in the 2-norm.
        noise: Noise variance of one observation, which is all that a believed point has on the diagonal.
        most: The bound by kappa, where it serves; else infinity.
        apart: How far the exact variances may be apart of two ways to believe the same points, as a share of them.
    """

    mean: Tensor
    n: int
    scale: float
    largest: float
    tau: float
    rho: float
    hidden: float
    noise: float
    most: float
    apart: float = 0.0

    @staticmethod
    def of(factor: Factor, points: int = 0) -> "DenseRounding":
        """Bound the errors for one factor, also where so many more points are believed, see `believed`.

        Cost: O(n^2); where rho is small and nothing is believed O(n^3), that of a triangular inverse.
        """
        unit, n, s = UNIT[torch.float64], len(factor.L), float(factor.outputscale)
        tau, order = covariance_error(factor.form, factor.theta), gamma(n + 2, unit)
        alpha = factor.alpha.reshape(n, -1).abs().sum(0)
        mean = SAFETY * ((tau + order) * s * alpha + 4.0 * unit * (factor.mean.abs() + s * alpha))
        rho = max(least_noise(factor, tau), 0.0)
        largest = max(float(factor.L.square().sum(1).max()), s + float(factor.noise))
        hidden, noise = _hidden(factor, tau), float(factor.noise)
        bounds = DenseRounding(mean, n, s, largest, tau, rho, hidden, noise, torch.inf)
        if points:
            return bounds.believed(points)
        if rho < SMALL_RHO * noise:
            moved = SAFETY * _moved_at_most(factor, tau, order)
            return replace(bounds, most=2.0 * math.sqrt(s) * moved + moved**2 + bounds._sums)
        return bounds

    def believed(self, points: int) -> "DenseRounding":
        """Return bounds for the same process with more points, believed as by `Factor.believe`.

        Their rows of L come from triangular solves, so L L' is off there by what `least_noise` counts for the product;
        by how much depends on the way they are believed, and w'(L L') w is off by that share of |w|^2 <= v / rho.
        """
        if not points:
            return self
        n = self.n + points
        more = SAFETY * n * (gamma(n + 2, UNIT[torch.float64]) * self.largest + self.tau * self.scale)
        rho = max(min(self.rho, self.noise) - more, 0.0)
        hidden = self.hidden + more
        return replace(self, n=n, rho=rho, hidden=hidden, most=torch.inf, apart=2.0 * more / rho if rho else 0.0)

    @property
    def is_known(self) -> bool:
        """Whether there is a finite bound; not where many points are believed beside hardly any noise."""
        return self.most < torch.inf or (self.rho > 0.0 and self.apart < 1.0)

    @cached_property
    def _moved(self) -> float:
        if self.rho == 0.0:
            return torch.inf
        order = gamma(self.n + 2, UNIT[torch.float64])
        off = self.tau * self.scale + order * math.sqrt(self.largest * self.scale)
        return SAFETY * off * math.sqrt(self.n / self.rho)

    @property
    def _sums(self) -> float:
        return SAFETY * (gamma(self.n + 2, UNIT[torch.float64]) + 1e-14 + 8.0 * UNIT[torch.float64]) * self.scale

    def variance(self, v: Tensor) -> Tensor:
        """Bound the errors of computed variances of which the exact ones are at most `v`."""
        if self._moved == torch.inf:
            return torch.full_like(v, self.most)
        # (sqrt(v) + moved)^2 - v, the sums, and what sets two ways to believe apart.
        root = v.clamp_min(0.0).sqrt_()
        error = root.mul(2.0).add_(self._moved).mul_(self._moved).add_(self._sums)
        if self.apart:
            error.addcmul_(root, root, value=self.apart)
        return error.clamp_max_(self.most)

    def between(self, computed: Tensor) -> Tensor:
        """Bound the difference of two computed variances of one candidate, where one of them is given."""
        if self._moved == torch.inf or self.apart >= 1.0:
            return torch.full_like(computed, 2.0 * self.most)
        # The root x of the exact one obeys (1 - apart) x^2 <= computed + 2 moved x + c, and x^2 <= 2 a x + b keeps it
        # under 2 a + sqrt(b).
        shrunk = 1.0 - self.apart
        root = computed.add(self._moved**2 + self._sums).div_(shrunk).sqrt_().add_(2.0 * self._moved / shrunk)
        return self.variance(root.square_()).mul_(2.0)

    def least(self, v: float) -> float:
        """Bound computed variances from below of which the exact ones are at least `v`."""
        if self._moved == torch.inf or self.apart >= 1.0:
            return v - self.most
        root = max(math.sqrt(v), self._moved / (1.0 - self.apart))
        return max(root * root - float(self.variance(torch.tensor(root * root, dtype=torch.float64))), v - self.most)


def least_noise(factor: Factor, tau: float) -> float:
    """Return rho, or what is left of it that is not positive.   Cost: O(n^2).

    The diagonal of L L' - K is measured: it is the noise, and what else was added.
    """
    n, s = len(factor.L), float(factor.outputscale)
    diagonal = factor.L.square().sum(1)
    most = float(diagonal.max())
    # No prior variance is above s; the measured diagonal is off by gamma_n of itself.
    off = SAFETY * (gamma(n + 2, UNIT[torch.float64]) * most + tau * s)
    return float(diagonal.min()) - s - _hidden(factor, tau) - off


def _hidden(factor: Factor, tau: float) -> float:
    """Bound how far L L' is from K beside the diagonal.

    By as much as rounding hides (Higham 2002, theorem 10.3, and 8.5 for rows that were appended): gamma_j+1 s_max for a
    pair of points i > j (Cauchy and Schwarz on rows of L), in all n^2 u s_max / sqrt(6); and K is off by tau s.
    """
    n, s = len(factor.L), float(factor.outputscale)
    most = float(factor.L.square().sum(1).max())
    return SAFETY * ((n + 2) ** 2 / math.sqrt(6.0) * UNIT[torch.float64] * most + n * tau * s)


def _moved_at_most(factor: Factor, tau: float, order: float) -> float:
    """Bound |L^-1 e| without rho: gamma_n kappa sqrt(s) + tau s ||L^-1|1|."""
    s, ones = float(factor.outputscale), torch.ones_like(factor.L[:, 0])
    inverse = torch.linalg.solve_triangular(factor.L, torch.eye(len(ones)).to(factor.L), upper=False).abs_()
    size = factor.L.abs()
    rows, columns = inverse @ (size @ ones), size.mT @ (inverse.mT @ ones)
    kappa = float((rows.max() * columns.max()).sqrt())
    return order * kappa * math.sqrt(s) + tau * s * float((inverse @ ones).norm())


def covariance_error(form: ClosedForm, theta: Tensor) -> float:
    """Bound tau: the absolute error of a float64 covariance from differences, as a share of the outputscale.

    A distance from differences has a relative error of (F + 6) u, and no covariance moves by more than that share of 1
    when its distance does (r |dk/dr| <= 1). Features in [0, 1] are divided by their lengthscales before: they are off
    by u / l each, of both points, and no covariance moves by more than 0.64 of it (|dk/dr| <= 0.64). An exponent q is
    a sum of C lengthscales and of latent distances; k_h moves by its absolute error, and by at most 1 for the relative
    error of the latent part (q e^-q <= 1).
    """
    unit = UNIT[torch.float64]
    gammas = float(theta[form.layout.categorical].neg().exp().sum())
    exponent = (len(form.columns.categorical) + 8) * 2.0 * gammas + 16.0 * len(form.columns.latent)
    scaled = 2.0 * 0.64 * float(theta[form.layout.numeric].neg().exp().norm()) if form.has_numeric else 0.0
    return unit * (form.columns.num_features + 6 + PROFILE_ROUNDINGS + 16 + exponent + scaled)
