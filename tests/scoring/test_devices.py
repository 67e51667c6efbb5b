"""Scoring on devices that are simulated: nothing mixes devices, and answers are those of the CPU."""

from collections.abc import Iterator
from itertools import pairwise

import pytest
import torch

from gpbop import Categorical, Float, GaussianProcess, Grid, Integer, Sample, Space, plan, score, score_all
from gpbop.acquisition import Question
from gpbop.scoring import descent, early, memory, trials
from gpbop.scoring.cascade import Cascade
from gpbop.scoring.criteria import criterion
from gpbop.scoring.sources.blocks import Strip
from tests.simulated_cuda import simulated_cuda

SPACE = Space(
    {
        "a": Float(0.0, 1.0),
        "b": Categorical(["x", "y", "z"]),
        "c": Float(0.0, 1.0, when={"b": ["x", "y"]}),
        "n": Integer(1, 100),
        "e": Float(0.0, 1.0, step=0.1),
    }
)
LEVELS = Space({"a": Integer(0, 11), "b": Integer(0, 11), "c": Integer(0, 11), "d": Categorical(["x", "y"])})


def fitted(space: Space, n: int = 60) -> GaussianProcess:
    configs = space.sample(n, 0)
    values = [sum(0.01 * v if isinstance(v, float | int) else len(str(v)) for v in c.values()) for c in configs]
    theta = GaussianProcess.fit(space, configs[:20], values[:20]).fit_state.theta
    return GaussianProcess.fit(space, configs, values, hyperparameters=theta)


@pytest.fixture(scope="module")
def mixed() -> GaussianProcess:
    return fitted(SPACE)


@pytest.fixture(scope="module")
def levels() -> GaussianProcess:
    return fitted(LEVELS)


