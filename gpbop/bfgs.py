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
from dataclasses import dataclass, field, replace

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

    Projected BFGS: coordinates that a bound holds back are taken out of the quadratic model, steps are cut at the box
    and accepted by sufficient decrease. A start has converged when the model promises less than the tolerance, or a
    step brought less and the next one promises no more.
    Cost: one objective evaluation of the unfinished starts and O(b p^2) a round, O(b p^3) where bounds hold.

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
    x = x.clamp(*bounds)
    start = torch.arange(len(x), device=x.device)
    value, g = objective(x, start)
    H = inverse_hessian
    if H is None:
        eye = torch.eye(x.shape[-1], dtype=x.dtype, device=x.device)
        H = eye * (first_step / g.norm(dim=-1).clamp_min(1e-300))[:, None, None]
    unscaled = torch.full_like(start, inverse_hessian is None, dtype=torch.bool)
    batch = _Batch(bounds, longest_step, tolerance, start, x, value, g, H, torch.ones_like(value), unscaled)
    going = batch.turn() & torch.isfinite(value)
    end = Minimum(x.clone(), value.clone(), H.clone(), 1)
    evaluations = 1
    while True:
        if not bool(going.all()):
            batch.store(end)
            batch.keep(going)
        if not len(batch.start) or evaluations >= max_evaluations:
            break
        going = batch.step(objective)
        evaluations += 1
    batch.store(end)
    return replace(end, evaluations=evaluations)


@dataclass
class _Batch:
    """The starts that have not converged; see the notation at the head of the module."""

    bounds: Tensor
    longest_step: float
    tolerance: float
    start: Tensor  # (b,) their numbers among all starts
    x: Tensor
    value: Tensor
    g: Tensor
    H: Tensor
    t: Tensor
    unscaled: Tensor  # (b,) whether H has still the arbitrary scale of the first metric
    d: Tensor = field(init=False)
    promised: Tensor = field(init=False)  # (b,) decrease that the quadratic model expects, twice over

    def turn(self) -> Tensor:
        """Take new directions d, and return which of them promise a decrease worth a step."""
        held = ((self.x <= self.bounds[0]) & (self.g > 0)) | ((self.x >= self.bounds[1]) & (self.g < 0))
        free_g = self.g.masked_fill(held, 0.0)
        H = _reduce(self.H, held) if bool(held.any()) else self.H
        self.d = torch.bmm(H, free_g.unsqueeze(-1)).squeeze(-1).neg_().masked_fill_(held, 0.0)
        self.promised = -(self.d * free_g).sum(-1)
        self.d.mul_((self.longest_step / self.d.abs().amax(-1, keepdim=True)).clamp_max_(1.0))
        return self.promised > 0.1 * self.tolerance

    def step(self, objective: Objective) -> Tensor:
        """Evaluate one step of each start and take it where it is good enough; return which starts go on."""
        x_new = torch.addcmul(self.x, self.t.unsqueeze(-1), self.d).clamp_(*self.bounds)
        value_new, g_new = objective(x_new, self.start)
        s, y = x_new - self.x, g_new - self.g
        slope = (self.g * s).sum(-1).clamp_max_(0.0)
        accepted = value_new <= self.value + ARMIJO * slope  # False for NaN
        gain = self.value - value_new
        if bool(accepted.all()):
            self.x, self.g, self.value, self.t = x_new, g_new, value_new, torch.ones_like(self.t)
            self._learn(s, y)
            return self.turn() & self._is_worthwhile(gain)
        keep = accepted.unsqueeze(-1)
        shorter = self.t * _shrink(self.value, value_new, slope)
        self.t = torch.where(accepted, 1.0, shorter)
        self.x, self.g = torch.where(keep, x_new, self.x), torch.where(keep, g_new, self.g)
        self.value = torch.where(accepted, value_new, self.value)
        self._learn(torch.where(keep, s, 0.0), torch.where(keep, y, 0.0))  # a rejected gradient may be NaN
        d = self.d
        promising = self.turn()
        self.d = torch.where(keep, self.d, d)
        return torch.where(accepted, promising & self._is_worthwhile(gain), shorter > SHORTEST_STEP)

    def keep(self, going: Tensor) -> None:
        """Drop the starts that have converged."""
        for name in ("start", "x", "value", "g", "H", "t", "unscaled", "d"):
            setattr(self, name, getattr(self, name)[going])

    def store(self, end: Minimum) -> None:
        """Write where these starts are into the result."""
        end.x[self.start], end.value[self.start], end.inverse_hessian[self.start] = self.x, self.value, self.H

    def _is_worthwhile(self, gain: Tensor) -> Tensor:
        return (gain > self.tolerance) | (self.promised > self.tolerance)

    def _learn(self, s: Tensor, y: Tensor) -> None:
        """Update the inverse Hessians after steps s with gradient changes y; zeros change nothing.

        Nocedal & Wright, eq. 6.17; the first step sets the scale, eq. 6.20.
        """
        sy, yy = (s * y).sum(-1), y.square().sum(-1)
        curved = sy > 1e-10 * (s.square().sum(-1) * yy).sqrt()
        if bool(self.unscaled.any()):
            rescale = curved & self.unscaled
            eye = torch.eye(s.shape[-1], dtype=s.dtype, device=s.device)
            scaled = torch.where(rescale, sy / yy, 1.0)[:, None, None] * eye
            self.H = torch.where(rescale[:, None, None], scaled, self.H)
            self.unscaled = self.unscaled & ~curved
        rho = torch.where(curved, sy.reciprocal(), 0.0).unsqueeze(-1)
        Hy = torch.bmm(self.H, y.unsqueeze(-1)).squeeze(-1)
        # H + (1 + rho y'Hy) rho s s' - rho (Hy s' + s Hy') as one symmetric pair of outer products
        half = (0.5 * (1.0 + rho * (y * Hy).sum(-1, keepdim=True)) * s).sub_(Hy).mul_(rho)
        outer = half.unsqueeze(-1) * s.unsqueeze(-2)
        self.H = self.H + outer + outer.mT


def _shrink(value: Tensor, value_new: Tensor, slope: Tensor) -> Tensor:
    """Return the factor on a rejected step: the minimiser of the parabola through both values, kept in [0.1, 0.5]."""
    factor = -slope / (2.0 * (value_new - value - slope))
    return torch.nan_to_num(factor, nan=0.1).clamp(0.1, 0.5)


def _reduce(H: Tensor, held: Tensor) -> Tensor:
    """Return the inverse Hessian of the free coordinates alone, zero elsewhere.

    The inverse of the free block of the Hessian is H_FF - H_FA H_AA^-1 H_AF, with A the held coordinates.
    """
    m = held.to(H)
    across = m.unsqueeze(-1) * H  # rows of held coordinates
    block = across * m.unsqueeze(-2) + (1.0 - m).diag_embed()
    solved, info = torch.linalg.solve_ex(block, across)
    solved = torch.where((info == 0)[:, None, None], solved, 0.0)
    return H - across.mT @ solved
