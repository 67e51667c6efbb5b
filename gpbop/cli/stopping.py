"""What ends a command before its end."""

import signal
import sys
import threading
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
    is_main = threading.current_thread() is threading.main_thread()  # others may not say what signals do
    before = signal.signal(signal.SIGTERM, signal.default_int_handler) if is_main else None
    try:
        yield
    except KeyboardInterrupt:
        print("gpbop: stopped.", file=sys.stderr)
        raise typer.Exit(STOPPED) from None
    finally:
        if before is not None:
            signal.signal(signal.SIGTERM, before)
