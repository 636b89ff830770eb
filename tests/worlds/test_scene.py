from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from gnomon.worlds.digits import scans
from gnomon.worlds.scene import (
    CELL,
    Digit,
    Placed,
    Scene,
    Shape,
    Wish,
    Word,
    between,
    cell_name,
    draw_scene,
    shuffled,
    split_of,
)


def rng(*seed: int) -> np.random.Generator:
    return np.random.default_rng(seed)


def test_the_written_form_names_cells_in_raster_order() -> None:
    ink = (0, 0, 0)
    scene = Scene(
        4,
        4,
        (
            Placed(Shape("circle", "red", "large"), 0, 0, 0, 0, 22, ink),
            Placed(Digit(7, 3), 2, 1, 0, 0, 22, ink),
            Placed(Word("CAB"), 1, 3, 0, 0, 20, ink),
        ),
    )
    assert scene.written == "a1 large red circle; c2 digit 7; b4 word CAB"


def test_drawn_scenes_are_in_raster_order() -> None:
    for seed in range(50):
        scene = draw_scene(rng(seed), Wish(4, 3, 1))
        places = [(item.row, item.column) for item in scene.objects]
        assert places == sorted(places)


def test_an_empty_scene_is_written_empty() -> None:
    assert Scene(4, 4, ()).written == "empty"
    assert draw_scene(rng(0), Wish(), split=split_of("empty")).written == "empty"


def test_a_split_without_any_scene_is_an_error_and_no_endless_loop() -> None:
    other = "train" if split_of("empty") == "test" else "test"
    with pytest.raises(ValueError, match=f"no {other} scene"):
        draw_scene(rng(0), Wish(), split=other)


def test_cells_are_a_letter_and_a_number_from_one() -> None:
    assert [cell_name(0, 0), cell_name(25, 9)] == ["a1", "z10"]


@pytest.mark.parametrize("split", ["train", "test"])
def test_scene_words_and_scans_belong_to_the_split(split: str) -> None:
    for seed in range(60):
        scene = draw_scene(rng(seed), Wish(1, 3, 1), split=split)  # type: ignore[arg-type]
        assert split_of(scene.written) == split
        for item in scene.objects:
            if isinstance(item.thing, Word):
                assert split_of(item.thing.text) == split
            if isinstance(item.thing, Digit):
                assert item.thing.scan in scans(item.thing.value, split)  # type: ignore[arg-type]


def test_no_two_objects_share_a_cell_and_words_take_two() -> None:
    for seed in range(100):
        scene = draw_scene(rng(seed), Wish(3, 3, 5))
        cells = [(item.column, item.row) for item in scene.objects]
        cells += [(i.column + 1, i.row) for i in scene.objects if isinstance(i.thing, Word)]
        assert len(set(cells)) == len(cells) == 16
        assert all(0 <= column < 4 and 0 <= row < 4 for column, row in cells)


def test_a_wish_is_met_exactly() -> None:
    scene = draw_scene(rng(1), Wish(shapes=5, digits=2, words=1, kinds=2, colours=1))
    sorts = Counter(type(item.thing) for item in scene.objects)
    assert sorts == {Shape: 5, Digit: 2, Word: 1}
    shapes = [item.thing for item in scene.objects if isinstance(item.thing, Shape)]
    assert len({shape.colour for shape in shapes}) == 1
    assert len({shape.kind for shape in shapes}) <= 2


def test_too_many_words_are_refused_with_the_number_that_fits() -> None:
    with pytest.raises(ValueError, match=r"9 words do not fit on 4 x 4 cells: 8 fit"):
        draw_scene(rng(0), Wish(words=9))


def test_too_many_objects_are_refused_with_the_number_that_fits() -> None:
    with pytest.raises(ValueError, match=r"15 shapes and digits do not fit .* 1 words: 14 fit"):
        draw_scene(rng(0), Wish(shapes=10, digits=5, words=1))


@pytest.mark.parametrize(("rows", "columns"), [(0, 4), (4, 0), (4, 27)])
def test_an_impossible_canvas_is_refused(rows: int, columns: int) -> None:
    with pytest.raises(ValueError, match="1 to 26 columns"):
        draw_scene(rng(0), Wish(shapes=1), rows=rows, columns=columns)


def test_the_same_seed_gives_the_same_scene() -> None:
    assert draw_scene(rng(5, 6), Wish(3, 2, 1)) == draw_scene(rng(5, 6), Wish(3, 2, 1))


def test_between_reaches_both_ends() -> None:
    source = rng(0)
    assert {between(source, 2, 4) for _ in range(100)} == {2, 3, 4}


def test_shuffled_keeps_the_items() -> None:
    assert sorted(shuffled(rng(0), "hello")) == sorted("hello")


def test_a_known_seed_gives_a_known_scene_on_every_machine() -> None:
    scene = draw_scene(rng(20, 26), Wish(2, 1, 1))
    assert (
        scene.written == "c1 small orange star; b2 small purple triangle; c2 word XJF; b3 digit 7"
    )
    assert CELL == 28
