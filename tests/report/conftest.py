"""The search and the page that many tests look at, made once."""

import pytest

from gpbop import report
from tests.report.searches import recorded_search


@pytest.fixture(scope="session")
def recorded():
    return recorded_search()


@pytest.fixture(scope="session")
def recorded_path(recorded, tmp_path_factory):
    path = tmp_path_factory.mktemp("report") / "report.html"
    assert report.write(recorded, path, title="Tuning & <more>") == path
    return path
