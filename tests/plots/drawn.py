"""What a picture shows, found by its labels."""

import torch
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.collections import PathCollection
from torch import Tensor


def labels(ax: Axes) -> list[str]:
    """Return the entries that a legend of the axes has."""
    return list(ax.get_legend_handles_labels()[1])


def artist(ax: Axes, label: str) -> Artist:
    """Return the one artist of a label."""
    (found,) = [child for child in ax.get_children() if child.get_label() == label]
    return found


def points(ax: Axes, label: str) -> Tensor:
    """Return the `n x 2` places of the points of a label."""
    found = artist(ax, label)
    assert isinstance(found, PathCollection)
    return torch.as_tensor(found.get_offsets().data, dtype=torch.float64)


def legend_title(ax: Axes) -> str:
    """Return the line of text above the axes."""
    legend = ax.get_legend()
    assert legend is not None
    return str(legend.get_title().get_text())
