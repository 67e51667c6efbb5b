"""The search for the best autoencoder in pictures, and the whole story in one."""

from collections.abc import Callable
from typing import Any

import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator
from torch import Tensor

from gpbop.examples.recorded import RecordedGrid
from gpbop.optimizer import Optimizer
from gpbop.plots import calibration, convergence, importance, order, savings, uncertainty
from gpbop.plots.style import BLACK, BLUE, ORANGE, VERMILLION, legend_above, legend_on_top, new_figure, styled

LABEL = "held-out loss"
# The parameters of the maps: those two that every config has and that are numbers.
MAP = ("encoder_size", "noise")
# Orders of the recorded trainings that stand for brute force.
SHUFFLES, SHUFFLE_SEED = 200, 0
# Two counts whose texts fit side by side differ by at least this factor.
APART = 15


def drawings(
    optimizer: Optimizer, recorded: RecordedGrid, headline: str
) -> dict[str, tuple[str, Callable[[], Figure]]]:
    """Return, by the names of the files, what each picture shows, and what draws it.

    Args:
        optimizer: The search.
        recorded: The losses of all configs.
        headline: What the story is called.
    """
    lowest = min(recorded.losses)
    return {
        "story.png": ("the whole story in one picture", lambda: story(optimizer, recorded, headline)),
        "uncertainty.png": (
            "at the start, after the first model, at the end",
            lambda: uncertainty(optimizer, *MAP, label=LABEL),
        ),
        "convergence.png": (
            "every loss, and what gpbop expected before it",
            lambda: convergence(optimizer, target=lowest, label=LABEL),
        ),
        "importance.png": ("which parameters matter", lambda: importance(optimizer)),
        "order.png": ("the way through the space", lambda: order(optimizer, label=LABEL)),
        "savings.png": ("trainings made against brute force", lambda: savings(optimizer)),
        "calibration.png": (
            "whether the model knows what it knows",
            lambda: calibration(optimizer, label=LABEL),
        ),
    }


@styled
def story(optimizer: Optimizer, recorded: RecordedGrid, headline: str) -> Figure:
    """Draw the uncertainty at the start, after the first model and at the end, and the best so far beside brute force.

    Args:
        optimizer: The search.
        recorded: The losses of all configs.
        headline: What stands above the picture.
    Returns:
        The figure.
    """
    figure = new_figure(13.0, 9.6)
    rows = figure.add_gridspec(2, 3, height_ratios=(1, 0.95))
    maps = [figure.add_subplot(rows[0, i]) for i in range(3)]
    uncertainty(optimizer, *MAP, maps, label=LABEL)
    legend_on_top(maps[-1], headline)
    figure.legends[0].get_title().set(fontsize=24.0, fontweight="bold")
    _draw_race(figure.add_subplot(rows[1, :]), optimizer, recorded)
    return figure


def _draw_race(ax: Axes, optimizer: Optimizer, recorded: RecordedGrid) -> None:
    """Draw the best so far of gpbop and of brute force, and when each has what gpbop found."""
    size, losses = len(recorded.losses), [recorded.losses[recorded.row(trial.config)] for trial in optimizer.trials]
    best, found = min(losses), losses.index(min(losses)) + 1
    ours, orders = _best_so_far(torch.tensor(losses, dtype=torch.float64)), brute_force(recorded)
    low, median, high = orders.quantile(torch.tensor([0.25, 0.5, 0.75]).to(orders), dim=0)
    x = list(range(1, size + 1))
    band = f"brute force, quartiles of {SHUFFLES} orders"
    ax.fill_between(x, low.tolist(), high.tolist(), step="post", color=ORANGE, alpha=0.25, linewidth=0.0, label=band)
    look: dict[str, Any] = {"where": "post", "linewidth": 2.6}
    ax.step(x, median.tolist(), color=VERMILLION, linestyle="--", label="brute force, median", **look)
    ax.step(x[: len(losses)], ours.tolist(), color=BLUE, label="gpbop", **look)
    needed = int((orders > best).sum(-1).median()) + 1
    # One text below the other where they would overlap.
    lower = 20 if needed < APART * found else 0
    ends = (
        (found, BLUE, f"gpbop has it after {found}", -11),
        (needed, VERMILLION, f"brute force after {needed} (median)", -11 - lower),
    )
    for place, colour, text, height in ends:
        ax.scatter([place], [best], s=110.0, color=colour, edgecolors=BLACK, zorder=5, clip_on=False)
        side = "left" if place < size**0.2 else "right" if place > size**0.8 else "center"
        look = {"textcoords": "offset points", "ha": side, "va": "top", "fontsize": 15.0, "color": colour, "zorder": 6}
        ax.annotate(text, (place, best), (0, height), **look)
    bottom, top = ax.get_ylim()
    ax.set_ylim(bottom - 0.16 * (top - bottom), top)
    ax.set(xscale="log", xlim=(1.0, size), xlabel="trainings (log scale)", ylabel=f"lowest {LABEL} so far")
    ax.set_xticks([1, 3, 10, 30, 100, 300, size], ["1", "3", "10", "30", "100", "300", str(size)])
    ax.xaxis.set_minor_locator(NullLocator())
    legend_above(ax, 3)


def brute_force(recorded: RecordedGrid) -> Tensor:
    """Return the lowest loss after each training of all configs, `SHUFFLES x m`, in random orders."""
    generator = torch.Generator().manual_seed(SHUFFLE_SEED)
    losses = torch.tensor(recorded.losses, dtype=torch.float64)
    return _best_so_far(
        torch.stack([losses[torch.randperm(len(losses), generator=generator)] for _ in range(SHUFFLES)])
    )


def _best_so_far(values: Tensor) -> Tensor:
    return values.cummin(-1).values
