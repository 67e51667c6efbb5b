"""The questions there are: every file in `benchmarks/questions`."""

from importlib import import_module
from pathlib import Path

from benchmarks.harness.question import Question

FOLDER = Path(__file__).parents[1] / "questions"


def names() -> list[str]:
    """Return the names of all questions."""
    return sorted(path.stem for path in FOLDER.glob("*.py") if path.stem != "__init__")


def load(name: str) -> Question:
    """Return the question of `benchmarks/questions/<name>.py`.

    Raises:
        SystemExit: If there is none.
    """
    if name not in names():
        raise SystemExit(f"`NAME` must be one of {', '.join(names())}; got {name!r}. See: python -m benchmarks list")
    question: Question = import_module(f"benchmarks.questions.{name}").QUESTION
    return question


def text(name: str) -> tuple[str, str]:
    """Return the question that a file's docstring asks, and the paragraphs after it."""
    doc = import_module(f"benchmarks.questions.{name}").__doc__ or ""
    first, _, rest = doc.strip().partition("\n\n")
    return " ".join(first.split()), rest.strip()
