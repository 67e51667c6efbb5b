"""The way through the space: one line an experiment across all parameters, coloured by its place in the order."""

import math
from dataclasses import dataclass
from textwrap import wrap

import torch
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.collections import LineCollection
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.patheffects import Stroke, withStroke
from matplotlib.ticker import MaxNLocator
from torch import Tensor

from gpbop.minimize import Result
from gpbop.optimizer import Optimizer
from gpbop.plots.experiments import Experiments, thinned
from gpbop.plots.scales import ParameterAxis, linear_ticks, number_text
from gpbop.plots.style import (
    BLACK,
    GREY,
    MOST_LINES,
    ORDER_MAP,
    VERMILLION,
    figure_of,
    legend_above,
    new_figure,
    plain_text,
    styled,
)

# Lines through one choice lie side by side in a strip of this half-width, in heights of an axis.
STRIP = 0.025
GOLDEN = 0.6180339887498949
WIDEST = 26.0  # inches
CHARACTER = 0.11  # width of a character of a name, inches
NEVER = -0.12  # where the objective's axis has its failed experiments, in heights of an axis


@dataclass(frozen=True)
class _Column:
    """One vertical axis.

    Attributes:
        name: What stands above it.
        heights: `n` heights of the experiments on it, from 0 to 1; NaN where they have none.
        ticks: Heights of its ticks.
        texts: Their texts.
    """

    name: str
    heights: Tensor
    ticks: list[float]
    texts: list[str]


@styled
def order(optimizer: Optimizer | Result, ax: Axes | None = None, *, label: str = "objective") -> Figure:
    """Draw the experiments as lines across one vertical axis a parameter and one for the objective, in their order.

    A line has a gap where its config does not have the parameter. Failed experiments are dotted and end below the
    objective's axis. The best experiment is drawn on top of all.

    Args:
        optimizer: The search.
        ax: Where to draw; a new figure if absent.
        label: The objective and its units, for its axis.
    Returns:
        The figure.
    Raises:
        ArgumentError: If `optimizer` is no search.
        NoTrialsError: If no experiment was told.
    """
    experiments = Experiments.of(optimizer, need_values=False)
    columns = [_parameter(experiments, name) for name in experiments.space.names]
    finished = bool(experiments.finished.any())
    if finished:
        columns.append(_objective(experiments, label))
    best = experiments.best_index() if finished else None
    kept = thinned(torch.arange(len(experiments.X)), MOST_LINES, best)
    if ax is None:
        ax = new_figure(min(3.0 + 1.75 * len(columns), WIDEST), 5.8).add_subplot()
    heights = torch.stack([column.heights for column in columns], -1)  # (n, columns)
    _draw_lines(ax, experiments, heights, kept)
    if best is not None:
        _draw_best(ax, heights[best])
    _draw_axes(ax, columns, finished and not bool(experiments.finished.all()))
    title = "" if finished else "no experiment has finished"
    title = title if len(kept) == len(heights) else f"{len(kept):,} of {len(heights):,} experiments"
    legend_above(ax, 3, title)
    return figure_of(ax)


def _parameter(experiments: Experiments, name: str) -> _Column:
    axis = ParameterAxis.of(experiments.space, name)
    encoded = experiments.X[:, axis.column]
    positions, texts = axis.ticks(5)
    if not axis.is_listed:
        heights = torch.where(encoded >= 0.0, encoded, torch.nan)
        return _Column(name, heights, [axis.unit(position) for position in positions], texts)
    span = max(int(axis.parameter.count) - 1, 1)
    strip = STRIP * (2.0 * (torch.arange(len(encoded)) * GOLDEN % 1.0) - 1.0) / max(1.0, span / 8.0)
    heights = axis.positions(encoded) / span + strip
    return _Column(name, heights, [position / span for position in positions], texts)


def _objective(experiments: Experiments, label: str) -> _Column:
    values = experiments.y[experiments.finished]
    low, high = float(values.min()), float(values.max())
    if low == high:
        return _Column(label, torch.where(experiments.finished, 0.5, torch.nan), [0.5], [number_text(low)])
    ticks = linear_ticks(low, high, 6)
    # Halves, so that the width of no range overflows.
    width = high / 2.0 - low / 2.0
    heights = (experiments.y / 2.0 - low / 2.0) / width
    heights = torch.where(experiments.finished, heights, NEVER)
    return _Column(label, heights, [(tick / 2.0 - low / 2.0) / width for tick in ticks], [*map(number_text, ticks)])


