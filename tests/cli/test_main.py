"""The command line: one clear line for each mistake, and output that a pipe can read."""

import subprocess
import sys
from pathlib import Path

import pytest

import gpbop
from gpbop import cli
from gpbop.errors import DeviceError
from gpbop.examples import demo

ROOT = Path(__file__).parents[2]


def run(monkeypatch, capsys, *arguments):
    """Run the command and return its exit status, stdout and stderr."""
    monkeypatch.setattr(sys, "argv", ["gpbop", *arguments])
    with pytest.raises(SystemExit) as exit_:
        cli.main()
    return exit_.value.code, *capsys.readouterr()


def test_version_is_the_one_of_the_package(monkeypatch, capsys):
    code, out, _ = run(monkeypatch, capsys, "--version")
    assert code == 0
    assert out == f"gpbop {gpbop.__version__}\n"


def test_unknown_example_is_one_line(monkeypatch, capsys):
    code, out, err = run(monkeypatch, capsys, "demo", "resnet152")
    assert (code, out) == (2, "")
    assert err.splitlines() == [
        "gpbop: `name` must be one of autoencoder, sine, resnet; got 'resnet152'. Run: gpbop demo autoencoder"
    ]


def test_every_error_of_gpbop_is_one_line_without_traceback(monkeypatch, capsys):
    def fails(*_, **__):
        raise DeviceError("`device` must be present; got cuda.\nUse cpu.")

    monkeypatch.setitem(demo.EXAMPLES, "autoencoder", fails)
    code, _, err = run(monkeypatch, capsys, "demo", "--device", "cuda")
    assert code == 2
    assert err == "gpbop: `device` must be present; got cuda. Use cpu.\n"


@pytest.mark.parametrize(
    ("option", "value"), [("--trials", "0"), ("--trials", "many"), ("--device", "abacus"), ("--seed", "-1")]
)
def test_bad_options_name_the_option(monkeypatch, capsys, option, value):
    code, out, err = run(monkeypatch, capsys, "demo", option, value)
    assert (code, out) == (2, "")
    assert option in err


def test_python_m_gpbop_is_the_same_command():
    command = [sys.executable, "-W", "ignore", "-m", "gpbop", "demo", "nothing"]
    process = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert process.returncode == 2
    assert process.stderr.startswith("gpbop: `name` must be one of autoencoder")
