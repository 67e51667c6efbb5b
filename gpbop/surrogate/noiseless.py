"""Draws of the noise-free objective at the observed points, as noisy expected improvement needs them."""

from dataclasses import replace

import torch
from botorch.sampling.qmc import NormalQMCEngine
from torch import Tensor

from gpbop.surrogate.cholesky import cholesky
from gpbop.surrogate.factor import Factor

# Noise variance of a noise-free model, for conditioning; BoTorch's noiseless fantasies use the same.
NOISELESS = 1e-7
# NormalQMCEngine's Sobol sequence ends at this many dimensions.
MAX_QMC_DIM = 21201


def noiseless_draws(factor: Factor, num_draws: int, seed: int, sign: float = 1.0) -> tuple[Factor, Tensor]:
    """Draw joint noise-free values at the training points and condition on each draw.

    Cost: O(n^3) once, O(n^2) per draw.

    Args:
        factor: The factorised process over `n` different points.
        num_draws: Number s of draws.
        seed: Seed of the quasi-random normal draws.
        sign: -1 draws the negative of what +1 draws for the negated values.
    Returns:
        A factor with s mean functions over one variance, and the `n x s` drawn values, both in standardised units.
    References:
        Letham et al. (2019), Constrained Bayesian optimization with noisy experiments, arXiv:1706.07094.
    """
    n = len(factor.L)
    K = factor.form.evaluate(factor.theta.unsqueeze(0), factor.features, factor.features).covariance[0]
    V = torch.linalg.solve_triangular(factor.L, K, upper=False)
    covariance = K - V.mT @ V
    covariance.diagonal().add_(NOISELESS)
    root = cholesky(0.5 * (covariance + covariance.mT), "posterior covariance")
    if n <= MAX_QMC_DIM:
        base: Tensor | None = NormalQMCEngine(n, seed=seed).draw(num_draws, dtype=torch.float64)
    else:
        base = torch.randn(num_draws, n, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    assert base is not None, "the engine returns its draws unless it is given a tensor for them"
    values = (factor.mean + K @ factor.alpha).unsqueeze(-1) + sign * root @ base.to(K).mT
    K.diagonal().add_(NOISELESS)
    L = cholesky(K, "noise-free covariance")
    alpha = torch.cholesky_solve(values - factor.mean, L)
    return replace(factor, noise=K.new_tensor(NOISELESS), L=L, alpha=alpha), values
