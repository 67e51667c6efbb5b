"""Where a command writes: what is wrong with a place is found before a long run, not after it."""

import os
from collections.abc import Mapping
from pathlib import Path

from gpbop.errors import ArgumentError, explain
from gpbop.files import replacing


class _Tried(Exception):
    """Ends the trial of a place, so that nothing is put there."""


def check_place(option: str, path: Path, suffixes: tuple[str, ...], others: Mapping[str, Path | None]) -> None:
    """Check that a file can be written, and replaces none that the same command reads or writes.

    Args:
        option: What names the file.
        path: The file.
        suffixes: How its name may end; anyhow if empty.
        others: The other files and folders of the command, by what names them.
    Raises:
        ArgumentError: If it is not so.
    """
    if (suffixes and path.suffix.lower() not in suffixes) or not os.path.isdir(path.parent):
        rule = f"end in {' or '.join(suffixes)}, in a folder that exists" if suffixes else "be in a folder that exists"
        raise ArgumentError(explain(option, rule, repr(str(path)), "Give another place."))
    for name, other in others.items():
        if other is not None and _would_replace(path, other):
            got = f"{str(path)!r}, which is {'in ' if os.path.isdir(other) else ''}`{name}`"
            raise ArgumentError(explain(option, "be a file of its own", got, "Give another place."))
    try:
        with replacing(path):
            raise _Tried
    except _Tried:
        pass
    except ArgumentError as error:
        raise ArgumentError(str(error).replace("`path`", f"`{option}`", 1)) from error


def _would_replace(path: Path, other: Path) -> bool:
    """Return whether writing to `path` changes the file `other`, or what is read from the folder `other`."""
    target, taken = os.path.realpath(path), os.path.realpath(other)
    if not os.path.isdir(other):
        return target == taken
    beside = os.path.join(os.path.realpath(path.parent), path.name)  # a link in the folder to a file that is not
    return path.suffix.lower() == ".parquet" and any(_is_read(Path(place), Path(taken)) for place in (target, beside))


def _is_read(place: Path, folder: Path) -> bool:
    """Return whether a file is among those that are read of a folder, which are not hidden."""
    return folder in place.parents and not any(part[0] in "._" for part in place.relative_to(folder).parts)
