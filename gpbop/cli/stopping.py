"""What ends a command before its end."""

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import typer

STOPPED = 130  # the exit status after Ctrl-C


@contextmanager
def stoppable() -> Iterator[None]:
    """Let Ctrl-C end the body with one line and the exit status 130, and SIGTERM do the same.

    Raises:
        typer.Exit: After Ctrl-C that the body left to others.
    """
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    except KeyboardInterrupt:
        print("gpbop: stopped.", file=sys.stderr)
        raise typer.Exit(STOPPED) from None
    finally:
        signal.signal(signal.SIGTERM, before)
