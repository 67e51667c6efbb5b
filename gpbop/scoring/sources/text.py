"""What text in a table may stand for."""

import ast
import json

from gpbop.parameters import Json


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
