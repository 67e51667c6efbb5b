"""Which kernel reads which parameter of a space."""

from gpbop.kernels.columns import Columns
from gpbop.space import Space

# From this many choices on, a categorical parameter is compared by learned coordinates: with few observations of each
# choice, "all different choices are equally different" leaves nothing to learn from.
LATENT_FROM_CHOICES = 12


def columns_of(space: Space) -> Columns:
    """Group the columns of a space by how their values are compared.

    Args:
        space: The search space.
    Returns:
        Numeric, conditional, exchangeable and latent columns; a conditional categorical parameter has one more code,
        "inactive".
    """
    numeric: list[int] = []
    conditional: list[int] = []
    categorical: list[tuple[int, int]] = []
    latent: list[tuple[int, int]] = []
    for j, parameter in enumerate(space.parameters.values()):
        if not parameter.is_categorical:
            numeric.append(j)
            if parameter.when:
                conditional.append(j)
            continue
        pair = (j, int(parameter.count) + bool(parameter.when))
        (latent if parameter.count >= LATENT_FROM_CHOICES else categorical).append(pair)
    return Columns(tuple(numeric), tuple(conditional), tuple(categorical), tuple(latent))
