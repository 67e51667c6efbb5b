"""Ways of searching side by side: how good each has become after how many experiments."""

import math
from collections.abc import Mapping, Sequence

import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from torch import Tensor

from gpbop.errors import ArgumentError, ShapeError, explain
from gpbop.plots.scales import dress_values
from gpbop.plots.style import (
    COLOURS,
    GREY,
    LINESTYLES,
    MARKERS,
    figure_of,
    legend_above,
    new_figure,
    plain_text,
    styled,
)


@styled
def comparison(
    curves: Mapping[str, Tensor | Sequence[Sequence[float]]],
    ax: Axes | None = None,
    *,
    target: float | None = None,
    label: str = "best so far",
) -> Figure:
    """Draw, for several methods, the median and the quartiles over runs of the best value so far.

    Args:
        curves: By name of the method, `runs x trials` best values after each experiment, NaN where there is none yet;
            methods may differ in both.
        ax: Where to draw; a new figure if absent.
        target: A value to reach, drawn as a line.
        label: What the values are, with their units, for the axis.
    Returns:
        The figure.
    Raises:
        ArgumentError: If there is no method, or `target` is not finite.
        ShapeError: If the values of a method are not `runs x trials`.
    """
    if not isinstance(curves, Mapping) or not curves:
        advice = "Map names of methods to their values."
        raise ArgumentError(explain("curves", "be a dict of at least one method", repr(curves), advice))
    if target is not None and not math.isfinite(target):
        raise ArgumentError(explain("target", "be finite", repr(target), "Leave it out to draw none."))
    tables = {name: _table(name, values) for name, values in curves.items()}
    ax = new_figure().add_subplot() if ax is None else ax
    longest = max(table.shape[1] for table in tables.values())
    for i, (name, table) in enumerate(tables.items()):
        low, median, high = table.nanquantile(torch.tensor([0.25, 0.5, 0.75]).to(table), dim=0)
        x = list(range(1, table.shape[1] + 1))
        colour = COLOURS[i % len(COLOURS)]
        if len(table) > 1:
            ax.fill_between(x, low.tolist(), high.tolist(), color=colour, alpha=0.15, linewidth=0.0, zorder=1)
        ax.plot(
            x,
            median.tolist(),
            color=colour,
            linestyle=LINESTYLES[i % len(LINESTYLES)],
            marker=MARKERS[i % len(MARKERS)],
            markersize=8.0,
            markevery=(i * longest // (10 * len(tables)), max(longest // 10, 1)),
            zorder=3,
            label=plain_text(name, 32),
        )
    if target is not None:
        ax.axhline(target, color=GREY, linestyle=(0, (1, 1)), linewidth=1.8, zorder=0, label="target")
    ax.set(xlabel="experiments", ylabel=plain_text(label, 64), xlim=(0.5, longest + 0.5))
    ax.xaxis.set_major_locator(MaxNLocator(8, integer=True, steps=[1, 2, 5, 10], min_n_ticks=1))
    dress_values(ax.yaxis)
    legend_above(ax, 3, _runs(tables))
    return figure_of(ax)


def _table(name: str, values: Tensor | Sequence[Sequence[float]]) -> Tensor:
    try:
        table = torch.as_tensor(values, dtype=torch.float64).detach().cpu()
    except (TypeError, ValueError, RuntimeError) as error:
        advice = f"{error}. Give every run the same number of values."
        raise ShapeError(explain(f"curves[{name!r}]", "be a table of numbers", repr(values), advice)) from error
    if table.ndim != 2 or 0 in table.shape:
        rule, got = "have shape runs x trials", str(tuple(table.shape))
        raise ShapeError(explain(f"curves[{name!r}]", rule, got, "Write values.unsqueeze(0) for a single run."))
    return table


def _runs(tables: Mapping[str, Tensor]) -> str:
    counts = sorted({len(table) for table in tables.values()})
    if counts == [1]:
        return ""
    return f"median and quartiles of {counts[0]:,}" + (f" to {counts[-1]:,}" if len(counts) > 1 else "") + " runs"
