"""The command line: `gpbop demo` tunes a real model, `gpbop --version` says which release is installed."""

import sys
from enum import StrEnum
from typing import Annotated

import typer
from rich.console import Console

from gpbop import __version__
from gpbop.errors import GpbopError, explain
from gpbop.examples import demo as demos

app = typer.Typer(add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False)

EXIT_MISTAKE = 2  # the exit status of a caller's mistake, as for unknown options


class Device(StrEnum):
    """Where to train and where to model."""

    auto = "auto"
    cpu = "cpu"
    cuda = "cuda"


def _print_version(wanted: bool) -> None:
    if wanted:
        print(f"gpbop {__version__}")
        raise typer.Exit


@app.callback()
def gpbop(
    show_version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """Find the best settings of an expensive black box with as few experiments as possible."""


@app.command()
def demo(
    name: Annotated[str, typer.Argument(help="Which example: " + ", ".join(demos.EXAMPLES) + ".")] = "autoencoder",
    trials: Annotated[int, typer.Option(min=1, help="How many trainings to run.")] = 30,
    device: Annotated[Device, typer.Option(help="Where to train; auto takes CUDA where present.")] = Device.auto,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the search; the trainings keep theirs.")] = 0,
) -> None:
    """Tune a real model by real trainings, and print each as it lands."""
    if name not in demos.EXAMPLES:
        known = ", ".join(demos.EXAMPLES)
        raise GpbopError(explain("name", f"be one of {known}", repr(name), "Run: gpbop demo autoencoder"))
    demos.EXAMPLES[name](Console(highlight=False), trials=trials, device=device.value, seed=seed)


def main() -> None:
    """Run the command line; a mistake of the caller is one line on stderr and exit status 2."""
    try:
        app()
    except GpbopError as error:
        print("gpbop:", " ".join(str(error).split()), file=sys.stderr)
        sys.exit(EXIT_MISTAKE)
