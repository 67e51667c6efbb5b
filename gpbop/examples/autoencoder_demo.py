"""`gpbop demo autoencoder`: each experiment as it lands, then the answer and what it saved against brute force."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console

from gpbop.device import resolve_device
from gpbop.errors import GpbopError
from gpbop.examples import autoencoder
from gpbop.examples.recorded import RecordedGrid, autoencoder_grid
from gpbop.examples.training import device_name
from gpbop.optimizer import Optimizer
from gpbop.settings import check_count

TRIALS = 30
# First experiments, before the model decides: one more than the space has parameters.
INITIAL = 6
LINE = "{number:>3}  {config:<35}  {loss:>6}  {predicted:>17}  {remaining:>9}"
HEADER = """\
Tuning a denoising autoencoder on handwritten digits: {trials} trainings out of {size} configs, on {device}.

  config     size of the encoder, decoder "A" or "B", dropout probability, training noise
  loss       mean squared error on held-out digits; lower is better, [bold]bold[/bold] is the best so far
  predicted  what gpbop expected before the training: mean +/- standard deviation
  remaining  uncertainty left after it: gpbop's mean standard deviation over all {size} configs
             ("-" for both in the initial design)
"""


@dataclass(frozen=True)
class Answer:
    """What a search found, and what it cost.

    Attributes:
        trials: Number of trainings.
        found: Which of them was the first with the best loss, from 1.
        size: Number of configs, which brute force trains.
        config: The best config.
        loss: Its loss.
        rank: Its place in the grid of all trainings, recorded beforehand.
        lowest: The lowest loss in that grid.
    """

    trials: int
    found: int
    size: int
    config: dict[str, Any]
    loss: float
    rank: int
    lowest: float

    @staticmethod
    def of(optimizer: Optimizer, recorded: RecordedGrid) -> "Answer":
        """Read the answer from a search, and its rank from the recorded grid."""
        losses, best = [trial.value for trial in optimizer.trials], optimizer.best
        assert best.value is not None, "the best trial is complete"
        return Answer(
            trials=len(losses),
            found=losses.index(best.value) + 1,
            size=len(recorded.losses),
            config=best.config,
            loss=best.value,
            rank=recorded.rank(best.config),
            lowest=min(recorded.losses),
        )

    @property
    def headline(self) -> str:
        """What was saved, in a few words."""
        return f"{self.trials} training{'s' if self.trials > 1 else ''} instead of {self.size}"


def tune_autoencoder(
    console: Console, *, trials: int | None, device: str, seed: int, out: Path | None = None
) -> Answer:
    """Tune the autoencoder and print every step.

    Args:
        console: Where to print; colours and the status line appear on a terminal only.
        trials: Number of trainings, cut to the size of the grid; 30 if absent.
        device: "auto", "cpu" or "cuda", for the trainings and for gpbop.
        seed: Seed of the search. The trainings use seed 0, as the recorded grid does.
        out: Folder for the pictures and the report; none are made if absent.
    Returns:
        The answer.

    Raises:
        ArgumentError: If `trials` is not positive, or the folder cannot be written to.
        DeviceError: If CUDA is asked for and absent.
    """
    advice = "Say how many trainings you can wait for."
    trials = check_count("--trials", TRIALS if trials is None else trials, advice)
    folder = None if out is None else _tried(out)
    optimizer = _search(console, min(trials, int(autoencoder.space().size)), device, seed)
    recorded = autoencoder_grid()
    answer = Answer.of(optimizer, recorded)
    _print_answer(console, answer)
    if folder is not None:
        _draw(console, optimizer, recorded, answer, folder)
    return answer


def _tried(out: Path) -> Path:
    from gpbop.examples.pictures import writable_folder  # matplotlib takes a while, and a demo may do without

    return writable_folder(out)


def _search(console: Console, trials: int, device: str, seed: int) -> Optimizer:
    """Train what gpbop asks for, and print each training."""
    space, train_device = autoencoder.space(), resolve_device(device)
    optimizer = Optimizer(
        space, acquisition="ei", direction="minimize", design="sobol", initial=INITIAL, device=device, seed=seed
    )
    console.print(HEADER.format(trials=trials, size=space.size, device=device_name(train_device)), soft_wrap=True)
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
    return optimizer


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


def _print_answer(console: Console, answer: Answer) -> None:
    """Print the best config, its cost beside brute force, and its rank in the recorded grid, which is read only now."""
    trials, size = answer.trials, answer.size
    console.print(f"\nBest:     {_short(answer.config)}; loss {answer.loss:.4f}", soft_wrap=True)
    brute_force = f"brute force takes {size}, {size / trials:.0f} times as many"
    console.print(
        f"Cost:     {trials} training{'s' if trials > 1 else ''}, the best in training {answer.found}; {brute_force}",
        soft_wrap=True,
    )
    console.print(
        f"Rank:     {answer.rank} of {size} in the grid of all trainings (its lowest loss: {answer.lowest:.4f}),\n"
        "          recorded beforehand and not read before this line",
        soft_wrap=True,
    )


def _draw(console: Console, optimizer: Optimizer, recorded: RecordedGrid, answer: Answer, folder: Path) -> None:
    """Write the pictures and the report, and say where they are; one that makes no sense says why."""
    from gpbop.examples.autoencoder_pictures import drawings
    from gpbop.examples.pictures import save
    from gpbop.report import write

    console.print(f"\nIn {folder}:", markup=False, soft_wrap=True)
    for name, (caption, draw) in drawings(optimizer, recorded, answer.headline).items():
        try:
            save(draw(), folder / name, description=answer.headline)
        except GpbopError as error:
            caption = f"left out: {' '.join(str(error).split())}"
        console.print(f"  {name:<16} {caption}", markup=False, soft_wrap=True)
    page = write(optimizer, folder / "report.html", title=f"A denoising autoencoder: {answer.headline}")
    console.print(f"  {page.name:<16} all of it on one page, for any browser", markup=False, soft_wrap=True)
