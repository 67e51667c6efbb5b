import pytest

from gpbop import Float, Integer, Optimizer, Space
from gpbop.errors import ArgumentError
from gpbop.plots import savings
from tests.plots.drawn import legend_title
from tests.plots.searches import line

GRID = Space({"a": Integer(1, 40), "b": Integer(1, 25)})


def search(n: int) -> Optimizer:
    optimizer = Optimizer(GRID, device="cpu")
    optimizer.tell_many([{"a": i, "b": 1} for i in range(1, n + 1)], [float(abs(i - 4)) for i in range(1, n + 1)])
    return optimizer


def test_bars_are_the_numbers_of_experiments_on_a_log_scale() -> None:
    (ax,) = savings(search(20)).axes
    assert [bar.get_width() for bar in ax.patches] == [1000, 20, 4]
    assert [text.get_text() for text in ax.get_yticklabels()] == ["brute force", "experiments made", "best found after"]
    assert [text.get_text() for text in ax.texts] == ["1,000", "20", "4"]
    assert ax.get_xscale() == "log"
    assert legend_title(ax) == "20 experiments instead of 1,000: 50 times fewer"
    low, high = ax.get_xlim()
    assert 0 < low < 1
    assert high > 1000


def test_a_full_grid_saves_nothing_and_says_so() -> None:
    (ax,) = savings(search(20), brute_force=20).axes
    assert legend_title(ax) == "20 experiments; brute force takes 20"


def test_a_number_of_ones_own_counts_for_infinite_spaces() -> None:
    (ax,) = savings(line(), brute_force=10**15).axes
    assert ax.patches[0].get_width() == 10**15
    assert ax.texts[0].get_text() == "$10^{15}$"
    with pytest.raises(ArgumentError, match=r"`brute_force` must be given.*infinitely many configs.*brute_force=1000"):
        savings(line())


def test_bad_numbers_are_errors() -> None:
    for number in (0, -1, 2.5, True, 10**301):
        with pytest.raises(ArgumentError, match="`brute_force` must be a whole number"):
            savings(line(), brute_force=number)  # type: ignore[arg-type]
    huge = Space({f"p{i}": Float(0, 1, step=0.001) for i in range(101)})
    optimizer = Optimizer(huge, device="cpu")
    optimizer.tell(huge.sample(1, 0)[0], 1.0)
    with pytest.raises(ArgumentError, match="too many configs"):
        savings(optimizer)
