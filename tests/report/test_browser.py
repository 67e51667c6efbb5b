"""The page in a real browser: it loads in silence, sorts, hovers, and fits a phone. One browser serves all tests."""

import shutil

import pytest

from gpbop import report
from gpbop.report import page as pages
from gpbop.report.facts import Expectation, Facts
from tests.report.searches import SCRIPT, hostile_search, long_search

ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]
DESKTOP, PHONE = {"width": 1200, "height": 900}, {"width": 390, "height": 844}
CHART = "#chart > svg"


@pytest.fixture(scope="module")
def browser():
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if chromium is None:
        pytest.skip("no Chromium on this machine")
    with playwright.sync_playwright() as driver:
        running = driver.chromium.launch(executable_path=chromium, args=ARGUMENTS)
        yield running
        running.close()


@pytest.fixture
def path(recorded_path):
    return recorded_path


@pytest.fixture
def visit(browser):
    """Return a function that opens a page, and afterwards hold all of them to have been silent."""
    visited, heard = [], []

    def opened(path, viewport=DESKTOP, **options):
        page = browser.new_page(viewport=viewport, **options)
        page.on("console", lambda message: heard.append(message.text))
        page.on("pageerror", lambda error: heard.append(str(error)))
        page.on("request", lambda request: heard.append(request.url) if request.url != path.as_uri() else None)
        page.on("dialog", lambda dialog: heard.append(dialog.message))
        page.set_default_timeout(10_000)
        page.goto(path.as_uri())
        visited.append(page)
        return page

    yield opened
    for page in visited:
        page.close()
    assert not [words for words in heard if not words.startswith("data:")]


def column(page, name):
    """Return the texts of a column, from top to bottom, an empty one where it shows a dash."""
    heads = page.locator("#trials thead tr:last-child th").all_inner_texts()
    place = [head.strip() for head in heads].index(name) + 1
    return page.locator(f"#trials tbody td:nth-child({place})").all_inner_texts()


def head(page, name):
    return page.locator("#trials thead tr:last-child th").filter(has=page.get_by_role("button", name=name, exact=True))


def test_a_click_on_a_heading_sorts_by_number_and_missing_come_last(visit, path, recorded):
    page = visit(path)
    values = sorted(trial.value for trial in recorded.trials if trial.value is not None)
    shown = [f"{value:.6g}" for value in values]
    assert column(page, "#") == [str(i) for i in range(1, 26)]
    head(page, "value").get_by_role("button").click()
    assert column(page, "value") == shown + [""] * 3
    assert head(page, "value").get_attribute("aria-sort") == "ascending"
    head(page, "value").get_by_role("button").click()
    assert column(page, "value") == shown[::-1] + [""] * 3
    assert head(page, "value").get_attribute("aria-sort") == "descending"
    assert head(page, "#").get_attribute("aria-sort") == "none"


def test_the_keyboard_sorts_and_numbers_are_not_letters(visit, path, recorded):
    page = visit(path)
    head(page, "encoder_size").get_by_role("button").focus()
    page.keyboard.press("Enter")
    sizes = sorted(trial.config["encoder_size"] for trial in recorded.trials)
    assert column(page, "encoder_size") == [str(size) for size in sizes]
    page.keyboard.press("Space")
    assert column(page, "encoder_size") == [str(size) for size in sizes[::-1]]
    head(page, "decoder").get_by_role("button").click()
    letters = column(page, "decoder")
    assert letters == sorted(letters)
    numbers = [int(text) for text in column(page, "#")]
    firsts = numbers[: letters.count("A")]
    assert firsts == sorted(firsts), "equal ones stay in the order of the experiments"


def test_hovering_over_a_point_tells_the_experiment(visit, path, recorded):
    page = visit(path)
    best = recorded.best
    points = page.locator(f"{CHART} circle.point")
    finished = [trial.number for trial in recorded.trials if trial.state == "complete"]
    assert points.count() == len(finished)
    page.locator(CHART).scroll_into_view_if_needed()
    box = points.nth(finished.index(best.number)).bounding_box()
    assert page.locator("#tip").is_hidden()
    page.mouse.move(box["x"] + box["width"] / 2 + 2, box["y"] + box["height"] / 2)
    lines = page.locator("#tip").inner_text().split("\n")
    assert lines[0] == f"Experiment {best.number + 1}"
    told = dict(zip(lines[1::2], lines[2::2], strict=True))
    assert float(told["value"]) == pytest.approx(best.value, rel=1e-5)
    expected = Facts(recorded).expectations[best.number]
    mean, std = (float(part) for part in told["expected"].split(" ± "))
    assert (mean, std) == (pytest.approx(expected.mean, rel=1e-5), pytest.approx(expected.std, rel=0.06))
    assert {name: told[name] for name in best.config} == {name: str(value) for name, value in best.config.items()}
    tip, chart = (page.locator(place).bounding_box() for place in ("#tip", "#chart"))
    assert chart["y"] <= tip["y"] <= tip["y"] + tip["height"] <= chart["y"] + chart["height"]
    assert tip["y"] < box["y"] < tip["y"] + tip["height"], "beside the point"
    page.mouse.move(5, 5)
    assert page.locator("#tip").is_hidden()


