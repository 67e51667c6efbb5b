"""Maps over two parameters: the model's mean and uncertainty, and how the uncertainty went away."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from matplotlib.axes import Axes
from matplotlib.collections import QuadMesh
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke
from torch import Tensor

from gpbop.errors import ArgumentError, explain
from gpbop.minimize import Result
from gpbop.optimizer import Optimizer
from gpbop.parameters.choices import suggest
from gpbop.plots.experiments import Experiments, thinned
from gpbop.plots.scales import ParameterAxis
from gpbop.plots.slices import Slice
from gpbop.plots.style import (
    BLACK,
    MEAN_MAP,
    STD_MAP,
    VERMILLION,
    figure_of,
    legend_on_top,
    new_figure,
    plain_text,
    styled,
)
from gpbop.surrogate.hindsight import deviation_after

# Places along each parameter with more values than there are cells; fewer where each costs more.
PLACES, FEWER_PLACES, MANY_OBSERVATIONS = 64, 32, 1000
# Half-width of the part of a cell over which its observations are spread, in cells.
SPREAD = 0.3
# More rings would hide the map.
MOST_RINGS = 250
# A dark line around white rings, which shows on any colour.
HALO = [withStroke(linewidth=2.6, foreground=BLACK)]
# Plastic-number sequence: evenly spread points in a square (Roberts 2018).
PLASTIC = (0.7548776662466927, 0.5698402909980532)

MOMENTS = {"start": "at the start", "first": "after the first {n:,}", "end": "after all {n:,}"}


@styled
def surface(
    optimizer: Optimizer | Result,
    x: str,
    y: str,
    axes: Sequence[Axes] | None = None,
    *,
    at: Mapping[str, Any] | None = None,
    label: str = "objective",
) -> Figure:
    """Draw the model's mean and its uncertainty over two parameters, side by side, with the observations on top.

    The other parameters stay at `at`. Filled points lie on this slice; hollow ones are projected onto it. Where the two
    parameters do not exist together, the map is hatched.

    Args:
        optimizer: The search.
        x: The parameter of the horizontal axis.
        y: The parameter of the vertical axis.
        axes: Two axes to draw on; a new figure if absent.
        at: Config at which the other parameters stay; the best one if absent.
        label: The objective and its units, for the colour bars.
    Returns:
        The figure.
    Raises:
        ArgumentError: If `optimizer` is no search, `x` or `y` no parameter of it, or there are not two axes.
        ConfigError: If `at` does not belong to the space.
        NoTrialsError: If no experiment has finished.
    """
    experiments = Experiments.of(optimizer)
    slice_ = _plane(experiments, x, y, at)
    pair = _some_axes(axes, 2)
    gp = experiments.optimizer.gp
    X, active, places = _points(slice_, len(gp.y))
    for ax, moment, colours, text in zip(
        pair,
        gp.predict_encoded(X),
        (MEAN_MAP, STD_MAP),
        ("mean", "standard deviation"),
        strict=True,
    ):
        mesh = _draw_map(ax, slice_, places, torch.where(active, moment, torch.nan), colours)
        figure_of(ax).colorbar(mesh, ax=ax, label=plain_text(label, 48), pad=0.02)
        _draw_points(ax, experiments, slice_, len(experiments.X))
        ax.set_title(text)
    pair[1].set_ylabel("")
    if axes is None:
        legend_on_top(pair[0], slice_.text)
    return figure_of(pair[0])


@styled
def uncertainty(
    optimizer: Optimizer | Result,
    x: str,
    y: str,
    axes: Sequence[Axes] | None = None,
    *,
    moments: Sequence[str | int] = ("start", "first", "end"),
    at: Mapping[str, Any] | None = None,
    label: str = "objective",
) -> Figure:
    """Draw the model's uncertainty over two parameters at several moments of the search, on one colour scale.

    Every map is made with the hyperparameters that the model has now, conditioned on the experiments until then: the
    maps differ by what was measured, and by nothing else.

    Args:
        optimizer: The search.
        x: The parameter of the horizontal axis.
        y: The parameter of the vertical axis.
        axes: As many axes as moments; a new figure if absent.
        moments: "start": before any experiment; "first": after the initial design, with which the first model is made;
            "end": after all; or numbers of experiments.
        at: Config at which the other parameters stay; the best one if absent.
        label: The objective and its units, for the colour bar.
    Returns:
        The figure.
    Raises:
        ArgumentError: If `optimizer` is no search, `x` or `y` no parameter of it, or `moments` or `axes` not as
            described.
        ConfigError: If `at` does not belong to the space.
        NoTrialsError: If no experiment has finished.
    """
    experiments = Experiments.of(optimizer)
    slice_ = _plane(experiments, x, y, at)
    counts = _counts(experiments, moments)
    row = _some_axes(axes, len(counts))
    gp = experiments.optimizer.gp
    X, active, places = _points(slice_, len(gp.y))
    finished = [int(experiments.finished[:count].sum()) for count in counts]
    maps = [torch.where(active, deviation_after(gp, n, X), torch.nan) for n in finished]
    norm = Normalize(0.0, max(float(values[active].max()) for values in maps))
    for i, (ax, values, count, moment) in enumerate(zip(row, maps, counts, moments, strict=True)):
        mesh = _draw_map(ax, slice_, places, values, STD_MAP, norm)
        _draw_points(ax, experiments, slice_, count)
        text = MOMENTS[moment] if isinstance(moment, str) else "after {n:,}"
        ax.set_title(text.format(n=count))
        if i:
            ax.set_ylabel("")
            ax.tick_params(labelleft=False)
        if i == len(row) - 1:
            figure_of(ax).colorbar(mesh, ax=list(row), label=plain_text(f"{label}: standard deviation", 64), pad=0.02)
    if axes is None:
        legend_on_top(row[counts.index(max(counts))], slice_.text)
    return figure_of(row[0])


def _plane(experiments: Experiments, x: str, y: str, at: Mapping[str, Any] | None) -> Slice:
    """Return the slice along two parameters that exist together somewhere."""
    space = experiments.space
    pair = [ParameterAxis.of(space, x, "x"), ParameterAxis.of(space, y, "y")]
    if x == y:
        others = "Use posterior for one parameter."
        raise ArgumentError(explain("y", "name another parameter than `x`", repr(y), others))
    slice_ = Slice.through(space, experiments.row(at), pair)
    values = torch.cartesian_prod(*(axis.places(FEWER_PLACES) for axis in pair))
    if not bool(slice_.rows(values)[1].any()):
        rule, got = "exist together in some config", f"{x!r} and {y!r}"
        raise ArgumentError(explain("`x` and `y`", rule, got, "Draw each of them with posterior."))
    return slice_


def _some_axes(axes: Sequence[Axes] | None, count: int) -> list[Axes]:
    """Return as many axes as maps, of a new figure if there are none."""
    if axes is None:
        figure = new_figure(5.2 * count + 1.2, 5.8)
        return [figure.add_subplot(1, count, i + 1) for i in range(count)]
    listed: list[Axes] = [axes] if isinstance(axes, Axes) else list(axes)
    if len(listed) != count or not all(isinstance(ax, Axes) for ax in listed):
        got = f"{len(listed)} of them"
        raise ArgumentError(explain("axes", f"be {count} axes, one for each map", got, "Leave it out for a figure."))
    return listed


def _counts(experiments: Experiments, moments: Sequence[str | int]) -> list[int]:
    """Return how many told experiments each moment has."""
    n = len(experiments.trials)
    known = {"start": 0, "first": min(experiments.optimizer.initial, n), "end": n}
    counts = []
    for moment in [moments] if isinstance(moments, str | int) else moments:
        if isinstance(moment, str) and moment in known:
            counts.append(known[moment])
        elif isinstance(moment, int) and not isinstance(moment, bool) and 0 <= moment <= n:
            counts.append(moment)
        else:
            rule = f"be 'start', 'first', 'end' or numbers of experiments from 0 to {n}"
            raise ArgumentError(explain("moments", rule, repr(moment), suggest(moment, list(known))))
    if not counts:
        raise ArgumentError(explain("moments", "name at least one moment", repr(moments), "Leave it out for three."))
    return counts


def _points(slice_: Slice, n: int) -> tuple[Tensor, Tensor, tuple[Tensor, Tensor]]:
    """Return the encoded points of a map, row by row, which of them exist, and the places along both axes."""
    most = PLACES if n <= MANY_OBSERVATIONS else FEWER_PLACES
    across, up = (axis.places(most) for axis in slice_.axes)
    X, active = slice_.rows(torch.cartesian_prod(up, across).flip(-1))
    return X, active, (across, up)


def _draw_map(
    ax: Axes, slice_: Slice, places: tuple[Tensor, Tensor], values: Tensor, colours: str, norm: Normalize | None = None
) -> QuadMesh:
    """Draw one map; what does not exist stays empty on a hatched ground."""
    (x_axis, y_axis), (across, up) = slice_.axes, places
    if bool(values.isnan().any()):
        ax.patch.set(facecolor="#EFEFEF", hatch="//", edgecolor="#B0B0B0")
    Z = values.reshape(len(up), len(across))
    mesh = ax.pcolormesh(
        x_axis.edges(across).tolist(),
        y_axis.edges(up).tolist(),
        Z.tolist(),
        cmap=colours,
        norm=norm,
        rasterized=True,
    )
    x_axis.dress(ax, "x")
    y_axis.dress(ax, "y")
    return mesh


def _draw_points(ax: Axes, experiments: Experiments, slice_: Slice, count: int) -> None:
    """Draw the first experiments: filled on the slice, hollow where they are projected, failed ones as crosses."""
    X = experiments.X[:count]
    if not count:
        return
    columns = [axis.column for axis in slice_.axes]
    has, on = (X[:, columns] >= 0.0).all(-1), slice_.contains(X)
    finished = experiments.finished[:count]
    place = [_spread(axis, X[:, axis.column], share) for axis, share in zip(slice_.axes, PLASTIC, strict=True)]
    best = experiments.best_index()
    kinds: tuple[tuple[str, Tensor, dict[str, Any]], ...] = (
        (
            "observed elsewhere",
            has & finished & ~on,
            {"facecolors": "none", "edgecolors": "white", "s": 40.0, "path_effects": HALO},
        ),
        ("observed", has & finished & on, {"facecolors": "white", "edgecolors": BLACK, "s": 56.0}),
        ("failed", has & ~finished, {"color": VERMILLION, "marker": "X", "edgecolors": "white", "s": 70.0}),
        (
            "best",
            has & (torch.arange(count) == best),
            {"color": VERMILLION, "marker": "*", "edgecolors": "white", "s": 320.0},
        ),
    )
    for layer, (label, which, look) in enumerate(kinds):
        index = thinned(which.nonzero().flatten(), MOST_RINGS)
        if len(index):
            across, up = (axis[index].tolist() for axis in place)
            ax.scatter(across, up, linewidths=1.3, zorder=3 + layer, label=label, clip_on=False, **look)


def _spread(axis: ParameterAxis, encoded: Tensor, share: float) -> Tensor:
    """Return positions on an axis; the observations of one listed value are spread over its cell."""
    positions = axis.positions(encoded)
    if not axis.is_listed:
        return positions
    return positions + SPREAD * (2.0 * (torch.arange(1, len(encoded) + 1) * share % 1.0) - 1.0)
