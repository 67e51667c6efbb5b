"""The page is whole, needs nothing else, and says what the search says, whatever the search holds."""

import base64
import hashlib
import json
import re
from pathlib import Path

import pytest
import torch

from gpbop import Categorical, Float, Integer, Optimizer, Space, minimize, report
from gpbop.errors import ArgumentError, NoTrialsError
from gpbop.report import page as pages
from gpbop.report.facts import Facts
from gpbop.report.story import _calibration, _savings
from tests.report.searches import HOSTILE, SCRIPT, hostile_search, read

LINE = Space({"x": Float(0.0, 1.0)})


def told(space, values):
    optimizer = Optimizer(space)
    for value in values:
        optimizer.tell(optimizer.ask(), value)
    return optimizer


@pytest.fixture(scope="module")
def written(recorded_path):
    """Return the page of the recorded search, and what a reader finds in it."""
    page = recorded_path.read_text("utf-8")
    return page, read(page)


def test_the_page_needs_nothing_from_outside(written):
    page, reader = written
    assert all(link.startswith(("#", "data:")) for link in reader.links)
    assert set(re.findall(r"https?://[^\s\"'<]+", page)) == {"http://www.w3.org/2000/svg"}, "a name, not an address"
    assert "@import" not in page
    assert not re.search(r"url\((?!#)", page)


def test_ids_are_unique_and_references_end_somewhere(written):
    page, reader = written
    assert len(reader.ids) == len(set(reader.ids))
    inside = {link[1:] for link in reader.links if link.startswith("#")} | set(re.findall(r"url\(#([^)]+)\)", page))
    assert len(inside) > 20, "the pictures use each other's parts"
    assert inside <= set(reader.ids)


def test_only_the_script_of_the_page_may_run(written):
    page, reader = written
    script = page.rpartition("<script>")[2].partition("</script>")[0]
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}'" in page
    assert "default-src 'none'" in page
    assert not reader.handlers


def test_the_answer_comes_first_and_is_that_of_the_search(recorded, written):
    page, _ = written
    assert page.index('class="answer"') < page.index("How the search went") < page.index('id="trials"')
    best = recorded.best
    head = page[page.index('class="answer"') : page.index("How the search went")]
    assert f"<strong>{best.value:.6g}</strong>" in head
    assert "24 experiments instead of 768: 32 times fewer than brute force." in head
    assert all(f">{name}</th>" in head for name in recorded.space.names)
    mean, std = recorded.predict([best.config])
    shown_mean, shown_std = (float(part) for part in re.search(r"<dd>(\S+) ± (\S+)</dd>", head).groups())
    assert shown_mean == pytest.approx(float(mean), abs=float(std))
    assert shown_std == pytest.approx(float(std), rel=0.05)
    for name, count in {"experiments used": 24, "failed": 2, "still running": 1}.items():
        assert f"<dt>{name}</dt><dd>{count}</dd>" in head


def test_the_title_is_text(written):
    page, _ = written
    assert "<title>Tuning &amp; &lt;more&gt;</title>" in page
    assert "<h1>Tuning &amp; &lt;more&gt;</h1>" in page


def test_every_picture_is_there(written):
    _, reader = written
    expected = {"convergence", "uncertainty", "importance", "surface", "calibration", "order", "savings"}
    assert expected | {f"posterior-{i}" for i in range(4)} <= set(reader.ids)


def test_the_same_search_gives_the_same_page(recorded, written, tmp_path, monkeypatch):
    # Two pictures are enough: matplotlib draws the ids inside each of them at random, unless told otherwise.
    monkeypatch.setattr(pages, "story", lambda facts: _savings(facts).html() + _calibration(facts.optimizer).html())
    first, second = (report.write(recorded, tmp_path / name).read_bytes() for name in "ab")
    assert first == second
    assert b"clip-path" in first


@pytest.mark.filterwarnings("ignore:Glyph .* missing")  # pictures have boxes where the font has no sign
def test_no_text_of_a_search_becomes_markup(tmp_path):
    optimizer = hostile_search()
    page = report.write(optimizer, tmp_path / "report.html", title="</title><script>alert(0)</script>").read_text()
    reader = read(page)
    assert reader.tags.count("script") == 2
    assert reader.tags.count("b") == 1, "only the best choice is bold"
    cells = set(reader.texts["td"])
    assert {"</script><b>bold</b>", "<!--", "$title", '[1, "<"]', '{"&": ">"}', "'1'", "None", "True"} <= cells
    assert SCRIPT in reader.texts["th"]
    data = json.loads(next(text for text in reader.texts["script"] if text.startswith("{")))
    assert data["names"] == list(optimizer.space.names)
    assert {point.get("reason") for point in data["points"]} == {None, "</table><script>alert(2)</script>"}
    shown = {point["config"][0] for point in data["points"]}
    assert len(shown) == len(HOSTILE)
    assert {text for text in HOSTILE if text.isprintable() and len(text) < 100} <= shown


