"""Which kernel reads which parameter."""

from gpbop import Categorical, Float, Integer, Ordinal, Space
from gpbop.kernels.columns import Columns
from gpbop.surrogate.columns import LATENT_FROM_CHOICES, columns_of


def test_every_parameter_is_read_once_by_its_kind() -> None:
    space = Space(
        {
            "gate": Categorical(["on", "off"]),
            "rate": Float(1e-4, 1.0, log=True, when={"gate": ["on"]}),
            "many": Categorical(list(range(LATENT_FROM_CHOICES))),
            "kind": Categorical(["x", "y", "z"], when={"gate": ["off"]}),
            "layers": Integer(1, 8),
            "size": Ordinal([8, 16, 64]),
        }
    )
    assert columns_of(space) == Columns(
        numeric=(1, 4, 5), conditional=(1,), categorical=((0, 2), (3, 4)), latent=((2, LATENT_FROM_CHOICES),)
    )
