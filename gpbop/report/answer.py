"""The answer: the best config, its value, what the model makes of it, and what it cost."""

from collections import Counter

from gpbop.report.facts import Facts
from gpbop.report.tables import MOST_ROWS, best_table
from gpbop.report.words import counted, number, plus_minus, short, tag, text
from gpbop.trials import Trial

MOST_REASONS = 5  # different reasons of failures that are listed


def answer(facts: Facts) -> str:
    """Return the top of the page as HTML."""
    if facts.best is None:
        return _nothing(facts)
    assert facts.best.value is not None, "the best trial is complete"
    goal = "lowest" if facts.optimizer.direction == "minimize" else "highest"
    what = f"{goal} mean of {facts.times_best:,} measurements" if facts.times_best > 1 else f"{goal} value found"
    value = tag("p", tag("span", text(what), class_="label"), tag("strong", text(number(facts.best.value))))
    saving = tag("p", text(facts.saving), class_="saving")
    python = tag("details", tag("summary", "as Python"), tag("pre", text(repr(facts.best.config))))
    tables = tag("div", best_table(facts, facts.best.config), class_="best-tables")
    headline = tag("div", value, saving, _tiles(facts, facts.best), class_="headline")
    shape = "answer long" if facts.space.d > MOST_ROWS else "answer"
    return tag("div", headline, tag("div", tables, python), class_=shape)


def _tiles(facts: Facts, best: Trial) -> str:
    tiles = []
    if facts.expected is not None:
        expected = plus_minus(facts.expected.mean, facts.expected.std)
        tiles.append(("the model expects there", expected))
    tiles.append(("found in experiment", f"{best.number + 1:,}"))
    tiles.append(("experiments used", f"{facts.used:,}"))
    tiles.append(("failed", f"{len(facts.in_state('failed')):,}"))
    if facts.in_state("pending"):
        tiles.append(("still running", f"{len(facts.in_state('pending')):,}"))
    return tag("dl", *(tag("div", tag("dt", text(name)), tag("dd", text(value))) for name, value in tiles))


def _nothing(facts: Facts) -> str:
    """Return the top of a page without any result."""
    failed, pending = facts.in_state("failed"), facts.in_state("pending")
    what = f"{counted(len(failed), 'experiment')} failed, {len(pending):,} still running."
    parts = [tag("p", tag("strong", "No result yet")), tag("p", text(what), class_="saving")]
    reasons = Counter(short(trial.reason or "") for trial in failed).most_common(MOST_REASONS)
    if reasons:
        listed = (tag("li", text(f"{reason} ({count:,})" if count > 1 else reason)) for reason, count in reasons)
        parts += [tag("p", "The most frequent reasons:"), tag("ul", *listed)]
    return tag("div", tag("div", *parts, class_="headline"), class_="answer")
