"""What was saved: the experiments made, beside those of brute force."""

import math

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullLocator

from gpbop.errors import ArgumentError, explain
from gpbop.minimize import Result
from gpbop.optimizer import Optimizer
from gpbop.plots.experiments import Experiments
from gpbop.plots.style import BLACK, BLUE, GREY, SKY, figure_of, legend_above, new_figure, styled
from gpbop.settings import check_count

# Of a larger number of configs no picture says anything.
LARGEST = 10**300


@styled
def savings(optimizer: Optimizer | Result, ax: Axes | None = None, *, brute_force: int | None = None) -> Figure:
    """Draw the number of experiments made, and until the best was found, against brute force, on a log scale.

    Args:
        optimizer: The search.
        ax: Where to draw; a new figure if absent.
        brute_force: How many experiments brute force takes; the number of configs of a finite space if absent.
    Returns:
        The figure.
    Raises:
        ArgumentError: If `optimizer` is no search, `brute_force` is no positive whole number, or is not given for a
            space with infinitely many configs.
        NoTrialsError: If no experiment was told.
    """
    experiments = Experiments.of(optimizer, need_values=False)
    whole = _brute_force(experiments, brute_force)
    made = len(experiments.trials)
    bars = [("brute force", whole, GREY, "//"), ("experiments made", made, BLUE, "")]
    if bool(experiments.finished.any()):
        bars.append(("best found after", experiments.best_index() + 1, SKY, ".."))
    ax = new_figure(9.0, 3.6).add_subplot() if ax is None else ax
    for place, (_, count, colour, hatch) in enumerate(bars):
        ax.barh(place, count, left=0.0, color=colour, edgecolor=BLACK, linewidth=1.0, hatch=hatch, height=0.62)
        ax.annotate(_count_text(count), (count, place), (6, 0), textcoords="offset points", va="center", fontsize=14.0)
    ax.set_xscale("log")
    largest = max(count for _, count, _, _ in bars)
    # Room for the number beside the longest bar, whatever the scale spans; the shortest bars stay visible.
    ax.invert_yaxis()
    ax.set_xlim(0.6, 0.6 * 10.0 ** min(1.16 * math.log10(largest / 0.6) + 0.1, 300.0))
    ax.set_yticks(range(len(bars)), [name for name, _, _, _ in bars])
    ax.tick_params(axis="y", length=0)
    ax.set_xlabel("experiments (log scale)")
    ax.xaxis.set_minor_locator(NullLocator())
    ax.xaxis.set_major_formatter(FuncFormatter(_tick_text))
    legend_above(ax, 1, _sentence(made, whole))
    return figure_of(ax)


def _brute_force(experiments: Experiments, given: int | None) -> int:
    if given is not None:
        return check_count("brute_force", given, "It counts experiments.", most=LARGEST)
    size = experiments.space.size
    if isinstance(size, float) or size > LARGEST:
        got = "None, and the space has " + ("infinitely many" if isinstance(size, float) else "too many") + " configs"
        advice = "Say how many experiments the grid has that you would have run instead: brute_force=1000."
        raise ArgumentError(explain("brute_force", "be given for this space", got, advice))
    return size


def _sentence(made: int, whole: int) -> str:
    if made >= whole:
        return f"{_count_text(made)} experiments; brute force takes {_count_text(whole)}"
    ratio = whole / made
    times = f"{ratio:.1f}" if ratio < 10.0 else _count_text(round(ratio))
    return f"{_count_text(made)} experiments instead of {_count_text(whole)}: {times} times fewer"


def _tick_text(value: float, _: object) -> str:
    return "" if value < 1.0 else f"{value:,.0f}" if value < 1e5 else f"$10^{{{round(math.log10(value))}}}$"


def _count_text(count: int) -> str:
    """Return a number with thousands separated; a very large one as a power of ten.

    Example:
        >>> _count_text(12345), _count_text(10**15)
        ('12,345', '$10^{15}$')
    """
    if count < 10**9:
        return f"{count:,}"
    exponent = len(str(count)) - 1
    factor = f"{count / 10**exponent:.2g}"
    return f"$10^{{{exponent}}}$" if factor == "1" else f"${factor}{{\\cdot}}10^{{{exponent}}}$"
