import pytest
import torch
from matplotlib.container import ErrorbarContainer
from matplotlib.figure import Figure

from gpbop import Categorical, Space
from gpbop.acquisition import ACQUISITIONS, Question, acquisition
from gpbop.errors import AcquisitionError, ArgumentError, ConfigError
from gpbop.plots import posterior
from gpbop.plots.scales import ParameterAxis
from gpbop.plots.slices import Slice, sampled_rows
from gpbop.plots.style import BAND
from tests.plots.drawn import artist, labels, legend_title, points
from tests.plots.searches import LINE, MIXED, line, mixed, told

LINE_AND_KIND = Space({**LINE.parameters, "kind": Categorical(["A", "B"])})


def test_the_curve_is_the_models_and_the_panel_below_its_acquisition() -> None:
    optimizer = line()
    ax, below = posterior(optimizer, "x", label="gain").axes
    mean = torch.as_tensor(artist(ax, "mean").get_xydata())  # type: ignore[attr-defined]
    predicted = optimizer.predict([{"x": min(x, 2.0)} for x in mean[:, 0].tolist()])
    torch.testing.assert_close(mean[:, 1], predicted.mean)
    band = torch.as_tensor(artist(ax, "95 % band").get_paths()[0].vertices)  # type: ignore[attr-defined]
    assert float(band[:, 1].max()) == pytest.approx(float((predicted.mean + BAND * predicted.std).max()))
    assert float(band[:, 1].min()) == pytest.approx(float((predicted.mean - BAND * predicted.std).min()))
    observed = [[trial.config["x"], trial.value] for trial in optimizer.trials]
    torch.testing.assert_close(points(ax, "observed"), torch.tensor(observed, dtype=torch.float64))
    worth = torch.as_tensor(below.lines[0].get_ydata())
    gp = optimizer.gp
    ei = acquisition("ei", Question(gp, "maximize"))(mean[:, :1] / 2.0).exp() * gp.standardization.scale
    torch.testing.assert_close(worth, ei)
    assert ax.get_xlim() == below.get_xlim() == (0.0, 2.0)
    assert (ax.get_ylabel(), below.get_xlabel(), below.get_ylabel()) == ("gain", "x", "expected\nimprovement")


def test_a_categorical_axis_has_points_with_error_bars() -> None:
    optimizer = mixed()
    ax, below = posterior(optimizer, "kind").axes
    (bars,) = [c for c in ax.containers if isinstance(c, ErrorbarContainer)]
    x, y = bars.lines[0].get_data()
    base = optimizer.space.encode([optimizer.best.config])[0]
    X, active = Slice.through(MIXED, base, [ParameterAxis.of(MIXED, "kind")]).rows(torch.arange(3.0)[:, None].double())
    assert bool(active.all())
    assert list(x) == [0.0, 1.0, 2.0]
    assert list(y) == pytest.approx(optimizer.gp.predict_encoded(X).mean.tolist())
    assert bars.lines[0].get_linestyle() == "None"
    assert [text.get_text() for text in below.get_xticklabels()] == ["A", "B", "C"]
    assert ax.get_xlim() == (-0.5, 2.5)


def test_a_conditional_parameter_is_drawn_where_it_exists() -> None:
    optimizer = mixed()
    ax = posterior(optimizer, "decay").axes[0]
    assert "kind = C" in legend_title(ax)
    has = [trial for trial in optimizer.trials if "decay" in trial.config]
    finished = [trial for trial in has if trial.value is not None]
    shown = [child for child in ax.collections if len(child.get_offsets()) and child.get_label() != "failed"]
    drawn = {round(float(x), 9) for child in shown for x, y in child.get_offsets() if (x, y) != (0.0, 0.0)}
    assert drawn == {round(trial.config["decay"], 9) for trial in finished}
    failed = {trial.config["decay"] for trial in has if trial.value is None}
    assert ("failed" in labels(ax)) == bool(failed)


