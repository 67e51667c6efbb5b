"""The examples that `gpbop demo NAME` runs, by name."""

from collections.abc import Callable

from gpbop.examples.autoencoder_demo import tune_autoencoder
from gpbop.examples.resnet_demo import choose_resnet
from gpbop.examples.sine_demo import learn_sine

EXAMPLES: dict[str, Callable[..., object]] = {
    "autoencoder": tune_autoencoder,
    "sine": learn_sine,
    "resnet": choose_resnet,
}
"""Each takes a console to print to and `trials`, `device`, `seed` and `out`, None for its own defaults."""
