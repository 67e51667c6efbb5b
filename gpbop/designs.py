"""Initial designs: the first experiments, chosen before anything is known. Each returns distinct encoded rows.

Where a design repeats a row (small finite spaces, inactive parameters), the repeats are replaced by other points of the
space, drawn with the same seed, while it has some: m rows come back, or `space.size` if that is fewer. Equal seeds give
equal rows; no global random state is read or changed.
"""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.quasirandom import SobolEngine

from gpbop.errors import SpaceError, explain
from gpbop.parameters.choices import suggest
from gpbop.space import Space

MOST_CORNERS = 2**16  # corners that are compared in full; of more, a seeded sample stands for all
MOST_SPREAD = 256  # rows that are chosen to lie far apart; those after them come in random order
FEW_CONFIGS = 2**16  # finite spaces up to this size are shuffled as a whole to find unused points
FILL_ROUNDS = 64  # draws tried for unused points of a space; each doubles, so only a space used up exhausts them


def sobol(space: Space, m: int, seed: int) -> Tensor:
    """Return `m x d` encoded rows of a scrambled Sobol sequence.

    Args:
        space: The search space, of at most 21201 parameters.
        m: How many rows.
        seed: Of the scrambling.
    Raises:
        SpaceError: If m or seed is not valid, or the space has too many parameters.
    References:
        Owen (1998), Scrambling Sobol' and Niederreiter-Xing points.
    """
    _check(m, seed)
    if space.d > SobolEngine.MAXDIM:
        advice = "Use design='latin_hypercube'."
        raise SpaceError(explain("space", f"have at most {SobolEngine.MAXDIM} parameters", str(space.d), advice))
    engine = SobolEngine(space.d, scramble=True, seed=seed)  # type: ignore[no-untyped-call]
    U = engine.draw(m, dtype=torch.float64)
    return _distinct(space, space.from_unit(U), m, seed)


def random(space: Space, m: int, seed: int) -> Tensor:
    """Return `m x d` encoded rows drawn independently, but for repeats.

    Args:
        space: The search space.
        m: How many rows.
        seed: Of the draws.
    Raises:
        SpaceError: If m or seed is not valid.
    """
    _check(m, seed)
    U = torch.rand(m, space.d, generator=_generator(seed), dtype=torch.float64)
    return _distinct(space, space.from_unit(U), m, seed)


def latin_hypercube(space: Space, m: int, seed: int) -> Tensor:
    """Return `m x d` encoded rows, one in each m-th of every parameter's range.

    Args:
        space: The search space.
        m: How many rows.
        seed: Of the permutations and of the places inside the cells.
    Raises:
        SpaceError: If m or seed is not valid.
    References:
        McKay, Beckman & Conover (1979), A comparison of three methods for selecting values of input variables.
    """
    _check(m, seed)
    generator = _generator(seed)
    cells = torch.rand(m, space.d, generator=generator, dtype=torch.float64).argsort(0)
    U = (cells + torch.rand(m, space.d, generator=generator, dtype=torch.float64)) / m
    return _distinct(space, space.from_unit(U), m, seed)


def corners(space: Space, m: int | None = None, seed: int = 0) -> Tensor:
    """Return the combinations of extreme values: the first and the last level or choice of every parameter.

    Each next one is as different as possible from those before, so the first few are spread out. A space with more than
    16 parameters has too many corners to compare: a seeded sample of them stands for all.

    Args:
        space: The search space.
        m: How many rows; None: every corner. If there are fewer corners, other points fill up.
        seed: Of the first corner, of ties, and of what fills up.
    Raises:
        SpaceError: If m or seed is not valid, or all corners of more than 16 parameters are asked for.
    """
    _check(1 if m is None else m, seed)
    generator = _generator(seed)
    if 2**space.d <= MOST_CORNERS:
        switches = torch.arange(2**space.d)[:, None] >> torch.arange(space.d).flip(0) & 1
    elif m is None:
        advice = "Say how many, m=100 for instance."
        raise SpaceError(explain("m", f"be given for {space.d} parameters", f"None, 2**{space.d} corners", advice))
    else:
        switches = torch.randint(2, (max(4096, 4 * m), space.d), generator=generator)
    X = _unique(space.canonicalize(switches * space.bounds[1]))
    spread = _spread_out(X, len(X) if m is None else min(m, len(X)), generator)
    return spread if m is None else _distinct(space, spread, m, seed)


