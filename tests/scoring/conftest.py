"""Sources of these tests are small, and still pass through the stages that are made for large ones."""

from collections.abc import Iterator
from unittest import mock

import pytest

from gpbop.scoring import search


@pytest.fixture(scope="module", autouse=True)
def stages() -> Iterator[None]:
    with mock.patch.object(search, "FEW", 0):
        yield
