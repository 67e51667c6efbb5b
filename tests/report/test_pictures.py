import re

from matplotlib.figure import Figure

from gpbop.errors import NoTrialsError
from gpbop.report import pictures
from gpbop.report.pictures import Picture
from tests.report.searches import read


def drawing(points=3, width=4.0):
    figure = Figure(figsize=(width, 3.0))
    axes = figure.add_subplot()
    axes.plot(range(points), marker="o", label="a -- b")
    axes.legend()
    axes.set_title("<title>")
    return figure


def test_pictures_on_one_page_share_no_id_and_each_finds_its_own():
    readers = [read(Picture(name, drawing, "Points.").html()) for name in ("one", "two")]
    for name, reader in zip(("one", "two"), readers, strict=True):
        assert len(reader.ids) == len(set(reader.ids)) > 10
        assert all(id_ == name or id_.startswith(f"{name}-") for id_ in reader.ids)
        assert {link.removeprefix("#") for link in reader.links} <= set(reader.ids)
        assert "style" not in reader.tags, "a style of one picture would reach the whole page"
    assert not set(readers[0].ids) & set(readers[1].ids)


def test_a_picture_is_the_same_each_time_and_named_for_those_who_cannot_see_it():
    first, second = (Picture("a", drawing, 'A "caption" & more.').html() for _ in range(2))
    assert first == second
    assert 'role="img" aria-label="A &quot;caption&quot; &amp; more."' in first
    assert "<figcaption>A &quot;caption&quot; &amp; more.</figcaption>" in first
    assert re.search(r'<svg viewBox="0 0 [\d.]+ [\d.]+"', first), "its size is that of the page"


def test_a_picture_with_too_many_marks_is_made_of_pixels(monkeypatch):
    assert "<svg" in Picture("a", drawing, "Few.").html()
    many = Picture("a", lambda: drawing(5000), "Many.").html()
    assert '<img alt="Many." src="data:image/webp;base64,' in many
    assert "<svg" not in many
    assert len(many) < pictures.MOST_SVG
    read(many)


def test_a_wide_picture_scrolls_instead_of_shrinking_to_nothing():
    assert "--least" not in Picture("a", drawing, "").html()
    assert "--least:63.00rem" in Picture("a", lambda: drawing(width=20.0), "").html()


def test_a_picture_that_makes_no_sense_is_left_out_with_the_reason():
    def draw():
        raise NoTrialsError("`optimizer` must have\n a <trial>.")

    html = Picture("a", draw, "Nothing.").html()
    assert html == '<p class="left-out wide">Left out: `optimizer` must have a &lt;trial&gt;.</p>'
