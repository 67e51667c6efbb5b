"""The acquisition functions, read from the cached Cholesky factor in standardised units.

Notation:
    mu, sigma   posterior mean and standard deviation, of values that are maximised (the sign is flipped to minimise)
    u           (mu - best_f) / sigma
"""

import math

import torch
from botorch.utils.safe_math import logmeanexp
from torch import Tensor

from gpbop.acquisition.base import Acquisition, FunctionAcquisition, MomentAcquisition
from gpbop.acquisition.question import Question
from gpbop.surrogate.factor import BLOCK_ARRAYS
from gpbop.surrogate.noiseless import noiseless_draws
from gpbop.surrogate.sample_path import NUM_FEATURES, draw_sample_path

# Draws of the incumbent in noisy EI: the standard error of the mean EI is under a fifth of its spread.
NUM_DRAWS = 32


def max_variance(question: Question) -> Acquisition:
    """Posterior standard deviation: it has the maximum of the variance."""

    def utility(mean: Tensor, sigma: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        return sigma.clone(), torch.zeros_like(mean), torch.ones_like(sigma)

    return MomentAcquisition(question.factor(), question.sign, utility)


def ei(question: Question) -> Acquisition:
    """Log EI = log sigma + log h(u), h(u) = phi(u) + u Phi(u), h' = Phi.   Ament et al. (2023), arXiv:2310.20708."""
    best_f = question.standardized(question.incumbent)

    def utility(mean: Tensor, sigma: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        u = (mean - best_f) / sigma
        log_h, by_u = _log_h(u)
        return log_h + sigma.log(), by_u / sigma, (1.0 - u * by_u) / sigma

    return MomentAcquisition(question.factor(), question.sign, utility)


# Between these u the closed form of log h has at least ten digits; outside, its expansions have.
LOWEST_U, HIGHEST_U = -1e3, 30.0


def _log_h(u: Tensor) -> tuple[Tensor, Tensor]:
    """Compute log h(u) = log(phi(u) + u Phi(u)) and its derivative Phi(u) / h(u), for any u.

    With Mills' ratio R = Phi / phi = sqrt(pi / 2) erfcx(-u / sqrt 2): h = phi (1 + u R), Phi / h = R / (1 + u R). For
    u -> -inf h = phi / u^2 and for u -> inf h = u. BoTorch's `_log_ei_helper` is the reference; this one needs a third
    of its operations.
    """
    inside = u.clamp(LOWEST_U, HIGHEST_U)
    ratio = torch.special.erfcx(inside * -math.sqrt(0.5)).mul(math.sqrt(0.5 * math.pi))
    share = 1.0 + inside * ratio
    log_phi = inside.square().mul(-0.5).sub(0.5 * math.log(2.0 * math.pi))
    log_h, by_u = share.log() + log_phi, ratio / share
    if bool((inside == u).all()):
        return log_h, by_u
    low, high = u.clamp_max(LOWEST_U), u.clamp_min(HIGHEST_U)
    log_low = -0.5 * low.square() - 0.5 * math.log(2.0 * math.pi) - 2.0 * (-low).log()
    log_h = torch.where(u < LOWEST_U, log_low, torch.where(u > HIGHEST_U, high.log(), log_h))
    return log_h, torch.where(u < LOWEST_U, -low, torch.where(u > HIGHEST_U, high.reciprocal(), by_u))


def pi(question: Question) -> Acquisition:
    """Log PI = log Phi(u)."""
    best_f = question.standardized(question.incumbent)

    def utility(mean: Tensor, sigma: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        u = (mean - best_f) / sigma
        log_pi = torch.special.log_ndtr(u)
        by_mean = (-0.5 * u.square() - 0.5 * math.log(2.0 * math.pi) - log_pi).exp() / sigma
        return log_pi, by_mean, -u * by_mean

    return MomentAcquisition(question.factor(), question.sign, utility)


def ucb(question: Question) -> Acquisition:
    """UCB = mu + sqrt(beta) sigma.   Srinivas et al. (2010)."""
    weight = math.sqrt(question.beta)

    def utility(mean: Tensor, sigma: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        return mean + weight * sigma, torch.ones_like(mean), torch.full_like(sigma, weight)

    return MomentAcquisition(question.factor(), question.sign, utility)


def noisy_ei(question: Question) -> Acquisition:
    """Log of EI averaged over draws of the noise-free values at the observed points.   Letham et al. (2019)."""
    draws, values = noiseless_draws(question.gp.factor, NUM_DRAWS, question.seed, question.sign)
    if question.X_pending is not None and len(question.X_pending):
        draws = draws.believe(question.X_pending.to(question.gp.X))
    sign = question.sign
    best_f = (sign * values).amax(0)

    def log_nei(X: Tensor) -> Tensor:
        mean, variance = draws.moments(X)
        sigma = variance.sqrt().unsqueeze(-1)
        value: Tensor = logmeanexp(_log_h((sign * mean - best_f) / sigma)[0] + sigma.log(), dim=-1)
        return value

    numbers = BLOCK_ARRAYS * len(draws.L) + 8 * NUM_DRAWS
    return FunctionAcquisition(log_nei, numbers, draws.block_bytes)


def integrated_variance(question: Question) -> Acquisition:
    """Drop of the mean variance over the reference points z: mean_z c(z, x)^2 / (v(x) + noise).

    c is the posterior covariance: by measuring x, the variance at z falls by the square of what x tells about z.
    """
    factor = question.factor()
    features = factor.form.features(question.reference_points())
    cross = factor.form.evaluate(factor.theta.unsqueeze(0), factor.features, features).covariance[0]
    weights = torch.cholesky_solve(cross, factor.L)
    rows_of = factor.rows_with(features)

    def drop(X: Tensor) -> Tensor:
        rows, to_reference = rows_of(X)
        V = torch.linalg.solve_triangular(factor.L, rows.mT, upper=False)
        variance = (factor.outputscale - V.square().sum(0)).clamp_min(factor.smallest_variance)
        reduced: Tensor = (to_reference - rows @ weights).square().mean(-1).div(variance + factor.noise)
        return reduced

    numbers = BLOCK_ARRAYS * (len(factor.L) + len(features.numeric))
    return FunctionAcquisition(drop, numbers, factor.block_bytes)


def thompson(question: Question) -> Acquisition:
    """One function drawn from the posterior; see `gpbop.surrogate.sample_path` for how exact it is.

    Pending points count as measured once, with their mean as the result, as in every other acquisition function.
    """
    gp, factor = question.gp, question.factor()
    values, counts = gp.row_values()
    if question.X_pending is not None and len(question.X_pending):
        with torch.no_grad():
            believed, _ = gp.factor.moments(question.X_pending.to(gp.X))
        values, counts = torch.cat([values, believed]), torch.cat([counts, torch.ones_like(believed)])
    path = draw_sample_path(factor, values - factor.mean, counts, seed=question.seed, sign=question.sign)
    numbers = BLOCK_ARRAYS * len(factor.L) + 4 * NUM_FEATURES
    return FunctionAcquisition(lambda X: question.sign * path(X), numbers, factor.block_bytes)
