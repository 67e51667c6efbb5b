"""What holds for every picture."""

import subprocess
import sys
from collections.abc import Callable

import matplotlib as mpl
import matplotlib.pyplot as plt
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from gpbop import Categorical, Float, Optimizer, Result, Space, plots
from gpbop.errors import ArgumentError, NoTrialsError
from tests.plots.searches import LINE, MIXED, mixed, told

Draw = Callable[..., Figure]
PLOTS: dict[str, Draw] = {
    "convergence": plots.convergence,
    "posterior": lambda o, ax=None: plots.posterior(o, o.space.names[0], ax),
    "average": lambda o, ax=None: plots.posterior(o, o.space.names[-1], ax, average=True),
    "importance": plots.importance,
    "calibration": plots.calibration,
    "order": plots.order,
    "savings": lambda o, ax=None: plots.savings(o, ax, brute_force=100),
    "surface": lambda o: plots.surface(o, *o.space.names[:2]),
    "uncertainty": lambda o: plots.uncertainty(o, *o.space.names[:2]),
}
ONE_AX = [name for name in PLOTS if name not in ("surface", "uncertainty")]
NEED_VALUES = [name for name in PLOTS if name not in ("order", "savings")]


@pytest.mark.parametrize("draw", PLOTS.values(), ids=PLOTS)
def test_draws_headless_and_leaves_matplotlib_alone(draw: Draw) -> None:
    before = dict(mpl.rcParams)
    figure = draw(mixed())
    figure.canvas.draw()  # a text that cannot be shown, or a layout that fails, would warn here
    assert isinstance(figure.canvas, FigureCanvasAgg)
    assert dict(mpl.rcParams) == before
    assert plt.get_fignums() == []


@pytest.mark.parametrize("name", ONE_AX)
def test_draws_on_a_given_axes_of_a_subfigure(name: str) -> None:
    figure = Figure(layout="constrained")
    left, right = figure.subfigures(1, 2)
    ax, other = left.add_subplot(), right.add_subplot()
    assert PLOTS[name](mixed(), ax) is figure
    figure.canvas.draw()
    assert ax.has_data()
    assert not other.has_data()


@pytest.mark.parametrize("name", PLOTS)
def test_no_trials_is_one_clear_error(name: str) -> None:
    with pytest.raises(NoTrialsError, match=r"`optimizer` must have a (finished|told) experiment; got 0 trials"):
        PLOTS[name](Optimizer(MIXED, device="cpu"))


@pytest.mark.parametrize("name", NEED_VALUES)
def test_failures_alone_are_one_clear_error(name: str) -> None:
    with pytest.raises(NoTrialsError, match="3 failed"):
        PLOTS[name](_failed())


def _failed() -> Optimizer:
    optimizer = Optimizer(MIXED, device="cpu")
    optimizer.tell_many(MIXED.sample(3, 0), [None] * 3)
    return optimizer


@pytest.mark.parametrize("name", ["order", "savings"])
def test_failures_alone_are_drawn_where_no_value_is_needed(name: str) -> None:
    PLOTS[name](_failed()).canvas.draw()


@pytest.mark.parametrize("name", [name for name in PLOTS if name != "calibration"])
def test_one_trial_is_drawn(name: str) -> None:
    PLOTS[name](told(MIXED, 1)).canvas.draw()


@pytest.mark.parametrize("name", PLOTS)
@pytest.mark.parametrize("value", [0.0, 1e300])
def test_a_constant_objective_is_drawn(name: str, value: float) -> None:
    optimizer = Optimizer(Space({"x": Float(0, 1), "kind": Categorical(["A", "B"])}), device="cpu")
    optimizer.tell_many(optimizer.space.sample(4, 0), [value] * 4)
    PLOTS[name](optimizer).canvas.draw()


@pytest.mark.parametrize("name", PLOTS)
def test_twenty_parameters_are_drawn(name: str) -> None:
    space = Space({f"parameter_number_{i}": Float(0, 1) for i in range(20)})
    PLOTS[name](told(space, 6)).canvas.draw()


@pytest.mark.parametrize("name", PLOTS)
def test_names_and_choices_are_no_formulas(name: str) -> None:
    space = Space({"$a_{b^": Float(0, 1), "c$d$": Categorical(["$x_", "y" * 60, None, [1, 2]])})
    PLOTS[name](told(space, 5)).canvas.draw()


@pytest.mark.parametrize("name", ONE_AX)
def test_one_parameter_is_drawn(name: str) -> None:
    PLOTS[name](told(LINE, 4)).canvas.draw()


@pytest.mark.parametrize("name", ONE_AX)
def test_takes_a_result_and_nothing_else(name: str) -> None:
    if name not in ("posterior", "average"):
        PLOTS[name](Result(mixed(), "")).canvas.draw()
        with pytest.raises(ArgumentError, match="`optimizer` must be an Optimizer or a Result; got 3"):
            PLOTS[name](3)


def test_importing_gpbop_imports_no_matplotlib_and_its_plots_no_pyplot() -> None:
    code = (
        "import sys, gpbop; assert 'matplotlib' not in sys.modules; "
        "import gpbop.plots; assert 'matplotlib.pyplot' not in sys.modules"
    )
    subprocess.run([sys.executable, "-W", "ignore", "-c", code], check=True)
