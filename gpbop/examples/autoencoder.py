"""A real model to tune: a denoising autoencoder on scikit-learn's handwritten digits.

The question that the four hyperparameters answer: which network, trained on 300 images, cleans noisy images that it
has never seen best? The data are the 1797 real 8 x 8 images that scikit-learn ships, scaled to [0, 1]. The loss is the
mean squared error per pixel between clean held-out images and their reconstructions from noisy copies; the noise on
the held-out images is drawn once and is the same for every training.

    encoder_size   length of the code between encoder and decoder: 2, 4, ..., 256
    decoder        "A": two dense layers; "B": a dense layer and two transposed convolutions
    use_dropout    whether hidden layers drop units in training
    dropout        with which probability; exists only with use_dropout
    noise          standard deviation of the Gaussian noise added to the training images (data augmentation)

Choices, and why. 300 training images: few enough that a large network memorises them, so that dropout, noise and
size matter. 60 epochs of Adam in batches of 50 with a one-cycle learning rate (peak 0.003, a usual value for Adam on
small networks): the training loss has flattened by then, in 0.3 to 1 second on one CPU core. Held-out noise of 0.4:
digits that a person still reads. Nothing was chosen to favour a place in the grid.
"""

import math
from collections.abc import Mapping
from functools import cache
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import mse_loss

from gpbop.examples.training import digits, private_state
from gpbop.parameters import Categorical, Float, Ordinal
from gpbop.space import Space

TRAIN_IMAGES = 300
HELD_OUT_IMAGES = 1000
HELD_OUT_NOISE = 0.4
SPLIT_SEED = 0
EPOCHS = 60
BATCH_SIZE = 50
LEARNING_RATE = 3e-3
HIDDEN = 128


def space() -> Space:
    """Return the hyperparameters of `train`: 8 x 2 x (1 + 5) x 8 = 768 configs.

    Example:
        >>> space().size
        768
    """
    return Space(
        {
            "encoder_size": Ordinal([2, 4, 8, 16, 32, 64, 128, 256]),
            "decoder": Categorical(["A", "B"]),
            "use_dropout": Categorical([False, True]),
            "dropout": Float(0.1, 0.5, step=0.1, when={"use_dropout": [True]}),
            "noise": Float(0.0, 0.7, step=0.1),
        }
    )


def train(config: Mapping[str, Any], *, seed: int = 0, device: torch.device | str = "cpu") -> float:
    """Train one autoencoder and return its loss on held-out images.

    The same config and seed give the same loss on the same machine. It runs on one CPU thread (the matrices are too
    small for more), or on a CUDA device. It draws from torch's global random generators; they, the number of threads
    and the cuDNN flags are as before when it returns, so two threads must not train at once; processes may.

    Args:
        config: The four (with dropout: five) hyperparameters, as `space()` names them.
        seed: Seed of the initial weights, the order of the images, the training noise and dropout.
        device: Where to train.

    Returns:
        Mean squared error per pixel on the held-out images; pixels are in [0, 1]. Lower is better.
    """
    device = torch.device(device)
    clean_train, clean, noisy = (images.to(device) for images in _images())
    with private_state(seed, device):
        model = _model(config).to(device)
        _fit(model, clean_train, noise=float(config["noise"]))
        model.eval()
        with torch.no_grad():
            return mse_loss(model(noisy), clean).item()


@cache
def _images() -> tuple[Tensor, Tensor, Tensor]:
    """Return clean training images, clean held-out images and noisy held-out images, each `n x 8 x 8`."""
    generator = torch.Generator().manual_seed(SPLIT_SEED)
    images, _ = digits(generator)
    clean = images[-HELD_OUT_IMAGES:]
    noisy = clean + HELD_OUT_NOISE * torch.randn(clean.shape, generator=generator)
    return images[:TRAIN_IMAGES], clean, noisy


def _model(config: Mapping[str, Any]) -> nn.Sequential:
    """Return the untrained autoencoder, `n x 8 x 8` to `n x 8 x 8`."""
    code = int(config["encoder_size"])
    probability = float(config["dropout"]) if config["use_dropout"] else 0.0
    encoder = [nn.Flatten(), *_hidden_layer(64, probability), nn.Linear(HIDDEN, code)]
    dense = [*_hidden_layer(code, probability), nn.Linear(HIDDEN, 64), nn.Unflatten(1, (8, 8))]
    convolutional = [
        *_hidden_layer(code, probability),
        nn.Unflatten(1, (HIDDEN // 4, 2, 2)),
        nn.ConvTranspose2d(HIDDEN // 4, 16, kernel_size=4, stride=2, padding=1),  # n x 16 x 4 x 4
        nn.ReLU(),
        nn.ConvTranspose2d(16, 1, kernel_size=4, stride=2, padding=1),  # n x 1 x 8 x 8
        nn.Flatten(1, 2),
    ]
    return nn.Sequential(*encoder, *{"A": dense, "B": convolutional}[config["decoder"]])


def _hidden_layer(inputs: int, probability: float) -> list[nn.Module]:
    return [nn.Linear(inputs, HIDDEN), nn.ReLU(), nn.Dropout(probability)]


def _fit(model: nn.Module, images: Tensor, *, noise: float) -> None:
    """Train `model` in place to reconstruct `images` from copies with fresh noise in every step."""
    optimizer = torch.optim.Adam(model.parameters(), lr=LEARNING_RATE)
    steps = EPOCHS * math.ceil(len(images) / BATCH_SIZE)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, LEARNING_RATE, total_steps=steps)
    for _ in range(EPOCHS):
        order = torch.randperm(len(images), device=images.device)
        for batch in torch.split(images[order], BATCH_SIZE):
            optimizer.zero_grad()
            loss = mse_loss(model(batch + noise * torch.randn_like(batch)), batch)
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            schedule.step()
