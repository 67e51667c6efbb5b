import pytest
import torch

from gpbop.kernels import Columns
from gpbop.kernels.columns import take


def test_features_are_values_and_activities() -> None:
    assert Columns(numeric=(0, 4, 2), conditional=(2,), categorical=((1, 3),)).num_features == 4
    assert Columns(latent=((1, 30),)).num_features == 0


def test_equal_columns_are_equal_and_hashable() -> None:
    assert len({Columns(numeric=(0, 1)), Columns(numeric=(0, 1)), Columns(numeric=(1, 0))}) == 2


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({}, ValueError, "`Columns` must name at least one column; got none"),
        ({"numeric": [0, 1]}, TypeError, r"`numeric` must be a tuple of integers; got \[0, 1\]"),
        ({"numeric": (0, 1.0)}, TypeError, "`numeric` must be a tuple of integers"),
        ({"numeric": (True,)}, TypeError, "`numeric` must be a tuple of integers"),
        ({"numeric": (0, -1)}, ValueError, "`numeric` must not be negative"),
        ({"numeric": (0, 0)}, ValueError, r"`Columns` must name each column once; got \[0\]"),
        ({"numeric": (0,), "conditional": (1,)}, ValueError, "`conditional` must be a subset of `numeric`"),
        ({"numeric": (0,), "conditional": (0, 0)}, ValueError, "`conditional` must name each column once"),
        ({"numeric": (0,), "categorical": ((0, 3),)}, ValueError, "`Columns` must name each column once"),
        ({"categorical": ((0, 3),), "latent": ((0, 3),)}, ValueError, "`Columns` must name each column once"),
        ({"categorical": (0, 3)}, TypeError, "`categorical` must be a tuple of pairs"),
        ({"categorical": ((0, 3, 1),)}, TypeError, "`categorical` must be a tuple of pairs"),
        ({"latent": ((0, 0),)}, ValueError, "`latent` must have at least 1 code per column; got 0 for column 0"),
        ({"latent": ((0, 2.0),)}, TypeError, "`latent` must be a tuple of integers"),
    ],
)
def test_impossible_columns_are_refused(arguments: dict, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        Columns(**arguments)


def test_take_reads_columns_in_order_and_refuses_a_narrow_X() -> None:
    X = torch.arange(12.0).reshape(2, 2, 3)
    assert torch.equal(take(X, (2, 0)), X[..., [2, 0]])
    with pytest.raises(ValueError, match=r"`X` must have at least 4 columns; got shape \(2, 2, 3\)"):
        take(X, (0, 3))
