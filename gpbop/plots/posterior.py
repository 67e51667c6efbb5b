"""The model along one parameter: mean, band and observations, and below them where the next experiment pays."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator
from torch import Tensor

from gpbop.acquisition import Question, check_acquisition
from gpbop.acquisition import acquisition as build_acquisition
from gpbop.minimize import Result
from gpbop.optimizer import Optimizer
from gpbop.plots.experiments import Experiments, thinned
from gpbop.plots.scales import ParameterAxis, dress_values, number_text
from gpbop.plots.slices import Slice, sampled_rows
from gpbop.plots.style import (
    BAND,
    BLACK,
    BLUE,
    GREY,
    MOST_POINTS,
    SKY,
    VERMILLION,
    figure_of,
    legend_above,
    new_figure,
    plain_text,
    styled,
)
from gpbop.surrogate.feasibility import Feasibility
from gpbop.surrogate.gaussian_process import GaussianProcess

# Places along a parameter with more values than can be drawn one by one, and Sobol points to average over.
PLACES, SAMPLE = 201, 64
# From this many observations on, each place costs more, and an average is made of fewer.
MANY_OBSERVATIONS = 1000
# Half-width of the space that the observations of a listed value take, in distances of two values.
SPREAD = 0.25
# Observations outside the limits that are drawn on the edge.
MOST_TRIANGLES = 60
GOLDEN = 0.6180339887498949

ACQUISITION_LABELS = {
    "ei": "expected\nimprovement",
    "noisy_ei": "expected\nimprovement",
    "pi": "probability of\nimprovement",
    "ucb": "confidence bound\n(standardised)",
    "max_variance": "standard\ndeviation",
    "integrated_variance": "drop of mean\nvariance",
    "thompson": "draw\n(standardised)",
}


@dataclass(frozen=True)
class _Curve:
    """What is drawn along the axis, where the parameter exists.

    Attributes:
        axis: The parameter.
        positions: `k` places on the axis.
        mean: `k` means, in the objective's units.
        std: `k` standard deviations.
        worth: `k` values of the acquisition function.
    """

    axis: ParameterAxis
    positions: Tensor
    mean: Tensor
    std: Tensor
    worth: Tensor


@styled
def posterior(
    optimizer: Optimizer | Result,
    name: str,
    ax: Axes | None = None,
    *,
    at: Mapping[str, Any] | None = None,
    average: bool = False,
    acquisition: str = "ei",
    label: str = "objective",
) -> Figure:
    """Draw the model along one parameter, with the observations and, in a panel below, the acquisition function.

    The other parameters stay at `at`, where parents that keep this one inactive take the first value that has it; or
    the curve is the average over a Sobol sample of them, and the band is the model's uncertainty about that average.
    Filled points lie on the slice; hollow ones were measured elsewhere and are projected, those outside the limits as
    triangles on the edge. The triangle in the panel below marks the largest acquisition value on the curve.

    Args:
        optimizer: The search.
        name: The parameter.
        ax: Where to draw, without the panel below; a new figure if absent.
        at: Config at which the other parameters stay; the best one if absent.
        average: Whether to average over the other parameters.
        acquisition: Name of the acquisition function in the panel below.
        label: The objective and its units, for the axis.
    Returns:
        The figure.
    Raises:
        ArgumentError: If `optimizer` is no search, or `name` no parameter of it.
        AcquisitionError: If there is no such acquisition function.
        ConfigError: If `at` does not belong to the space.
        NoTrialsError: If no experiment has finished.
    """
    experiments = Experiments.of(optimizer)
    axis = ParameterAxis.of(experiments.space, name)
    check_acquisition(acquisition)
    slice_ = None if average else Slice.through(experiments.space, experiments.row(at), [axis])
    curve = _averaged(experiments, axis, acquisition) if slice_ is None else _sliced(experiments, slice_, acquisition)
    below: Axes | None = None
    if ax is None:
        figure = new_figure(9.0, 6.6)
        rows = figure.add_gridspec(2, 1, height_ratios=(3, 1))
        ax = figure.add_subplot(rows[0])
        below = figure.add_subplot(rows[1], sharex=ax)
    _draw_curve(ax, curve)
    _draw_observations(ax, experiments, axis, slice_)
    axis.dress(ax, "x", labelled=below is None)
    ax.set_ylabel(plain_text(label, 48))
    if below is not None:
        _draw_worth(below, curve, acquisition)
        axis.dress(below, "x")
    dress_values(ax.yaxis)
    where = "averaged over the other parameters" if slice_ is None else slice_.text
    legend_above(ax, 4, where if experiments.space.d > 1 else "")
    return figure_of(ax)


def _sliced(experiments: Experiments, slice_: Slice, name: str) -> _Curve:
    """Evaluate the model on a slice."""
    (axis,) = slice_.axes
    gp = experiments.optimizer.gp
    places = axis.places(PLACES)
    X, active = slice_.rows(places.unsqueeze(-1))
    mean, std = gp.predict_encoded(X[active])
    return _Curve(axis, axis.positions(places[active]), mean, std, _worth(experiments, gp, name, X[active]))


def _averaged(experiments: Experiments, axis: ParameterAxis, name: str) -> _Curve:
    """Evaluate the model averaged over the other parameters.

    The average is Gaussian too: with the mean row r = mean_j k(x_j, X) its variance is
    mean_ij k(x_i, x_j) - |L^-1 r|^2.
    """
    gp = experiments.optimizer.gp
    factor, units = gp.factor, gp.standardization
    most, m = (PLACES // 2, SAMPLE) if len(gp.y) <= MANY_OBSERVATIONS else (PLACES // 5, SAMPLE // 4)
    places = axis.places(most)
    X = sampled_rows(experiments.space, axis, places, m)  # (k, m', d)
    rows, priors = [], []
    for points in X.to(gp.X):
        features = factor.form.features(points)
        priors.append(factor.form.evaluate(factor.theta.unsqueeze(0), features, features).covariance[0].mean())
        rows.append(factor.rows(points).mean(0))
    R = torch.stack(rows)  # (k, n)
    V = torch.linalg.solve_triangular(factor.L, R.mT, upper=False)
    variance = (torch.stack(priors) - V.square().sum(0)).clamp_min(factor.smallest_variance)
    mean, std = units.restore_mean(factor.mean + R @ factor.alpha), units.restore_std(variance.sqrt())
    worth = _worth(experiments, gp, name, X.flatten(0, 1)).reshape(X.shape[:2]).mean(-1)
    return _Curve(axis, axis.positions(places), mean.cpu(), std.cpu(), worth)


def _worth(experiments: Experiments, gp: GaussianProcess, name: str, X: Tensor) -> Tensor:
    """Compute the acquisition function at `m` points, on the scale that `ACQUISITION_LABELS` names."""
    told = experiments.observations
    feasibility = None
    if not bool(told.succeeded.all()):
        feasibility = Feasibility.of(gp.factor.form, told.X.to(gp.X), told.succeeded.to(gp.device))
    waiting = [trial.config for trial in experiments.optimizer.trials if trial.state == "pending"]
    # As in a proposal: what is running and what failed lowers the variance around it.
    known = torch.cat([experiments.space.encode(waiting), told.failures()])
    question = Question(gp, experiments.direction, known)
    with torch.no_grad():
        value = build_acquisition(name, question, feasibility)(X.to(gp.X)).cpu()
    scale = gp.standardization.scale
    match name:
        case "ei" | "noisy_ei":
            return value.exp() * scale
        case "pi":
            return value.exp()
        case "max_variance":
            return value * scale
        case "integrated_variance":
            return value * scale * scale
    return value


def _draw_curve(ax: Axes, curve: _Curve) -> None:
    x, mean = curve.positions.tolist(), curve.mean.tolist()
    if curve.axis.has_error_bars:
        joined = "" if curve.axis.parameter.is_categorical else "-"
        ax.errorbar(
            x,
            mean,
            yerr=(BAND * curve.std).tolist(),
            fmt="D",
            markersize=9.0,
            color=BLUE,
            capsize=7.0,
            capthick=2.0,
            linestyle="",
            zorder=3,
            label="mean, 95 % band",
        )
        ax.plot(x, mean, color=BLUE, linewidth=1.0, linestyle=joined, zorder=2)
        return
    low, high = (curve.mean - BAND * curve.std).tolist(), (curve.mean + BAND * curve.std).tolist()
    ax.fill_between(x, low, high, color=SKY, alpha=0.35, linewidth=0.0, zorder=0, label="95 % band")
    marker = "." if curve.axis.has_cells else ""
    ax.plot(x, mean, color=BLUE, marker=marker, zorder=3, label="mean")


def _draw_observations(ax: Axes, experiments: Experiments, axis: ParameterAxis, slice_: Slice | None) -> None:
    """Draw the observations; those outside the limits, which the curve sets, as triangles on the edge."""
    X, y = experiments.X, experiments.y
    on = torch.zeros(len(X), dtype=torch.bool) if slice_ is None else slice_.contains(X)
    has = X[:, axis.column] >= 0.0
    positions = axis.positions(X[:, axis.column])
    if axis.is_listed:  # several observations of one value stand side by side
        positions = positions + SPREAD * (2.0 * (torch.arange(len(X)) * GOLDEN % 1.0) - 1.0)
    finished = experiments.finished
    bottom, top = _limits(ax, y[on & finished])
    ax.set_ylim(bottom, top)
    elsewhere = has & finished & ~on
    shown = {"o": (y >= bottom) & (y <= top), "^": y > top, "v": y < bottom}
    inset = 0.02 * (top - bottom)
    label = "observed elsewhere"
    for marker, which in shown.items():
        index = thinned((elsewhere & which).nonzero().flatten(), MOST_POINTS if marker == "o" else MOST_TRIANGLES)
        if len(index):
            heights = y[index].clamp(bottom + inset, top - inset).tolist()
            x = positions[index].tolist()
            ax.scatter(
                x,
                heights,
                s=34.0,
                marker=marker,
                facecolors="none",
                edgecolors=GREY,
                zorder=2,
                clip_on=False,
                label=label,
            )
            label = "_more of them"
    index = thinned((on & finished).nonzero().flatten(), MOST_POINTS)
    if len(index):
        ax.scatter(
            positions[index].tolist(), y[index].tolist(), s=52.0, color=BLACK, zorder=5, clip_on=False, label="observed"
        )
    failed = thinned((has & ~finished).nonzero().flatten(), MOST_POINTS)
    if len(failed):
        edge, heights = ax.get_xaxis_transform(), [0.03] * len(failed)
        x = positions[failed].tolist()
        ax.scatter(x, heights, s=60.0, marker="x", color=VERMILLION, transform=edge, zorder=6, label="failed")


def _limits(ax: Axes, y: Tensor) -> tuple[float, float]:
    """Return limits that hold what is drawn and some values, with a margin."""
    bottom, top = ax.get_ylim()
    values = [bottom, top, *y.tolist()]
    low, high = min(values), max(values)
    margin = 0.04 * (high - low)
    return low - margin, high + margin


def _draw_worth(ax: Axes, curve: _Curve, name: str) -> None:
    """Draw the acquisition function and where on the slice it is largest."""
    x, worth = curve.positions.tolist(), curve.worth.tolist()
    base = min(0.0, min(worth))
    if curve.axis.has_error_bars:
        ax.vlines(x, base, worth, color=VERMILLION, linewidth=6.0)
    else:
        ax.fill_between(x, base, worth, color=VERMILLION, alpha=0.3, linewidth=0.0)
        ax.plot(x, worth, color=VERMILLION, linewidth=1.6)
    best = int(curve.worth.argmax())
    ax.scatter(
        [x[best]], [worth[best]], s=90.0, marker="v", color=VERMILLION, edgecolors=BLACK, zorder=5, clip_on=False
    )
    ax.set_ylabel(ACQUISITION_LABELS[name], fontsize=12.0)
    top = max(worth)
    ax.set_ylim(base, top + 0.15 * (top - base) if top > base else base + 1.0)
    ax.yaxis.set_major_locator(MaxNLocator(2))
    ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: number_text(value)))
