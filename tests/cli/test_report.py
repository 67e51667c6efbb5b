"""`gpbop report`: a saved search becomes a page; every mistake is one line."""

import sys

import pytest

from gpbop import Integer, Optimizer, Space, cli, report
from gpbop.report import page as pages


@pytest.fixture
def optimizer(tmp_path, monkeypatch):
    """Return a search saved as search.json in the current folder; its report has no pictures."""
    monkeypatch.setattr(pages, "story", lambda _: "")
    monkeypatch.chdir(tmp_path)
    optimizer = Optimizer(Space({"x": Integer(0, 9)}))
    for value in (3.0, 1.0, None):
        optimizer.tell(optimizer.ask(), value)
    optimizer.save("search.json")
    return optimizer


def run(monkeypatch, capsys, *arguments):
    """Run the command and return its exit status, stdout and stderr."""
    monkeypatch.setattr(sys, "argv", ["gpbop", "report", *arguments])
    with pytest.raises(SystemExit) as exit_:
        cli.main()
    return exit_.value.code, *capsys.readouterr()


def test_the_page_is_that_of_the_library(optimizer, tmp_path, monkeypatch, capsys):
    code, out, err = run(monkeypatch, capsys, "search.json", "--out", "page.html", "--title", "A & B")
    assert (code, out, err) == (0, "page.html\n", "")
    report.write(Optimizer.load("search.json"), tmp_path / "other.html", title="A & B")
    assert (tmp_path / "page.html").read_bytes() == (tmp_path / "other.html").read_bytes()
    assert "<h1>A &amp; B</h1>" in (tmp_path / "page.html").read_text()


def test_the_page_has_a_name_if_none_is_given(optimizer, tmp_path, monkeypatch, capsys):
    assert run(monkeypatch, capsys, "search.json")[:2] == (0, "report.html\n")
    assert "Search over 1 parameter" in (tmp_path / "report.html").read_text()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["nothing.json"], "gpbop: `state` must be a file that can be read; got 'nothing.json'. Give a file that"),
        (["."], "gpbop: `state` must be a file that can be read; got '.'"),
        (["broken.json"], "gpbop: `path` must hold a whole JSON state; got 'broken.json'"),
        (["search.json", "--out", "none/page.html"], "gpbop: `--out` must be in a folder that exists"),
        (["search.json", "--device", "abacus"], "--device"),
        (["empty.json"], "gpbop: `optimizer` must have a trial to report; got 0 trials."),
    ],
)
def test_mistakes_are_told_without_a_traceback(optimizer, tmp_path, monkeypatch, capsys, arguments, words):
    (tmp_path / "broken.json").write_text("{")
    Optimizer(optimizer.space).save("empty.json")
    code, out, err = run(monkeypatch, capsys, *arguments)
    assert (code, out) == (2, "")
    assert words in err
    assert "Traceback" not in err
    assert not list(tmp_path.glob("*.html"))


def test_the_page_does_not_replace_the_search(optimizer, tmp_path, monkeypatch, capsys):
    before = (tmp_path / "search.json").read_bytes()
    code, _, err = run(monkeypatch, capsys, "search.json", "--out", "search.json")
    assert code == 2
    assert "`--out` must be a file of its own; got 'search.json', which is `state`" in err
    assert (tmp_path / "search.json").read_bytes() == before
