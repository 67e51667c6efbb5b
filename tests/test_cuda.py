"""Everything that runs on CUDA, in one process: `python -m pytest tests/test_cuda.py`. Skips itself without a GPU."""

import pytest
import torch

from gpbop import Categorical, Float, GaussianProcess, Integer, Optimizer, Space
from gpbop.acquisition import ACQUISITIONS, Question, acquisition
from gpbop.search import maximize_acquisition
from gpbop.surrogate.feasibility import Feasibility

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")

SPACE = Space(
    {
        "a": Float(0.0, 1.0),
        "b": Categorical(["x", "y", "z"]),
        "c": Float(0.0, 1.0, when={"b": ["x", "y"]}),
        "n": Integer(1, 100),
        "many": Categorical(list(range(14))),
    }
)


def fitted(device: str, n: int = 40) -> GaussianProcess:
    configs = SPACE.sample(n, 0)
    values = [(c["a"] - 0.3) ** 2 + 0.01 * c["n"] + 0.1 * (c["many"] % 3) for c in configs]
    theta = GaussianProcess.fit(SPACE, configs, values, device="cpu").fit_state.theta
    return GaussianProcess.fit(SPACE, configs, values, device=device, hyperparameters=theta)


def test_prediction_equals_cpu() -> None:
    queries = SPACE.sample(200, 3)
    cpu, cuda = (fitted(device).predict(queries) for device in ("cpu", "cuda"))
    torch.testing.assert_close(cuda.mean, cpu.mean, rtol=1e-9, atol=1e-9)
    torch.testing.assert_close(cuda.std, cpu.std, rtol=1e-7, atol=1e-9)


def test_fit_reaches_the_likelihood_of_the_cpu() -> None:
    configs = SPACE.sample(60, 1)
    values = [(c["a"] - 0.3) ** 2 + 0.01 * c["n"] for c in configs]
    cpu, cuda = (GaussianProcess.fit(SPACE, configs, values, device=device) for device in ("cpu", "cuda"))
    assert cuda.log_posterior == pytest.approx(cpu.log_posterior, abs=0.05)


def test_update_equals_refit() -> None:
    gp = fitted("cuda")
    more = SPACE.sample(5, 9)
    updated = gp.condition(more, [0.1, 0.2, 0.3, 0.4, 0.5])
    values = [*gp.y.tolist(), 0.1, 0.2, 0.3, 0.4, 0.5]
    configs = [*SPACE.decode(gp.X), *more]
    refit = GaussianProcess.fit(SPACE, configs, values, device="cuda", hyperparameters=gp.fit_state.theta)
    queries = SPACE.sample(50, 4)
    torch.testing.assert_close(updated.predict(queries).mean, refit.predict(queries).mean, rtol=1e-7, atol=1e-8)


@pytest.mark.parametrize("name", ACQUISITIONS)
def test_acquisition_and_search_equal_cpu(name: str) -> None:
    X = SPACE.encode(SPACE.sample(100, 5))
    found = []
    for device in ("cpu", "cuda"):
        gp = fitted(device)
        outcome = torch.ones(len(gp.X), dtype=torch.bool, device=gp.device)
        outcome[::5] = False
        feasibility = Feasibility.of(gp.factor.form, gp.X, outcome)
        question = Question(gp, X_pending=X[:3].to(gp.device), seed=1)
        value = acquisition(name, question, feasibility)
        found.append(value(X.to(gp.device)).cpu())
        best = maximize_acquisition(value, SPACE, X_avoid=gp.X, X_good=gp.X[:4])
        assert best.x.device.type == device
        assert best.value >= float(found[-1][3:].max()) - 0.05 * float(found[-1].std())
    torch.testing.assert_close(found[0], found[1], rtol=1e-6, atol=1e-7)


def test_the_model_is_a_botorch_model_on_the_device() -> None:
    gp = fitted("cuda")
    X = SPACE.encode(SPACE.sample(12, 2)).to("cuda").reshape(4, 3, -1)
    cpu = fitted("cpu").model.posterior(X.cpu())
    posterior = gp.model.posterior(X)
    assert posterior.mean.device.type == "cuda"
    torch.testing.assert_close(posterior.mean.cpu(), cpu.mean, rtol=1e-8, atol=1e-8)
    torch.testing.assert_close(posterior.variance.cpu(), cpu.variance, rtol=1e-6, atol=1e-8)


def test_nothing_stays_in_device_memory_between_asks() -> None:
    optimizer = Optimizer(SPACE, device="cuda", seed=0)
    for config in SPACE.sample(50, 3):
        optimizer.tell(config, config["a"])
    torch.cuda.empty_cache()
    before = torch.cuda.memory_allocated()
    for _ in range(3):
        optimizer.tell(optimizer.ask(), 0.5)
        assert torch.cuda.memory_allocated() <= before
        assert torch.cuda.memory_reserved() <= before + 2 * 2**20


def test_optimizer_asks_as_on_the_cpu() -> None:
    """Sums are in another order on the GPU, so asks agree in value, not to the last bit."""
    for device in ("cpu", "cuda"):
        optimizer = Optimizer(SPACE, device=device, seed=0)
        for _ in range(25):
            config = optimizer.ask()
            optimizer.tell(config, (config["a"] - 0.3) ** 2 + 0.01 * config["n"])
        assert optimizer.best.value is not None
        assert optimizer.best.value < 0.05
