"""What does each covariance cost, forward and backward, and how near is it to what the device can do?

"closed form" is what gpbop computes with (no graph recorded, gradients by hand), "modules" are the GPyTorch modules in
`kernels/` that it is tested against, with gradients by autograd; both give K(X, X) of n points, and the gradient of one
number computed from it in all hyperparameters. Peer: GPyTorch's own MaternKernel. Shares are of the matrix-product
rate, of the memory bandwidth (K written once) and of the rate of exponentials, each measured on the same device. The
closed form has gradients of exchangeable columns in float64 only.
"""

from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor

from benchmarks.harness.ceilings import Cost
from benchmarks.harness.question import Peer, Question, Setting, Side, Sizes
from gpbop.kernels import Columns
from gpbop.kernels.closed_form import ClosedForm
from gpbop.kernels.profiles import Workspace
from gpbop.surrogate.model import build_covar_module

NUMERIC = tuple(range(6))
COVARIANCES: dict[str, tuple[str, Columns]] = {
    "mixed": ("matern52", Columns(numeric=NUMERIC, categorical=((6, 3), (7, 4)), latent=((8, 12),))),
    "matern52": ("matern52", Columns(numeric=NUMERIC)),
    "matern32": ("matern32", Columns(numeric=NUMERIC)),
    "rbf": ("rbf", Columns(numeric=NUMERIC)),
    "conditional": ("matern52", Columns(numeric=NUMERIC, conditional=(3, 4, 5))),
    "exchangeable": ("matern52", Columns(categorical=((0, 3), (1, 3), (2, 4)))),
    "latent": ("matern52", Columns(latent=((0, 12), (1, 20)))),
}
PROFILE_FLOPS = 10.0  # of one covariance, beside its distance


def points(columns: Columns, n: int, seed: int) -> Tensor:
    """Return `n` random encoded points with the columns."""
    codes = dict((*columns.categorical, *columns.latent))
    X = torch.rand(n, max((*columns.numeric, *codes)) + 1, generator=torch.Generator().manual_seed(seed)).double()
    for column, count in codes.items():
        X[:, column] = (X[:, column] * count).floor()
    return X


def sides(setting: Setting) -> Iterator[Side | Peer]:
    sizes, dtype = setting.sizes, getattr(torch, setting.sizes["dtype"])
    smoothness, columns = COVARIANCES[sizes["covariance"]]
    form = ClosedForm(columns, smoothness, setting.torch_device)  # type: ignore[arg-type]
    X = points(columns, sizes["n"], setting.seed).to(setting.torch_device, dtype)
    theta = torch.full((1, form.layout.size), -0.5, dtype=dtype, device=X.device)
    G = torch.rand(1, len(X), len(X), generator=torch.Generator().manual_seed(0)).to(X)
    with_gradient = sizes["pass"] == "gradient"
    cost = _cost(form, len(X), dtype, with_gradient)
    if not (with_gradient and columns.categorical and dtype != torch.float64):
        yield Side("closed form", _closed_form(form, theta, X, G, with_gradient), cost=cost)
    module = build_covar_module(form, theta[0].double(), X.shape[1]).to(X)
    yield Side("modules", _modules(module, X, G[0], with_gradient), cost=cost)
    if setting.has_peers and sizes["covariance"] == "matern52":
        job = {"dtype": sizes["dtype"], "gradient": with_gradient}
        yield Peer("GPyTorch", "gpytorch", "covariance", job, {"X": X})


def _closed_form(form: ClosedForm, theta: Tensor, X: Tensor, G: Tensor, with_gradient: bool) -> Callable[[], Any]:
    features, workspace, weights = form.features(X), Workspace(), torch.empty_like(G)

    def work() -> Any:
        parts = form.evaluate(theta, features, features, workspace)
        if not with_gradient:
            return parts.covariance
        return form.grad_theta(theta, features, features, parts, weights.copy_(G), workspace)  # it uses its G up

    return work


def _modules(module: Any, X: Tensor, G: Tensor, with_gradient: bool) -> Callable[[], Any]:
    parameters = list(module.parameters())

    def work() -> Any:
        with torch.set_grad_enabled(with_gradient):
            K = module(X).to_dense()
            return torch.autograd.grad((K * G).sum(), parameters) if with_gradient else K

    return work


def _cost(form: ClosedForm, n: int, dtype: torch.dtype, with_gradient: bool) -> Cost:
    """Count a distance as a subtraction, a product and a sum a feature; a gradient as one product of matrices more."""
    columns = form.columns
    width = columns.num_features + sum(count for _, count in (*columns.categorical, *columns.latent))
    flops = n * n * (3.0 * width + PROFILE_FLOPS) * (2.0 if with_gradient else 1.0)
    exponentials = float(n * n * (form.has_numeric + form.has_categorical))
    return Cost(flops, float(n * n * dtype.itemsize), exponentials, dtype)


def _cases(names: list[str], n: list[int], dtypes: list[str]) -> list[Sizes]:
    return [
        {"covariance": name, "n": size, "dtype": dtype, "pass": direction}
        for name in names
        for size in n
        for dtype in dtypes
        for direction in ("forward", "gradient")
    ]


QUESTION = Question(
    cases={
        "smoke": _cases(["matern52", "mixed"], [16], ["float64"]),
        "small": _cases(list(COVARIANCES), [300], ["float64"]) + _cases(["mixed"], [300], ["float32"]),
        "full": _cases(list(COVARIANCES), [250, 1000, 4000], ["float64", "float32"]),
    },
    sides=sides,
    lines=("pass",),
)
