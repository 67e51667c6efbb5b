"""A peer in a process of its own answers as gpbop does; one that is not installed is left out."""

import importlib.util
from pathlib import Path
from typing import Any

import pytest
import torch
from gpytorch.kernels import MaternKernel
from gpytorch.settings import max_cholesky_size

from benchmarks.harness.peers import measure_peer
from benchmarks.harness.question import Peer, Setting
from benchmarks.harness.timing import PLANS
from benchmarks.peers import gpytorch as gpytorch_peer
from benchmarks.problems import fitted, uniform
from benchmarks.questions import scoring

SETTING = Setting({"acquisition": "ei", "k": 3}, "cpu", 1, 0, True)


def scored(module: str, categorical: int = 0) -> Peer:
    gp = fitted(3, categorical, 20)
    X = uniform(gp.space, 50, 0)
    best = int(gp.model.posterior(X.unsqueeze(-2)).mean.argmin())  # where EI is best here, see the test
    sides = scoring._peers(gp, X, SETTING, best)
    return next(side for side in sides if isinstance(side, Peer) and side.module == module)


@pytest.mark.parametrize(
    ("module", "versions"), [("sklearn", {"scikit-learn", "numpy", "scipy"}), ("gpytorch", {"gpytorch", "torch"})]
)
def test_a_peer_finds_the_best_candidate(module: str, versions: set[str]) -> None:
    measured = measure_peer(scored(module), SETTING, PLANS["smoke"])
    assert measured is not None
    assert measured["runs"] == len(measured["times"]) > 0
    assert measured["peer"].keys() == versions
    assert measured["values"] == {"same_best": True}


def test_gpytorch_is_exact_at_every_size_and_keops_is_left_at_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    peer, largest, values = scored("gpytorch"), [], gpytorch_peer.values

    def watched(*moments: Any) -> Any:
        largest.append(max_cholesky_size.value())
        return values(*moments)

    monkeypatch.setattr(gpytorch_peer, "values", watched)
    arrays, usual = {name: array.numpy() for name, array in peer.arrays.items()}, max_cholesky_size.value()
    for kernel_class in (None, MaternKernel):  # KeOps passes its own
        work, _ = gpytorch_peer.score({**peer.job, "device": "cpu"}, arrays, kernel_class)
        work()
    assert largest == [gpytorch_peer.CHOLESKY_UP_TO, usual]
    assert max_cholesky_size.value() == usual


@pytest.mark.parametrize("module", ["botorch", "sklearn"])
def test_a_peer_of_mixed_parameters_has_its_own_model_and_claims_no_agreement(module: str) -> None:
    measured = measure_peer(scored(module, categorical=2), SETTING, PLANS["smoke"])
    assert measured is not None
    assert measured["runs"] == len(measured["times"]) > 0
    assert measured["values"] == {}


@pytest.mark.skipif(importlib.util.find_spec("pykeops") is not None, reason="KeOps is installed here")
def test_a_peer_that_is_not_installed_is_left_out(capsys: pytest.CaptureFixture) -> None:
    assert measure_peer(scored("keops"), SETTING, PLANS["smoke"]) is None
    assert "KeOps is left out: No module named 'pykeops'" in capsys.readouterr().out


def test_a_peer_that_fails_says_why(tmp_path: Path) -> None:
    python = tmp_path / "python"
    python.write_text("#!/bin/sh\necho broken environment >&2\nexit 3\n")
    python.chmod(0o755)
    with pytest.raises(RuntimeError, match="the peer X failed:\nbroken environment"):
        measure_peer(Peer("X", "sklearn", "score", arrays={"X": torch.ones(1)}), SETTING, PLANS["smoke"], str(python))
