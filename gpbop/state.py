"""State files: JSON that is whole or refused.

A file holds one JSON object of an optimizer's state, with the version of its layout first and a checksum last. JSON
says nothing about a digit that changed on the way; the checksum does. It is that of the values, so a file may be
formatted anew.
"""

import hashlib
import json
import os
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, NoReturn

from gpbop.errors import StateError, explain

STATE_VERSION = 1


def check_version(state: object) -> None:
    """Check that a state is one of this gpbop.

    Raises:
        StateError: If it is not.
    """
    if not isinstance(state, Mapping) or "gpbop" not in state:
        advice = "Use a file that Optimizer.save wrote."
        raise StateError(explain("state", "be the state of an Optimizer", repr(state), advice))
    version = state["gpbop"]
    if type(version) is not int or version != STATE_VERSION:
        newer = isinstance(version, int) and version > STATE_VERSION
        advice = (
            "It was saved by a newer gpbop: install that one." if newer else "Use a file that Optimizer.save wrote."
        )
        raise StateError(
            explain("state", f"be a gpbop state of version {STATE_VERSION}", f"version {version!r}", advice)
        )


def write_state(path: str | os.PathLike[str], state: Mapping[str, Any]) -> None:
    """Write a state beside the old file, then put it in its place: a crash leaves the old file whole.

    The same state gives the same bytes. They are ASCII, so that any text a config may hold can be written.

    Args:
        path: The file; a link stays one, and the file that it points to is replaced.
        state: JSON values.
    Raises:
        OSError: If it cannot be written.
    """
    target = os.path.realpath(path)
    text = json.dumps({**state, "checksum": _checksum(state)}, indent=1, allow_nan=False) + "\n"
    beside = f"{target}.{os.getpid()}.tmp"
    try:
        with open(beside, "w", encoding="ascii", newline="\n") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.replace(beside, target)
    except BaseException:
        with suppress(FileNotFoundError):
            os.unlink(beside)
        raise


def read_state(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Read what `write_state` wrote.

    Args:
        path: The file.
    Returns:
        The state, without its checksum.
    Raises:
        StateError: If the file is corrupt, truncated, or of a newer gpbop.
        OSError: If it cannot be read.
    """
    shown = repr(os.fspath(path))
    try:
        with open(path, encoding="utf-8") as file:
            state = json.load(file, parse_constant=_refuse)
    except (ValueError, RecursionError) as error:  # ValueError: of JSON, of Unicode, or an int of thousands of digits
        got = f"{shown} ({type(error).__name__}: {error})"
        raise StateError(explain("path", "hold a whole JSON state", got, "Use an earlier copy.")) from error
    check_version(state)
    checksum = state.pop("checksum", None)
    if checksum != _checksum(state):
        advice = "It was damaged or edited: use an earlier copy."
        raise StateError(explain("path", "hold a state that matches its checksum", shown, advice))
    return dict(state)


def _checksum(state: Mapping[str, Any]) -> str:
    values = json.dumps(state, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(values.encode("ascii")).hexdigest()


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not JSON")
