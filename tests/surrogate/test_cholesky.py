"""Factors that never fail quietly."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from gpbop.errors import NumericalError, NumericalWarning
from gpbop.surrogate.cholesky import append_rows, cholesky


def positive(n: int, seed: int) -> torch.Tensor:
    root = torch.randn(n, n, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    return root @ root.mT + n * torch.eye(n, dtype=torch.float64)


@given(st.integers(1, 8), st.integers(1, 5), st.integers(0, 100))
def test_appended_rows_equal_a_new_factor(n: int, k: int, seed: int) -> None:
    A = positive(n + k, seed)
    extended = append_rows(cholesky(A[:n, :n]), A[:n, n:], A[n:, n:])
    torch.testing.assert_close(extended, torch.linalg.cholesky(A), rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("size", [1e-200, 1.0, 1e200])
def test_singular_matrix_gets_jitter_and_a_warning_with_its_amount(size: float) -> None:
    A = torch.ones(5, 5, dtype=torch.float64) * size
    with pytest.warns(NumericalWarning, match=r"added jitter \d\.\de"):
        L = cholesky(A)
    torch.testing.assert_close(L @ L.mT / size, A / size, rtol=0.0, atol=1e-6)


def test_nan_is_named_and_counted() -> None:
    A = positive(4, 0)
    A[1, 2] = torch.nan
    A[2, 1] = torch.inf
    with pytest.raises(NumericalError, match="2 of 16 entries"):
        cholesky(A)


def test_indefinite_matrix_fails_with_the_next_remedy() -> None:
    with pytest.raises(NumericalError, match="Raise the noise"):
        cholesky(-torch.eye(3, dtype=torch.float64) + 1.5 * torch.diag(torch.ones(3, dtype=torch.float64) * 0.1))
