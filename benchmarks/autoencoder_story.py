"""How many trainings does gpbop need to tune the autoencoder, and how good is what it finds, in one picture?

Runs `gpbop demo autoencoder` on the CPU by real trainings (half a minute), with its default seed. Writes the picture
of the README's first screen to `results/pictures/story.png`, and what its sentence says to
`results/autoencoder_story.jsonl`.

    python -m benchmarks.autoencoder_story
"""

import shutil
import tempfile
from dataclasses import asdict
from pathlib import Path

import torch
from rich.console import Console

from benchmarks.environment import describe
from benchmarks.replay import RESULTS, write_rows
from gpbop.examples.autoencoder_demo import tune_autoencoder

PICTURE = RESULTS / "pictures" / "story.png"
SEED = 0


def main() -> None:
    """Run the demo and keep its picture and its answer."""
    environment = describe()
    with tempfile.TemporaryDirectory() as folder:
        answer = tune_autoencoder(Console(highlight=False), trials=None, device="cpu", seed=SEED, out=Path(folder))
        PICTURE.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(Path(folder) / PICTURE.name, PICTURE)
    write_rows("autoencoder_story.jsonl", [{**asdict(answer), "seed": SEED, "environment": environment}])


if __name__ == "__main__":
    torch.set_num_threads(1)
    main()
