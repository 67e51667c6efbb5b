"""How far computed numbers can be from exact ones: proven, not measured.

Exact means: in real arithmetic, on the numbers that a `Factor` holds (L, alpha, theta, the training points), whatever
rounding made them. Every bound of this folder is stated against these exact values, so that a candidate is dropped only
if no rounding, of the screening or of the dense arithmetic, can bring it back.

Notation:
    u           unit roundoff, 2^-53 (float64) or 2^-24 (float32)
    gamma_n     n u / (1 - n u): relative error of a sum of n products, in any order (Higham 2002, section 3.1)
    kappa       2-norm bound of |L^-1| |L|, the Bauer-Skeel condition number
    tau         absolute error of one covariance, as a share of the outputscale s

References:
    Higham (2002), Accuracy and stability of numerical algorithms, theorem 8.5: a computed triangular solve is exact
    for a matrix L + dL with |dL| <= gamma_n |L|.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from gpbop.kernels.closed_form import ClosedForm
from gpbop.surrogate.factor import Factor

UNIT = {torch.float32: 2.0**-24, torch.float64: 2.0**-53}
# Bounds are first order in u; the terms left out, and the rounding of the bounds themselves, are far under a half.
SAFETY = 1.5
# Roundings of one profile, see `gpbop.scoring.rows`.
PROFILE_ROUNDINGS = 12


def gamma(n: int, unit: float) -> float:
    """Relative error of a sum of `n` products."""
    return n * unit / (1.0 - n * unit)


@dataclass(frozen=True)
class DenseRounding:
    """Bounds on the rounding errors of `Factor.moments`, for any block of candidates and any order of summation.

    The mean k'alpha: |error| <= (tau + gamma_n) s |alpha|_1.
    The variance s - |V|^2: V is exact for a factor L + dL and for covariances k + dk, |dk| <= tau s, so
    |dV| <= gamma_n kappa |V| + tau s ||L^-1|1|, and |V|^2 <= s moves by at most 2 sqrt(s) |dV|, its sum by gamma_n s.

    Attributes:
        mean: `s` bounds of the error of each mean function, in standardised units.
        variance: Bound of the error of the variance.
    """

    mean: Tensor
    variance: float

    @staticmethod
    def of(factor: Factor) -> "DenseRounding":
        """Bound the errors for one factor.   Cost: O(n^3), that of one triangular inverse."""
        unit, n, s = UNIT[torch.float64], len(factor.L), float(factor.outputscale)
        tau, order = covariance_error(factor.form, factor.theta), gamma(n + 2, unit)
        inverse = torch.linalg.solve_triangular(factor.L, torch.eye(n).to(factor.L), upper=False).abs_()
        size, ones = factor.L.abs(), torch.ones_like(factor.L[:, 0])
        spread = inverse @ ones
        rows, columns = inverse @ (size @ ones), size.mT @ (inverse.mT @ ones)
        kappa = float((rows.max() * columns.max()).sqrt())
        moved = order * kappa * s**0.5 + tau * s * float(spread.norm())
        alpha = factor.alpha.reshape(n, -1).abs().sum(0)
        size_of_mean = factor.mean.abs() + s * alpha
        return DenseRounding(
            SAFETY * ((tau + order) * s * alpha + 4.0 * unit * size_of_mean),
            SAFETY * (2.0 * s**0.5 * moved + (order + 8.0 * unit) * s + moved**2 + float(factor.smallest_variance)),
        )


def covariance_error(form: ClosedForm, theta: Tensor) -> float:
    """Bound tau: the absolute error of a float64 covariance from differences, as a share of the outputscale.

    A distance from differences has a relative error of (F + 6) u, and no covariance moves by more than that share of 1
    when its distance does (r |dk/dr| <= 1). An exponent q is a sum of C lengthscales and of latent distances; k_h moves
    by its absolute error, and by at most 1 for the relative error of the latent part (q e^-q <= 1).
    """
    unit = UNIT[torch.float64]
    gammas = float(theta[form.layout.categorical].neg().exp().sum())
    exponent = (len(form.columns.categorical) + 8) * 2.0 * gammas + 16.0 * len(form.columns.latent)
    return unit * (form.columns.num_features + 6 + PROFILE_ROUNDINGS + 16 + exponent)
