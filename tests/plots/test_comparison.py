import pytest
import torch
from matplotlib.figure import Figure

from gpbop.errors import ArgumentError, ShapeError
from gpbop.plots import comparison
from tests.plots.drawn import artist, labels, legend_title

CURVES = {
    "random": torch.rand(9, 30, generator=torch.Generator().manual_seed(0)).double().cummin(1).values,
    "EI": torch.rand(5, 20, generator=torch.Generator().manual_seed(1)).double().cummin(1).values,
}


def test_lines_are_medians_and_bands_quartiles() -> None:
    (ax,) = comparison(CURVES, target=0.1, label="loss").axes
    for name, table in CURVES.items():
        line = artist(ax, name)
        torch.testing.assert_close(torch.as_tensor(line.get_ydata()), table.quantile(0.5, dim=0))  # type: ignore[attr-defined]
        assert list(line.get_xdata()) == list(range(1, table.shape[1] + 1))  # type: ignore[attr-defined]
    for band, table in zip(ax.collections, CURVES.values(), strict=True):
        heights = torch.as_tensor(band.get_paths()[0].vertices)[:, 1]
        assert float(heights.max()) == pytest.approx(float(table.quantile(0.75, dim=0).max()))
        assert float(heights.min()) == pytest.approx(float(table.quantile(0.25, dim=0).min()))
    assert labels(ax) == ["random", "EI", "target"]
    assert legend_title(ax) == "median and quartiles of 5 to 9 runs"
    assert ax.get_ylabel() == "loss"
    assert ax.get_xlim() == (0.5, 30.5)


def test_methods_differ_in_more_than_colour() -> None:
    lines = comparison({str(i): [[1.0, 0.5]] for i in range(7)}).axes[0].lines
    assert len({(line.get_linestyle(), line.get_marker()) for line in lines}) == 7
    assert len({line.get_color() for line in lines}) == 7


def test_a_single_run_is_a_line_and_missing_values_are_gaps() -> None:
    ax = Figure().add_subplot()
    comparison({"one": [[float("nan"), 2.0, 1.0]]}, ax)
    assert not ax.collections
    assert torch.as_tensor(ax.lines[0].get_ydata()).isnan().tolist() == [True, False, False]


def test_bad_arguments_are_errors() -> None:
    with pytest.raises(ArgumentError, match="`curves` must be a dict of at least one method"):
        comparison({})
    with pytest.raises(ShapeError, match=r"`curves\['a'\]` must have shape runs x trials; got \(3,\)"):
        comparison({"a": torch.zeros(3)})
    with pytest.raises(ShapeError, match="be a table of numbers"):
        comparison({"a": [[1.0], [1.0, 2.0]]})
    with pytest.raises(ArgumentError, match="`target` must be finite"):
        comparison({"a": [[1.0]]}, target=float("nan"))
