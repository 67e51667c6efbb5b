"""`gpbop demo sine`: a Gaussian process learns a sine, frame by frame, beside scikit-learn's."""

from pathlib import Path

from rich.console import Console

from gpbop.device import resolve_device
from gpbop.examples.sine import FIRST_POINTS, Frame, frames, space
from gpbop.examples.training import device_name
from gpbop.settings import check_count

POINTS = 30
FOLDER = Path("gpbop-sine")
HEADER = """\
Learning a sine on [0, 10] by measuring it where the model is least certain, on {device}.

  std      gpbop's standard deviation: its mean over all {size} x, and its largest, where the next is
  error    largest distance between gpbop's mean and the sine
  sklearn  largest difference from scikit-learn's model of the same points: of mean and of std
"""
LINE = "{points:>6}  {mean_std:>8}  {largest_std:>11}  {error:>7}  {mean:>12}  {std:>11}  {next_x:>6}"
NAMES = {
    "points": "points",
    "mean_std": "mean std",
    "largest_std": "largest std",
    "error": "error",
    "mean": "sklearn mean",
    "std": "sklearn std",
    "next_x": "next x",
}


def learn_sine(console: Console, *, trials: int | None, device: str, seed: int, out: Path | None) -> None:
    """Learn the sine, print every step, and write it as pictures.

    Args:
        console: Where to print.
        trials: Most points, at least two.
        device: "auto", "cpu" or "cuda".
        seed: Seed of the two points to begin with.
        out: Folder of the pictures; "gpbop-sine" if absent.

    Raises:
        ArgumentError: If there are too few points, or the folder cannot be written to.
        DeviceError: If CUDA is asked for and absent.
    """
    # matplotlib takes a while, and the other commands do not need it.
    from gpbop.examples import pictures, sine_pictures

    advice = "The model begins with two points."
    points = check_count("--trials", POINTS if trials is None else trials, advice, least=FIRST_POINTS)
    where = resolve_device(device)
    folder = pictures.writable_folder(FOLDER if out is None else out)
    console.print(HEADER.format(size=space().size, device=device_name(where)), soft_wrap=True)
    console.print(LINE.format(**NAMES), style="dim", soft_wrap=True)
    shown, drawn = [], []
    for frame in frames(points, device=where, seed=seed):
        console.print(_line(frame), soft_wrap=True)
        name = f"sine-{len(frame.observed_x):02d}.png"
        drawn.append(pictures.save(sine_pictures.draw(frame), folder / name))
        shown.append(frame)
    animation = sine_pictures.animate(drawn, folder / "sine.gif")
    mean, std = map(max, zip(*(frame.differences for frame in shown), strict=True))
    agree = f"means differ by at most {mean:.0e}, standard deviations by {std:.0e}"
    written = f"{len(drawn)} frames, {drawn[0].name} to {drawn[-1].name}, and {animation.name}"
    console.print(f"\nStop:     {shown[-1].reason}", soft_wrap=True)
    console.print(f"sklearn:  in all {len(drawn)} frames the {agree}", soft_wrap=True)
    console.print(f"Pictures: {written}, in {folder}", markup=False, soft_wrap=True)


def _line(frame: Frame) -> str:
    mean, std = frame.differences
    return LINE.format(
        points=len(frame.observed_x),
        mean_std=f"{frame.remaining:.4f}",
        largest_std=f"{float(frame.ours.std.max()):.4f}",
        error=f"{frame.largest_error:.4f}",
        mean=f"{mean:.0e}",
        std=f"{std:.0e}",
        next_x="-" if frame.next_x is None else f"{frame.next_x:.2f}",
    )