def test_the_keyboard_walks_along_the_chart(visit, path):
    page = visit(path)
    page.locator(CHART).focus()
    page.keyboard.press("Home")
    tip = page.locator("#tip strong")
    assert tip.inner_text() == "Experiment 1"
    page.keyboard.press("ArrowRight")
    assert tip.inner_text() == "Experiment 2"
    for _ in range(3):
        page.keyboard.press("ArrowRight")
    assert tip.inner_text() == "Experiment 5"
    assert "out of memory" in page.locator("#tip").inner_text()
    page.keyboard.press("End")
    assert tip.inner_text() == "Experiment 24", "what still runs has no point"
    page.keyboard.press("Escape")
    assert tip.is_hidden()


@pytest.mark.parametrize("width", [320, 390, 768])
def test_nothing_overflows_a_small_screen(visit, path, width):
    page = visit(path, {"width": width, "height": 800})
    assert page.evaluate("document.documentElement.scrollWidth") == width
    page.locator(CHART).focus()
    for key in ("Home", "End"):
        page.keyboard.press(key)
        box = page.locator("#tip").bounding_box()
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= width


def test_dark_and_light_are_different_and_both_readable(visit, path):
    def lightness(page, place, what):
        colour = page.evaluate("([p, w]) => getComputedStyle(document.querySelector(p))[w]", [place, what])
        return sum(int(part) for part in colour[4:-1].split(",")[:3]) / 765

    for scheme, paper in (("light", 1.0), ("dark", 0.0)):
        page = visit(path, color_scheme=scheme)
        assert lightness(page, "body", "backgroundColor") == pytest.approx(paper, abs=0.12)
        for place in ("h1", "#trials td", ".best-table .value", ".headline dd", ".saving"):
            assert abs(lightness(page, place, "color") - paper) > 0.45, (scheme, place)


def test_without_javascript_everything_is_there_but_sorting(visit, path):
    page = visit(path, java_script_enabled=False)
    assert page.locator("#trials tbody tr").count() == 25
    assert page.locator("#trials tbody tr:visible").count() == 25
    assert page.locator("#convergence svg").is_visible()
    assert page.locator("#trials button").count() == 0
    assert page.locator(".interactive").is_hidden()


def test_printing_shows_light_paper_and_no_buttons(visit, path):
    page = visit(path, color_scheme="dark")
    page.emulate_media(media="print")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert page.locator("#tip").is_hidden()


@pytest.mark.filterwarnings("ignore:Glyph .* missing")
def test_hostile_texts_stay_texts(visit, tmp_path, monkeypatch):
    monkeypatch.setattr(pages, "story", _only_convergence)
    page = visit(report.write(hostile_search(), tmp_path / "report.html", title="<img src=x onerror=alert(3)>"))
    assert page.locator("h1").inner_text() == "<img src=x onerror=alert(3)>"
    assert "</script><b>bold</b>" in column(page, SCRIPT)
    page.locator(CHART).focus()
    page.keyboard.press("Home")
    assert "</script><b>bold</b>" in page.locator("#tip").inner_text()


def test_a_long_search_is_paged_and_thinned(visit, tmp_path, monkeypatch):
    optimizer = long_search()
    complete = [trial for trial in optimizer.trials if trial.value is not None]
    expectations = {trial.number: Expectation(trial.value + 0.01, 0.1) for trial in complete}
    monkeypatch.setattr(Facts, "expectations", expectations)  # a model of 5,000 takes too long to fit
    monkeypatch.setattr(Facts, "expected", Expectation(0.0, 0.1))
    monkeypatch.setattr(pages, "story", _only_convergence)
    path = report.write(optimizer, tmp_path / "report.html")
    assert path.stat().st_size < 5e6
    page = visit(path)
    assert page.locator("#trials tbody tr").count() == 50
    assert page.locator(".pager span").inner_text() == "1\N{EN DASH}50 of 5,000"
    page.get_by_role("button", name="Next").click()
    assert column(page, "#")[0] == "51"
    head(page, "value").get_by_role("button").click()
    values = sorted(trial.value for trial in complete)
    assert column(page, "value") == [f"{value:.6g}" for value in values[:50]]
    head(page, "value").get_by_role("button").click()
    assert column(page, "value") == [f"{value:.6g}" for value in values[:-51:-1]]
    assert page.get_by_role("button", name="Back").is_disabled()
    assert 450 <= page.locator(f"{CHART} circle.point").count() <= 1352


def _only_convergence(facts):
    return '<section><div class="interactive"><div id="chart" class="chart"></div></div></section>'
