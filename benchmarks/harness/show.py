"""How numbers are written in tables."""

import math
from typing import Any


def duration(seconds: float) -> str:
    """Return seconds with three digits.

    Example:
        >>> duration(0.01234), duration(75.0), duration(3e-6)
        ('12.3 ms', '75 s', '3 us')
    """
    for unit, scale in (("s", 1.0), ("ms", 1e-3), ("us", 1e-6)):
        if seconds >= scale:
            return f"{digits(seconds / scale)} {unit}"
    return f"{digits(seconds / 1e-9)} ns"


def digits(value: float, significant: int = 3) -> str:
    """Return a number with three digits and no exponent up to a billion.

    Example:
        >>> digits(0.01234), digits(1234567.0), digits(12.0)
        ('0.0123', '1,230,000', '12')
    """
    if value == 0.0 or not math.isfinite(value):
        return f"{value:g}"
    rounded = float(f"{value:.{significant}g}")
    if abs(rounded) >= 1000.0:
        return f"{rounded:,.0f}"
    return f"{rounded:g}"


def cell(value: Any) -> str:
    """Return any value of a row as the text of a cell."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return digits(value) if abs(value) >= 1e-4 or value == 0.0 else f"{value:.1e}"
    if isinstance(value, list):
        return " ".join(map(cell, value))
    return str(value)


def markdown_table(head: list[str], rows: list[list[str]]) -> str:
    """Return a table; columns that are empty in every row are left out."""
    kept = [j for j in range(len(head)) if any(row[j] for row in rows)]
    lines = [[head[j] for j in kept], ["---"] * len(kept), *([row[j] for j in kept] for row in rows)]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)
