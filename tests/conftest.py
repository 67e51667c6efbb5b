"""Options and fixtures of the whole suite: `--device cuda` and `--dtype float32` run the same tests elsewhere."""

import pytest
import torch
from hypothesis import settings

# Largest absolute error of a number of size 1 after a short computation, such as one covariance or one eigenvalue.
TOLERANCES = {torch.float64: 1e-12, torch.float32: 1e-5}

# No deadline, as the first call of a torch operation is slow; the same examples on every run, so that a gate never
# flickers.
settings.register_profile("gpbop", deadline=None, derandomize=True, max_examples=20)
settings.load_profile("gpbop")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--device", default="cpu", help="torch device of the tests: cpu (default), cuda, cuda:1, ...")
    parser.addoption("--dtype", default="float64", choices=["float64", "float32"], help="floating type of the tests")


@pytest.fixture(scope="session")
def device(request: pytest.FixtureRequest) -> torch.device:
    device = torch.device(request.config.getoption("--device"))
    if device.type == "cuda" and not torch.cuda.is_available():
        pytest.skip("no CUDA device on this machine")
    return device


@pytest.fixture(scope="session")
def dtype(request: pytest.FixtureRequest) -> torch.dtype:
    return {"float64": torch.float64, "float32": torch.float32}[request.config.getoption("--dtype")]


@pytest.fixture(scope="session")
def tolerance(dtype: torch.dtype) -> float:
    return TOLERANCES[dtype]
