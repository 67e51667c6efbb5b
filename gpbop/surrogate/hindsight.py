"""Hindsight: what the process, with the hyperparameters it has now, would have said after fewer observations.

Notation, for n observations in their order, repeats apart, in standardised units:
    K          s k + noise I, factorised as L L'; its leading block belongs to the first observations
    a, b       L^-1 y, L^-1 1
    m_i        sum_{j<i} a_j b_j / sum_{j<i} b_j^2, the constant mean that the first i observations suggest
    mu_i       m_i + sum_{j<i} L_ij (a_j - m_i b_j), the prediction of observation i from those before it
    L_ii^2     its variance, noise included
"""

import torch
from torch import Tensor

from gpbop.surrogate.factor import Factor
from gpbop.surrogate.gaussian_process import GaussianProcess, Prediction
from gpbop.surrogate.marginal_likelihood import TrainingData


def one_step_ahead(gp: GaussianProcess) -> Prediction:
    """Predict each observation from those before it, at the hyperparameters and standardisation of all of them.

    All predictions are read from one Cholesky factor.   Cost: O(n^3) time, O(n^2) memory, whatever the number of steps.

    Args:
        gp: A process on `n` observations.
    Returns:
        `n` means and `n` standard deviations of a measurement, in the objective's units, on the CPU; NaN for the first
        observation, before which nothing is known.
    References:
        Dawid (1984), Statistical theory: the prequential approach.
    Example:
        >>> from gpbop import Float, GaussianProcess, Space
        >>> gp = GaussianProcess.fit(Space({"x": Float(0, 1)}), [{"x": 0.2}, {"x": 0.7}], [1.0, 2.0])
        >>> one_step_ahead(gp).mean.isnan().tolist()
        [True, False]
    """
    z = gp.standardization.standardize(gp.y)
    n = len(z)
    # The rows of a factor stand in the order of first appearance: without repeats it is the one that is needed.
    L = gp.factor.L if len(gp.factor.L) == n else _factor(gp, n).L
    a, b = torch.linalg.solve_triangular(L, torch.stack([z, torch.ones_like(z)], -1), upper=False).unbind(-1)
    mean = ((a * b).cumsum(0) / b.square().cumsum(0)).roll(1)
    strict = L.tril(-1)
    mu = mean + strict @ a - mean * (strict @ b)
    std = L.diagonal().clone()
    mu[0] = std[0] = torch.nan
    units = gp.standardization
    return Prediction(units.restore_mean(mu).cpu(), units.restore_std(std).cpu())


def deviation_after(gp: GaussianProcess, first: int, X: Tensor) -> Tensor:
    """Compute the standard deviation that the model had after its first observations, with the hyperparameters of all.

    Args:
        gp: A process on `n` observations.
        first: How many of them count, 0 to n.
        X: `m x d` encoded points.
    Returns:
        `m` standard deviations of the function, in the objective's units, on the CPU.
    """
    if first == 0:
        return gp.standardization.restore_std(gp.factor.outputscale.sqrt()).expand(len(X)).cpu()
    factor = gp.factor if first == len(gp.y) else _factor(gp, first)
    variance = factor.moments(X.to(gp.X))[1]
    return gp.standardization.restore_std(variance.sqrt()).cpu()


def _factor(gp: GaussianProcess, first: int) -> Factor:
    """Factorise for the first observations, one row for each."""
    z = gp.standardization.standardize(gp.y[:first])
    form = gp.factor.form
    rows = torch.arange(first, device=z.device)
    data = TrainingData(form.features(gp.X[:first]), z, torch.ones_like(z), 0.0, rows)
    return Factor.of(form, gp.fit_state.theta.to(gp.X), data)
