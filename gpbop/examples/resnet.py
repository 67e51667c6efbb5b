"""The smallest search: ResNet-18 or ResNet-34, with or without random cropping, on scikit-learn's handwritten digits.

The question: which of the four, trained on 300 images, reads the digits that it has never seen best? The loss is the
share of 1497 held-out images that are read wrongly.

    layers   18 or 34: residual blocks of two 3 x 3 convolutions, [2, 2, 2, 2] or [3, 4, 6, 3] of them in four stages
    crop     whether training images are padded by one pixel on each side and cut at random places

Choices, and why. The images are 8 x 8, so the first layer is that of the residual networks for small images: a 3 x 3
convolution without stride or pooling (He et al. 2016, section 4.2); the stages then see 8 x 8, 4 x 4, 2 x 2 and 1 x 1
places. 8 channels in the first stage on a CPU, which is slim, and the full 64 on CUDA. SGD with momentum, one-cycle
learning rate and weight decay, a usual recipe, in as many epochs and batches as the autoencoder has: with 12 or 24 the
deeper and the cropped networks were not trained yet (errors up to 37 %). A training takes about 5 s on one core.

References:
    He, Zhang, Ren & Sun (2016), Deep residual learning for image recognition, table 1 and section 4.2.
"""

import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, pad
from typing_extensions import override

from gpbop.examples.training import digits, private_state
from gpbop.parameters import Categorical
from gpbop.space import Space

BLOCKS = {18: (2, 2, 2, 2), 34: (3, 4, 6, 3)}
SLIM_WIDTH, FULL_WIDTH = 8, 64
CLASSES = 10
TRAIN_IMAGES = 300
SPLIT_SEED = 0
EPOCHS = 60
BATCH_SIZE = 50
LEARNING_RATE, MOMENTUM, WEIGHT_DECAY = 0.1, 0.9, 5e-4
PADDING = 1


def space() -> Space:
    """Return the hyperparameters of `train`: 2 x 2 = 4 configs.

    Example:
        >>> space().size
        4
    """
    return Space({"layers": Categorical([18, 34]), "crop": Categorical([False, True])})


def train(config: Mapping[str, Any], *, seed: int = 0, device: torch.device | str = "cpu") -> float:
    """Train one residual network and return its error on held-out images.

    The same config and seed give the same error on the same machine. As for `autoencoder.train`, torch's global state
    is as before when it returns, and two threads must not train at once.

    Args:
        config: The two hyperparameters, as `space()` names them.
        seed: Seed of the initial weights, the order of the images and the crops.
        device: Where to train; the network is slim on a CPU and of full width on CUDA.

    Returns:
        Share of held-out images that are read wrongly. Lower is better.
    """
    device = torch.device(device)
    images, labels = digits(torch.Generator().manual_seed(SPLIT_SEED))
    images, labels = images.unsqueeze(1).to(device), labels.to(device)
    with private_state(seed, device):
        model = ResNet(int(config["layers"]), width_on(device)).to(device)
        _fit(model, images[:TRAIN_IMAGES], labels[:TRAIN_IMAGES], is_cropped=bool(config["crop"]))
        model.eval()
        with torch.no_grad():
            read = model(images[TRAIN_IMAGES:]).argmax(-1)
        return float((read != labels[TRAIN_IMAGES:]).double().mean())


def width_on(device: torch.device) -> int:
    """Return the channels of the first stage on a device."""
    return FULL_WIDTH if device.type == "cuda" else SLIM_WIDTH


class Block(nn.Module):
    """A residual block: relu(x + bn(conv(relu(bn(conv(x)))))).

    Args:
        inputs: Channels that come in.
        outputs: Channels that go out; where they differ, x goes through a 1 x 1 convolution.
        stride: Of the first convolution, and of that one.
    """

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.residual = nn.Sequential(
            nn.Conv2d(inputs, outputs, 3, stride=stride, padding=1, bias=False),
            nn.BatchNorm2d(outputs),
            nn.ReLU(),
            nn.Conv2d(outputs, outputs, 3, padding=1, bias=False),
            nn.BatchNorm2d(outputs),
        )
        self.shortcut: nn.Module = nn.Identity()
        if inputs != outputs:
            self.shortcut = nn.Sequential(
                nn.Conv2d(inputs, outputs, 1, stride=stride, bias=False), nn.BatchNorm2d(outputs)
            )

    @override
    def forward(self, x: Tensor) -> Tensor:
        """Map `n x inputs x h x w` to `n x outputs x h/stride x w/stride`."""
        return torch.relu(self.shortcut(x) + self.residual(x))


class ResNet(nn.Module):
    """A residual network for small grey images.

    Args:
        layers: 18 or 34, convolutions of the shortcuts not counted.
        width: Channels of the first stage; each of the others has twice those of the one before.
    """

    def __init__(self, layers: int, width: int) -> None:
        super().__init__()
        stages: list[nn.Module] = [nn.Conv2d(1, width, 3, padding=1, bias=False), nn.BatchNorm2d(width), nn.ReLU()]
        inputs = width
        for stage, count in enumerate(BLOCKS[layers]):
            outputs = width * 2**stage
            for number in range(count):
                stages.append(Block(inputs, outputs, stride=2 if stage and not number else 1))
                inputs = outputs
        self.features = nn.Sequential(*stages)
        self.head = nn.Linear(inputs, CLASSES)

    @override
    def forward(self, images: Tensor) -> Tensor:
        """Map `n x 1 x 8 x 8` images to `n x 10` logits."""
        logits: Tensor = self.head(self.features(images).mean((2, 3)))
        return logits


def crop(images: Tensor) -> Tensor:
    """Pad `n x c x h x w` images by one pixel on each side and cut each at a random place, to its size."""
    n, _, height, width = images.shape
    places = pad(images, [PADDING] * 4).unfold(2, height, 1).unfold(3, width, 1)  # n x c x 3 x 3 x h x w
    down, right = torch.randint(2 * PADDING + 1, (2, n), device=images.device)
    return places[torch.arange(n, device=images.device), :, down, right]


def _fit(model: nn.Module, images: Tensor, labels: Tensor, *, is_cropped: bool) -> None:
    """Train `model` in place to read `images`."""
    optimizer = torch.optim.SGD(
        model.parameters(), lr=LEARNING_RATE, momentum=MOMENTUM, weight_decay=WEIGHT_DECAY, nesterov=True
    )
    steps = EPOCHS * math.ceil(len(images) / BATCH_SIZE)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, LEARNING_RATE, total_steps=steps)
    for _ in range(EPOCHS):
        order = torch.randperm(len(images), device=images.device)
        for batch in torch.split(order, BATCH_SIZE):
            optimizer.zero_grad()
            loss = cross_entropy(model(crop(images[batch]) if is_cropped else images[batch]), labels[batch])
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            schedule.step()
