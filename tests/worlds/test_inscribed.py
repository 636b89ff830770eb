"""Pictures whose characters are known by place."""

from __future__ import annotations

import re

import numpy as np
import pytest
from PIL import Image

from gnomon.media.image import open_image
from gnomon.parts import PartError, part
from gnomon.records import Sample
from gnomon.worlds.interface import draw_picture, draw_screen
from gnomon.worlds.lettering import font, legend, line_height, mark_of, note_name, write
from gnomon.worlds.plots import Chart, Kind, draw_chart

WRITTEN = ("charts", "exams", "metro", "screens")


def samples(world: str, count: int = 8, **settings: object) -> list[Sample]:
    source = part("source", "inscriptions", world=world, **settings)()
    return [source[index] for index in range(count)]


@pytest.mark.parametrize("anchor", ["left", "centre", "right"])
def test_what_is_written_is_gathered_where_it_stands(anchor: str) -> None:
    image = Image.new("RGB", (80, 40), "white")
    with legend() as found:
        write(image, (40, 10), "Oak", 12, anchor=anchor, name="tree Oak")  # type: ignore[arg-type]
    [(name, (x1, y1, x2, y2))] = found.names
    [(text, centres, middle)] = found.marks
    ink = np.argwhere(np.asarray(image.convert("L")) < 200)
    (top, left), (bottom, right) = ink.min(0), ink.max(0)
    assert (name, text) == ("tree Oak", "Oak")
    assert x1 <= left and right < x2 and y1 <= top and bottom < y2
    assert x1 < centres[0] < centres[-1] < x2 and middle == (y1 + y2) / 2


def test_nothing_is_gathered_outside_a_block() -> None:
    with legend() as found:
        pass
    write(Image.new("RGB", (40, 40)), (0, 0), "Oak", 12, name="tree")
    note_name("tree", (0, 0, 9, 9))
    assert not found.marks and not found.names


def test_the_characters_of_a_word_stand_side_by_side() -> None:
    text, centres, middle = mark_of("a 1", 5, 7, 12)
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


@pytest.mark.parametrize("kind", ["bar", "line", "pie"])
def test_each_number_of_a_chart_is_called_by_its_label_wherever_one_of_them_stands(
    kind: Kind,
) -> None:
    chart = Chart(kind, "Goals", ("Ann", "Bob", "Eve"), ("value",), ((20,), (10,), (5,)), 2,
                  (140, 140), printed=True)  # fmt: skip
    with legend() as found:
        draw_chart(chart)
    for label, number in zip(chart.labels, ("20", "10", "5"), strict=True):
        spots = [box for name, box in found.names if name == f"{label} {number}"]
        for word in (label, number):
            places = [(xs[0], y) for text, xs, y in found.marks if text == word]
            assert any(_inside(box, place) for box in spots for place in places)


def test_a_cell_of_a_table_is_called_by_its_row_and_column() -> None:
    chart = Chart("table", "Goals", ("Ann", "Bob"), ("Mon", "Tue"), ((3, 4), (5, 6)), 1, (112, 112))
    with legend() as found:
        draw_chart(chart)
    names = ["Ann Mon 3", "Ann Tue 4", "Bob Mon 5", "Bob Tue 6"]
    assert [name for name, _ in found.names] == names
    assert all(
        _inside(box, (xs[0], y))
        for name, box in found.names for text, xs, y in found.marks if name.split()[-1] == text
    )  # fmt: skip


def test_the_elements_of_a_screen_are_called_by_their_kind_and_label() -> None:
    screen = draw_screen(np.random.default_rng(3), 2)
    with legend() as found:
        draw_picture(screen)
    assert found.names == [(element.named, element.box) for element in screen.elements]


def test_a_conversation_about_a_scene_tells_what_the_scene_holds() -> None:
    source = part("source", "microworld-chat", modality="mixed")()
    shown, written = set(), set()
    for index in range(20):
        meta = source[index].meta
        if meta["modality"] == "text":
            written.add("names" in meta)
            continue
        [names], [marks] = meta["names"], meta["inscriptions"]
        shown.add("; ".join(name for name, _ in names) == meta["scene"])
        assert [mark[0] for mark in marks] == re.findall(r"(?:digit|word) (\w+)", meta["scene"])
    assert shown == {True} and written == {False}


def _inside(box: tuple[int, int, int, int], place: tuple[float, float]) -> bool:
    return box[0] <= place[0] < box[2] and box[1] <= place[1] < box[3]


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
