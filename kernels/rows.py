"""Covariances of moving points with fixed ones: what acquisition functions are searched with."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from typing_extensions import override

from gpbop.kernels.closed_form import EXACT_DISTANCE, ClosedForm
from gpbop.kernels.features import Features


class _CrossCovariance(torch.autograd.Function):
    """K(first, second) for one theta, differentiable in the numeric features of the first points."""

    @staticmethod
    @override
    def forward(
        ctx: Any, numeric: Tensor, first: Features, second: Features, theta: Tensor, form: ClosedForm
    ) -> Tensor:
        parts = form.evaluate(theta, first, second)
        ctx.form, ctx.theta, ctx.first, ctx.second, ctx.parts = form, theta, first, second, parts
        return parts.covariance[0]

    @staticmethod
    @override
    def backward(ctx: Any, *grad_outputs: Tensor) -> tuple[Tensor | None, None, None, None, None]:
        if torch.is_grad_enabled():  # a graph of the gradient was asked for; a second derivative would silently be zero
            raise NotImplementedError("covariances of gpbop have first derivatives only; leave out create_graph=True")
        G = grad_outputs[0].unsqueeze(0)
        return ctx.form.grad_numeric(ctx.theta, ctx.first, ctx.second, ctx.parts, G)[0], None, None, None, None


def cross_covariance(form: ClosedForm, theta: Tensor, X: Tensor, second: Features) -> Tensor:
    """Compute K(X, second) for one set of hyperparameters, differentiable in the numeric columns of X.

    Args:
        form: The covariance.
        theta: `p` hyperparameters.
        X: `n x d` encoded points.
        second: `m` points.
    Returns:
        `n x m` covariances, outputscale included.
    """
    first = form.features(X)
    if not X.requires_grad or not form.has_numeric:
        return form.evaluate(theta.unsqueeze(0), first, second).covariance[0]
    fixed = Features(*(part.detach() for part in first))
    apply: Any = _CrossCovariance.apply  # untyped in torch
    result: Tensor = apply(first.numeric, fixed, second, theta.unsqueeze(0), form)
    return result


class MovingRows:
    """K(points, second) for points of which only the numeric features move: what does not move is computed once.

    Args:
        form: The covariance.
        theta: `p` hyperparameters.
        first: `r` points; their codes stay.
        second: `n` points.
    """

    def __init__(self, form: ClosedForm, theta: Tensor, first: Features, second: Features) -> None:
        self._profile = form.profile
        theta = theta.unsqueeze(0)
        self._inverse = theta[0, form.layout.numeric].neg().exp()
        self._second = second.numeric * self._inverse
        scale = theta[:, form.layout.outputscale].exp()
        self._share, self._offset = scale.expand(len(first.numeric), 1), None
        if form.has_categorical:
            out = scale.new_empty(1, len(first.numeric), len(second.numeric))
            kh = form.log_similarity(theta, first, second, out).exp_()[0]
            w, c = (part[0] for part in form.weights(theta))
            self._share, self._offset = (kh * w).add_(c).mul_(scale), kh.mul_(c).mul_(scale)

    def __call__(self, numeric: Tensor, index: Tensor) -> tuple[Tensor, Callable[[Tensor], Tensor]]:
        """Compute the rows of some points.

        Args:
            numeric: `r' x F` numeric features.
            index: `r'` numbers of the points they belong to.
        Returns:
            `r' x n` covariances, and the function that pulls `r' x n` values of dL/dK back to `r' x F` values of dL/dz.
        """
        z = numeric * self._inverse
        r = torch.cdist(z, self._second, compute_mode=EXACT_DISTANCE)
        kx, slope = self._profile(r, torch.empty_like(r), torch.empty_like(r))
        share = self._share[index]
        slope.mul_(share)
        K = kx.mul_(share) if self._offset is None else kx.mul_(share).add_(self._offset[index])

        def pull_back(G: Tensor) -> Tensor:
            Gx = slope.mul_(G)
            return (z * Gx.sum(-1, keepdim=True)).sub_(Gx @ self._second).mul_(self._inverse).mul_(2.0)

        return K, pull_back
