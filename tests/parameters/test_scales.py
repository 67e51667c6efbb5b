"""Laws of the continuous scales: what encodes is canonical, what is canonical decodes and encodes to itself."""

import math
from decimal import Decimal

import pytest
import torch
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from gpbop.parameters.scales import Linear, Log, Scale, settle, shortest

NORMAL = 2.3e-308
FINITE = st.floats(allow_nan=False, allow_infinity=False)
TYPICAL = [
    Linear(0, 10),
    Linear(-1, 1),
    Linear(0.1, 0.7),
    Linear(5, 10),
    Linear(2.5e-3, 0.99),
    Linear(5.2e-12, 1.9e-9),
    Log(1e-5, 1e-1),
    Log(1, 1000),
    Log(0.5, 0.7),
]
EXTREME = [
    Linear(-1.7e308, 1.7e308),
    Linear(1e-300, 1e300),
    Linear(0.0, 5e-324),
    Linear(-1e-310, 3e-310),
    Linear(1.0, 1.0 + 2**-52),
    Linear(-6.54, -1.05),  # low + (high - low) is more than high
    Linear(1e9, 1e9 + 1e-6),
    Log(1e-300, 1e300),
    Log(NORMAL, 1.7e308),
    Log(1.0, 1.0 + 2**-52),
    Log(1e17, 1e17 + 64),
    Log(1e-300, 1e5),
    Log(1e-300, 1.1),
    Log(1e5, 1.1e305),
]


@st.composite
def scales(draw: st.DrawFn) -> Scale:
    log = draw(st.booleans())
    low, high = sorted(draw(st.lists(st.floats(NORMAL, 1.7e308) if log else FINITE, min_size=2, max_size=2)))
    assume(low < high)
    return Log(low, high) if log else Linear(low, high)


def column(*numbers: float) -> torch.Tensor:
    return torch.tensor(numbers, dtype=torch.float64)


def returned(scale: Scale, value: float) -> float:
    return shortest(scale, scale.unit(column(value))).item()


def check_canonical(scale: Scale, numbers: list[float]) -> None:
    """Canonical numbers lie in [0, 1] next to what they came from, stay, and decode to values that encode to them."""
    u = scale.canonical(column(*numbers))
    assert ((u >= 0) & (u <= 1)).all()
    assert torch.equal(scale.canonical(u), u)
    for values in (scale.value(u), shortest(scale, u)):
        assert ((values >= scale.low) & (values <= scale.high)).all()
        assert torch.equal(scale.unit(values), u)


@settings(max_examples=100)
@given(scales(), st.lists(st.floats(0, 1), min_size=1, max_size=20))
def test_canonical_numbers_decode_and_encode_to_themselves(scale: Scale, numbers: list[float]) -> None:
    check_canonical(scale, numbers)


