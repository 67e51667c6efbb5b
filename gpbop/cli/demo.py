"""`gpbop demo`: tune a real model, and print each training as it lands."""

from typing import Annotated

import typer
from rich.console import Console

from gpbop.cli.options import Device
from gpbop.errors import GpbopError, explain
from gpbop.examples import demo as demos


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
