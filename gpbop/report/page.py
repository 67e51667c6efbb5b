"""The page: the answer first, then the story, then every trial, in one file that needs no other."""

import base64
import hashlib
import os
from importlib.resources import files
from pathlib import Path
from string import Template

from gpbop import __version__
from gpbop.errors import ArgumentError, explain
from gpbop.files import replacing
from gpbop.minimize import Result
from gpbop.optimizer import Optimizer
from gpbop.report.answer import answer
from gpbop.report.chart import chart_data, embedded_json
from gpbop.report.facts import Facts
from gpbop.report.story import story
from gpbop.report.tables import trials_table
from gpbop.report.words import counted, text

SCRIPTS = ("chart.js", "table.js")


def write(optimizer: Optimizer | Result, path: str | os.PathLike[str], *, title: str | None = None) -> Path:
    """Write a search as one HTML page: the answer first, then how it was found.

    The page opens in any browser, offline; without JavaScript only its hovering and sorting are missing. The same
    search gives the same page. It is written beside `path` and put there when it is whole.

    Args:
        optimizer: The search: an optimizer, or what `minimize` returned.
        path: The file; an old one is replaced.
        title: Heading of the page.
    Returns:
        The path.
    Raises:
        ArgumentError: If `optimizer` is no search, `title` no text, or `path` no place to write to.
        NoTrialsError: If there is no trial yet.
    Example:
        >>> import tempfile
        >>> from gpbop import Float, Optimizer, Space
        >>> optimizer = Optimizer(Space({"x": Float(0.0, 1.0)}))
        >>> optimizer.tell({"x": 0.5}, None, reason="out of memory")
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     page = write(optimizer, f"{folder}/report.html").read_text()
        >>> "out of memory" in page
        True
    """
    search = optimizer.optimizer if isinstance(optimizer, Result) else optimizer
    if not isinstance(search, Optimizer):
        advice = "Pass the Optimizer, or what minimize returned."
        raise ArgumentError(explain("optimizer", "be an Optimizer or a Result", repr(search), advice))
    if title is not None and not isinstance(title, str):
        raise ArgumentError(explain("title", "be a string", repr(title), "Leave it out for a plain one."))
    facts = Facts(search)
    with replacing(path) as beside:
        # A lone surrogate, which JSON may hold, has no UTF-8.
        beside.write_bytes(page(facts, title).encode("utf-8", "xmlcharrefreplace"))
    return Path(path)


def page(facts: Facts, title: str | None = None) -> str:
    """Return the page.

    Args:
        facts: What is to be told.
        title: Heading of the page.
    """
    script = "\n".join(_asset(name) for name in SCRIPTS)
    settings = facts.optimizer.to_dict()["settings"]
    return Template(_asset("page.html")).substitute(
        title=text(title or f"Search over {counted(facts.space.d, 'parameter')}"),
        style=_asset("page.css"),
        script=script,
        # Only this script may run, whatever the page shows.
        hash=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode("ascii"),
        answer=answer(facts),
        story=story(facts),
        count=text(counted(len(facts.trials), "experiment")),
        trials=trials_table(facts),
        data=embedded_json(chart_data(facts)),
        settings=text(", ".join(f"{name} {value}" for name, value in settings.items() if value is not None)),
        version=text(__version__),
    )


def _asset(name: str) -> str:
    return files("gpbop.report").joinpath(name).read_text(encoding="utf-8")
