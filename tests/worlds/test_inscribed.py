"""Pictures whose characters are known by place."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from gnomon.media.image import open_image
from gnomon.parts import PartError, part
from gnomon.records import Sample
from gnomon.worlds.lettering import Inscription, font, inscriptions, line_height, write

WRITTEN = ("charts", "exams", "metro", "screens")


def samples(world: str, count: int = 8, **settings: object) -> list[Sample]:
    source = part("source", "inscriptions", world=world, **settings)()
    return [source[index] for index in range(count)]


@pytest.mark.parametrize("anchor", ["left", "centre", "right"])
def test_what_is_written_is_gathered_where_it_stands(anchor: str) -> None:
    image = Image.new("RGB", (80, 40), "white")
    with inscriptions() as found:
        write(image, (40, 10), "Oak", 12, anchor=anchor)  # type: ignore[arg-type]
    [one] = found
    ink = np.argwhere(np.asarray(image.convert("L")) < 200)
    (top, left), (bottom, right) = ink.min(0), ink.max(0)
    assert one.left <= left and right <= one.left + font(12).getlength("Oak")
    assert one.top <= top and bottom <= one.top + line_height(12)


def test_nothing_is_gathered_outside_a_block() -> None:
    with inscriptions() as found:
        pass
    write(Image.new("RGB", (40, 40)), (0, 0), "Oak", 12)
    assert found == []


def test_the_characters_of_a_word_stand_side_by_side() -> None:
    text, centres, middle = Inscription("a 1", 5, 7, 12).mark
    assert (text, len(centres), middle) == ("a 1", 3, 7 + line_height(12) / 2)
    assert [5, *centres, 5 + font(12).getlength("a 1")] == sorted(
        [5, *centres, 5 + font(12).getlength("a 1")]
    )


@pytest.mark.parametrize("world", WRITTEN)
def test_every_character_is_inside_the_picture_and_on_ink(world: str) -> None:
    for sample in samples(world):
        grey = np.asarray(open_image(sample.media[0]).convert("L"), dtype=int)
        [marks] = sample.meta["inscriptions"]
        assert marks
        for text, centres, y in marks:
            for character, x in zip(text, centres, strict=True):
                around = grey[int(y) - 6 : int(y) + 7, max(0, int(x) - 4) : int(x) + 5]
                assert character == " " or around.max() - around.min() > 40


@pytest.mark.parametrize("world", WRITTEN)
def test_the_same_index_gives_the_same_picture_and_splits_differ(world: str) -> None:
    assert samples(world) == samples(world)
    train, test = (
        {s.media[0].key for s in samples(world, split=split)} for split in ("train", "test")
    )
    assert not train & test


def test_the_marks_of_a_chart_are_its_words() -> None:
    [sample] = samples("charts", 1, tasks=["lookup"], difficulty=(1, 1))
    spelt = " ".join(mark[0] for mark in sample.meta["inscriptions"][0])
    assert spelt == sample.answer.value


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"world": "chart"}, "no world named 'chart'"),
        ({"world": "charts", "tasks": ["valu"]}, "no task named 'valu'"),
        ({"world": "motion"}, "name tasks that show one image"),
        ({"world": "charts", "difficulty": (3, 2)}, "difficulty="),
    ],
)
def test_wrong_settings_are_refused(settings: dict[str, object], told: str) -> None:
    with pytest.raises(PartError, match=told):
        part("source", "inscriptions", **settings)()
