import math

import pytest
import torch
from matplotlib.container import BarContainer

from gpbop import Categorical, Float, GaussianProcess, Optimizer, Space
from gpbop.plots import importance
from gpbop.plots.importance import variance_shares
from tests.plots.drawn import labels, legend_title
from tests.plots.searches import mixed

CUBE = Space({name: Float(0.0, 1.0) for name in "abc"})


def test_shares_of_the_ishigami_function_are_the_known_ones() -> None:
    configs = CUBE.sample(300, 1)

    def ishigami(config: dict[str, float]) -> float:
        a, b, c = (math.pi * (2.0 * config[name] - 1.0) for name in "abc")
        return math.sin(a) + 7.0 * math.sin(b) ** 2 + 0.1 * c**4 * math.sin(a)

    gp = GaussianProcess.fit(CUBE, configs, [ishigami(config) for config in configs], device="cpu")
    shares = variance_shares(gp)
    assert shares.first.tolist() == pytest.approx([0.314, 0.442, 0.0], abs=0.03)
    assert shares.total.tolist() == pytest.approx([0.558, 0.442, 0.244], abs=0.03)


def test_a_conditional_parameter_counts_where_it_exists() -> None:
    space = Space({"on": Categorical([False, True]), "p": Float(0, 1, when={"on": [True]})})
    configs = space.sample(60, 0)
    gp = GaussianProcess.fit(space, configs, [config.get("p", 0.5) for config in configs], device="cpu")
    shares = variance_shares(gp)
    # f = p while on, else 1/2: E[f | on] is constant, and E[f | p] = p / 2 + 1/4 has half of the variance.
    assert shares.first.tolist() == pytest.approx([0.0, 0.5], abs=0.05)
    assert shares.total.tolist() == pytest.approx([0.5, 1.0], abs=0.05)


def test_bars_are_the_shares_sorted_with_their_names_and_the_method() -> None:
    optimizer = mixed()
    shares = variance_shares(optimizer.gp)
    (ax,) = importance(optimizer).axes
    alone, more = (c for c in ax.containers if isinstance(c, BarContainer))
    order = shares.total.argsort().tolist()
    names = [text.get_text() for text in ax.get_yticklabels()]
    assert names == [optimizer.space.names[j] for j in order]
    widths = torch.tensor([bar.get_width() for bar in alone.patches]).double()
    torch.testing.assert_close(widths, shares.first[order])
    ends = torch.tensor([bar.get_x() + bar.get_width() for bar in more.patches]).double()
    torch.testing.assert_close(ends, torch.maximum(shares.total, shares.first)[order])
    assert "Sobol' indices" in ax.get_xlabel()
    assert labels(ax) == ["alone", "with other parameters"]


def test_a_constant_objective_has_no_shares_and_says_so() -> None:
    optimizer = Optimizer(CUBE, device="cpu")
    optimizer.tell_many(CUBE.sample(4, 0), [1.0] * 4)
    assert float(variance_shares(optimizer.gp).total.max()) == 0.0
    assert "no difference" in legend_title(importance(optimizer).axes[0])


def test_of_many_parameters_the_most_important_are_drawn() -> None:
    space = Space({f"p{i}": Float(0, 1) for i in range(25)})
    optimizer = Optimizer(space, device="cpu")
    configs = space.sample(30, 0)
    optimizer.tell_many(configs, [config["p7"] for config in configs])
    ax = importance(optimizer).axes[0]
    assert len(ax.get_yticks()) == 20
    assert ax.get_yticklabels()[-1].get_text() == "p7"
    assert legend_title(ax) == "5 more parameters are not shown"
