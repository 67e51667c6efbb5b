"""`gpbop demo resnet`: the smallest search, four trainings, by brute force and by gpbop."""

from collections.abc import Callable, Mapping
from pathlib import Path
from statistics import mean
from typing import Any

import torch
from rich.console import Console

from gpbop.device import resolve_device
from gpbop.errors import ArgumentError, explain
from gpbop.examples import resnet
from gpbop.examples.training import device_name
from gpbop.optimizer import Optimizer

# First experiments, before the model decides.
INITIAL = 2
# Searches that are replayed on the four errors, to tell luck from skill.
REPLAYED = 50
HEADER = """\
ResNet-18 or ResNet-34, with or without random cropping, to read handwritten digits: four configs.
Each trains for {epochs} epochs on {images} images, {width} channels wide in the first stage, on {device}.

  error      share of the held-out digits that are read wrongly; lower is better
  predicted  what gpbop expected before the training: mean +/- standard deviation
             ("-" in the initial design)
"""
LINE = "  {number}  {config:<31}  {error:>7}  {predicted:>17}"

Training = Callable[[Mapping[str, Any]], float]


def choose_resnet(console: Console, *, trials: int | None, device: str, seed: int, out: Path | None) -> None:
    """Train the four networks, then let gpbop choose among them, and print every step.

    Args:
        console: Where to print; the status line appears on a terminal only.
        trials: None: the search is always over all four.
        device: "auto", "cpu" or "cuda", for the trainings and for gpbop.
        seed: Seed of the search. The trainings use seed 0.
        out: None: there are no pictures.

    Raises:
        ArgumentError: If `trials` or `out` is given.
        DeviceError: If CUDA is asked for and absent.
    """
    for option, given, why in (("--trials", trials, "has four"), ("--out", out, "draws nothing")):
        if given is not None:
            raise ArgumentError(explain(option, "be left out for resnet", str(given), f"This demo {why}."))
    where = resolve_device(device)
    width = resnet.width_on(where)
    header = HEADER.format(device=device_name(where), epochs=resnet.EPOCHS, images=resnet.TRAIN_IMAGES, width=width)
    console.print(header, soft_wrap=True)
    errors = _brute_force(console, where)
    optimizer = _search(errors, device, seed, console)
    best, values = min(errors.values()), [trial.value for trial in optimizer.trials]
    winners = " or ".join(name for name, error in errors.items() if error == best)
    console.print(f"\nBest:     {winners}; error {_percent(best)}", soft_wrap=True)
    console.print(
        f"Cost:     gpbop trained it as number {values.index(best) + 1}; brute force takes {len(errors)} trainings",
        soft_wrap=True,
    )
    by_chance = _by_chance(list(errors.values()))
    needed = mean(_needed(errors, other) for other in range(REPLAYED))
    console.print(
        f"Honestly: over {REPLAYED} seeds gpbop trains the best as number {needed:.2f} on average, a random order\n"
        f"          as number {by_chance:.2f}, and only all four trainings prove which is best.\n"
        "          A space of four leaves little to save.",
        soft_wrap=True,
    )


def _brute_force(console: Console, where: torch.device) -> dict[str, float]:
    """Train every config, print each, and return the errors by the names of the configs."""
    console.print("Brute force")
    console.print(LINE.format(number="#", config="config", error="error", predicted="").rstrip(), style="dim")
    errors: dict[str, float] = {}
    for number, config in enumerate(resnet.space().grid(), start=1):
        with console.status(f"training {number} of 4"):
            error = resnet.train(config, device=where)
        errors[_name(config)] = error
        cells = {"number": number, "config": _name(config), "error": _percent(error), "predicted": ""}
        console.print(LINE.format(**cells).rstrip(), soft_wrap=True)
    return errors


def _search(errors: Mapping[str, float], device: str, seed: int, console: Console | None = None) -> Optimizer:
    """Let gpbop choose from the four, with the errors that were measured; a training repeats to the last digit."""
    optimizer = Optimizer(resnet.space(), acquisition="ei", initial=INITIAL, device=device, seed=seed)
    if console is not None:
        console.print("\ngpbop, told the errors of the same trainings: they repeat exactly", soft_wrap=True)
        names = {"number": "#", "config": "config", "error": "error", "predicted": "predicted"}
        console.print(LINE.format(**names), style="dim", soft_wrap=True)
    for number in range(1, len(errors) + 1):
        config = optimizer.ask()
        predicted = "-"
        if console is not None and number > INITIAL:
            expected = optimizer.predict([config])
            predicted = f"{_percent(expected.mean.item())} +/- {_percent(expected.std.item())}"
        error = errors[_name(config)]
        optimizer.tell(config, error)
        if console is not None:
            cells = {"number": number, "config": _name(config), "error": _percent(error), "predicted": predicted}
            console.print(LINE.format(**cells), soft_wrap=True)
    return optimizer


def _needed(errors: Mapping[str, float], seed: int) -> int:
    """Return which training of a search was the first of a best config."""
    values = [trial.value for trial in _search(errors, "cpu", seed).trials]
    return values.index(min(errors.values())) + 1


def _by_chance(errors: list[float]) -> float:
    """Return the expected place of the first of the best in a random order: (n + 1) / (k + 1) for k of them."""
    return (len(errors) + 1) / (errors.count(min(errors)) + 1)


def _name(config: Mapping[str, Any]) -> str:
    """Return the config in words.

    Example:
        >>> _name({"layers": 18, "crop": True})
        'ResNet-18 and random crop'
    """
    return f"ResNet-{config['layers']} and {'random crop' if config['crop'] else 'no random crop'}"


def _percent(share: float) -> str:
    return f"{100.0 * share:.2f} %"
