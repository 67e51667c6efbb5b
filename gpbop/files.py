"""Files that are whole or not there: written beside their place, then put into it."""

import errno
import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from gpbop.errors import ArgumentError, explain

NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}  # the disk is full, the quota is, or the file is too large for it


@contextmanager
def replacing(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Yield a temporary file in the folder of `path`; it takes the place of `path` if the body ends well.

    On any exception, KeyboardInterrupt among them, it is removed, and a file that was at `path` stays as it was. What
    can be found out about the place is found out before the body runs. The temporary file has the suffix of `path`; the
    new file has the permissions of the old.

    Args:
        path: The file; a link stays one, and the file that it points to is replaced.
    Yields:
        An empty file to write to.
    Raises:
        ArgumentError: If there is no such folder, no permission, no room, or something at `path` that is no file.
    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     with replacing(Path(folder) / "answer.txt") as beside:
        ...         _ = beside.write_text("42")
        ...     (Path(folder) / "answer.txt").read_text()
        '42'
    """
    beside = None
    try:
        target, mode = _place(path)
        beside = target.with_name(f".gpbop-{secrets.token_hex(8)}{target.suffix}")
        beside.open("xb").close()
    except (OSError, TypeError, ValueError) as error:
        raise _explained(path, error) from error
    try:
        yield beside
        if mode is not None:
            beside.chmod(mode)
        os.replace(beside, target)
    except OSError as error:
        if error.errno in NO_ROOM or error.filename == str(beside):
            raise _explained(path, error) from error
        raise
    finally:
        with suppress(FileNotFoundError):  # after success there is nothing left of it
            beside.unlink()


def _place(path: str | os.PathLike[str]) -> tuple[Path, int | None]:
    """Return where `path` points to, and the permissions of the file there, if any."""
    target = Path(os.path.realpath(os.fspath(path)))
    try:
        found = target.stat()
    except FileNotFoundError:
        return target, None
    if not stat.S_ISREG(found.st_mode):  # a folder, or a device such as /dev/null, which a rename would destroy
        raise IsADirectoryError(errno.EISDIR, "it is a folder or a device", str(target))
    if not os.access(target, os.W_OK):
        raise PermissionError(errno.EACCES, "the file is read-only", str(target))
    return target, stat.S_IMODE(found.st_mode)


def _explained(path: object, error: Exception) -> ArgumentError:
    """Say what is wrong with the place."""
    shown = repr(os.fspath(path) if isinstance(path, os.PathLike) else path)
    rule, advice = "name a file that can be written", f"Give another one: {getattr(error, 'strerror', None) or error}."
    if isinstance(error, FileNotFoundError | NotADirectoryError):
        rule, advice = "name a file in a folder that exists", "Create the folder first, or give another one."
    elif isinstance(error, PermissionError):
        rule, advice = "name a file that may be written", "Change its permissions, or give another place."
    elif isinstance(error, OSError) and error.errno in NO_ROOM:
        rule, advice = "name a file on a disk with room for it", "Free some space, or give another place."
    return ArgumentError(explain("path", rule, shown, advice))
