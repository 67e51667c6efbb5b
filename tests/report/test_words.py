import json
import math

from hypothesis import given
from hypothesis import strategies as st

from gpbop.report.words import counted, plus_minus, rounded, short, shown, size, tag, text, times
from tests.report.searches import read
from tests.spaces import CHOICES, same


@given(st.lists(CHOICES, max_size=6, unique_by=same))
def test_different_choices_look_different(values):
    assert len({shown(value) for value in values}) == len(values)


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_rounded_numbers_are_near(value):
    assert math.isclose(float(rounded(value)), value, rel_tol=1e-5)


@given(st.text(), st.text())
def test_text_comes_back_from_html(words, label):
    words, label = (part.replace("\r", "").replace("\x00", "") for part in (words, label))  # no HTML holds these
    reader = read(tag("p", text(words), title=label))
    assert "".join(reader.texts.get("p", [])) == words
    assert reader.tags == ["p"]


def test_attributes_may_be_left_out():
    assert (
        tag("p", hidden=True, title=None, open=False, data_v="1", class_="a b")
        == '<p hidden data-v="1" class="a b"></p>'
    )


@given(st.floats(-1e6, 1e6), st.floats(1e-6, 1e6))
def test_plus_minus_keeps_what_the_deviation_leaves(mean, std):
    told_mean, told_std = (float(part) for part in plus_minus(mean, std).split(" ± "))
    assert math.isclose(told_std, std, rel_tol=0.06)
    assert abs(told_mean - mean) <= max(0.1 * std, 1e-5 * abs(mean))


@given(st.integers(1, 10**9), st.integers(1, 10**6))
def test_ratios_are_right_to_five_percent(whole, used):
    if whole >= used:
        assert math.isclose(float(times(whole, used).replace(",", "")), whole / used, rel_tol=0.051)


def test_sizes_have_no_end():
    assert size(10**5000) == "about 10^5000"
    assert times(10**5000, 30) == "about 10^4999"
    assert counted(0, "trial") == "0 trials"


def test_long_texts_are_cut():
    assert len(short("a" * 1000)) == len(shown(["a" * 1000])) == 160
    assert json.loads(shown([1, None])) == [1, None]
