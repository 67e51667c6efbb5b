"""A peer in a process of its own answers as gpbop does; one that is not installed is left out."""

import importlib.util
from pathlib import Path

import pytest
import torch

from benchmarks.harness.peers import measure_peer
from benchmarks.harness.question import Peer, Setting
from benchmarks.harness.timing import PLANS
from benchmarks.problems import fitted, uniform
from benchmarks.questions import scoring

SETTING = Setting({"acquisition": "ei", "k": 3}, "cpu", 1, 0, True)


def scored(module: str) -> Peer:
    gp = fitted(3, 0, 20)
    X = uniform(gp.space, 50, 0)
    best = int(gp.model.posterior(X.unsqueeze(-2)).mean.argmin())  # where EI is best here, see the test
    sides = scoring._peers(gp, X, SETTING, best)
    return next(side for side in sides if isinstance(side, Peer) and side.module == module)


def test_scikit_learn_finds_the_best_candidate() -> None:
    measured = measure_peer(scored("sklearn"), SETTING, PLANS["smoke"])
    assert measured is not None
    assert measured["runs"] == len(measured["times"]) > 0
    assert measured["peer"].keys() == {"scikit-learn", "numpy", "scipy"}
    assert measured["values"] == {"same_best": True}


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
