from typing import Any

import numpy as np
import pytest
import torch
from matplotlib.axes import Axes
from matplotlib.collections import QuadMesh
from matplotlib.figure import Figure

from gpbop.errors import ArgumentError
from gpbop.plots import surface, uncertainty
from tests.plots.drawn import labels, points
from tests.plots.searches import line, mixed


def mesh(ax: Axes) -> QuadMesh:
    (found,) = [child for child in ax.collections if isinstance(child, QuadMesh)]
    return found


def values(ax: Axes) -> np.ma.MaskedArray[Any, Any]:
    array = mesh(ax).get_array()
    return np.ma.masked_invalid(array)


def test_two_maps_hold_the_models_mean_and_deviation_cell_by_cell() -> None:
    optimizer = mixed()
    figure = surface(optimizer, "kind", "batch", at=_at("A"), label="loss")
    left, right, *bars = figure.axes
    configs = [_at(kind) | {"batch": batch} for batch in (8, 32, 64) for kind in "ABC"]
    mean, std = optimizer.predict(configs)
    for ax, moment in ((left, mean), (right, std)):
        torch.testing.assert_close(torch.as_tensor(values(ax).data).flatten(), moment)
        assert ax.get_xlim() == ax.get_ylim() == (-0.5, 2.5)
        assert [text.get_text() for text in ax.get_xticklabels()] == ["A", "B", "C"]
        assert [text.get_text() for text in ax.get_yticklabels()] == ["8", "32", "64"]
    assert [ax.get_title(loc="left") for ax in (left, right)] == ["mean", "standard deviation"]
    assert [bar.get_ylabel() for bar in bars] == ["loss", "loss"]


def _at(kind: str) -> dict[str, Any]:
    child = {"decay": 0.5} if kind == "C" else {"momentum": 0.45}
    return {"rate": 0.01, "width": 5, "kind": kind, "batch": 8, **child}


def test_the_map_is_empty_where_a_parameter_does_not_exist() -> None:
    ax = surface(mixed(), "kind", "momentum").axes[0]
    assert values(ax).mask.all(axis=0).tolist() == [False, False, True]
    assert not values(ax).mask[:, :2].any()
    assert ax.patch.get_hatch() == "//"


def test_every_trial_that_has_both_parameters_is_a_point() -> None:
    optimizer = mixed()
    ax = surface(optimizer, "rate", "momentum").axes[0]
    has = [trial for trial in optimizer.trials if "momentum" in trial.config]
    drawn = sum(len(points(ax, label)) for label in labels(ax) if label.startswith("observed"))
    assert drawn == sum(trial.value is not None for trial in has)
    failed = [[trial.config["rate"], trial.config["momentum"]] for trial in has if trial.value is None]
    assert failed
    torch.testing.assert_close(points(ax, "failed"), torch.tensor(failed).double())
    best = optimizer.best.config
    (place,) = points(surface(optimizer, "rate", "width").axes[1], "best").tolist()
    assert place == pytest.approx([best["rate"], best["width"]])
    assert (ax.get_xscale(), ax.get_yscale()) == ("log", "linear")
    assert ax.get_xlim() == pytest.approx((1e-4, 1e-1))


def test_uncertainty_falls_on_one_scale_from_the_prior_to_the_model() -> None:
    optimizer = mixed()
    first, middle, last, *bars = uncertainty(optimizer, "rate", "batch", label="loss").axes
    assert len(bars) == 1
    assert bars[0].get_ylabel() == "loss: standard deviation"
    assert {mesh(ax).get_clim() for ax in (first, middle, last)} == {(0.0, float(values(first).max()))}
    prior = optimizer.gp.standardization.scale * float(optimizer.gp.factor.outputscale.sqrt())
    assert float(values(first).min()) == pytest.approx(prior) == float(values(first).max())
    assert bool((values(middle) <= values(first) + 1e-9).all())
    assert bool((values(last) <= values(middle) + 1e-9).all())
    alone = surface(optimizer, "rate", "batch").axes[1]
    np.testing.assert_allclose(values(last), values(alone))
    titles = [ax.get_title(loc="left") for ax in (first, middle, last)]
    assert titles == ["at the start", f"after the first {optimizer.initial}", "after all 20"]
    assert labels(first) == []


def test_moments_can_be_numbers_of_experiments_on_given_axes() -> None:
    figure = Figure()
    axes = [figure.add_subplot(1, 2, i) for i in (1, 2)]
    assert uncertainty(mixed(), "rate", "width", axes, moments=[3, "end"]) is figure
    assert [ax.get_title(loc="left") for ax in axes] == ["after 3", "after all 20"]


def test_bad_arguments_are_errors() -> None:
    with pytest.raises(ArgumentError, match="`y` must name another parameter than `x`"):
        surface(mixed(), "rate", "rate")
    with pytest.raises(ArgumentError, match="`y` must name a parameter of the space"):
        surface(line(), "x", "z")
    with pytest.raises(ArgumentError, match=r"`x` and `y` must exist together.*'momentum' and 'decay'"):
        surface(mixed(), "momentum", "decay")
    with pytest.raises(ArgumentError, match="`axes` must be 2 axes"):
        surface(mixed(), "rate", "width", [Figure().add_subplot()])
    for moments in (["begin"], [21], [True], []):
        with pytest.raises(ArgumentError, match="`moments` must"):
            uncertainty(mixed(), "rate", "width", moments=moments)  # type: ignore[arg-type]
