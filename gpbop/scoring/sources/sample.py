"""Scrambled Sobol points of a space, any of them found by its number alone.

Point i is a XOR of direction numbers: those of the bits that are set in the Gray code of i. The Gray code is linear
over XOR, so i is cut into digits of 10 bits and a table per digit holds the XOR of its direction numbers; a row is
three look-ups, on any device and in any order, the same bits as `torch.quasirandom.SobolEngine.draw`, which rounds
its first point to float32 where this does not.
"""

import torch
from torch import Tensor
from torch.quasirandom import SobolEngine
from typing_extensions import override

from gpbop.errors import SpaceError, explain
from gpbop.scoring.sources.base import Indexed, SourceError
from gpbop.space import Space

BITS = 30  # of a Sobol coordinate, and of the numbers of the points
DIGIT = 10  # bits of a digit: three tables of 1024 rows


class Sample(Indexed):
    """`m` points of a scrambled Sobol sequence, spread evenly over the space; `m` may be up to 2**30.

    On a space with few configs some are drawn more than once; `Grid` has each once.

    Args:
        space: The search space, of at most 21201 parameters.
        m: How many points.
        seed: Of the scrambling; equal seeds give equal points, and a larger m adds to them.
    Raises:
        SourceError: If m or seed is not valid.
        SpaceError: If the space has too many parameters.
    References:
        Owen (1998), Scrambling Sobol' and Niederreiter-Xing points.

    Example:
        >>> from gpbop.parameters import Float
        >>> sample = Sample(Space({"x": Float(0.0, 1.0)}), 10, seed=0)
        >>> [len(block) for block in sample.blocks(4)]
        [4, 4, 2]
    """

    def __init__(self, space: Space, m: int, seed: int = 0) -> None:
        for name, number, least, most in (("m", m, 1, 2**BITS), ("seed", seed, 0, 2**63 - 1)):
            if isinstance(number, bool) or not isinstance(number, int) or not least <= number <= most:
                raise SourceError(explain(name, f"be an int in [{least}, {most}]", repr(number), "Choose another."))
        if space.d > SobolEngine.MAXDIM:
            got = str(space.d)
            raise SpaceError(explain("space", f"have at most {SobolEngine.MAXDIM} parameters", got, "Use Grid."))
        super().__init__(space, m)
        self._tables = _tables(SobolEngine(space.d, scramble=True, seed=seed))  # type: ignore[no-untyped-call]

    @override
    def rows(self, index: Tensor) -> Tensor:
        return self._space.from_unit(self.unit(index))

    def unit(self, index: Tensor) -> Tensor:
        """Return the `m x d` numbers in [0, 1) behind the rows."""
        tables = self._tables.to(index.device)  # small; nothing of gpbop stays on a GPU between calls
        whole = tables[0][index & (2**DIGIT - 1)]
        for number in range(1, len(tables)):
            whole = whole.bitwise_xor_(tables[number][(index >> DIGIT * number) & (2**DIGIT - 1)])
        return whole.to(torch.float64).mul_(2.0**-BITS)


def _tables(engine: SobolEngine) -> Tensor:
    """Return `3 x 1024 x d` int64: the XOR of a digit's direction numbers, with the scrambling's shift in the first."""
    directions: Tensor = engine.sobolstate.T  # (30, d)
    digits = torch.arange(2**DIGIT)
    tables = torch.zeros(BITS // DIGIT, 2**DIGIT, engine.dimension, dtype=torch.int64)
    for number, table in enumerate(tables):
        index = digits << DIGIT * number
        gray = index ^ (index >> 1)
        for bit in range(BITS):
            table ^= (gray >> bit & 1)[:, None] * directions[bit]
    tables[0] ^= engine.shift
    return tables
