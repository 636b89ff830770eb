from __future__ import annotations

import dataclasses
import io

import numpy as np
import pytest
from PIL import Image

from gnomon.worlds.render import box_of, boxes, render, render_png
from gnomon.worlds.scene import (
    CELL,
    COLOURS,
    KINDS,
    Placed,
    Scene,
    Shape,
    Size,
    Wish,
    Word,
    draw_scene,
)


def scenes(count: int) -> list[Scene]:
    return [draw_scene(np.random.default_rng([9, seed]), Wish(4, 3, 2)) for seed in range(count)]


def drawn_pixels(scene: Scene, item: Placed) -> tuple[int, int, int, int]:
    alone = dataclasses.replace(scene, objects=(item,))
    pixels = np.asarray(render(alone)).astype(int)
    rows, columns = np.nonzero((pixels != scene.paper).any(axis=2))
    return columns.min(), rows.min(), columns.max() + 1, rows.max() + 1


def test_a_box_is_exactly_the_pixels_that_were_drawn() -> None:
    for scene in scenes(25):
        for item in scene.objects:
            assert box_of(item) == drawn_pixels(scene, item)


def test_an_object_never_leaves_its_cells() -> None:
    for scene in scenes(60):
        for item, (x1, y1, x2, y2) in zip(scene.objects, boxes(scene), strict=True):
            width = 2 * CELL if isinstance(item.thing, Word) else CELL
            assert CELL * item.column <= x1 < x2 <= CELL * item.column + width
            assert CELL * item.row <= y1 < y2 <= CELL * (item.row + 1)


def test_the_widest_word_fits_its_two_cells() -> None:
    for dx in (-2, 2):
        x1, _, x2, _ = box_of(Placed(Word("WWW"), 0, 0, dx, 0, 20, (0, 0, 0)))
        assert 0 <= x1 < x2 <= 2 * CELL


@pytest.mark.parametrize(("rows", "columns"), [(4, 4), (2, 5), (1, 1)])
def test_canvas_sides_are_multiples_of_a_cell(rows: int, columns: int) -> None:
    assert render(Scene(rows, columns, ())).size == (28 * columns, 28 * rows)


def test_the_same_scene_gives_the_same_bytes() -> None:
    scene = scenes(1)[0]
    assert render_png(scene) == render_png(scene)
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(render_png(scene)))), render(scene))


@pytest.mark.parametrize("kind", KINDS)
def test_small_and_large_shapes_differ_clearly(kind: str) -> None:
    def width(size: Size, extent: int) -> int:
        x1, _, x2, _ = box_of(Placed(Shape(kind, "red", size), 0, 0, 0, 0, extent, (0, 0, 0)))  # type: ignore[arg-type]
        return x2 - x1

    assert width("large", 21) - width("small", 14) >= 5


def test_colours_stay_apart_by_more_than_the_tint() -> None:
    values = [np.array(rgb) for rgb in COLOURS.values()]
    gaps = [np.abs(a - b).max() for i, a in enumerate(values) for b in values[:i]]
    assert min(gaps) > 3 * 10


def test_an_empty_scene_is_plain_paper() -> None:
    assert set(np.asarray(render(Scene(1, 1, (), paper=240))).ravel().tolist()) == {240}
