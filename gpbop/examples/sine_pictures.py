"""The frames of the sine as pictures, and all of them as one animation."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from PIL import Image

from gpbop.examples.sine import LAST_X, OUTPUTSCALE, Frame
from gpbop.files import replacing
from gpbop.plots.style import BAND, BLACK, BLUE, ORANGE, SKY, VERMILLION, legend_above, new_figure, styled

# Limits that hold the prior's band, so that nothing moves from frame to frame.
HIGHEST, HIGHEST_STD = 2.6 * OUTPUTSCALE, 1.15 * OUTPUTSCALE
# The animation: width in pixels, colours, and how long it shows each frame and the last one, in milliseconds.
WIDTH, COLOURS = 960, 256
SHOWN, SHOWN_LAST = 1100, 4000


@styled
def draw(frame: Frame) -> Figure:
    """Draw the sine, the model of it from the points so far, and where it is least certain.

    Args:
        frame: The model after some points.
    Returns:
        The figure: above, both models and the points; below, the standard deviation.
    """
    figure = new_figure(9.0, 6.8)
    rows = figure.add_gridspec(2, 1, height_ratios=(3, 1))
    above = figure.add_subplot(rows[0])
    below = figure.add_subplot(rows[1], sharex=above)
    _draw_models(above, frame)
    _draw_deviation(below, frame)
    legend_above(above, 3, _heading(frame))
    return figure


def animate(pictures: Sequence[Path], path: Path) -> Path:
    """Write pictures of one size as an animated GIF that starts again at its end.

    Args:
        pictures: PNG files, in their order.
        path: The file; an old one is replaced when the new one is whole.
    Returns:
        The path.
    """
    with Image.open(pictures[0]) as first:
        width, height = WIDTH, round(first.height * WIDTH / first.width)
    together = Image.new("RGB", (width, height * len(pictures)))
    for i, picture in enumerate(pictures):
        with Image.open(picture) as image:
            together.paste(image.convert("RGB").resize((width, height), Image.Resampling.LANCZOS), (0, i * height))
    # One palette for all, or colours would flicker from frame to frame.
    few = together.quantize(COLOURS, dither=Image.Dither.NONE)
    drawn = [few.crop((0, i * height, width, (i + 1) * height)) for i in range(len(pictures))]
    shown = [SHOWN] * (len(drawn) - 1) + [SHOWN_LAST]
    with replacing(path) as beside:
        drawn[0].save(beside, format="GIF", save_all=True, append_images=drawn[1:], duration=shown, loop=0)
    return path


def _heading(frame: Frame) -> str:
    told = f"{len(frame.observed_x)} points: mean standard deviation {frame.remaining:#.2g}"
    if frame.next_x is not None:
        return f"{told}; next where it is largest, at x = {frame.next_x:g}"
    return f"{told}; largest error of the mean {frame.largest_error:#.2g}"


def _draw_models(ax: Axes, frame: Frame) -> None:
    x, mean, std = frame.x.tolist(), frame.ours.mean, frame.ours.std
    low, high = (mean - BAND * std).tolist(), (mean + BAND * std).tolist()
    ax.fill_between(x, low, high, color=SKY, alpha=0.35, linewidth=0.0, zorder=0, label="gpbop, 95 % band")
    ax.plot(x, frame.x.sin().tolist(), color=BLACK, zorder=2, label="sine")
    ax.plot(x, mean.tolist(), color=BLUE, linewidth=3.6, alpha=0.75, zorder=1, label="gpbop, mean")
    theirs, width = frame.sklearn, BAND * frame.sklearn.std
    look: dict[str, Any] = {"color": ORANGE, "linestyle": (0, (1, 1.6)), "linewidth": 2.0, "zorder": 3}
    ax.plot(x, theirs.mean.tolist(), label="scikit-learn, mean and band", **look)
    for edge in (theirs.mean - width, theirs.mean + width):
        ax.plot(x, edge.tolist(), **look)
    ax.scatter(
        frame.observed_x.tolist(),
        frame.observed_y.tolist(),
        s=70.0,
        color=BLACK,
        zorder=5,
        clip_on=False,
        label="points",
    )
    if frame.next_x is not None:
        at = int((frame.x - frame.next_x).abs().argmin())
        _draw_next(ax, frame.next_x, float(mean[at]), "o")
    ax.set(xlim=(0.0, LAST_X), ylim=(-HIGHEST, HIGHEST), ylabel="y")
    ax.tick_params(labelbottom=False)


def _draw_deviation(ax: Axes, frame: Frame) -> None:
    """Draw the standard deviation; the next point is where it is largest."""
    x, std = frame.x.tolist(), frame.ours.std.tolist()
    ax.fill_between(x, std, color=SKY, alpha=0.35, linewidth=0.0)
    ax.plot(x, std, color=BLUE)
    if frame.next_x is not None:
        at = int((frame.x - frame.next_x).abs().argmin())
        _draw_next(ax, frame.next_x, std[at], "v")
    ax.set(ylim=(0.0, HIGHEST_STD), xlabel="x", ylabel="standard\ndeviation")


def _draw_next(ax: Axes, x: float, y: float, marker: str) -> None:
    look: dict[str, Any] = {"s": 130.0, "marker": marker, "color": VERMILLION, "edgecolors": BLACK, "linewidths": 1.2}
    ax.scatter([x], [y], zorder=6, clip_on=False, label="next point", **look)
    ax.axvline(x, color=VERMILLION, linewidth=1.2, linestyle="--", zorder=1)
