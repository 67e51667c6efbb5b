"""The synthetic objectives have the least values that are claimed, over their spaces."""

import pytest

from benchmarks.functions import FUNCTIONS
from benchmarks.problems import FUNCTION_SPACES

BEST = {
    "mixed_branin": ({"x": (3.141593 + 5.0) / 15.0, "y": 2.275 / 15.0, "level": "low", "tilt": False}, 0.3979),
    "mixed_ackley": ({**{f"x{i}": 0.4 for i in range(4)}, "n0": 6, "n1": 6, "mode": "a"}, 0.0),
    "network": (
        {"rate": 10**-2.7, "width": 91, "depth": 4, "optimizer": "adam", "use_dropout": True, "dropout": 0.2},
        0.0,
    ),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_no_config_is_better_than_the_best(name: str) -> None:
    space, function = FUNCTION_SPACES[name], FUNCTIONS[name]
    config, least = BEST[name]
    space.encode([config])  # it is one of the space
    assert function(config) == pytest.approx(least, abs=1e-3)
    assert min(function(other) for other in space.sample(2000, 0)) >= least - 1e-3
