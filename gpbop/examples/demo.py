"""What `gpbop demo` prints: each experiment as it lands, then the answer and what it saved against brute force."""

from collections.abc import Callable, Mapping
from typing import Any

import torch
from rich.console import Console

from gpbop.device import resolve_device
from gpbop.examples import autoencoder
from gpbop.examples.recorded import autoencoder_grid
from gpbop.optimizer import Optimizer

# First experiments, before the model decides: one more than the space has parameters.
INITIAL = 6
LINE = "{number:>3}  {config:<35}  {loss:>6}  {predicted:>17}  {remaining:>9}"
HEADER = """\
Tuning a denoising autoencoder on handwritten digits: {trials} trainings out of {size} configs, on {device}.

  config     size of the encoder, decoder "A" or "B", dropout probability, strength of the training noise
  loss       mean squared error on held-out digits; lower is better, [bold]bold[/bold] is the best so far
  predicted  what gpbop expected before the training: mean +/- standard deviation ("-" in the initial design)
  remaining  the uncertainty left: gpbop's mean standard deviation over all {size} configs after the training (likewise)
"""


def tune_autoencoder(console: Console, *, trials: int, device: str, seed: int) -> None:
    """Tune the autoencoder and print every step.

    Args:
        console: Where to print; colours and the status line appear on a terminal only.
        trials: Number of trainings, cut to the size of the grid.
        device: "auto", "cpu" or "cuda", for the trainings and for gpbop.
        seed: Seed of the search. The trainings use seed 0, as the recorded grid does.

    Raises:
        DeviceError: If CUDA is asked for and absent.
    """
    space = autoencoder.space()
    trials = min(trials, int(space.size))
    train_device = resolve_device(device)
    optimizer = Optimizer(
        space, acquisition="ei", direction="minimize", design="sobol", initial=INITIAL, device=device, seed=seed
    )
    console.print(HEADER.format(trials=trials, size=space.size, device=_device_name(train_device)), soft_wrap=True)
    names = {"number": "#", "config": "config", "loss": "loss", "predicted": "predicted", "remaining": "remaining"}
    console.print(LINE.format(**names), style="dim", soft_wrap=True)
    grid = list(space.grid())
    for number in range(1, trials + 1):
        with console.status(f"training {number} of {trials}"):
            config = optimizer.ask()
            predicted = _prediction(optimizer, config) if number > INITIAL else "-"
            loss = autoencoder.train(config, device=train_device)
            optimizer.tell(config, loss)
            remaining = _remaining(optimizer, grid) if number >= INITIAL else "-"
        cells = {"number": number, "config": _short(config), "loss": f"{loss:.4f}"}
        best = optimizer.best.value == loss
        line = LINE.format(**cells, predicted=predicted, remaining=remaining)
        console.print(line, style="bold" if best else None, soft_wrap=True)
    _print_answer(console, optimizer, int(space.size))


def _prediction(optimizer: Optimizer, config: Mapping[str, Any]) -> str:
    """Return "mean +/- standard deviation" of the model for one config."""
    mean, std = optimizer.predict([config])
    return f"{mean.item():.4f} +/- {std.item():.4f}"


def _remaining(optimizer: Optimizer, grid: list[dict[str, Any]]) -> str:
    """Return the mean predictive standard deviation over the grid."""
    return f"{optimizer.predict(grid)[1].mean().item():.5f}"


def _short(config: Mapping[str, Any]) -> str:
    """Return the config in one short line.

    Example:
        >>> _short({"encoder_size": 64, "decoder": "A", "use_dropout": True, "dropout": 0.1, "noise": 0.3})
        'size 64, A, dropout 0.1, noise 0.3'
    """
    dropout = f"dropout {config['dropout']:.1f}" if config["use_dropout"] else "no dropout"
    return f"size {config['encoder_size']}, {config['decoder']}, {dropout}, noise {config['noise']:.1f}"


def _print_answer(console: Console, optimizer: Optimizer, size: int) -> None:
    """Print the best config, its cost beside brute force, and its rank in the recorded grid, which is read only now."""
    losses = [trial.value for trial in optimizer.trials]
    found, trials = losses.index(optimizer.best.value) + 1, len(losses)
    recorded = autoencoder_grid()
    rank, lowest = recorded.rank(optimizer.best.config), min(recorded.losses)
    console.print(f"\nBest:     {_short(optimizer.best.config)}; loss {optimizer.best.value:.4f}", soft_wrap=True)
    brute_force = f"brute force takes {size}, {size / trials:.0f} times as many"
    console.print(f"Cost:     {trials} trainings, the best in training {found}; {brute_force}", soft_wrap=True)
    console.print(
        f"Rank:     {rank} of {size} in the grid of all trainings, recorded beforehand and not read before this line "
        f"(its lowest loss: {lowest:.4f})",
        soft_wrap=True,
    )


def _device_name(device: torch.device) -> str:
    return torch.cuda.get_device_name(device) if device.type == "cuda" else "the CPU"


EXAMPLES: dict[str, Callable[..., None]] = {"autoencoder": tune_autoencoder}
