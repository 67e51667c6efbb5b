"""A parameter as an axis: from encoded values to positions, cells, ticks and labels.

Numbers stand at their values, on a log axis with log=True; the values of Ordinal and Categorical at 0, 1, 2, ... with
their names as ticks.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.ticker import FixedFormatter, FixedLocator, FuncFormatter, MaxNLocator, NullLocator
from torch import Tensor

from gpbop.errors import ArgumentError, explain
from gpbop.parameters import INACTIVE, Categorical, Float, Integer, Ordinal, Parameter
from gpbop.parameters.choices import suggest
from gpbop.plots.style import plain_text
from gpbop.space import Space

# Parameters with up to this many values are drawn value by value, as cells of a map.
MOST_CELLS = 64
# With up to this many, as points with error bars instead of a line with a band.
MOST_ERROR_BARS = 12
# Numbers of a size between these are written out.
SMALL, LARGE = 1e-3, 1e5
# Names of choices that fit beside an axis.
MOST_NAMES = 12
# Characters of all names together that fit side by side under an axis.
MOST_CHARACTERS = 48


@dataclass(frozen=True)
class ParameterAxis:
    """One parameter of a space as an axis.

    Attributes:
        name: Its name.
        column: Its column.
        parameter: The parameter.
    """

    name: str
    column: int
    parameter: Parameter

    @staticmethod
    def of(space: Space, name: object, argument: str = "name") -> "ParameterAxis":
        """Look up a parameter.

        Raises:
            ArgumentError: If the space has none of that name.
        """
        if not isinstance(name, str) or name not in space.parameters:
            rule = "name a parameter of the space"
            raise ArgumentError(explain(argument, rule, repr(name), suggest(name, space.names)))
        return ParameterAxis(name, space.names.index(name), space.parameters[name])

    @property
    def is_listed(self) -> bool:
        """Whether positions are the numbers of listed values."""
        return isinstance(self.parameter, Ordinal | Categorical)

    @property
    def is_log(self) -> bool:
        """Whether the axis is logarithmic."""
        return isinstance(self.parameter, Float | Integer) and self.parameter.log

    @property
    def has_cells(self) -> bool:
        """Whether every value is drawn by itself."""
        return self.is_listed or self.parameter.count <= MOST_CELLS

    @property
    def has_error_bars(self) -> bool:
        """Whether predictions are points with error bars rather than a line with a band."""
        return self.is_listed or self.parameter.count <= MOST_ERROR_BARS

    def places(self, most: int) -> Tensor:
        """Return the encoded values to evaluate: all of a parameter with few, else at most `most`, evenly spread."""
        if self.has_cells:
            return self.parameter.level(torch.arange(int(self.parameter.count)))
        u = torch.linspace(0.0, 1.0, most, dtype=torch.float64)
        return u if self.parameter.placement is None else self.parameter.level(torch.unique(self.parameter.index(u)))

    def positions(self, encoded: Tensor) -> Tensor:
        """Return where encoded values stand on the axis, NaN where the parameter is inactive."""
        inactive = encoded == INACTIVE
        if self.is_listed:
            places = self.parameter.index(encoded.clamp_min(0.0)).to(torch.float64)
        else:
            places = self._values(encoded)
        return torch.where(inactive, torch.nan, places)

    def edges(self, encoded: Tensor) -> Tensor:
        """Return the `k + 1` borders of the cells around `k` ascending encoded values."""
        if self.is_listed:
            return torch.arange(len(encoded) + 1, dtype=torch.float64) - 0.5
        middle = (encoded[1:] + encoded[:-1]) / 2.0
        # The outer cells of a map of values are whole; a continuous map ends at its bounds.
        first = 2.0 * encoded[:1] - middle[:1] if self.has_cells else encoded[:1]
        last = 2.0 * encoded[-1:] - middle[-1:] if self.has_cells else encoded[-1:]
        return self._values(torch.cat([first, middle, last]))

    def _values(self, u: Tensor) -> Tensor:
        assert isinstance(self.parameter, Float | Integer), "all others are listed"
        low, high = float(self.parameter.low), float(self.parameter.high)
        return low * (high / low) ** u if self.is_log else low * (1.0 - u) + high * u

    def unit(self, position: float) -> float:
        """Return the share of the axis below the position of a number."""
        assert isinstance(self.parameter, Float | Integer), "all others are listed"
        low, high = float(self.parameter.low), float(self.parameter.high)
        return math.log(position / low) / math.log(high / low) if self.is_log else (position - low) / (high - low)

    def ticks(self, most: int = 6) -> tuple[list[float], list[str]]:
        """Return positions and texts of at most about `most` ticks."""
        if self.is_listed:
            count = int(self.parameter.count)
            step = math.ceil(count / max(most, MOST_NAMES))
            shown = range(0, count, step)
            return [float(i) for i in shown], [plain_text(self.parameter.value_of(i), 14) for i in shown]
        assert isinstance(self.parameter, Float | Integer), "all others are listed"
        low, high = float(self.parameter.low), float(self.parameter.high)
        integer = isinstance(self.parameter, Integer)
        values = _log_ticks(low, high, most, integer) if self.is_log else linear_ticks(low, high, most, integer)
        return values, [number_text(value) for value in values]

    def dress(self, ax: Axes, which: Literal["x", "y"], *, labelled: bool = True) -> None:
        """Give an axes the scale, limits, ticks and label of this parameter.

        Args:
            ax: The axes.
            which: "x" or "y".
            labelled: Whether the name and the texts of the ticks are shown.
        """
        axis = ax.xaxis if which == "x" else ax.yaxis
        if self.is_log:
            (ax.set_xscale if which == "x" else ax.set_yscale)("log")
        ends = self.edges(self.places(2)) if self.has_cells else self._values(torch.tensor([0.0, 1.0]).double())
        (ax.set_xlim if which == "x" else ax.set_ylim)(float(ends[0]), float(ends[-1]))
        positions, texts = self.ticks()
        axis.set_major_locator(FixedLocator(positions))
        axis.set_minor_locator(NullLocator())
        axis.set_major_formatter(FixedFormatter(texts))
        if not labelled:
            axis.set_tick_params(labelbottom=False, labelleft=False)
            return
        axis.set_label_text(plain_text(self.name, 32))
        if which == "x" and self.is_listed and sum(map(len, texts)) > MOST_CHARACTERS:
            for text in axis.get_ticklabels():
                text.set(rotation=35, ha="right", rotation_mode="anchor")


def number_text(value: float) -> str:
    r"""Return a short text of a number; powers of ten that are small or large as such.

    Example:
        >>> number_text(0.3), number_text(64.0), number_text(1e-05), number_text(2e-7)
        ('0.3', '64', '$10^{-5}$', '$2{\\cdot}10^{-7}$')
    """
    if value == 0.0 or SMALL <= abs(value) < LARGE:
        return f"{value:.6g}"
    mantissa, exponent = f"{value:.3e}".split("e")
    factor = f"{float(mantissa):g}"
    power = f"10^{{{int(exponent)}}}"
    return f"${power}$" if factor == "1" else f"${factor}{{\\cdot}}{power}$"


def dress_values(axis: Axis) -> None:
    """Give an axis of values, once its limits stand, texts that need no common factor above the axes."""
    low, high = axis.get_view_interval()
    size = max(abs(low), abs(high))
    # Numbers that differ in late digits alone need matplotlib's offset.
    if (size >= LARGE or size < SMALL) and high - low > 0.01 * size:
        axis.set_major_formatter(FuncFormatter(lambda value, _: number_text(value)))


def linear_ticks(low: float, high: float, most: int, integer: bool = False) -> list[float]:
    """Return round numbers from low to high, at most about `most`."""
    ticks = MaxNLocator(most - 1, integer=integer, steps=[1, 2, 2.5, 5, 10]).tick_values(low, high)
    margin = 1e-9 * (high - low)
    return [float(tick) for tick in ticks if low - margin <= tick <= high + margin]


def _log_ticks(low: float, high: float, most: int, integer: bool) -> list[float]:
    """Return decades, or 1, 2, 5 times decades, or multiples of two: the sparsest with at least three ticks."""
    bottom, top = math.floor(math.log10(low)), math.ceil(math.log10(high))
    margin = 1.0 + 1e-9

    def inside(values: Sequence[float]) -> list[float]:
        return [value for value in values if low / margin <= value <= high * margin]

    decades = inside([10.0**k for k in range(bottom, top + 1)])
    if len(decades) >= 3:
        return decades[:: math.ceil(len(decades) / most)]
    finer = inside([m * 10.0**k for k in range(bottom, top + 1) for m in (1, 2, 5)])
    return finer if len(finer) >= 3 else linear_ticks(low, high, most, integer)
