"""`gpbop demo`: real examples, printed step by step."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from gpbop.cli.options import Device
from gpbop.errors import GpbopError, explain
from gpbop.examples import demo as demos
from gpbop.settings import LARGEST_SEED, check_count


def demo(
    name: Annotated[str, typer.Argument(help="Which example: " + ", ".join(demos.EXAMPLES) + ".")] = "autoencoder",
    trials: Annotated[
        int | None, typer.Option(help="How many trainings to run; for sine, how many points at most. 30 if left out.")
    ] = None,
    device: Annotated[Device, typer.Option(help="Where to compute; auto takes CUDA where present.")] = Device.auto,
    seed: Annotated[int, typer.Option(help="Seed of the search; the trainings keep theirs.")] = 0,
    out: Annotated[
        Path | None, typer.Option(help="Folder for pictures; for the autoencoder, for the report as well.")
    ] = None,
) -> None:
    """Tune a real model by real trainings, learn a sine, or choose a ResNet: printed step by step."""
    if name not in demos.EXAMPLES:
        known = ", ".join(demos.EXAMPLES)
        raise GpbopError(explain("name", f"be one of {known}", repr(name), "Run: gpbop demo autoencoder"))
    check_count("--seed", seed, "Use --seed 0.", least=0, most=LARGEST_SEED)
    demos.EXAMPLES[name](Console(highlight=False), trials=trials, device=device.value, seed=seed, out=out)
