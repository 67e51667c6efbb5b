"""Files of pictures: small, with their description, in a folder that was tried before."""

import pytest
from PIL import Image

from gpbop.errors import ArgumentError
from gpbop.examples.pictures import COLOURS, save, writable_folder
from gpbop.plots.style import new_figure


def test_picture_is_that_of_the_figure_in_few_colours_with_its_description(tmp_path):
    figure = new_figure(4.0, 3.0)
    figure.add_subplot().imshow([[i * j for i in range(40)] for j in range(40)])
    path = save(figure, tmp_path / "a.png", description="N instead of M")
    figure.savefig(tmp_path / "whole.png")
    with Image.open(path) as picture, Image.open(tmp_path / "whole.png") as whole:
        assert picture.size == whole.size
        assert picture.text == {"Description": "N instead of M"}
        few, many = picture.convert("RGB"), whole.convert("RGB")
    assert len(few.getcolors(2**24)) <= COLOURS
    far = max(abs(a - b) for a, b in zip(few.tobytes(), many.tobytes(), strict=True))
    assert far < 48
    assert path.stat().st_size < (tmp_path / "whole.png").stat().st_size


def test_folder_is_made_and_nothing_is_left_in_it(tmp_path):
    assert writable_folder(tmp_path / "a" / "b") == tmp_path / "a" / "b"
    assert list((tmp_path / "a" / "b").iterdir()) == []


def test_places_that_are_no_folders(tmp_path):
    (tmp_path / "file").write_text("")
    for place in (tmp_path / "file", tmp_path / "file" / "inside", tmp_path / "null\0"):
        with pytest.raises(ArgumentError, match="`--out` must be a folder that can be written to"):
            writable_folder(place)
    assert (tmp_path / "file").read_text() == ""
