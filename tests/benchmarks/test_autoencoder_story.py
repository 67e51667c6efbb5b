"""The README's first picture and its sentence come from one run."""

import json

from PIL import Image

from benchmarks.autoencoder_story import PICTURE
from benchmarks.readme import README, story
from benchmarks.replay import RESULTS
from gpbop.examples.recorded import autoencoder_grid

HEADLINE = "{trials} trainings instead of {size}"


def test_picture_sentence_and_record_say_the_same():
    (line,) = map(json.loads, (RESULTS / "autoencoder_story.jsonl").read_text().splitlines())
    with Image.open(PICTURE) as image:
        assert image.text["Description"] == HEADLINE.format(**line)
    assert f"**{HEADLINE.format(**line)}:**" in story()
    assert f"in training {line['found']}," in story()
    assert "`python -m benchmarks.autoencoder_story`" in story()
    recorded = autoencoder_grid()
    assert line["rank"] == recorded.rank(line["config"])
    assert line["size"] == len(recorded.losses)
    assert line["found"] <= line["trials"]


def test_picture_is_the_one_that_the_readme_shows_and_small():
    assert f"({PICTURE.relative_to(README.parent).as_posix()})" in story()
    assert PICTURE.stat().st_size < 150_000
