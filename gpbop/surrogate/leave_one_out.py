"""Leave-one-out predictions: what the process expects at each point from all the others, in closed form.

Notation, for u different points with mean values y of c observations each, in standardised units:
    K       s k + diag(noise / c), factorised as L L'
    m       1'K^-1 y / 1'K^-1 1, the constant mean that goes with the hyperparameters
    alpha   K^-1 (y - m)
    Q       K^-1 - K^-1 1 1'K^-1 / 1'K^-1 1, so that alpha = Q y
    mu_i    y_i - alpha_i / Q_ii, the mean at point i from the others, with m estimated from the others too
    v_i     1 / (K^-1)_ii, the variance of the mean of c_i new measurements there
Rasmussen & Williams (2006), eq. 5.12, have K^-1 in the place of Q: their mean is fixed. With Q the mean is estimated
again without the point, as a refit would do (Dubrule 1983).
"""

from typing import NamedTuple

import torch
from torch import Tensor

from gpbop.errors import NoTrialsError, explain
from gpbop.surrogate.gaussian_process import GaussianProcess


class LeftOut(NamedTuple):
    """What was measured at each different point, and what the others predict there, in the objective's units.

    Attributes:
        value: `u` mean values of the points.
        mean: `u` predictions from all the other points.
        std: `u` standard deviations of the predictions, noise of the measurements included.
    """

    value: Tensor
    mean: Tensor
    std: Tensor


def leave_one_out(gp: GaussianProcess) -> LeftOut:
    """Predict each point from all the others, at the fitted hyperparameters and standardisation.

    Repeated measurements of a point are left out together: one that stayed would give the others away.

    Cost: O(u^3) time once, instead of u factorisations.

    Args:
        gp: A process on `u` different points, fitted or conditioned by `GaussianProcess.of` or `Optimizer.gp`.
    Returns:
        Values, means and deviations, on the CPU, in the order in which the points were first told.
    Raises:
        NoTrialsError: If there is no other point to predict from.
    References:
        Rasmussen & Williams (2006), eq. 5.10-5.12; Dubrule (1983), Cross validation of kriging in a unique
        neighborhood.
    Example:
        >>> from gpbop import Float, GaussianProcess, Space
        >>> configs = [{"x": 0.1 * i} for i in range(5)]
        >>> leave_one_out(GaussianProcess.fit(Space({"x": Float(0, 1)}), configs, [1.0, 2.0, 1.5, 0.5, 1.0])).mean.shape
        torch.Size([5])
    """
    factor = gp.factor
    u = len(factor.L)
    if u < 2:
        advice = "Tell the results of more experiments first."
        raise NoTrialsError(explain("gp", "hold results of at least two different configs", f"{u}", advice))
    K_inv = torch.cholesky_inverse(factor.L)
    diagonal, sums = K_inv.diagonal(), K_inv.sum(-1)
    Q = diagonal - sums.square() / sums.sum()
    y, _ = gp.row_values()
    mean, variance = y - factor.alpha / Q, 1.0 / diagonal
    units = gp.standardization
    return LeftOut(
        units.restore_mean(y).cpu(), units.restore_mean(mean).cpu(), units.restore_std(variance.sqrt()).cpu()
    )
