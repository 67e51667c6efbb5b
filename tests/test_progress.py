"""The progress bar: where it appears, what it says, and what happens without rich."""

import io
import sys

import pytest

from gpbop.progress import Progress, is_watched


class Terminal(io.StringIO):
    """A standard error that says it is a terminal."""

    def isatty(self) -> bool:
        return True


def test_it_is_watched_on_a_terminal_only(monkeypatch: pytest.MonkeyPatch) -> None:
    watched = []
    for stream in (Terminal(), io.StringIO(), None):
        monkeypatch.setattr(sys, "stderr", stream)
        watched.append(is_watched())
    assert watched == [True, False, False]


def test_it_says_what_is_done_and_how_it_goes(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    with Progress(4, True, "trainings") as bar:
        for i in range(3):
            bar.advance(f"best {i}")
    shown = terminal.getvalue()
    assert "trainings" in shown
    assert "3/4" in shown
    assert "best 2" in shown
    assert shown.endswith(("\x1b[?25h", "\n")), "the cursor is back on a new line"


def test_it_is_silent_when_off(capsys: pytest.CaptureFixture[str]) -> None:
    with Progress(4, False) as bar:
        bar.advance("best 1")
    assert capsys.readouterr() == ("", "")


def test_it_is_silent_without_rich(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "rich.console", None)
    with Progress(4, True) as bar:
        bar.advance("best 1")
    assert capsys.readouterr() == ("", "")


def test_square_brackets_in_the_status_are_text(capsys: pytest.CaptureFixture[str]) -> None:
    with Progress(1, True) as bar:
        bar.advance("best [/bold] 1")
    assert "best [/bold] 1" in capsys.readouterr().err
