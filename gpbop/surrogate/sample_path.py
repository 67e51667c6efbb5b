"""Functions drawn from the posterior, evaluated anywhere, for Thompson sampling.

A draw is a prior draw made of M random features, corrected to the data by Matheron's rule:
    f(x) = f0(x) + k(x, X) (K + noise)^-1 (y - m - f0(X) - e) + m.
The correction is exact; the prior draw is approximate, with an error in covariance of order s / sqrt(M). The mixed
covariance s [w k_x k_h + c k_x + c k_h], c = (1 - w) / 2, is a sum of three independent draws, and products of
covariances are products of independent random features: cosines for numeric and latent coordinates, random signs for
exchangeable choices.

References:
    Wilson et al. (2020), Efficiently sampling functions from Gaussian process posteriors.
    Rahimi & Recht (2007), Random features for large-scale kernel machines.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from gpbop.kernels.closed_form import ClosedForm
from gpbop.kernels.features import Features
from gpbop.surrogate.factor import Factor

NUM_FEATURES = 2048

_DEGREES = {"matern32": 3.0, "matern52": 5.0, "rbf": math.inf}  # of the Student t spectral density, 2 nu


@dataclass(frozen=True)
class _Part:
    """One summed prior draw: scale sqrt(2 / M) sum_i weights_i signs_i(codes) cos(z . frequencies_i + phases_i)."""

    scale: Tensor
    frequencies: Tensor | None  # (F, M)
    latent: list[Tensor]  # of each latent column, (K, M): coordinates times frequencies
    signs: list[Tensor]  # of each exchangeable column, (K, M)
    phases: Tensor  # (M,)
    weights: Tensor  # (M,)


@dataclass(frozen=True)
class SamplePath:
    """One function drawn from the posterior, in standardised units.

    Attributes:
        factor: The Gaussian process it was drawn from.
        parts: The prior draw.
        update: `n` weights of the correction to the data.
    """

    factor: Factor
    parts: tuple[_Part, ...]
    update: Tensor

    def __call__(self, X: Tensor) -> Tensor:
        """Compute `m` values at `m x d` encoded points, differentiable in the numeric columns.   Cost: O(m (n + M))."""
        prior = _evaluate(self.factor.form, self.parts, self.factor.form.features(X))
        return self.factor.mean + prior + self.factor.rows(X) @ self.update


def draw_sample_path(factor: Factor, residual: Tensor, counts: Tensor, *, seed: int, sign: float = 1.0) -> SamplePath:
    """Draw one function.

    Args:
        factor: The factorised process.
        residual: `n` standardised values minus the constant mean.
        counts: `n` numbers of observations of each row.
        seed: Seed of the draw.
        sign: -1 draws the negative of what +1 draws for the negated values.
    Returns:
        The function.
    """
    generator = torch.Generator().manual_seed(seed)
    parts = _draw_parts(factor, generator, sign)
    error = sign * (
        torch.randn(len(residual), generator=generator, dtype=torch.float64).to(residual)
        * (factor.noise / counts).sqrt()
    )
    target = residual - _evaluate(factor.form, parts, factor.features) - error
    update = torch.cholesky_solve(target.unsqueeze(-1), factor.L)[:, 0]
    return SamplePath(factor, parts, update)


def _draw_parts(factor: Factor, generator: torch.Generator, sign: float = 1.0) -> tuple[_Part, ...]:
    form, theta = factor.form, factor.theta
    s = factor.outputscale
    root = sign * s.sqrt()
    if not (form.has_numeric and form.has_categorical):
        return (_draw_part(form, theta, root, form.has_numeric, form.has_categorical, generator),)
    w = torch.sigmoid(theta[form.layout.weight])[0]
    c = (1.0 - w) * 0.5
    shares = ((w, True, True), (c, True, False), (c, False, True))
    return tuple(_draw_part(form, theta, root * share.sqrt(), x, h, generator) for share, x, h in shares)


def _draw_part(
    form: ClosedForm,
    theta: Tensor,
    scale: Tensor,
    with_numeric: bool,
    with_categorical: bool,
    generator: torch.Generator,
) -> _Part:
    M = NUM_FEATURES

    def normal(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=generator, dtype=torch.float64).to(theta)

    frequencies: Tensor | None = None
    latent: list[Tensor] = []
    signs: list[Tensor] = []
    if with_numeric:
        F = form.columns.num_features
        frequencies = normal(F, M) / theta[form.layout.numeric].exp().unsqueeze(-1)
        degrees = _DEGREES[form.smoothness]
        if math.isfinite(degrees):
            chi2 = normal(int(degrees), M).square().sum(0)
            frequencies = frequencies * (degrees / chi2).sqrt()
    if with_categorical:
        latent = [E[0] @ normal(E.shape[-1], M) for E in form.latents(theta.unsqueeze(0))]
        similarity = torch.exp(-theta[form.layout.categorical].neg().exp())
        for rho, (_, num_codes) in zip(similarity, form.columns.categorical, strict=True):
            own, shared = normal(num_codes, M).sign(), normal(1, M).sign()
            signs.append(rho.sqrt() * shared + (1.0 - rho).sqrt() * own)
    phases = torch.rand(M, generator=generator, dtype=torch.float64).to(theta) * (2.0 * math.pi)
    if frequencies is None and not latent:
        phases = torch.full_like(phases, math.pi / 4.0)  # sqrt(2) cos = 1: only the signs remain
    return _Part(scale, frequencies, latent, signs, phases, normal(M))


def _evaluate(form: ClosedForm, parts: tuple[_Part, ...], features: Features) -> Tensor:
    """Evaluate the prior draw at `m` points."""
    total = features.numeric.new_zeros(len(features.numeric))
    for part in parts:
        angle = part.phases.expand(len(total), -1)
        if part.frequencies is not None:
            angle = angle + features.numeric @ part.frequencies
        if part.latent:
            angle = angle + features.latent @ torch.cat(part.latent)
        values = math.sqrt(2.0) * torch.cos(angle)
        if part.signs:
            sizes = [len(table) for table in part.signs]
            for onehot, table in zip(features.onehot.split_with_sizes(sizes, -1), part.signs, strict=True):
                values = values * (onehot @ table)
        total = total + part.scale / math.sqrt(NUM_FEATURES) * (values @ part.weights)
    return total