def test_points_on_the_slice_are_told_from_those_elsewhere() -> None:
    optimizer = mixed()
    trial = next(t for t in optimizer.trials[2:] if t.value is not None)  # the first two are measured twice
    ax = posterior(optimizer, "rate", at=trial.config).axes[0]
    assert points(ax, "observed").tolist() == [pytest.approx([trial.config["rate"], trial.value])]
    elsewhere = [c for c in ax.collections if c.get_label() in ("observed elsewhere", "_more of them")]
    assert sum(len(c.get_offsets()) for c in elsewhere) == 15
    assert len(points(ax, "failed")) == 4
    assert ax.get_xscale() == "log"
    assert ax.get_xlim() == pytest.approx((1e-4, 1e-1))


def test_the_average_is_that_of_the_models_means_and_joint_samples() -> None:
    optimizer = mixed()
    ax, below = posterior(optimizer, "rate", average=True, acquisition="max_variance").axes
    mean = torch.as_tensor(artist(ax, "mean").get_ydata())  # type: ignore[attr-defined]
    places = torch.linspace(0, 1, len(mean)).double()
    X = sampled_rows(MIXED, ParameterAxis.of(MIXED, "rate"), places, 64)
    gp = optimizer.gp
    torch.testing.assert_close(mean, gp.predict_encoded(X.flatten(0, 1)).mean.reshape(X.shape[:2]).mean(-1))
    band = torch.as_tensor(artist(ax, "95 % band").get_paths()[0].vertices)  # type: ignore[attr-defined]
    joint = gp.model.posterior(X[0]).distribution.covariance_matrix.detach()
    low = float(mean[0] - BAND * joint.mean().sqrt())
    assert float(band[:, 1][band[:, 0] == band[:, 0].min()].min()) == pytest.approx(low, rel=1e-6)
    stds = gp.predict_encoded(X.flatten(0, 1)).std.reshape(X.shape[:2]).mean(-1)
    # Failed configs lower the variance that the search sees.
    assert bool((torch.as_tensor(below.lines[0].get_ydata()) <= stds + 1e-9).all())


@pytest.mark.parametrize("name", ACQUISITIONS)
def test_every_acquisition_has_a_panel(name: str) -> None:
    below = posterior(line(), "x", acquisition=name).axes[1]
    worth = torch.as_tensor(below.lines[0].get_ydata())
    assert bool(worth.isfinite().all())
    low, high = below.get_ylim()
    assert low <= float(worth.min()) and float(worth.max()) <= high  # noqa: PT018
    assert float(below.collections[-1].get_offsets()[0][1]) == pytest.approx(float(worth.max()))


def test_a_given_axes_gets_no_panel_below() -> None:
    figure = Figure()
    ax = figure.add_subplot()
    assert posterior(line(), "x", ax) is figure
    assert figure.axes == [ax]
    assert ax.get_xlabel() == "x"


def test_bad_arguments_are_errors() -> None:
    with pytest.raises(ArgumentError, match=r"`name` must name a parameter.*'y'"):
        posterior(line(), "y")
    with pytest.raises(AcquisitionError, match="'EI'"):
        posterior(line(), "x", acquisition="EI")
    with pytest.raises(ConfigError, match="hold the parameter 'x'"):
        posterior(line(), "x", at={})


def test_extreme_observations_elsewhere_stay_on_the_edge() -> None:
    optimizer = told(LINE_AND_KIND, 8)
    optimizer.tell({"x": 0.0, "kind": "B"}, 1e3)
    ax = posterior(optimizer, "x", at={"x": 0.0, "kind": "A"}).axes[0]
    low, high = ax.get_ylim()
    heights = [float(y) for c in ax.collections if c.get_label() != "95 % band" for y in c.get_offsets()[:, 1]]
    assert len(heights) == 9
    assert all(low <= y <= high for y in heights)
    assert high < 1e3
