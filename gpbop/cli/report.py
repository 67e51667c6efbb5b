"""`gpbop report`: a saved search as one HTML page."""

from pathlib import Path
from typing import Annotated

import typer

from gpbop.cli.options import Device
from gpbop.cli.places import check_place
from gpbop.errors import ArgumentError, explain
from gpbop.optimizer import Optimizer


def report(
    state: Annotated[Path, typer.Argument(help="What Optimizer.save wrote.")],
    out: Annotated[Path, typer.Option(help="The page to write; an old one is replaced.")] = Path("report.html"),
    title: Annotated[str | None, typer.Option(help="Heading of the page.")] = None,
    device: Annotated[Device, typer.Option(help="Where to compute; auto takes CUDA where it pays.")] = Device.auto,
) -> None:
    """Tell a saved search as one HTML page that opens in any browser, offline."""
    check_place("--out", out, (), {"state": state})
    from gpbop.report import write  # matplotlib takes a while, and no other command of this one needs it

    try:
        optimizer = Optimizer.load(state, device=device.value)
    except OSError as error:
        advice = "Give a file that Optimizer.save wrote."
        raise ArgumentError(explain("state", "be a file that can be read", f"{str(state)!r}", advice)) from error
    print(write(optimizer, out, title=title))
