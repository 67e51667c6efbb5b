"""Everything that runs on CUDA, in one process: `python -m pytest tests/test_cuda.py`. Skips itself without a GPU."""

import gc

import pytest
import torch

from gpbop import Categorical, Float, GaussianProcess, Integer, Optimizer, Space, plan, score
from gpbop.acquisition import ACQUISITIONS, Question, acquisition
from gpbop.examples import resnet
from gpbop.examples.sine import frames
from gpbop.search import maximize_acquisition
from gpbop.surrogate.feasibility import Feasibility
from tests.kernels.fused_cases import assert_within_bounds, evaluate, random_case

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

    def held() -> tuple[int, int]:
        """Return the bytes that are in use and that torch holds, but for the workspaces that cuBLAS keeps."""
        gc.collect()
        torch._C._cuda_clearCublasWorkspaces()
        torch.cuda.empty_cache()
        return torch.cuda.memory_allocated(), torch.cuda.memory_reserved()

    before = held()
    for value in (0.5, None, 0.25):
        optimizer.tell(optimizer.ask(), value)
        optimizer.predict(SPACE.sample(10, seed=0))
        assert held() <= before


def test_optimizer_asks_as_on_the_cpu() -> None:
    """Sums are in another order on the GPU, so asks agree in value, not to the last bit."""
    for device in ("cpu", "cuda"):
        optimizer = Optimizer(SPACE, device=device, seed=0)
        for _ in range(25):
            config = optimizer.ask()
            optimizer.tell(config, (config["a"] - 0.3) ** 2 + 0.01 * config["n"])
        assert optimizer.best.value is not None
        assert optimizer.best.value < 0.05


def test_a_process_moves_there_and_back_number_for_number() -> None:
    gp = fitted("cpu")
    there = gp.to("cuda")
    assert {there.device.type, there.factor.L.device.type, there.group.device.type} == {"cuda"}
    back = there.to("cpu")
    queries = SPACE.sample(50, 4)
    for found, expected in zip(back.predict(queries), gp.predict(queries), strict=True):
        assert torch.equal(found, expected)
    torch.testing.assert_close(there.predict(queries).mean, gp.predict(queries).mean, rtol=1e-9, atol=1e-9)


def test_scoring_is_the_same_on_both_devices() -> None:
    gp = fitted("cpu")
    candidates = SPACE.sample(3000, 6)
    cpu, cuda = (score(gp, candidates, k=20, device=device) for device in ("cpu", "cuda"))
    assert cpu.indices == cuda.indices
    assert cuda.values == pytest.approx(cpu.values, rel=1e-8, abs=1e-8)
    assert plan(gp, candidates, device="cuda").device.type == "cuda"


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("smoothness", ["rbf", "matern32", "matern52"])
@pytest.mark.parametrize("name", ["scattered", "strips"])
def test_fused_sums_keep_the_stated_roundings(name: str, smoothness: str, dtype: torch.dtype) -> None:
    """The hardware's square root and power of two are as accurate as documented, over many covariances."""
    from gpbop.kernels import fused_cuda

    shapes = [(300, 12, (), 100), (1000, 5, (3, 14, 2), 33), (70, 0, (4,), 70), (600, 2, (2,), 512)]
    if smoothness == "matern52":
        shapes.append((200, 40, (), 1))  # nine seconds of compilation each
    for seed, (n, F, sizes, r) in enumerate(shapes):
        for has_mean in (True, False) if smoothness == "matern52" else (True,):  # each is a second of compilation
            case = random_case(n, F, sizes, r, 5000, smoothness, dtype, has_mean=has_mean, has_h=r != 33, seed=seed)
            sums = evaluate(fused_cuda, name, case.to("cuda"))
            assert sums.norm.device.type == "cuda"
            found = type(sums)(*(part.cpu() for part in sums))
            factors, features = (len(sizes), F) if name == "scattered" else (2, 0)
            bounds = fused_cuda.roundings(factors), fused_cuda.distance_roundings(features), fused_cuda.SUM_BLOCK
            assert_within_bounds(name, found, case, *bounds, fused_cuda.term_roundings(r))


def test_one_covariance_keeps_the_stated_roundings() -> None:
    """One training point and no sum: each of 2^20 distances against float64, up to where float32 underflows."""
    from gpbop.kernels import fused_cuda
    from gpbop.kernels.fused import LOG2_E, SCALES, profile

    u = 2.0**-24
    codes, one = torch.zeros(2**20, 0, dtype=torch.int32, device="cuda"), torch.ones(1, 1, device="cuda")
    for smoothness in SCALES:
        z = torch.linspace(0.0, 12.0 if smoothness == "rbf" else 130.0, 2**20, device="cuda")[:, None]
        base = random_case(1, 1, (), 1, 1, smoothness, torch.float32, has_h=False).to("cuda").tables
        tables = base._replace(z=0.0 * one, mix=(0.0, 1.0, 0.0), weights=one[0], T=one)
        x = z.double().square().squeeze(1)
        k, t = profile(x, smoothness), (2.0 * x if smoothness == "rbf" else x.sqrt()) / LOG2_E
        error = (fused_cuda.scattered(z, codes, tables).mean - k).abs()
        allowed = u * (fused_cuda.roundings(0) + fused_cuda.distance_roundings(1) * t) * k + 2.0**-111
        assert bool((error <= allowed).all())


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("name", ["scattered", "strips"])
def test_every_shape_of_the_kernels_gives_the_same_sums(
    name: str, dtype: torch.dtype, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What tuning may choose is as right as the default, and many candidates are as right as few."""
    from gpbop.kernels import fused_cuda

    case = random_case(130, 3, (3,), 70, 3000, "matern52", dtype)
    known = fused_cuda.SUM_BLOCK, fused_cuda.term_roundings(70)
    bounds = (fused_cuda.roundings(2), fused_cuda.distance_roundings(3), *known)
    for config in fused_cuda.CONFIGS[f"_{name}", dtype]:
        monkeypatch.setitem(fused_cuda.CONFIGS, (f"_{name}", dtype), [config])
        found = evaluate(fused_cuda, name, case.to("cuda"))
        assert_within_bounds(name, type(found)(*(part.cpu() for part in found)), case, *bounds)
    monkeypatch.undo()
    monkeypatch.setattr(fused_cuda, "TUNED_FROM", 1)
    monkeypatch.setattr(fused_cuda, "TUNED_LANES", 1)
    found = evaluate(fused_cuda, name, case.to("cuda"))
    assert_within_bounds(name, type(found)(*(part.cpu() for part in found)), case, *bounds)


def test_the_sine_is_learned_as_on_the_cpu() -> None:
    for ours, theirs in zip(frames(9, device="cuda"), frames(9), strict=True):
        assert ours.next_x == theirs.next_x
        torch.testing.assert_close(ours.ours, theirs.ours, rtol=1e-9, atol=1e-9)
        assert max(ours.differences) < 1e-6


def test_full_resnets_train_and_repeat(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resnet, "EPOCHS", 2)
    first, again = (resnet.train({"layers": 34, "crop": True}, device="cuda") for _ in range(2))
    assert first == again
