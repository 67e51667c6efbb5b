import pytest
import torch
from matplotlib.container import ErrorbarContainer

from gpbop import Optimizer
from gpbop.errors import NoTrialsError
from gpbop.plots import calibration
from gpbop.plots.style import BAND
from gpbop.surrogate.leave_one_out import leave_one_out
from tests.plots.drawn import legend_title
from tests.plots.searches import LINE, line, mixed


@pytest.mark.parametrize("search", [mixed, line])
def test_every_different_config_is_a_point_with_its_bar_and_the_text_counts_them(search: object) -> None:
    optimizer = search()  # type: ignore[operator]
    value, mean, std = leave_one_out(optimizer.gp)
    (ax,) = calibration(optimizer, label="loss").axes
    bars = [c for c in ax.containers if isinstance(c, ErrorbarContainer)]
    drawn = torch.cat([torch.as_tensor(c.lines[0].get_xydata()) for c in bars])
    expected = torch.stack([value, mean], -1)
    torch.testing.assert_close(drawn[drawn[:, 1].argsort()], expected[expected[:, 1].argsort()])
    heights = torch.tensor([seg[1][1] - seg[0][1] for c in bars for seg in c.lines[2][0].get_segments()]).double()
    torch.testing.assert_close(heights.sort().values, (2 * BAND * std).sort().values)
    inside = int(((value - mean).abs() <= BAND * std).sum())
    assert legend_title(ax).startswith(f"{inside} of {len(value)} ")
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("loss, observed", "loss, predicted from the others")


def test_one_config_is_one_clear_error() -> None:
    optimizer = Optimizer(LINE, device="cpu")
    optimizer.tell({"x": 1.0}, 1.0)
    with pytest.raises(NoTrialsError, match="at least two different configs"):
        calibration(optimizer)