@pytest.fixture
def devices(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Two devices, whose blocks are small enough for there to be several."""
    monkeypatch.setitem(memory.BLOCK_ROWS, "cuda", 2048)
    monkeypatch.setattr(early, "LOCAL_FROM", 1000)  # from when on a CPU may try neighbourhoods
    monkeypatch.setitem(memory.STRIP_PART, "cuda", 4096)
    monkeypatch.setattr(trials, "WORTH_TRYING", 1)
    monkeypatch.setattr(descent, "LEAST_COVARIANCES", 0)
    with simulated_cuda(monkeypatch):
        yield


ONE: list[tuple[str, str | list[str]]] = [(name, "cuda") for name in ("ucb", "max_variance", "noisy_ei")]
SEVERAL: list[tuple[str, str | list[str]]] = [("ei", ["cuda:0", "cuda:1"]), ("thompson", ["cuda:1", "cpu"])]


@pytest.mark.parametrize(("name", "where"), ONE + SEVERAL, ids=str)
def test_scattered(mixed: GaussianProcess, name: str, where: str | list[str], devices: None) -> None:
    asked = {"acquisition": name, "k": 15, "seed": 3}
    for candidates in (SPACE.sample(300, 6), Sample(SPACE, 4500, seed=1)):
        there, here = score(mixed, candidates, device=where, **asked), score(mixed, candidates, device="cpu", **asked)
        assert there.indices == here.indices
        assert there.values == pytest.approx(here.values, rel=1e-9, abs=1e-9)


@pytest.mark.parametrize(("name", "where"), [("max_variance", "cuda"), ("noisy_ei", "cuda"), *SEVERAL], ids=str)
def test_grids(levels: GaussianProcess, name: str, where: str | list[str], devices: None) -> None:
    asked = {"acquisition": name, "k": 15, "seed": 3, "skip_observed": True}
    for grid in (Grid(LEVELS), Grid(LEVELS, constraint=lambda X: X[:, 0] + X[:, 1] < 1.0)):
        there, here = score(levels, grid, device=where, **asked), score(levels, grid, device="cpu", **asked)
        assert there.indices == here.indices
        assert there.certificate.candidates == here.certificate.candidates


@pytest.mark.parametrize(("name", "where"), [("pi", "cuda"), ("noisy_ei", "cuda"), SEVERAL[0]], ids=str)
def test_batches(mixed: GaussianProcess, name: str, where: str | list[str], devices: None) -> None:
    pending = mixed.X[:2]
    asked = {"acquisition": name, "k": 3, "batch": True, "X_pending": pending, "seed": 3}
    candidates = Sample(SPACE, 3000, seed=1)
    there, here = score(mixed, candidates, device=where, **asked), score(mixed, candidates, device="cpu", **asked)
    assert there.indices == here.indices


def halves(strip: Strip) -> list[Strip]:
    """Return a strip, and again what shares its second half, and what does not."""
    return [strip, strip.with_first(slice(0, 1)), strip.with_second(slice(0, 5))]


def test_strips_go_on_sharing_second_halves_elsewhere(levels: GaussianProcess, devices: None) -> None:
    """Whatever is made of a second half is kept by what it is, not by what it equals."""
    cascade = Cascade(criterion("ei", Question(levels)).to(torch.device("cuda", 1)))
    strips = [part for piece in Grid(LEVELS).pieces(200) if isinstance(piece, Strip) for part in halves(piece)]
    moved = [cascade._here(strip) for strip in strips]
    assert any(one.X_second is other.X_second for one, other in pairwise(strips))
    assert {part.device for part in moved} == {torch.device("cuda", 1)}
    for (one, other), (there, next_there) in zip(pairwise(strips), pairwise(moved), strict=True):
        assert isinstance(there, Strip)
        assert isinstance(next_there, Strip)
        assert (one.X_second is other.X_second) == (there.X_second is next_there.X_second)
        assert torch.equal(there.block().X.cpu(), one.block().X)


@pytest.mark.parametrize("name", ["ei", "noisy_ei", "pi", "ucb", "max_variance"])
def test_a_criterion_elsewhere_has_the_same_numbers(mixed: GaussianProcess, name: str, devices: None) -> None:
    here = criterion(name, Question(mixed, X_pending=mixed.X[:2], seed=3), 4)
    there = here.to(torch.device("cuda", 1))
    assert there.factor.L.device == torch.device("cuda", 1)
    assert torch.equal(there.factor.L.cpu(), here.factor.L)
    X = SPACE.encode(SPACE.sample(20, 9))
    for found, expected in zip(there.around(X.to("cuda:1")), here.around(X), strict=True):
        torch.testing.assert_close(found.cpu(), expected)


@pytest.mark.parametrize("name", ["noisy_ei", "thompson"])
def test_all_of_a_source(mixed: GaussianProcess, name: str, devices: None) -> None:
    candidates = SPACE.sample(500, 6)
    for there, here in zip(
        *(score_all(mixed, candidates, acquisition=name, device=where) for where in ("cuda", "cpu")), strict=True
    ):
        assert {part.device.type for part in (there.index, there.mean, there.std, there.values)} == {"cpu"}
        torch.testing.assert_close(there.values, here.values)


def test_plans(mixed: GaussianProcess, devices: None) -> None:
    assert plan(mixed, Sample(SPACE, 5000, seed=1), k=3, batch=True, device="cuda").device.type == "cuda"


def test_what_is_simulated(devices: None) -> None:
    """Devices that never refuse anything would show nothing."""
    here, there = torch.rand(3), torch.rand(3, device="cuda")
    assert (here.device.type, there.device, (there[:2] + 1.0).device.index) == ("cpu", torch.device("cuda:0"), 0)
    assert torch.equal(there.to("cuda:1").cpu(), there.cpu())
    with pytest.raises(RuntimeError, match="cpu, cuda:0"):
        torch.add(here, there)
    with pytest.raises(RuntimeError, match="cuda:0, cuda:1"):
        torch.cat([there, there.to("cuda:1")])
    with pytest.raises(RuntimeError, match="same device"):
        here[torch.zeros(1, dtype=torch.long, device="cuda")]
    with pytest.raises(TypeError, match="numpy"):
        there.numpy()
    assert float(there[torch.zeros(1, dtype=torch.long)] * here[0]) == float(there.cpu()[0] * here[0])
