"""Where the demos put their pictures: a folder that is tried before the work begins."""

import io
import tempfile
from pathlib import Path

from matplotlib.figure import Figure
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from gpbop.errors import ArgumentError, explain
from gpbop.files import replacing

# Of a picture: a palette makes it three times as small, and nobody sees the difference.
COLOURS = 256


def writable_folder(path: Path) -> Path:
    """Return a folder that can be written to, made if it is not there.

    Args:
        path: The folder.
    Raises:
        ArgumentError: If it is a file, or cannot be made or written to.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=path):
            pass
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or str(error)
        advice = f"Give another one: {why}."
        raise ArgumentError(explain("--out", "be a folder that can be written to", repr(str(path)), advice)) from error
    return path


def save(figure: Figure, path: Path, *, description: str | None = None) -> Path:
    """Write a figure as PNG; an old file is replaced when the new one is whole.

    Args:
        figure: The figure.
        path: The file.
        description: Text that the file carries.
    Returns:
        The path.
    """
    drawn = io.BytesIO()
    figure.savefig(drawn, format="png")
    information = PngInfo()
    if description is not None:
        information.add_text("Description", description)
    with Image.open(drawn) as image:
        few = image.convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE)
    with replacing(path) as beside:
        few.save(beside, format="PNG", optimize=True, pnginfo=information)
    return path
