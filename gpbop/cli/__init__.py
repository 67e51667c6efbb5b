"""The command line: `gpbop demo` tunes a real model, `gpbop --version` says which release is installed."""

import sys
from typing import Annotated

import typer

from gpbop import __version__
from gpbop.cli.demo import demo
from gpbop.cli.report import report
from gpbop.cli.score import score
from gpbop.cli.stopping import stoppable
from gpbop.errors import GpbopError

app = typer.Typer(add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False)

EXIT_MISTAKE = 2  # the exit status of a caller's mistake, as for unknown options


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


for command in (demo, score, report):
    app.command()(stoppable()(command))


def main() -> None:
    """Run the command line; a mistake of the caller is one line on stderr and exit status 2."""
    try:
        app()
    except GpbopError as error:
        print("gpbop:", " ".join(str(error).split()), file=sys.stderr)
        sys.exit(EXIT_MISTAKE)