DESIGNS: dict[str, Callable[[Space, int, int], Tensor]] = {
    "sobol": sobol,
    "random": random,
    "latin_hypercube": latin_hypercube,
    "corners": corners,
}


def check_design(name: str) -> str:
    """Return the name if it is a key of DESIGNS.

    Raises:
        SpaceError: If it is not.
    """
    if name not in list(DESIGNS):
        raise SpaceError(explain("design", "be the name of a design", repr(name), suggest(name, list(DESIGNS))))
    return name


def design(name: str, space: Space, m: int | None, seed: int) -> Tensor:
    """Return `m x d` encoded rows of the design called `name`.

    Args:
        name: A key of DESIGNS.
        space: The search space.
        m: How many rows; None: every corner, of the design "corners" alone.
        seed: Equal seeds give equal rows.
    Raises:
        SpaceError: If no design has the name, or it cannot be drawn.

    Example:
        >>> from gpbop.parameters import Categorical, Float
        >>> design("sobol", Space({"x": Float(0, 1), "c": Categorical("A B".split())}), 4, seed=0).shape
        torch.Size([4, 2])
    """
    if check_design(name) == "corners":
        return corners(space, m, seed)
    return DESIGNS[name](space, m, seed)  # type: ignore[arg-type]  # None is an error there, with its message


def _check(m: int, seed: int) -> None:
    for name, number, least in (("m", m, 1), ("seed", seed, 0)):
        if isinstance(number, bool) or not isinstance(number, int) or number < least:
            raise SpaceError(explain(name, f"be an int of at least {least}", repr(number), "Use a positive int."))


def _generator(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def _unique(X: Tensor) -> Tensor:
    """Return the rows without repeats, each where it first stood."""
    first: dict[tuple[float, ...], int] = {}
    for row, values in enumerate(X.tolist()):
        first.setdefault(tuple(values), row)
    return X[list(first.values())]


def _distinct(space: Space, X: Tensor, m: int, seed: int) -> Tensor:
    """Return m distinct rows: those of X, then others, or all of the space if it has fewer."""
    X = _unique(X)
    generator = _generator(seed)
    wanted = int(min(m, space.size))
    for attempt in range(FILL_ROUNDS):
        if len(X) >= wanted:
            break
        X = _unique(torch.cat([X, _others(space, wanted << min(attempt, 8), generator)]))
    return X[:wanted]


def _others(space: Space, m: int, generator: torch.Generator) -> Tensor:
    """Return rows of the space in random order: all of a small one, else about m."""
    size = space.size
    if isinstance(size, int) and size <= max(FEW_CONFIGS, 2 * m):
        return space.grid_rows(torch.randperm(size, generator=generator))
    if isinstance(size, int) and size < 2**63:
        return space.grid_rows(torch.randint(size, (m,), generator=generator))
    return space.from_unit(torch.rand(m, space.d, generator=generator, dtype=torch.float64))


def _spread_out(X: Tensor, m: int, generator: torch.Generator) -> Tensor:
    """Return m rows of X, each next one the furthest (Hamming) from those before: greedy maximin.

    Only the first MOST_SPREAD rows are chosen so; the rest are in random order.
    """
    X = X[torch.randperm(len(X), generator=generator)]  # the first of equally distant rows is a random one
    nearest = torch.full((len(X),), X.shape[-1] + 1)
    chosen = [0]
    for _ in range(min(m, MOST_SPREAD) - 1):
        nearest = torch.minimum(nearest, X.ne(X[chosen[-1]]).sum(1))
        chosen.append(int(nearest.argmax()))
    rest = torch.ones(len(X), dtype=torch.bool)
    rest[chosen] = False
    return torch.cat([X[chosen], X[rest]])[:m]
