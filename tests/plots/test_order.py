import math

import pytest
import torch
from matplotlib.collections import LineCollection

from gpbop.plots import order
from tests.plots.drawn import artist, labels
from tests.plots.searches import MIXED, mixed, told


def test_lines_run_from_axis_to_axis_with_gaps_where_a_parameter_is_inactive() -> None:
    optimizer = mixed()
    ax = order(optimizer, label="loss").axes[0]
    lines = [child for child in ax.collections if isinstance(child, LineCollection)]
    assert len(lines) == 2
    finished, failed = (sum(len(segment) for segment in part.get_segments()) for part in lines)
    trials = optimizer.trials
    assert finished == sum(len(trial.config) + 1 for trial in trials if trial.value is not None)
    # A failed one ends below the objective's axis, which counts as a place too.
    assert failed == sum(len(trial.config) + 1 for trial in trials if trial.value is None)
    for part in lines:
        for segment in part.get_segments():
            assert (torch.as_tensor(segment)[:, 0].diff() == 1.0).all()
    names = [text.get_text() for text in ax.get_xticklabels()]
    assert names == [*MIXED.names, "loss"]


def test_the_best_is_on_top_at_its_values() -> None:
    optimizer = mixed()
    ax = order(optimizer).axes[0]
    best = torch.as_tensor(artist(ax, "best").get_ydata())  # type: ignore[attr-defined]
    encoded = MIXED.encode([optimizer.best.config])[0]
    for j, name in enumerate(MIXED.names):
        if encoded[j] < 0:
            assert math.isnan(float(best[j]))
        elif name not in ("kind", "batch"):
            assert float(best[j]) == float(encoded[j])
        else:
            levels = float(MIXED.parameters[name].count) - 1
            level = float(MIXED.parameters[name].index(encoded[j]))
            assert abs(float(best[j]) - level / levels) < 0.03
    values = [trial.value for trial in optimizer.trials if trial.value is not None]
    own = optimizer.trials[optimizer.best.number].value
    assert own is not None
    assert float(best[-1]) == pytest.approx((own - min(values)) / (max(values) - min(values)))
    assert "experiment" in [axes.get_ylabel() for axes in order(optimizer).axes]


def test_later_lines_are_darker_on_any_printer() -> None:
    ax = order(told(MIXED, 12)).axes[0]
    lines = next(child for child in ax.collections if isinstance(child, LineCollection))
    colours = torch.as_tensor(lines.get_colors())
    lightness = colours[:, :3] @ torch.tensor([0.299, 0.587, 0.114]).to(colours)
    assert float(lightness[0]) > 0.6 > 0.3 > float(lightness[-1])
    assert "best" in labels(ax)
