"""Words: config values, numbers and sizes as a person reads them, and HTML made of them."""

import json
import math
from collections.abc import Iterable
from html import escape

from gpbop.parameters.choices import Json

LONGEST = 160  # characters of a value that are shown
FEW_CHARACTERS = 8  # of a float that is shown in full
EXACT_SIZE = 10**12  # larger numbers of configs are told as powers of ten


def shown(value: Json) -> str:
    """Return a config's value as text: strings bare, unless they could be taken for something else.

    Example:
        >>> [shown(value) for value in ["adam", "1", "", 0.1, True, None, [1, "a"]]]
        ['adam', "'1'", "''", '0.1', 'True', 'None', '[1, "a"]']
    """
    if isinstance(value, str):
        return short(repr(value) if _is_misleading(value) else value)
    if isinstance(value, list | dict):
        return short(json.dumps(value, ensure_ascii=False))
    return short(str(value))


def rounded(value: Json) -> str:
    """Return a config's value as text, a number of many digits to six of them.

    Example:
        >>> rounded(0.1234567890123), rounded(0.125), rounded(12345678)
        ('0.123457', '0.125', '12345678')
    """
    return number(value) if isinstance(value, float) and len(repr(value)) > FEW_CHARACTERS else shown(value)


def short(text: str) -> str:
    """Return a text cut to `LONGEST` characters."""
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "\u2026"


def number(value: float, digits: int = 6) -> str:
    """Return a number with the digits that matter to a reader.

    Args:
        value: The number.
        digits: How many those are.

    Example:
        >>> number(0.012345678), number(1234567.0), number(3.0)
        ('0.0123457', '1.23457e+06', '3')
    """
    return f"{value:.{digits}g}"


def plus_minus(mean: float, std: float) -> str:
    """Return an expected value with its standard deviation, both to the place that the deviation makes sensible.

    Example:
        >>> plus_minus(0.0123456, 0.0012), plus_minus(153.3, 21.0), plus_minus(1e9, 3e-7)
        ('0.0123 ± 0.0012', '153 ± 21', '1e+09 ± 3e-07')
    """
    if not (math.isfinite(mean) and math.isfinite(std)) or std <= 0.0:
        return f"{number(mean)} ± {number(std)}"
    size = max(abs(mean), std)
    digits = math.floor(math.log10(size)) - math.floor(math.log10(std)) + 2
    return f"{mean:.{min(max(digits, 2), 6)}g} ± {std:.2g}"


def counted(count: int, noun: str) -> str:
    """Return a count with its noun.

    Example:
        >>> counted(1, "experiment"), counted(1234, "experiment")
        ('1 experiment', '1,234 experiments')
    """
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def size(configs: int) -> str:
    """Return a number of configs; huge ones as a power of ten.

    Example:
        >>> size(366), size(10**15)
        ('366', 'about 10^15')
    """
    return f"{configs:,}" if configs < EXACT_SIZE else f"about 10^{math.log10(configs):.0f}"


def times(larger: int, smaller: int) -> str:
    """Return a ratio of at least 1 in two or three digits.

    Example:
        >>> times(366, 22), times(366, 300), times(10**6, 30)
        ('17', '1.2', '33,333')
    """
    if larger // smaller >= EXACT_SIZE:
        return size(larger // smaller)
    ratio = larger / smaller
    return f"{ratio:,.0f}" if ratio >= 10 else f"{ratio:.1f}"


def tag(name: str, *children: str, **attributes: str | bool | None) -> str:
    """Return an element; its children are HTML already, its attributes are escaped.

    Args:
        name: Name of the element.
        children: HTML.
        attributes: Values; True: without one, None or False: left out. `class_` is class, `data_v` is data-v.

    Example:
        >>> tag("td", text("<b>"), class_="best", title='"')
        '<td class="best" title="&quot;">&lt;b&gt;</td>'
    """
    given = {key.rstrip("_").replace("_", "-"): value for key, value in attributes.items()}
    written = [
        f" {key}" if value is True else f' {key}="{escape(str(value))}"'
        for key, value in given.items()
        if value is not None and value is not False
    ]
    return f"<{name}{''.join(written)}>{''.join(children)}</{name}>"


def text(words: str) -> str:
    """Return text as HTML."""
    return escape(words)


def paragraphs(sentences: Iterable[str]) -> str:
    """Return a paragraph for each text."""
    return "".join(tag("p", text(sentence)) for sentence in sentences)


def _is_misleading(value: str) -> bool:
    """Return whether a bare string reads like nothing, or like a value of another type."""
    if value != value.strip() or not value.isprintable() or not value or value in ("True", "False", "None"):
        return True
    try:
        json.loads(value)
    except (ValueError, RecursionError):
        return False
    return True
