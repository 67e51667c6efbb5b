"""A progress bar where somebody looks at it."""

import sys
from typing import Any, Self


def is_watched() -> bool:
    """Return whether somebody looks at standard error: whether it is there, and a terminal."""
    return sys.stderr is not None and sys.stderr.isatty()


class Progress:
    """A bar on standard error, made with rich; nothing at all when it is off or rich is not installed.

    Args:
        total: Number of steps.
        is_shown: Whether to show it.
        description: What is going on.
    """

    def __init__(self, total: int, is_shown: bool, description: str = "experiments") -> None:
        self._total = total
        self._description = description
        self._bar: Any = _make_bar() if is_shown else None
        self._task: Any = None

    def __enter__(self) -> Self:
        if self._bar is not None:
            self._bar.start()
            self._task = self._bar.add_task(self._description, total=self._total, status="")
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.stop()

    def advance(self, status: str, steps: int = 1) -> None:
        """Go some steps on.

        Args:
            status: Text at the end of the bar.
            steps: How many.
        """
        if self._bar is not None:
            self._bar.update(self._task, advance=steps, status=status)


def _make_bar() -> Any:
    try:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
        from rich.progress import Progress as RichProgress
    except ImportError:
        return None
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[status]}", markup=False),
    )
    return RichProgress(*columns, console=Console(stderr=True))
