import numpy as np
import pytest
from PIL import Image, ImageFont

from gnomon.worlds.lettering import BLACK, WHITE, font, line_height, word_mask, write

RED = (216, 32, 38)


def inked(**settings):
    image = Image.new("RGB", (80, 30), RED)
    write(image, (40, 8), "Oak", 10, **settings)
    return np.argwhere((np.asarray(image) != RED).any(axis=-1))


@pytest.mark.parametrize("size", [9, 10, 13])
def test_words_of_one_size_have_one_height(size):
    assert {word_mask(word, size).height for word in ("ace", "gyp", "Top")} == {line_height(size)}


def test_no_ink_is_cut_off():
    for word in ("jelly", "Wq", "Tf"):
        small = np.asarray(word_mask(word, 10)).sum()
        large = np.asarray(word_mask(word, 10, 4)).sum()
        assert 0 < small < large


@pytest.mark.parametrize("anchor, low, high", [("left", 40, 80), ("right", 0, 40)])
def test_a_word_stands_on_its_side_of_the_place(anchor, low, high):
    across = inked(anchor=anchor)[:, 1]
    assert low <= across.min() and across.max() < high


def test_a_centred_word_is_on_both_sides():
    across = inked(anchor="centre")[:, 1]
    assert abs((across.min() + across.max()) / 2 - 40) <= 2


def test_a_halo_is_a_rim_around_the_ink():
    plain, rimmed = inked(), inked(halo=WHITE)
    assert {tuple(p) for p in plain.tolist()} < {tuple(p) for p in rimmed.tolist()}


def test_ink_has_the_colour_that_was_asked_for():
    image = Image.new("RGB", (40, 20), WHITE)
    write(image, (4, 4), "IIII", 12, BLACK)
    assert np.asarray(image).min() < 60


def test_a_missing_font_says_what_to_install(monkeypatch):
    monkeypatch.setattr(ImageFont, "load_default", lambda size: ImageFont.ImageFont())
    with pytest.raises(RuntimeError, match="Pillow has no FreeType here"):
        font.__wrapped__(10)
