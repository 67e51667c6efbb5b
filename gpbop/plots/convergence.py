"""How a search went: the value of every experiment, the best so far, and what the model expected before each."""

import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from torch import Tensor

from gpbop.errors import ArgumentError, explain
from gpbop.minimize import Result
from gpbop.observations import check_value
from gpbop.optimizer import Optimizer
from gpbop.plots.experiments import Experiments, thinned
from gpbop.plots.scales import dress_values
from gpbop.plots.style import (
    BAND,
    BLACK,
    BLUE,
    GREEN,
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
from gpbop.surrogate.hindsight import one_step_ahead

# Of more predictions only the band is drawn: their means would cover it.
MOST_MEANS = 500


@styled
def convergence(
    optimizer: Optimizer | Result, ax: Axes | None = None, *, target: float | None = None, label: str = "objective"
) -> Figure:
    """Draw the values in their order, the best so far, and the model's prediction before each experiment.

    The predictions are made in hindsight: the model, with the hyperparameters and the standardisation it has now,
    conditioned on the finished experiments with lower numbers. The 95 % band is that of a measurement, so 95 % of the
    values should lie in it.

    Args:
        optimizer: The search.
        ax: Where to draw; a new figure if absent.
        target: A value to reach, drawn as a line.
        label: The objective and its units, for the axis.
    Returns:
        The figure.
    Raises:
        ArgumentError: If `optimizer` is no search, or `target` is not finite.
        NoTrialsError: If no experiment has finished.
    """
    experiments = Experiments.of(optimizer)
    if target is not None and not abs(check_value(target, "target")) < torch.inf:
        raise ArgumentError(explain("target", "be finite", repr(target), "Leave it out to draw none."))
    ax = new_figure().add_subplot() if ax is None else ax
    numbers = experiments.numbers
    _draw_predictions(ax, experiments, numbers)
    _draw_values(ax, experiments, numbers)
    bests = experiments.best_so_far().tolist()
    ax.step(
        [*numbers.tolist(), int(numbers[-1]) + 0.5],
        [*bests, bests[-1]],
        where="post",
        color=BLUE,
        zorder=4,
        label="best so far",
    )
    if target is not None:
        ax.axhline(target, color=GREEN, linestyle="-.", zorder=1, label="target")
    if 0 < experiments.optimizer.initial < int(numbers[-1]):
        ax.axvline(
            experiments.optimizer.initial + 0.5,
            color=GREY,
            linewidth=1.6,
            linestyle=":",
            zorder=1,
            label="model takes over",
        )
    ax.set(xlabel="experiment", ylabel=plain_text(label, 48), xlim=(0.5, int(numbers[-1]) + 0.5))
    ax.xaxis.set_major_locator(MaxNLocator(8, integer=True, steps=[1, 2, 5, 10], min_n_ticks=1))
    dress_values(ax.yaxis)
    legend_above(ax)
    return figure_of(ax)


def _draw_predictions(ax: Axes, experiments: Experiments, numbers: Tensor) -> None:
    """Draw mean and band as steps, one an experiment: each is of another config, so no line joins them."""
    finished = experiments.finished
    if int(finished.sum()) < 2:
        return
    mean, std = torch.full_like(experiments.y, torch.nan), torch.full_like(experiments.y, torch.nan)
    predicted = one_step_ahead(experiments.optimizer.gp)
    mean[finished], std[finished] = predicted.mean, predicted.std
    x = torch.stack([numbers - 0.5, numbers + 0.5], -1).flatten().tolist()
    low, middle, high = (
        moment.repeat_interleave(2).tolist() for moment in (mean - BAND * std, mean, mean + BAND * std)
    )
    band = "predicted before, 95 % band"
    ax.fill_between(x, low, high, color=SKY, alpha=0.3, linewidth=0.0, zorder=0, label=band)
    if len(numbers) <= MOST_MEANS:
        ax.plot(x, middle, color=SKY, linewidth=1.6, zorder=2, label="predicted mean")


def _draw_values(ax: Axes, experiments: Experiments, numbers: Tensor) -> None:
    finished = experiments.finished
    kept = thinned(finished.nonzero().flatten(), MOST_POINTS, experiments.best_index())
    size = 42.0 if len(kept) <= 100 else 14.0
    share = "" if len(kept) == int(finished.sum()) else f" ({len(kept):,} of {int(finished.sum()):,})"
    ax.scatter(
        numbers[kept].tolist(),
        experiments.y[kept].tolist(),
        s=size,
        color=BLACK,
        zorder=5,
        linewidths=0.0,
        label=f"value{share}",
    )
    failed = thinned((~finished).nonzero().flatten(), MOST_POINTS)
    if len(failed):
        # At the lower edge, wherever the values are.
        edge = ax.get_xaxis_transform()
        ax.scatter(
            numbers[failed].tolist(),
            [0.03] * len(failed),
            s=60.0,
            marker="x",
            color=VERMILLION,
            transform=edge,
            zorder=6,
            label="failed",
        )
