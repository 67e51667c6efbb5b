"""A counter that is there is read, one that is not is None."""

from pathlib import Path

import pytest
import torch

from benchmarks.harness import energy


def test_the_counter_of_the_cpu_is_in_joules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(energy, "RAPL", tmp_path / "energy_uj")
    assert energy.energy_joules(torch.device("cpu")) is None
    (tmp_path / "energy_uj").write_text("2500000\n")
    assert energy.energy_joules(torch.device("cpu")) == 2.5


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
def test_no_gpu_no_driver() -> None:
    assert energy.driver_version() is None
