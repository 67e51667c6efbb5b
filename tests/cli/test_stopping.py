"""A command that is stopped ends with one line, and leaves signals as they were."""

import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import typer

from gpbop.cli.stopping import STOPPED, stoppable


@pytest.fixture(autouse=True)
def as_in_a_terminal() -> Iterator[None]:
    """Shells let what they run in the background ignore Ctrl-C, these tests among it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.parametrize("which", [signal.SIGINT, signal.SIGTERM])
def test_signals_end_it_with_one_line(which: signal.Signals, capsys: Any) -> None:
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(typer.Exit) as end, stoppable():
        signal.raise_signal(which)
    assert end.value.exit_code == STOPPED
    assert capsys.readouterr() == ("", "gpbop: stopped.\n")
    assert signal.getsignal(signal.SIGTERM) == before


def test_other_threads_leave_signals_alone() -> None:
    @stoppable()
    def command() -> Any:
        return signal.getsignal(signal.SIGTERM)

    before = signal.getsignal(signal.SIGTERM)
    with ThreadPoolExecutor(1) as executor:
        assert executor.submit(command).result() == before
