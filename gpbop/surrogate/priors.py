"""Priors and bounds of the hyperparameters.

Every hyperparameter lives in theta as a logarithm (the weight as a logit, latent coordinates as they are). Densities
are those of the values themselves, as GPyTorch adds them to the marginal likelihood: a log-normal value with log-mean
mu and log-deviation sigma has log p = -(theta - mu)^2 / (2 sigma^2) - theta - log(sigma sqrt(2 pi)).
"""

import math
from dataclasses import dataclass

import torch
from gpytorch.priors import Prior
from torch import Tensor
from torch.distributions import Beta
from typing_extensions import override

from gpbop.kernels.closed_form import ClosedForm

# Lengthscales: median exp(sqrt 2) sqrt(D), Hvarfner et al. (2024), "Vanilla Bayesian optimization performs great in
# high dimensions", eq. 8; D counts the columns of the space. BoTorch's default too.
LENGTHSCALE_LOC, LENGTHSCALE_SCALE = math.sqrt(2.0), math.sqrt(3.0)
# Noise variance of standardised targets: BoTorch's default (median 0.018).
NOISE_LOC, NOISE_SCALE = -4.0, 1.0
# Outputscale of standardised targets: about 1, but learned; a fixed one hurts (BoTorch issue 2619).
OUTPUTSCALE_LOC, OUTPUTSCALE_SCALE = 0.0, 1.0
# Beta(a, a): the weight of the product against the sum keeps off its ends, where its gradient dies.
WEIGHT_CONCENTRATION = 2.0

LENGTHSCALE_BOUNDS = (1e-2, 1e3)
CATEGORICAL_BOUNDS = (5e-2, 1e3)
LATENT_BOUND = 6.0
WEIGHT_BOUND = 8.0  # on the logit
OUTPUTSCALE_BOUNDS = (1e-3, 1e3)
NOISE_BOUNDS = (1e-6, 1e2)


class BetaPrior(Prior, Beta):  # type: ignore[misc]  # GPyTorch's Prior is untyped
    """Symmetric beta prior on a number in (0, 1); GPyTorch has none.

    Args:
        concentration: Both parameters of the density.
    """

    def __init__(self, concentration: float) -> None:
        torch.nn.Module.__init__(self)
        Beta.__init__(self, torch.tensor(concentration), torch.tensor(concentration), validate_args=False)
        self._transform = None
        self._a = concentration

    @override
    def log_prob(self, x: Tensor) -> Tensor:  # pyright: ignore[reportIncompatibleMethodOverride]  # the bases disagree
        """Compute the log density, on x's device and in its precision: torch's own would stay on the CPU."""
        normalizer = math.lgamma(2.0 * self._a) - 2.0 * math.lgamma(self._a)
        return normalizer + (self._a - 1.0) * (torch.log(x) + torch.log1p(-x))


@dataclass(frozen=True)
class ThetaPrior:
    """The joint prior of theta = (kernel hyperparameters, log noise).

    Attributes:
        loc: `p` centres in theta.
        scale: `p` deviations in theta.
        lognormal: `p` ones where the value is exp(theta) and its density carries the factor 1 / value.
        weight: Where the logit of the weight lies (an empty slice without one).
        bounds: `2 x p` lower and upper bounds of theta.
        start: `p` most probable theta: where a fit without better knowledge starts.
        normalizer: What the log density subtracts to integrate to one.
    """

    loc: Tensor
    scale: Tensor
    lognormal: Tensor
    weight: slice
    bounds: Tensor
    start: Tensor
    normalizer: float

    @staticmethod
    def of(form: ClosedForm, d: int, *, device: torch.device | None = None) -> "ThetaPrior":
        """Build the default prior of a covariance on a space of d columns."""
        layout = form.layout
        p = layout.size + 1
        lengthscale = (LENGTHSCALE_LOC + 0.5 * math.log(d), LENGTHSCALE_SCALE, 1.0)
        groups: list[tuple[slice, tuple[float, float, float], tuple[float, float]]] = [
            (layout.numeric, lengthscale, _log(LENGTHSCALE_BOUNDS)),
            (layout.categorical, lengthscale, _log(CATEGORICAL_BOUNDS)),
            (layout.latent, (0.0, 1.0, 0.0), (-LATENT_BOUND, LATENT_BOUND)),
            (layout.weight, (0.0, math.inf, 0.0), (-WEIGHT_BOUND, WEIGHT_BOUND)),
            (layout.outputscale, (OUTPUTSCALE_LOC, OUTPUTSCALE_SCALE, 1.0), _log(OUTPUTSCALE_BOUNDS)),
            (slice(p - 1, p), (NOISE_LOC, NOISE_SCALE, 1.0), _log(NOISE_BOUNDS)),
        ]
        table = torch.zeros(5, p, dtype=torch.float64)
        for where, prior, bounds in groups:
            table[:, where] = torch.tensor([*prior, *bounds], dtype=torch.float64).unsqueeze(-1)
        loc, scale, lognormal, low, high = table.to(device) if device is not None else table
        mode = torch.where(lognormal > 0, loc - scale.square(), loc).clamp(low, high)
        normal = scale[torch.isfinite(scale)]
        normalizer = float(normal.log().sum()) + 0.5 * len(normal) * math.log(2.0 * math.pi)
        if layout.weight.stop > layout.weight.start:
            normalizer -= math.lgamma(2 * WEIGHT_CONCENTRATION) - 2 * math.lgamma(WEIGHT_CONCENTRATION)
        return ThetaPrior(loc, scale, lognormal, layout.weight, torch.stack([low, high]), mode, normalizer)

    def log_prob(self, theta: Tensor) -> tuple[Tensor, Tensor]:
        """Compute the log density of `b x p` hyperparameters: `b` values and `b x p` gradients."""
        z = (theta - self.loc) / self.scale
        value = (z.square().mul_(-0.5) - self.lognormal * theta).sum(-1).sub_(self.normalizer)
        grad = z.div_(self.scale).add_(self.lognormal).neg_()
        if self.weight.stop > self.weight.start:
            w = torch.sigmoid(theta[:, self.weight])
            a = WEIGHT_CONCENTRATION - 1.0
            value += a * (w * (1.0 - w)).log()[:, 0]
            grad[:, self.weight] += a * (1.0 - 2.0 * w)
        return value, grad

    def curvature(self, theta: Tensor) -> Tensor:
        """Compute `b x p` second derivatives of minus the log density."""
        second = self.scale.square().reciprocal().expand_as(theta).clone()
        w = torch.sigmoid(theta[:, self.weight])
        second[:, self.weight] = 2.0 * (WEIGHT_CONCENTRATION - 1.0) * w * (1.0 - w)
        return second

    def sample_starts(self, m: int, generator: torch.Generator) -> Tensor:
        """Draw `m x p` further starts around the most probable theta, latent coordinates from their prior."""
        spread = torch.where(torch.isinf(self.scale), 1.0, self.scale.clamp_max(1.0))
        noise = torch.randn(m, len(self.loc), generator=generator, dtype=torch.float64).to(self.loc)
        return (self.start + spread * noise).clamp(*self.bounds)


def _log(bounds: tuple[float, float]) -> tuple[float, float]:
    return math.log(bounds[0]), math.log(bounds[1])