def test_a_search_without_a_result_tells_why(tmp_path):
    optimizer = told(Space({"x": Float(0.0, 1.0), "y": Integer(1, 3)}), [None] * 5)
    optimizer.tell(optimizer.ask(), None, reason="ValueError: <x>")
    optimizer.ask()
    page = report.write(optimizer, tmp_path / "report.html").read_text()
    assert "No result yet" in page
    assert "6 experiments failed, 1 still running." in page
    assert "<li>no value (5)</li><li>ValueError: &lt;x&gt;</li>" in page
    assert "order" in read(page).ids


def test_a_search_that_only_asked_has_a_page(tmp_path):
    optimizer = Optimizer(LINE)
    optimizer.ask(2)
    page = report.write(optimizer, tmp_path / "report.html").read_text()
    assert "0 experiments failed, 2 still running." in page


def test_a_search_without_trials_is_an_error(tmp_path):
    with pytest.raises(NoTrialsError, match=r"`optimizer` must have a trial to report; got 0 trials. Ask for a config"):
        report.write(Optimizer(LINE), tmp_path / "report.html")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("space", "values"),
    [
        (LINE, [3.0]),
        (LINE, [1.0, 0.5, 2.0, 0.1, 0.3, 0.2]),
        (Space({"kind": Categorical(["a", "b"])}), [2.0, 1.0]),
        (Space({f"x{i}": Float(0.0, 1.0) for i in range(20)}), [float(i % 7) for i in range(22)]),
        (Space({"x": Integer(0, 9)}), [5.0] * 8),
        (LINE, [1e300, -1e300, 0.0]),
    ],
    ids=["one-trial", "one-parameter", "one-choice", "twenty-parameters", "constant", "huge"],
)
def test_small_wide_and_flat_searches_have_a_page(space, values, tmp_path):
    optimizer = told(space, values)
    page = report.write(optimizer, tmp_path / "report.html").read_text()
    reader = read(page)
    assert len(reader.ids) == len(set(reader.ids))
    assert f"<strong>{optimizer.best.value:.6g}</strong>" in page
    assert sum(f"<figure id={name!r}".replace("'", '"') in page for name in ("convergence", "order", "importance")) == 3
    assert ("savings" in reader.ids) == isinstance(space.size, int), "brute force of a continuous space has no picture"
    assert page.count("Left out") == (len(values) == 1), "one value says nothing of calibration"


def test_what_minimize_returned_can_be_reported(tmp_path, monkeypatch):
    monkeypatch.setattr(pages, "story", lambda _: "")
    result = minimize(lambda config: config["x"] ** 2, LINE, trials=3, progress=False)
    report.write(result, tmp_path / "a.html")
    report.write(result.optimizer, tmp_path / "b.html")
    assert (tmp_path / "a.html").read_bytes() == (tmp_path / "b.html").read_bytes()


def test_a_report_leaves_the_search_as_it_was(tmp_path):
    optimizer, other = told(LINE, [1.0, 0.5, 2.0, 0.1, 0.3]), told(LINE, [1.0, 0.5, 2.0, 0.1, 0.3])
    state = torch.random.get_rng_state()
    report.write(optimizer, tmp_path / "report.html")
    assert torch.equal(torch.random.get_rng_state(), state)
    assert optimizer.to_dict() == other.to_dict()
    assert optimizer.ask() == other.ask()


@pytest.mark.parametrize("failure", [KeyboardInterrupt, OSError])
def test_a_failure_half_way_leaves_the_old_report(tmp_path, monkeypatch, failure):
    def write_half(path, data):
        with path.open("wb") as file:
            file.write(data[:100])
        raise failure

    path = tmp_path / "report.html"
    path.write_text("old")
    monkeypatch.setattr(Path, "write_bytes", write_half)
    with pytest.raises(failure):
        report.write(told(LINE, [None]), path)
    assert [file.name for file in tmp_path.iterdir()] == ["report.html"]
    assert path.read_text() == "old"


@pytest.mark.parametrize(
    ("arguments", "match"),
    [
        (({"x": 1}, "report.html"), "`optimizer` must be an Optimizer or a Result; got {'x': 1}. Pass the Optimizer"),
        ((told(LINE, [1.0]), "missing/report.html"), "`path` must name a file in a folder that exists"),
    ],
)
def test_mistakes_are_explained(arguments, match, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ArgumentError, match=match):
        report.write(*arguments)


def test_a_title_that_is_no_text_is_explained(tmp_path):
    with pytest.raises(ArgumentError, match=r"`title` must be a string; got 3. Leave it out"):
        report.write(told(LINE, [1.0]), tmp_path / "report.html", title=3)


def test_without_a_title_the_page_says_what_was_searched():
    assert "<h1>Search over 1 parameter</h1>" in pages.page(Facts(told(LINE, [None])))
