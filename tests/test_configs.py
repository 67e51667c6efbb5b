"""Reading configs: what is accepted, and one clear error, naming config and parameter, for what is not."""

import math
from typing import Any

import numpy as np
import pytest
import torch

from gpbop.errors import ConfigError
from tests.spaces import NETWORK


def test_no_configs_and_no_rows() -> None:
    assert NETWORK.encode([]).shape == (0, 7)
    assert NETWORK.decode(torch.empty(0, 7)) == []
    assert NETWORK.canonicalize(torch.empty(0, 7)).shape == (0, 7)


def test_numpy_and_tensor_values_are_read() -> None:
    config = {"encoder_size": np.int64(16), "decoder": np.str_("A"), "use_dropout": np.bool_(True)}
    rows = NETWORK.encode([config | {"dropout": torch.tensor(0.25), "rate": np.float64(1e-3)}])
    expected = {"dropout": 0.25, "encoder_size": 16, "decoder": "A", "use_dropout": True, "rate": 1e-3}
    assert NETWORK.decode(rows) == [expected]


GOOD = {"encoder_size": 16, "decoder": "A", "use_dropout": False, "rate": 1e-3}


@pytest.mark.parametrize(
    ("configs", "message"),
    [
        (
            [GOOD, GOOD | {"decodr": "A"}],
            r"`configs\[1\]` must hold parameters of the space only; got 'decodr'\. Did you mean 'decoder'\?",
        ),
        ([GOOD | {3: "A"}], r"`configs\[0\]` must hold parameters of the space only; got 3\. Use one of 'dropout', "),
        (
            [GOOD | {"use_dropout": True}],
            r"`configs\[0\]` must hold the parameter 'dropout'; got \{.*Add a value of Float\(.*\)\.",
        ),
        ([{}], r"`configs\[0\]` must hold the parameter 'encoder_size'; got \{\}\."),
        ([GOOD, GOOD | {"rate": 2}], r"`configs\[1\]\['rate'\]` must lie in \[1e-05, 0\.1\]; got 2\."),
        ([GOOD | {"rate": math.nan}], r"`configs\[0\]\['rate'\]` must not be NaN"),
        (
            [GOOD, GOOD, GOOD | {"decoder": "C"}],
            r"`configs\[2\]\['decoder'\]` must be one of the choices; got 'C'\. Use one of 'A', 'B'\.",
        ),
        (
            [GOOD | {"use_dropout": 1}],
            r"`configs\[0\]\['use_dropout'\]` must be one of the choices; got 1\. Use one of False, True\.",
        ),
        (
            [GOOD | {"use_dropout": True, "dropout": 0.9}],
            r"`configs\[0\]\['dropout'\]` must lie in \[0\.05, 0\.5\]; got 0\.9\.",
        ),
        ([GOOD, "x"], r"`configs\[1\]` must be a dict; got 'x'\."),
        (GOOD, r"`configs` must be a list of dicts; got \{.*Write \[config\]"),
        ("abc", r"`configs` must be a list of dicts; got 'abc'\."),
        (None, r"`configs` must be a list of dicts; got None\."),
    ],
)
def test_bad_configs(configs: Any, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        NETWORK.encode(configs)
