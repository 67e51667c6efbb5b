"""Whether the model knows what it knows: every value against its prediction from all the others."""

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from gpbop.minimize import Result
from gpbop.optimizer import Optimizer
from gpbop.plots.experiments import Experiments, thinned
from gpbop.plots.scales import dress_values
from gpbop.plots.style import (
    BAND,
    BLUE,
    GREY,
    MOST_POINTS,
    VERMILLION,
    figure_of,
    legend_above,
    new_figure,
    percent,
    plain_text,
    styled,
)
from gpbop.surrogate.leave_one_out import leave_one_out


@styled
def calibration(optimizer: Optimizer | Result, ax: Axes | None = None, *, label: str = "objective") -> Figure:
    """Draw leave-one-out predictions with 95 % bars against the observed values, and say how many bars hold them.

    Each point is predicted from all the others at the model's hyperparameters. Repeated measurements of a config are
    one point, their mean, and are left out together.

    Args:
        optimizer: The search.
        ax: Where to draw; a new figure if absent.
        label: The objective and its units, for the axes.
    Returns:
        The figure.
    Raises:
        ArgumentError: If `optimizer` is no search.
        NoTrialsError: If fewer than two different configs have a value.
    """
    experiments = Experiments.of(optimizer)
    value, mean, std = leave_one_out(experiments.optimizer.gp)
    inside = (value - mean).abs() <= BAND * std
    ax = new_figure(7.2, 6.6).add_subplot() if ax is None else ax
    for which, colour, marker, text in ((inside, BLUE, "o", "inside"), (~inside, VERMILLION, "s", "outside")):
        index = thinned(which.nonzero().flatten(), MOST_POINTS)
        if len(index):
            ax.errorbar(
                value[index].tolist(),
                mean[index].tolist(),
                yerr=(BAND * std[index]).tolist(),
                fmt=marker,
                color=colour,
                markersize=6.5 if len(value) <= 200 else 3.0,
                elinewidth=1.2,
                capsize=2.5,
                label=f"{text}: {int(which.sum()):,}",
            )
    low, high = float(value.min()), float(value.max())
    margin = 0.06 * (high - low) or max(abs(high), 1.0) * 0.06
    ends = [low - margin, high + margin]
    ax.plot(ends, ends, color=GREY, linewidth=1.4, linestyle="--", zorder=0, label="exact")
    ax.set(xlim=ends, xlabel=plain_text(f"{label}, observed", 64))
    ax.set_ylabel(plain_text(f"{label}, predicted from the others", 64))
    dress_values(ax.xaxis)
    dress_values(ax.yaxis)
    share = float(inside.double().mean())
    legend_above(ax, 3, f"{int(inside.sum()):,} of {len(value):,} ({percent(share)}) lie inside their 95 % band")
    return figure_of(ax)