@pytest.mark.parametrize("scale", TYPICAL + EXTREME, ids=str)
def test_canonical_numbers_of_typical_and_extreme_scales(scale: Scale) -> None:
    numbers = torch.rand(2000, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    check_canonical(scale, [0.0, 5e-324, 1e-20, 1e-9, 0.5, 1 - 2**-53, 1.0, *numbers.tolist()])


@pytest.mark.parametrize("scale", TYPICAL + EXTREME, ids=str)
def test_many_encoded_numbers_are_canonical(scale: Scale) -> None:
    shares = torch.rand(5000, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    shares = torch.cat([shares, 0.25 + shares / 1000, 0.5 + shares / 1000, shares**20, 1 - shares**20])
    values = (scale.low * (1 - shares) + scale.high * shares).clamp(scale.low, scale.high)
    u = scale.unit(values)
    assert torch.equal(scale.canonical(u), u)
    assert torch.equal(scale.unit(scale.value(u)), u)


@settings(max_examples=100)
@given(scales(), st.data())
def test_encoding_is_monotone_canonical_and_idempotent(scale: Scale, data: st.DataObject) -> None:
    values = sorted(data.draw(st.lists(st.floats(scale.low, scale.high), min_size=2, max_size=10)))
    u = scale.unit(column(*values))
    assert (u.diff() >= 0).all()
    assert torch.equal(scale.canonical(u), u)
    assert torch.equal(scale.unit(shortest(scale, u)), u)


@given(scales())
def test_bounds_come_back_bit_for_bit(scale: Scale) -> None:
    assert scale.unit(column(scale.low, scale.high)).tolist() == [0.0, 1.0]
    assert shortest(scale, column(0.0, 1.0)).tolist() == [scale.low, scale.high]


@settings(max_examples=100)
@given(st.integers(-300, 300), st.data())
@example(0, None)
def test_every_float_comes_back_from_zero_to_a_power_of_two(exponent: int, data: st.DataObject | None) -> None:
    high = 2.0**exponent
    values = [5e-324, 0.1 + 0.2, 1 / 3] if data is None else data.draw(st.lists(st.floats(0.0, high), min_size=1))
    assume(all(v == 0 or v / high >= NORMAL for v in values) or exponent == 0)  # below, v / high is rounded
    scale = Linear(0.0, high)
    typed_or_exact = shortest(scale, scale.unit(column(*values)))
    assert torch.equal(typed_or_exact, column(*values))


def typed(value: float, digits: int) -> float:
    return float(f"{value:.{digits - 1}e}")


@settings(max_examples=100)
@given(st.floats(0, 1), st.integers(1, 15), st.floats(1e-3, 1e6), st.integers(0, 30))
def test_decimals_of_15_digits_come_back_on_linear_scales_from_zero(
    share: float, digits: int, high: float, smaller: int
) -> None:
    value = min(typed(share * high * 10.0**-smaller, digits), high)
    assume(value == 0 or value > 1e-300)  # below, subnormal places round it
    assert returned(Linear(0.0, high), value) == value


@pytest.mark.parametrize("high", [0.1, 0.7, 1.0, 3.0, 10.0, 3e5])
def test_many_decimals_of_15_digits_come_back(high: float) -> None:
    shares = torch.rand(5000, generator=torch.Generator().manual_seed(0), dtype=torch.float64).tolist()
    values = column(*(min(typed(share * high, 15), high) for share in shares))
    assert torch.equal(shortest(Linear(0.0, high), Linear(0.0, high).unit(values)), values)


@settings(max_examples=100)
@given(st.floats(0, 1), st.integers(1, 14), st.integers(-20, 10), st.integers(1, 10))
def test_decimals_of_14_digits_come_back_on_log_scales(share: float, digits: int, low: int, decades: int) -> None:
    scale = Log(10.0**low, 10.0 ** (low + decades))
    value = min(max(typed(10.0 ** (low + share * decades), digits), scale.low), scale.high)
    assert returned(scale, value) == value


@settings(max_examples=100)
@given(st.integers(-(10**14), 10**14), st.integers(-10, 10), st.floats(1.0, 2.0), st.floats(1.0, 2.0))
def test_decimals_come_back_on_scales_of_both_signs(digits: int, exponent: int, left: float, right: float) -> None:
    """Multiples of 1e-14 of the largest power of ten in the range."""
    value = float(Decimal(digits).scaleb(exponent - 14))
    assert returned(Linear(-left * 10.0**exponent, right * 10.0**exponent), value) == value


@settings(max_examples=100)
@given(scales(), st.integers(1, 15), st.data())
def test_no_shorter_decimal_encodes_to_the_same_point(scale: Scale, digits: int, data: st.DataObject) -> None:
    value = typed(data.draw(st.floats(scale.low, scale.high)), digits)
    assume(scale.low < value < scale.high)
    got = returned(scale, value)
    assert got in (scale.low, scale.high) or length(got) <= length(value)


def length(value: float) -> int:
    return len(Decimal(repr(value)).normalize().as_tuple().digits)


@settings(max_examples=200)
@given(scales(), st.data())
def test_the_place_is_the_formula(scale: Scale, data: st.DataObject) -> None:
    value = data.draw(st.floats(scale.low, scale.high))
    if isinstance(scale, Log):
        assume(scale.high > 1.001 * scale.low)
        expected = (math.log(value) - math.log(scale.low)) / (math.log(scale.high) - math.log(scale.low))
    else:
        low, high = Decimal(scale.low), Decimal(scale.high)
        expected = float((Decimal(value) - low) / (high - low))
        assume(high - low > Decimal("1e-12") * max(abs(low), abs(high)))
    assert scale.unit(column(value)).item() == pytest.approx(expected, abs=1e-9)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=8))
def test_settling_columns_together_is_settling_each(numbers: list[float]) -> None:
    linear = [scale for scale in TYPICAL + EXTREME if isinstance(scale, Linear)]
    u = column(*numbers)
    together = settle(u[:, None].expand(-1, len(linear)), *torch.stack([s.scaled for s in linear], -1))
    assert torch.equal(together, torch.stack([scale.canonical(u) for scale in linear], -1))


def test_settling_has_the_same_bits_on_the_device(device: torch.device) -> None:
    u = torch.rand(10_000, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    for scale in TYPICAL + EXTREME:
        if isinstance(scale, Linear):
            assert torch.equal(settle(u.to(device), *scale.scaled.to(device)).cpu(), scale.canonical(u))
