"""Which cases of a run are measured: those whose sizes have the values that `--only` gives."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from benchmarks.harness.question import Sizes

# Values by the names of sizes; a case has one of each.
Selection = Mapping[str, Sequence[Any]]


def selection(pairs: Iterable[str], cases: Sequence[Sizes]) -> Selection:
    """Return what is selected by texts KEY=VALUE, of which those with the same key are alternatives.

    Args:
        pairs: The texts.
        cases: All cases of the run.
    Raises:
        SystemExit: If a text is no pair, or no case has such a size, such a value, or all of them at once.
    Example:
        >>> selection(["n=100", "n=1e3", "kind=a"], [{"n": 100, "kind": "a"}, {"n": 1000, "kind": "b"}])
        {'n': [100, 1000.0], 'kind': ['a']}
    """
    found: dict[str, list[Any]] = {}
    for pair in pairs:
        key, is_pair, text = pair.partition("=")
        if not is_pair:
            raise SystemExit(f"`--only` must be followed by KEY=VALUE; got {pair!r}. For example: --only n=1000")
        _check(key, _value(text), cases)
        found.setdefault(key, []).append(_value(text))
    if not any(is_selected(sizes, found) for sizes in cases):
        raise SystemExit(
            f"`--only` must leave a case; got {' '.join(pairs)}, which no case of the run has all at once."
        )
    return found


def is_selected(sizes: Sizes, only: Selection) -> bool:
    """Return whether a case has one of the values of each selected size."""
    return all(key in sizes and any(_equal(sizes[key], value) for value in only[key]) for key in only)


def _check(key: str, value: Any, cases: Sequence[Sizes]) -> None:
    there = {str(sizes[key]): sizes[key] for sizes in cases if key in sizes}
    if not there:
        names = dict.fromkeys(name for sizes in cases for name in sizes)
        raise SystemExit(f"`--only` must name sizes of the run's cases; got {key!r}. There are: {', '.join(names)}.")
    if not any(_equal(size, value) for size in there.values()):
        values = ", ".join(there)
        raise SystemExit(f"`--only` must leave a case; got {key}={value}, which none has. Values of {key}: {values}.")


def _value(text: str) -> Any:
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            pass
    return text


def _equal(size: Any, value: Any) -> bool:
    """Return whether a size has a value; `None` is named by its text, as is any other size that is no number."""
    return bool(size == value) or str(size) == value
