"""The interactive chart: the numbers that its script draws, as JSON inside the page."""

import json
from collections.abc import Iterable
from typing import Any

from gpbop.report.facts import Facts
from gpbop.report.words import rounded, short
from gpbop.trials import Trial

# Stretches of the search of which a long chart keeps the least and the greatest value and a failure: about two marks
# for every three pixels of a wide screen.
STRETCHES = 450
# Positive values whose greatest is this many times the least are drawn on a log scale: the last improvements would be
# a flat line otherwise.
LOG_FROM = 100.0


def chart_data(facts: Facts) -> dict[str, Any]:
    """Return what the script needs: JSON values only, no NaN among them."""
    told = [trial for trial in facts.trials if trial.state != "pending"]
    values = [trial.value for trial in facts.trials if trial.value is not None]
    is_log = bool(values) and min(values) > 0.0 and max(values) / min(values) > LOG_FROM
    return {
        "names": list(facts.space.names),
        "direction": facts.optimizer.direction,
        "initial": facts.optimizer.initial,
        "total": len(told),
        "log": is_log,
        "points": [_point(facts, trial) for trial in drawn_trials(told)],
    }


def drawn_trials(trials: list[Trial]) -> list[Trial]:
    """Return the trials that a chart shows: all of them, or those that give it the same outline.

    Args:
        trials: All that are not pending.
    Returns:
        Some of them, in their order: first and last, and of every stretch its extremes and its first failure.
    """
    if len(trials) <= 2 * STRETCHES:
        return trials
    kept = {0, len(trials) - 1}
    for k in range(STRETCHES):
        stretch = range(k * len(trials) // STRETCHES, (k + 1) * len(trials) // STRETCHES)
        values = [(value, i) for i in stretch if (value := trials[i].value) is not None]
        kept |= {min(values)[1], max(values)[1]} if values else set()
        kept |= set([i for i in stretch if trials[i].state == "failed"][:1])
    return [trials[i] for i in sorted(kept)]


def embedded_json(values: object) -> str:
    r"""Return JSON that can stand in a <script> element: nothing in it can end the element or open another.

    Example:
        >>> embedded_json("</script><!--")
        '"\\u003c/script\\u003e\\u003c!--"'
    """
    text = json.dumps(values, allow_nan=False, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _point(facts: Facts, trial: Trial) -> dict[str, Any]:
    expected = facts.expectations.get(trial.number)
    point = {
        "n": trial.number + 1,
        "state": trial.state,
        "value": trial.value,
        "best": facts.best_so_far.get(trial.number),
        "mean": expected.mean if expected else None,
        "std": expected.std if expected else None,
        "reason": short(trial.reason) if trial.reason else None,
        "config": _texts(trial, facts.space.names),
    }
    return {key: value for key, value in point.items() if value is not None}


def _texts(trial: Trial, names: Iterable[str]) -> list[str | None]:
    return [rounded(trial.config[name]) if name in trial.config else None for name in names]
