"""What text in a table may stand for."""

import ast
import json
import re

from gpbop.parameters import Json

DECIMAL = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?", re.ASCII | re.IGNORECASE)  # what Arrow reads


def readings(text: str) -> list[Json]:
    """Return what a text may stand for beside itself: what JSON or Python reads in it."""
    for read in (json.loads, ast.literal_eval, lambda text: json.loads(text.lower())):
        try:
            return [read(text)]
        except (ValueError, SyntaxError, MemoryError, RecursionError):
            continue
    return []


def scalar(text: str) -> Json:
    """Return the number or bool that a text writes in JSON, or else the text."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return text
    is_finite_scalar = isinstance(value, bool) or (isinstance(value, int | float) and abs(value) < float("inf"))
    return value if is_finite_scalar else text


def number(text: str) -> Json:
    """Return the number that a text writes as a decimal (7, +7, 007, .5, 1., 1e-3), or else what `scalar` returns."""
    text = text.strip()
    if not DECIMAL.fullmatch(text):
        return scalar(text)
    try:
        return int(text)
    except ValueError:  # of a fraction, or of too many digits for Python
        return float(text)
