"""Posterior moments in extended precision, straight from the definitions: what rounding errors are measured against."""

from typing import Any

import numpy
from torch import Tensor

from gpbop.surrogate.factor import Factor

LONG = numpy.longdouble


def covariances(factor: Factor, X: Tensor) -> Any:
    """Return `m x n` covariances of encoded points with the training points, 64-bit mantissa where there is one."""
    form, theta = factor.form, factor.theta.numpy().astype(LONG)
    first, second = form.features(X), factor.features
    s = numpy.exp(theta[form.layout.outputscale])[0]
    kx = kh = None
    if form.has_numeric:
        z, w = (part.numeric.numpy().astype(LONG) for part in (first, second))
        lengthscale = numpy.exp(theta[form.layout.numeric])
        r = numpy.sqrt((((z[:, None] - w[None]) / lengthscale) ** 2).sum(-1))
        root = {"matern52": LONG(5), "matern32": LONG(3), "rbf": LONG(1)}[form.smoothness]
        t = numpy.sqrt(root) * r
        series = {"matern52": 1 + t + t * t / 3, "matern32": 1 + t}
        kx = numpy.exp(-r * r / 2) if form.smoothness == "rbf" else series[form.smoothness] * numpy.exp(-t)
    if form.has_categorical:
        q = numpy.zeros((len(X), len(factor.L)), dtype=LONG)
        start = 0
        for (_, size), gamma in zip(form.columns.categorical, numpy.exp(-theta[form.layout.categorical]), strict=True):
            one, two = (part.onehot[:, start : start + size].argmax(1).numpy() for part in (first, second))
            q += gamma * (one[:, None] != two[None])
            start += size
        start = 0
        for E in (part[0].numpy().astype(LONG) for part in form.latents(factor.theta.unsqueeze(0))):
            one, two = (part.latent[:, start : start + len(E)].argmax(1).numpy() for part in (first, second))
            q += ((E[one][:, None] - E[two][None]) ** 2).sum(-1) / 2
            start += len(E)
        kh = numpy.exp(-q)
    if kx is None or kh is None:
        return s * (kh if kx is None else kx)
    share = 1 / (1 + numpy.exp(-theta[form.layout.weight]))[0]
    return s * (share * kx * kh + (1 - share) / 2 * (kx + kh))


def moments(factor: Factor, X: Tensor) -> tuple[Any, Any]:
    """Return `m x s` means and `m` variances, for the factor's L and alpha as they are."""
    _, variance = solved(factor, X)
    alpha = factor.alpha.reshape(len(factor.L), -1).numpy().astype(LONG)
    return LONG(float(factor.mean)) + covariances(factor, X) @ alpha, variance


def solved(factor: Factor, X: Tensor) -> tuple[Any, Any]:
    """Return `n x m` L^-1 k(X_train, X) and `m` variances."""
    V = forward_substituted(factor.L.numpy().astype(LONG), covariances(factor, X).T)
    s = numpy.exp(factor.theta.numpy().astype(LONG)[factor.form.layout.outputscale])[0]
    return V, s - (V * V).sum(0)


def forward_substituted(L: Any, K: Any) -> Any:
    """Return `n x m` L^-1 K."""
    V = numpy.zeros_like(K)
    for i in range(len(L)):
        V[i] = (K[i] - L[i, :i] @ V[:i]) / L[i, i]
    return V


def back_substituted(factor: Factor, V: Any) -> Any:
    """Return `n x m` L'^-1 V: the weights of predictions."""
    L, w = factor.L.numpy().astype(LONG), numpy.zeros_like(V)
    for i in reversed(range(len(L))):
        w[i] = (V[i] - L[i + 1 :, i] @ w[i + 1 :]) / L[i, i]
    return w
