import pytest
import torch
from matplotlib.collections import PolyCollection
from matplotlib.figure import Figure

from gpbop.errors import ArgumentError
from gpbop.plots import convergence
from gpbop.plots.experiments import Experiments
from gpbop.plots.style import BAND
from gpbop.surrogate.hindsight import one_step_ahead
from tests.plots.drawn import artist, labels, points
from tests.plots.searches import line, mixed


def test_draws_values_best_so_far_and_predictions_as_the_model_has_them() -> None:
    optimizer = mixed()
    experiments = Experiments.of(optimizer)
    (ax,) = convergence(optimizer, label="loss").axes
    n, finished = len(experiments.trials), experiments.finished
    numbers = experiments.numbers.double()
    expected = torch.stack([numbers[finished], experiments.y[finished]], -1)
    torch.testing.assert_close(points(ax, "value"), expected)
    assert points(ax, "failed")[:, 0].tolist() == numbers[~finished].tolist()
    best = torch.as_tensor(artist(ax, "best so far").get_xydata())  # type: ignore[attr-defined]
    torch.testing.assert_close(best[:-1, 1], experiments.best_so_far(), equal_nan=True)
    assert float(best[-1, 1]) == pytest.approx(optimizer.best.value)
    predicted = one_step_ahead(optimizer.gp)
    mean = torch.as_tensor(artist(ax, "predicted mean").get_ydata())  # type: ignore[attr-defined]
    torch.testing.assert_close(mean[::2][finished], predicted.mean, equal_nan=True)
    torch.testing.assert_close(mean[1::2][finished], predicted.mean, equal_nan=True)
    assert bool(mean[::2][~finished].isnan().all())
    band = artist(ax, "predicted before, 95 % band")
    assert isinstance(band, PolyCollection)
    heights = torch.cat([torch.as_tensor(path.vertices)[:, 1] for path in band.get_paths()])
    assert float(heights.max()) == pytest.approx(float((predicted.mean + BAND * predicted.std).nan_to_num(-9).max()))
    assert float(heights.min()) == pytest.approx(float((predicted.mean - BAND * predicted.std).nan_to_num(99).min()))
    assert ax.get_xlim() == (0.5, n + 0.5)
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("experiment", "loss")
    assert "target" not in labels(ax)
    assert artist(ax, "model takes over").get_xdata() == [optimizer.initial + 0.5] * 2  # type: ignore[attr-defined]


def test_a_target_is_a_line() -> None:
    (ax,) = convergence(line(), target=3.5).axes
    assert list(artist(ax, "target").get_ydata()) == [3.5, 3.5]  # type: ignore[attr-defined]
    assert "failed" not in labels(ax)


def test_an_axes_of_ones_own_gets_all_of_it() -> None:
    ax = Figure().add_subplot()
    assert convergence(line(), ax) is ax.figure
    assert labels(ax) == labels(convergence(line()).axes[0])


def test_an_infinite_target_is_an_error() -> None:
    with pytest.raises(ArgumentError, match="`target` must be finite; got inf"):
        convergence(line(), target=float("inf"))
