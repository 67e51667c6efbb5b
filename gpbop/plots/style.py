"""The look of every picture: sizes for a talk, colours that colour-blind eyes and grey printers tell apart.

Pictures use matplotlib's object-oriented interface on the Agg canvas: no window, no pyplot, and matplotlib's settings
are as before when a function returns.
"""

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec

from matplotlib import colormaps, rc_context
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure, SubFigure

# Okabe & Ito (2008), Color universal design.
BLACK, ORANGE, SKY, GREEN = "#000000", "#E69F00", "#56B4E9", "#009E73"
YELLOW, BLUE, VERMILLION, PURPLE = "#F0E442", "#0072B2", "#D55E00", "#CC79A7"
GREY = "#8C8C8C"
COLOURS = (BLUE, VERMILLION, GREEN, BLACK, PURPLE, ORANGE, SKY)
MARKERS = ("o", "s", "^", "D", "v", "P", "X")
LINESTYLES = ("-", "--", "-.", ":")

# Maps: both grow in lightness alone, so they survive a grey printer; two, so that nobody reads one as the other.
MEAN_MAP, STD_MAP = "viridis", "cividis"
# Lines: from light to dark, without the lightest tenth, which a white ground swallows.
ORDER_MAP = ListedColormap(colormaps["viridis_r"]([0.12 + 0.88 * i / 255 for i in range(256)]), "order")

# Half-width of a 95 % band, in standard deviations.
BAND = 1.959963984540054
# More points or lines than these are thinned out: they would only cover each other.
MOST_POINTS = 1000
MOST_LINES = 400

SETTINGS = {
    "figure.facecolor": "white",
    "figure.dpi": 144.0,
    "savefig.facecolor": "white",
    "font.size": 14.0,
    "text.color": BLACK,
    "axes.facecolor": "white",
    "axes.edgecolor": BLACK,
    "axes.labelcolor": BLACK,
    "axes.labelsize": 15.0,
    "axes.titlesize": 14.0,
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": False,
    "xtick.color": BLACK,
    "ytick.color": BLACK,
    "xtick.labelsize": 13.0,
    "ytick.labelsize": 13.0,
    "legend.fontsize": 13.0,
    "legend.frameon": False,
    "lines.linewidth": 2.2,
    "hatch.linewidth": 0.8,
}

P = ParamSpec("P")


def styled(draw: Callable[P, Figure]) -> Callable[P, Figure]:
    """Return a function that draws with `SETTINGS` and leaves matplotlib's own as they were."""

    @wraps(draw)
    def drawn(*args: P.args, **kwargs: P.kwargs) -> Figure:
        with rc_context(SETTINGS):  # type: ignore[arg-type]  # matplotlib's type lists every key
            return draw(*args, **kwargs)

    return drawn


def new_figure(width: float = 9.0, height: float = 5.4) -> Figure:
    """Return an empty figure that no window knows.

    Args:
        width: In inches.
        height: In inches.
    """
    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def figure_of(ax: Axes) -> Figure:
    """Return the figure that an axes belongs to, through any subfigures."""
    figure = ax.figure
    while isinstance(figure, SubFigure):
        figure = figure.figure
    return figure


def plain_text(value: object, most: int = 24) -> str:
    r"""Return a text that matplotlib shows as it is: no formulas, and cut when it is too long.

    Args:
        value: What to show.
        most: Longest length, in characters.

    Example:
        >>> print(plain_text("a$b"), plain_text("abcdefgh", 5))
        a\$b abcd…
    """
    text = " ".join(str(value).split())
    text = "".join(c if c.isprintable() else "?" for c in text)  # a lone surrogate stops matplotlib
    shown = text if len(text) <= most else text[: most - 1] + "…"
    return shown.replace("$", r"\$")


def legend_above(ax: Axes, columns: int = 3, title: str = "") -> None:
    """Put the legend above the axes, where it covers nothing, under a line of text."""
    handles, labels = ax.get_legend_handles_labels()
    if not labels and not title:
        return
    ax.legend(
        handles,
        labels,
        title=title or None,
        title_fontsize=12.5,
        alignment="left",
        loc="lower left",
        bbox_to_anchor=(-0.02, 1.0),
        borderaxespad=0.2,
        ncols=columns,
        columnspacing=1.4,
        handlelength=1.8,
    )


def legend_on_top(ax: Axes, title: str = "") -> None:
    """Put the legend of an axes at the top of its figure, which may hold several, under a line of text."""
    handles, labels = ax.get_legend_handles_labels()
    if labels or title:
        figure_of(ax).legend(
            handles,
            labels,
            title=title or None,
            title_fontsize=12.5,
            alignment="left",
            loc="outside upper left",
            ncols=4,
        )


def percent(share: float) -> str:
    """Return a share as a text.

    Example:
        >>> percent(0.384)
        '38 %'
    """
    return "> 99 %" if 0.995 <= share < 1.0 else f"{100.0 * share:.0f} %"
