"""A Gaussian process learns a sine from as few points as possible, beside scikit-learn's.

Two points to begin with; then each next one is where the model is least certain, until hardly any uncertainty is left.
The model is that of scikit-learn's `GaussianProcessRegressor(optimizer=None)`, its default kernel with nothing fitted:
mean zero, covariance exp(-(x - x')^2 / 2). What it is told therefore only ever lowers its uncertainty, at every x.
Measurements count as exact to a standard deviation of 0.001, which keeps the matrices of close points invertible.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RBF, ConstantKernel
from torch import Tensor

from gpbop.designs import sobol
from gpbop.kernels.closed_form import ClosedForm
from gpbop.observations import Observations
from gpbop.parameters import Float
from gpbop.scoring import Grid, score
from gpbop.space import Space
from gpbop.surrogate import GaussianProcess, Prediction
from gpbop.surrogate.columns import columns_of
from gpbop.surrogate.factor import Factor
from gpbop.surrogate.fitting import FitState
from gpbop.surrogate.marginal_likelihood import TrainingData
from gpbop.surrogate.targets import Standardization

LAST_X, STEP = 10.0, 0.05
# Of the covariance; the noise is a variance.
LENGTHSCALE, OUTPUTSCALE, NOISE = 1.0, 1.0, 1e-6
FIRST_POINTS = 2
TOLERANCE = 0.01


def space() -> Space:
    """Return where the sine is to be learned: 201 values of x from 0 to 10.

    Example:
        >>> space().size
        201
    """
    return Space({"x": Float(0.0, LAST_X, step=STEP)})


@dataclass(frozen=True)
class Frame:
    """The model after some points.

    Attributes:
        x: `m` values of x, all that there are.
        observed_x: `n` of them that were measured, in their order.
        observed_y: `n` measurements.
        ours: gpbop's prediction at every x.
        sklearn: That of scikit-learn, from the same points.
        next_x: Where to measure next; None after the last.
        reason: Why there is no next point, in one sentence.
    """

    x: Tensor
    observed_x: Tensor
    observed_y: Tensor
    ours: Prediction
    sklearn: Prediction
    next_x: float | None
    reason: str | None

    @property
    def remaining(self) -> float:
        """Mean standard deviation over all x."""
        return float(self.ours.std.mean())

    @property
    def largest_error(self) -> float:
        """Largest distance between the model's mean and the sine."""
        return float((self.ours.mean - self.x.sin()).abs().max())

    @property
    def differences(self) -> tuple[float, float]:
        """Largest differences between gpbop and scikit-learn: of the means, and of the standard deviations."""
        pairs = zip(self.ours, self.sklearn, strict=True)
        mean, std = (float((one - other).abs().max()) for one, other in pairs)
        return mean, std


def frames(points: int, *, device: torch.device | str = "cpu", seed: int = 0) -> Iterator[Frame]:
    """Learn the sine point by point.

    Args:
        points: Most points, at least two.
        device: Where gpbop computes.
        seed: Of the two points to begin with.
    Yields:
        The model after two points, three, and so on; the last has a reason.
    """
    where = space()
    grid, all_x = Grid(where), torch.tensor([config["x"] for config in where.grid()], dtype=torch.float64)
    first = where.decode(sobol(where, FIRST_POINTS, seed))
    gp = _model(where, [config["x"] for config in first], torch.device(device))
    while True:
        x = torch.tensor([config["x"] for config in where.decode(gp.X.cpu())], dtype=torch.float64)
        ours = gp.predict_encoded(where.grid_rows(torch.arange(int(where.size))))
        reason = _reason(float(ours.std.mean()), len(x), points)
        at = None
        if reason is None:
            top = score(gp, grid, acquisition="max_variance", k=1, device=gp.device, progress=False)
            at = float(top.configs[0]["x"])
        yield Frame(all_x, x, gp.y.cpu(), ours, fit_sklearn(x, gp.y.cpu(), all_x), at, reason)
        if at is None:
            return
        gp = gp.condition([{"x": at}], [math.sin(at)])


def fit_sklearn(x: Tensor, y: Tensor, at: Tensor) -> Prediction:
    """Predict with scikit-learn's regressor, from the same points and with the same kernel.

    Args:
        x: `n` measured values of x.
        y: `n` measurements.
        at: `m` values of x.
    """
    kernel = ConstantKernel(OUTPUTSCALE, "fixed") * RBF(LENGTHSCALE, "fixed")
    model = GaussianProcessRegressor(kernel, alpha=NOISE)
    model.fit(x.unsqueeze(-1).numpy(), y.numpy())
    mean, std = model.predict(at.unsqueeze(-1).numpy(), return_std=True)
    return Prediction(torch.as_tensor(mean), torch.as_tensor(std))


def _model(where: Space, x: list[float], device: torch.device) -> GaussianProcess:
    """Return the process with the kernel of this example, without any standardisation."""
    configs = [{"x": value} for value in x]
    told = Observations.of(where, configs, [math.sin(value) for value in x], device=device)
    form = ClosedForm(columns_of(where), "rbf", device)
    theta = torch.tensor([LENGTHSCALE / LAST_X, OUTPUTSCALE, NOISE], dtype=torch.float64).log()
    data = TrainingData.of(form, told.X, told.y)
    factor = Factor.of(form, theta.to(told.X), data, mean=told.y.new_zeros(()))
    state = FitState(theta, torch.eye(len(theta)).to(theta), len(told.y))
    # Units and mean stay as they are when points come in.
    units = Standardization(0.0, 1.0)
    return GaussianProcess(where, told.X, told.y, units, state, factor, data.group, "rbf", is_foreign=True)


def _reason(remaining: float, made: int, most: int) -> str | None:
    """Return why to stop, or None."""
    measured = f"mean standard deviation over all {space().size} x is {remaining:.2g}"
    if remaining < TOLERANCE:
        return f"The {measured}, under {TOLERANCE:g}, after {made} points."
    return f"The budget of {most} points is used up; the {measured}." if made >= most else None
