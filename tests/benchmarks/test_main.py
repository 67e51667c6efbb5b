"""The whole suite runs in its smallest size, and its results can be plotted, tabulated and compared."""

import doctest
import importlib
from pathlib import Path

import pytest
import torch

from benchmarks.__main__ import main
from benchmarks.harness.registry import load, names, text
from benchmarks.harness.results import read

MODULES = ("question", "selection", "show")


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Run every question on the CPU."""
    folder = tmp_path_factory.mktemp("results")
    threads = torch.get_num_threads()
    assert main(["run", "all", "--size", "smoke", "--device", "cpu", "--out", str(folder)]) == 0
    assert torch.get_num_threads() == threads
    return folder


@pytest.mark.parametrize("name", names())
def test_every_question_is_answered(name: str, results: Path) -> None:
    rows = read(results / f"{name}.jsonl")
    assert {str(row["sizes"]) for row in rows} == {str(sizes) for sizes in load(name).cases["smoke"]}
    for row in rows:
        assert row["question"] == name
        assert 0.0 < row["low"] <= row["median"] <= row["high"]
        assert row["environment"]["versions"]["torch"] == torch.__version__
        assert row["values"].get("same_as_gpbop", True)


@pytest.mark.parametrize("name", names())
def test_every_question_has_three_sizes_and_asks_something(name: str) -> None:
    assert load(name).cases.keys() == {"smoke", "small", "full"}
    assert text(name)[0].endswith("?")


def test_results_are_shown_and_agree_with_themselves(results: Path, capsys: pytest.CaptureFixture) -> None:
    assert main(["plot", "--out", str(results)]) == 0
    assert main(["table", "--out", str(results)]) == 0
    page = (results / "RESULTS.md").read_text()
    assert all(f"### {name}: {text(name)[0]}" in page for name in names())
    assert main(["compare", str(results), str(results)]) == 0
    assert "slower" not in capsys.readouterr().out


def test_list_names_the_questions(capsys: pytest.CaptureFixture) -> None:
    assert main(["list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == names()


def test_an_unknown_question_is_named_before_anything_runs(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match=r"`NAME` must be one of .*; got 'nothing'"):
        main(["run", "ask", "nothing", "--out", str(tmp_path)])
    assert not list(tmp_path.iterdir())


def test_cases_are_selected_by_their_sizes(tmp_path: Path) -> None:
    run = ["run", "tell", "--device", "cpu", "--out", str(tmp_path), "--only"]
    assert main([*run, "n=20"]) == 0
    assert {row["sizes"]["n"] for row in read(tmp_path)} == {20}
    assert len(load("tell").cases["small"]) > 1


def test_a_size_that_no_question_has_is_named_before_anything_runs(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="`--only` must name sizes of the run's cases; got 'nothing'"):
        main(["run", "tell", "scoring", "--out", str(tmp_path), "--only", "m=20000", "nothing=1"])
    assert not list(tmp_path.iterdir())


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
def test_a_missing_device_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="`--device` must name devices that are present"):
        main(["run", "ask", "--device", "cuda", "--out", str(tmp_path)])


@pytest.mark.parametrize("name", MODULES)
def test_examples_in_the_harness_are_right(name: str) -> None:
    found = doctest.testmod(importlib.import_module(f"benchmarks.harness.{name}"))
    assert found.attempted
    assert not found.failed
