"""Minimise many smooth functions at once in a box: BFGS with a dense inverse Hessian, all starts in one batch.

The problems here have 2 to 100 unknowns and evaluations of a fraction of a millisecond, where the cost of a general
optimiser is its own overhead: SciPy's L-BFGS-B runs the starts one after another and crosses between NumPy and torch
at every step. Here every evaluation serves all starts that have not converged, on whatever device they are on, and the
inverse Hessian can be handed to the next, nearly equal problem (the fit after one more observation), which then
converges in a few evaluations.

Notation:
    x       (b, p)      the iterates, g their gradients, d the directions, t the step lengths
    H       (b, p, p)   inverse Hessian approximations
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

Objective = Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]
"""Maps `b x p` points and the `b` numbers of the starts that they belong to, to `b` values and `b x p` gradients."""

ARMIJO = 1e-4  # sufficient decrease, Nocedal & Wright (2006), section 3.1
SHORTEST_STEP = 1e-10


@dataclass(frozen=True)
class Minimum:
    """Where each start ended.

    Attributes:
        x: `b x p` best points.
        value: `b` values there.
        inverse_hessian: `b x p x p` approximations there.
        evaluations: Number of batched evaluations made.
    """

    x: Tensor
    value: Tensor
    inverse_hessian: Tensor
    evaluations: int


def minimize_batch(
    objective: Objective,
    x: Tensor,
    bounds: Tensor,
    *,
    inverse_hessian: Tensor | None = None,
    first_step: float = 1.0,
    longest_step: float = 1.0,
    max_evaluations: int = 200,
    tolerance: float = 1e-6,
) -> Minimum:
    """Minimise one function from each row of x, staying in the box.

    Projected BFGS: coordinates that a bound holds back are left out of the direction, steps are cut at the box, and
    accepted by sufficient decrease. A start has converged when a full step promises or brings less than the tolerance.
    Cost: one objective evaluation of the unfinished starts and O(b p^2) a round.

    Args:
        objective: Values and gradients; an infinite or NaN value is a step too far.
        x: `b x p` starts.
        bounds: `2 x p` lower and upper bounds.
        inverse_hessian: `b x p x p` first metric; a scaled identity if absent.
        first_step: Length of the first step without one.
        longest_step: Most that a coordinate may move in one step.
        max_evaluations: Most batched evaluations to make.
        tolerance: Smallest decrease of the value that is still worth a step, in the units of the objective.
    Returns:
        The best point of each start; a start whose value is not finite stays where it was.
    References:
        Nocedal & Wright (2006), Algorithm 6.1; Bertsekas (1982), projected Newton methods.
    """
    lower, upper = bounds
    b, p = x.shape
    x = x.clamp(lower, upper)
    active = torch.arange(b, device=x.device)
    value, g = objective(x, active)
    eye = torch.eye(p, dtype=x.dtype, device=x.device)
    if inverse_hessian is None:
        H = eye * (first_step / g.norm(dim=-1).clamp_min(1e-300))[:, None, None]
    else:
        H = inverse_hessian
    t = x.new_ones(b)
    d, going = _direction(H, x, g, bounds, longest_step, tolerance)
    going &= torch.isfinite(value)
    unscaled = torch.full((b,), inverse_hessian is None, device=x.device)
    end = Minimum(x.clone(), value.clone(), H.clone(), 1)
    evaluations = 1
    while True:
        if not bool(going.all()):
            end.x[active], end.value[active], end.inverse_hessian[active] = x, value, H
            active, unscaled = active[going], unscaled[going]
            x, value, g, H, d, t = (part[going] for part in (x, value, g, H, d, t))
        if not len(active) or evaluations >= max_evaluations:
            break
        x_new = torch.addcmul(x, t.unsqueeze(-1), d).clamp_(lower, upper)
        value_new, g_new = objective(x_new, active)
        evaluations += 1
        step = x_new - x
        slope = (g * step).sum(-1)
        accepted = value_new <= value + ARMIJO * slope  # False for NaN
        gain = value - value_new
        if bool(accepted.all()):
            H, unscaled = _update(H, step, g_new - g, unscaled, eye)
            x, g, value, t = x_new, g_new, value_new, torch.ones_like(t)
            d, going = _direction(H, x, g, bounds, longest_step, tolerance)
            going &= gain > tolerance
            continue
        keep = accepted.unsqueeze(-1)
        y = torch.where(keep, g_new - g, 0.0)  # a rejected gradient may be NaN
        H, unscaled = _update(H, torch.where(keep, step, 0.0), y, unscaled, eye)
        t = torch.where(accepted, 1.0, t * _shrink(value, value_new, slope))
        x, g = torch.where(keep, x_new, x), torch.where(keep, g_new, g)
        value = torch.where(accepted, value_new, value)
        d_new, promising = _direction(H, x, g, bounds, longest_step, tolerance)
        d = torch.where(keep, d_new, d)
        going = torch.where(accepted, promising & (gain > tolerance), t > SHORTEST_STEP)
    end.x[active], end.value[active], end.inverse_hessian[active] = x, value, H
    return Minimum(end.x, end.value, end.inverse_hessian, evaluations)


def _direction(
    H: Tensor, x: Tensor, g: Tensor, bounds: Tensor, longest_step: float, tolerance: float
) -> tuple[Tensor, Tensor]:
    """Return the `b x p` quasi-Newton directions over the free coordinates, and whether they promise a decrease."""
    held = ((x <= bounds[0]) & (g > 0)) | ((x >= bounds[1]) & (g < 0))
    free_g = g.masked_fill(held, 0.0)
    d = torch.bmm(H, free_g.unsqueeze(-1)).squeeze(-1).neg_().masked_fill_(held, 0.0)
    promised = -(d * free_g).sum(-1)
    d.mul_((longest_step / d.abs().amax(-1, keepdim=True)).clamp_max_(1.0))
    return d, promised > tolerance * 0.1


def _shrink(value: Tensor, value_new: Tensor, slope: Tensor) -> Tensor:
    """Return the factor on a rejected step: the minimiser of the parabola through both values, kept in [0.1, 0.5]."""
    factor = -slope / (2.0 * (value_new - value - slope))
    return torch.nan_to_num(factor, nan=0.1).clamp(0.1, 0.5)


def _update(H: Tensor, s: Tensor, y: Tensor, unscaled: Tensor, eye: Tensor) -> tuple[Tensor, Tensor]:
    """Return the inverse Hessians after steps s with gradient changes y; zeros change nothing.

    Nocedal & Wright, eq. 6.17; the first step sets the scale, eq. 6.20.
    """
    sy, yy = (s * y).sum(-1), y.square().sum(-1)
    curved = sy > 1e-10 * (s.square().sum(-1) * yy).sqrt()
    if bool(unscaled.any()):
        rescale = curved & unscaled
        ratio = torch.where(rescale, sy / yy, 1.0)
        H = torch.where(rescale[:, None, None], ratio[:, None, None] * eye, H)
        unscaled = unscaled & ~curved
    rho = torch.where(curved, sy.reciprocal(), 0.0).unsqueeze(-1)
    Hy = torch.bmm(H, y.unsqueeze(-1)).squeeze(-1)
    # H + (1 + rho y'Hy) rho s s' - rho (Hy s' + s Hy') as one symmetric pair of outer products
    half = (0.5 * (1.0 + rho * (y * Hy).sum(-1, keepdim=True)) * s).sub_(Hy).mul_(rho)
    outer = half.unsqueeze(-1) * s.unsqueeze(-2)
    return H + outer + outer.mT, unscaled
