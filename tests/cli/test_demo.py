"""`gpbop demo`: what the command line hands to the examples, and one clear line for each mistake."""

import sys
from pathlib import Path

import pytest

from gpbop import cli
from gpbop.examples import demo


def run(monkeypatch, capsys, *arguments):
    """Run the command and return its exit status, stdout and stderr."""
    monkeypatch.setattr(sys, "argv", ["gpbop", "demo", *arguments])
    with pytest.raises(SystemExit) as exit_:
        cli.main()
    return exit_.value.code, *capsys.readouterr()


@pytest.mark.parametrize("name", list(demo.EXAMPLES))
def test_options_reach_the_example(monkeypatch, capsys, name):
    given = {}
    monkeypatch.setitem(demo.EXAMPLES, name, lambda console, **options: given.update(options))
    code, _, _ = run(monkeypatch, capsys, name, "--trials", "7", "--device", "cpu", "--seed", "3", "--out", "there")
    assert code == 0
    assert given == {"trials": 7, "device": "cpu", "seed": 3, "out": Path("there")}


def test_defaults_are_the_examples_own(monkeypatch, capsys):
    given = {}
    monkeypatch.setitem(demo.EXAMPLES, "autoencoder", lambda console, **options: given.update(options))
    assert run(monkeypatch, capsys)[0] == 0
    assert given == {"trials": None, "device": "auto", "seed": 0, "out": None}


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("nothing",), "`name` must be one of autoencoder, sine, resnet; got 'nothing'."),
        (("sine", "--trials", "0"), "`--trials` must be a whole number of at least 2; got 0."),
        (("sine", "--trials", "1"), "`--trials` must be a whole number of at least 2; got 1."),
        (("autoencoder", "--trials", "0"), "`--trials` must be a whole number of at least 1; got 0."),
        (("resnet", "--trials", "4"), "`--trials` must be left out for resnet; got 4."),
        (("resnet", "--out", "x"), "`--out` must be left out for resnet; got x."),
        (("sine", "--out", "file"), "`--out` must be a folder that can be written to; got 'file'."),
        (("autoencoder", "--out", "file/x"), "`--out` must be a folder that can be written to; got 'file/x'."),
        (("sine", "--seed", "-1"), "`--seed` must be a whole number of at least 0 and at most 4294967295; got -1."),
        (("resnet", "--seed", "9" * 30), "`--seed` must be a whole number of at least 0 and at most 4294967295; got 9"),
    ],
)
def test_mistakes_are_one_line(monkeypatch, capsys, tmp_path, arguments, says):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").write_text("")
    code, out, err = run(monkeypatch, capsys, *arguments)
    assert (code, out) == (2, "")
    assert err.startswith(f"gpbop: {says}")
    assert err.count("\n") == 1
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


@pytest.mark.parametrize("name", list(demo.EXAMPLES))
def test_absent_cuda_is_one_line(monkeypatch, capsys, tmp_path, name):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("torch.cuda.device_count", lambda: 0)
    code, out, err = run(monkeypatch, capsys, name, "--device", "cuda")
    assert (code, out) == (2, "")
    assert err.startswith("gpbop: `device` must be present; got 'cuda' with 0 CUDA devices in sight.")
    assert err.count("\n") == 1
    assert list(tmp_path.iterdir()) == []