def _draw_lines(ax: Axes, experiments: Experiments, heights: Tensor, kept: Tensor) -> None:
    """Draw one line an experiment, from axis to axis, and dots where it meets them."""
    numbers = experiments.numbers
    norm = Normalize(1, max(int(numbers[-1]), 2))
    colours = ORDER_MAP(norm(numbers[kept].tolist()))
    finished = experiments.finished[kept]
    faint = 0.75 if len(kept) <= 60 else 0.35
    paths = [[(float(i), h) for i, h in enumerate(row)] for row in heights[kept].tolist()]
    for which, style, width in ((finished, "-", 1.6), (~finished, ":", 1.6)):
        index = which.nonzero().flatten().tolist()
        pieces = [(k, piece) for k in index for piece in _pieces(paths[k])]
        lines = LineCollection(
            [piece for _, piece in pieces],
            colors=[colours[k] for k, _ in pieces],
            linewidths=width,
            linestyles=style,
            alpha=faint,
            zorder=2,
        )
        ax.add_collection(lines, autolim=False)
    dots = [(i, h, colours[k]) for k, path in enumerate(paths) for i, h in path if not math.isnan(h)]
    ax.scatter([i for i, _, _ in dots], [h for _, h, _ in dots], c=[c for _, _, c in dots], s=16.0, zorder=3)
    bar = ScalarMappable(norm, ORDER_MAP)
    ticks = MaxNLocator(6, integer=True, steps=[1, 2, 5, 10], min_n_ticks=1)
    figure_of(ax).colorbar(bar, ax=ax, label="experiment", pad=0.02, aspect=30, ticks=ticks)


def _pieces(path: list[tuple[float, float]]) -> list[list[tuple[float, float]]]:
    """Cut a path where it has gaps.

    Example:
        >>> _pieces([(0.0, 0.5), (1.0, 1.0), (2.0, math.nan), (3.0, 0.0)])
        [[(0.0, 0.5), (1.0, 1.0)], [(3.0, 0.0)]]
    """
    pieces: list[list[tuple[float, float]]] = [[]]
    for point in path:
        if math.isnan(point[1]):
            pieces.append([])
        else:
            pieces[-1].append(point)
    return [piece for piece in pieces if piece]


def _draw_best(ax: Axes, heights: Tensor) -> None:
    halo = [withStroke(linewidth=6.0, foreground="white")]
    ax.plot(
        range(len(heights)),
        heights.tolist(),
        color=VERMILLION,
        linewidth=3.2,
        marker="*",
        markersize=15.0,
        markeredgecolor="white",
        path_effects=halo,
        zorder=5,
        label="best",
    )


def _draw_axes(ax: Axes, columns: list[_Column], has_failed: bool) -> None:
    """Draw the vertical axes with their ticks and names."""
    halo = [Stroke(linewidth=3.0, foreground="white"), withStroke(linewidth=3.0, foreground="white")]
    for i, column in enumerate(columns):
        ax.plot([i, i], [0.0, 1.0], color=BLACK, linewidth=1.3, zorder=1)
        for height, text in zip(column.ticks, column.texts, strict=True):
            ax.plot([i - 0.03, i], [height, height], color=BLACK, linewidth=1.3, zorder=1)
            ax.text(i - 0.05, height, text, ha="right", va="center", fontsize=11.5, zorder=6, path_effects=halo)
    bottom = NEVER - 0.04 if has_failed else -0.06
    if has_failed:
        ax.text(len(columns) - 0.95, NEVER, "failed", va="center", fontsize=11.5, color=GREY)
    ax.set(xlim=(-0.6, len(columns) - 0.7), ylim=(bottom, 1.06), yticks=[])
    _name(ax, [plain_text(column.name, 32) for column in columns])
    ax.tick_params(axis="x", length=0, pad=8)
    ax.spines[["left", "bottom"]].set_visible(False)


def _name(ax: Axes, names: list[str]) -> None:
    """Put the names under their axes: wrapped, or slanted where they would run into each other."""
    room = int(ax.get_window_extent().width / figure_of(ax).dpi / len(names) / CHARACTER)
    wrapped = [wrap(name, max(room, 6), break_long_words=False) for name in names]
    if all(len(line) <= room for lines in wrapped for line in lines):
        ax.set_xticks(range(len(names)), ["\n".join(lines) for lines in wrapped])
    else:
        ax.set_xticks(range(len(names)), names, rotation=35, ha="right", rotation_mode="anchor")
