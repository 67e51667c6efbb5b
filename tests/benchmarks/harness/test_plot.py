"""Lines of a plot are told apart by their colours, across its panels."""

import pytest

from benchmarks.harness.plot import colors_of

pytest.importorskip("matplotlib", reason="matplotlib is not installed")


@pytest.mark.parametrize("count", [1, 10, 11, 20])
def test_no_two_lines_share_a_colour(count: int) -> None:
    labels = [f"side {i}" for i in range(count)]
    colors = colors_of([*labels, *labels[::-1]])
    assert list(colors) == labels
    assert len(set(colors.values())) == count
