"""The kernels under test, each with its formula as a plain loop in NumPy. One entry in CASES brings the whole suite."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from gpytorch.kernels import Kernel, ScaleKernel
from sklearn.gaussian_process.kernels import RBF, ConstantKernel, Matern
from torch import Tensor

from gpbop.kernels import (
    INACTIVE,
    Columns,
    ConditionalKernel,
    ContinuousKernel,
    ExchangeableKernel,
    LatentKernel,
    MixedKernel,
)

Row = np.ndarray
NUMERIC = Columns(numeric=(0, 1, 2))
CONDITIONAL = Columns(numeric=(0, 2, 3), conditional=(3, 0))
EXCHANGEABLE = Columns(categorical=((2, 3), (0, 4)))
LATENT = Columns(latent=((1, 12), (3, 5)))
CATEGORICAL = Columns(categorical=((2, 3),), latent=((0, 12),))
SHARED = Columns(numeric=(0, 2), conditional=(2,), categorical=((3, 3),))
PLACED = Columns(numeric=(2,), latent=((0, 9),))
MIXED = Columns(numeric=(4, 0, 2), conditional=(2,), categorical=((3, 3), (1, 4)), latent=((6, 12),))


@dataclass(frozen=True)
class Case:
    """One kernel.

    Attributes:
        name: Its name in the test report.
        make: Builds it with a batch shape.
        columns: What the columns of X hold.
        loop: `loop(kernel, x, y)` computes one covariance in NumPy.
        inactive: Categorical columns that hold INACTIVE now and then.
        sklearn: Builds scikit-learn's kernel with the same hyperparameters, where it has one.
    """

    name: str
    make: Callable[[torch.Size], Kernel]
    columns: Columns
    loop: Callable[[Kernel, Row, Row], float]
    inactive: tuple[int, ...] = ()
    sklearn: Callable[[Kernel], object] | None = None

    @property
    def d(self) -> int:
        """One column more than the kernel reads."""
        codes = (*self.columns.categorical, *self.columns.latent)
        return max((*self.columns.numeric, *(column for column, _ in codes))) + 2

    def build(self, batch_shape: tuple[int, ...] = (), seed: int = 0) -> Kernel:
        """A float64 kernel with random hyperparameters that float32 holds exactly."""
        kernel = self.make(torch.Size(batch_shape))
        generator = torch.Generator().manual_seed(seed)
        with torch.no_grad():
            for parameter in kernel.parameters():
                parameter.copy_(0.8 * torch.randn(parameter.shape, generator=generator))
        return kernel.double()

    def sample(self, *shape: int, seed: int = 0) -> Tensor:
        """`*shape x d` random points that float32 holds exactly: inactive entries, and equal first and last rows."""
        rng = np.random.default_rng(seed)
        X = rng.random((*shape, self.d), dtype=np.float32).astype(np.float64)
        for column, count in (*self.columns.categorical, *self.columns.latent):
            X[..., column] = rng.integers(count - (column in self.inactive), size=shape)
        for column in (*self.columns.conditional, *self.inactive):
            X[..., column][rng.random(shape) < 0.4] = INACTIVE
        X[..., -1, :] = X[..., 0, :]
        return torch.from_numpy(X)


def value(parameter: Tensor) -> np.ndarray:
    return parameter.detach().cpu().double().numpy()


def correlation(smoothness: str, r: float) -> float:
    if smoothness == "rbf":
        return math.exp(-(r**2) / 2)
    if smoothness == "matern32":
        return (1 + math.sqrt(3) * r) * math.exp(-math.sqrt(3) * r)
    return (1 + math.sqrt(5) * r + 5 * r**2 / 3) * math.exp(-math.sqrt(5) * r)


def continuous(kernel: Kernel, x: Row, y: Row) -> float:
    lengthscale = np.broadcast_to(value(kernel.lengthscale)[0], x.shape)
    r2 = sum(((x[f] - y[f]) / lengthscale[f]) ** 2 for f in range(len(x)))
    return correlation(kernel.smoothness, math.sqrt(r2))


def conditional(kernel: Kernel, x: Row, y: Row) -> float:
    columns: Columns = kernel.columns

    def features(row: Row) -> Row:
        v = [0.5 if row[j] == -1.0 else row[j] for j in columns.numeric]
        a = [0.0 if row[j] == -1.0 else 1.0 for j in columns.conditional]
        return np.array(v + a)

    return continuous(kernel.base_kernel, features(x), features(y))


def exchangeable(kernel: Kernel, x: Row, y: Row) -> float:
    lengthscale = value(kernel.lengthscale)[0]
    return math.exp(-sum((x[c] != y[c]) / lengthscale[j] for j, (c, _) in enumerate(kernel.categorical)))


def latent(kernel: Kernel, x: Row, y: Row) -> float:
    exponent = 0.0
    for E, (column, count) in zip(map(value, kernel.embedding), kernel.latent, strict=True):
        c1, c2 = (count - 1 if row[column] == -1.0 else int(row[column]) for row in (x, y))
        exponent += sum((E[c1, i] - E[c2, i]) ** 2 for i in range(E.shape[1])) / 2
    return math.exp(-exponent)


def mixed(kernel: Kernel, x: Row, y: Row) -> float:
    columns: Columns = kernel.columns
    k_h = exchangeable(kernel.categorical_kernel, x, y) if columns.categorical else 1.0
    k_h *= latent(kernel.latent_kernel, x, y) if columns.latent else 1.0
    if not columns.numeric:
        return k_h
    k_x = conditional(kernel.numeric_kernel, x, y)
    if not columns.categorical and not columns.latent:
        return k_x
    w = value(kernel.weight).item()
    return w * k_x * k_h + (1 - w) * (k_x + k_h) / 2


def scaled(kernel: Kernel, x: Row, y: Row) -> float:
    part = continuous if isinstance(kernel.base_kernel, ContinuousKernel) else mixed
    return value(kernel.outputscale).item() * part(kernel.base_kernel, x, y)


def sklearn_matern52(kernel: Kernel) -> object:
    return Matern(length_scale=value(kernel.lengthscale)[0], nu=2.5)


def sklearn_matern32(kernel: Kernel) -> object:
    return Matern(length_scale=value(kernel.lengthscale)[0], nu=1.5)


def sklearn_rbf(kernel: Kernel) -> object:
    return RBF(length_scale=value(kernel.lengthscale)[0])


def sklearn_scaled(kernel: Kernel) -> object:
    return ConstantKernel(value(kernel.outputscale).item()) * sklearn_matern52(kernel.base_kernel)


# ContinuousKernel takes features, hence every column of X: one more than NUMERIC names.
CASES = (
    Case(
        "matern52",
        lambda b: ContinuousKernel("matern52", ard_num_dims=4, batch_shape=b),
        NUMERIC,
        continuous,
        sklearn=sklearn_matern52,
    ),
    Case(
        "matern32",
        lambda b: ContinuousKernel("matern32", ard_num_dims=4, batch_shape=b),
        NUMERIC,
        continuous,
        sklearn=sklearn_matern32,
    ),
    Case(
        "rbf",
        lambda b: ContinuousKernel("rbf", ard_num_dims=4, batch_shape=b),
        NUMERIC,
        continuous,
        sklearn=sklearn_rbf,
    ),
    Case(
        "one lengthscale",
        lambda b: ContinuousKernel("matern52", batch_shape=b),
        NUMERIC,
        continuous,
        sklearn=sklearn_matern52,
    ),
    Case(
        "scaled",
        lambda b: ScaleKernel(ContinuousKernel(ard_num_dims=4, batch_shape=b), batch_shape=b),
        NUMERIC,
        scaled,
        sklearn=sklearn_scaled,
    ),
    Case("conditional", lambda b: ConditionalKernel(CONDITIONAL, batch_shape=b), CONDITIONAL, conditional),
    Case("conditional rbf", lambda b: ConditionalKernel(CONDITIONAL, "rbf", batch_shape=b), CONDITIONAL, conditional),
    Case(
        "exchangeable",
        lambda b: ExchangeableKernel(EXCHANGEABLE.categorical, batch_shape=b),
        EXCHANGEABLE,
        exchangeable,
        inactive=(0,),
    ),
    Case("latent", lambda b: LatentKernel(LATENT.latent, batch_shape=b), LATENT, latent, inactive=(3,)),
    Case("latent line", lambda b: LatentKernel(LATENT.latent, rank=1, batch_shape=b), LATENT, latent, inactive=(3,)),
    Case("mixed numeric", lambda b: MixedKernel(CONDITIONAL, "matern32", batch_shape=b), CONDITIONAL, mixed),
    Case("mixed exchangeable", lambda b: MixedKernel(EXCHANGEABLE, batch_shape=b), EXCHANGEABLE, mixed, inactive=(0,)),
    Case("mixed categorical", lambda b: MixedKernel(CATEGORICAL, batch_shape=b), CATEGORICAL, mixed, inactive=(0,)),
    Case("mixed shared", lambda b: MixedKernel(SHARED, batch_shape=b), SHARED, mixed),
    Case("mixed placed", lambda b: MixedKernel(PLACED, batch_shape=b), PLACED, mixed, inactive=(0,)),
    Case("mixed", lambda b: MixedKernel(MIXED, batch_shape=b), MIXED, mixed, inactive=(1, 6)),
    Case(
        "scaled mixed",
        lambda b: ScaleKernel(MixedKernel(MIXED, batch_shape=b), batch_shape=b),
        MIXED,
        scaled,
        inactive=(1, 6),
    ),
)
