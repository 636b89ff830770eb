"""What cannot be drawn is refused by every world, with what to do; nothing hangs."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from PIL import ImageFont

from gnomon.parts import PartError
from gnomon.worlds.browser import shell
from gnomon.worlds.cube import Cube
from gnomon.worlds.documents import draw_document
from gnomon.worlds.encyclopedia import draw_chain
from gnomon.worlds.exams import draw_problem, in_form
from gnomon.worlds.figures import Figure
from gnomon.worlds.film import draw_cast
from gnomon.worlds.interface import draw_screen
from gnomon.worlds.jigsaw import trimmed
from gnomon.worlds.logic import FAMILIES
from gnomon.worlds.markup import draw_page
from gnomon.worlds.metro_map import Extent, lay_out
from gnomon.worlds.microworld import microworld
from gnomon.worlds.patterns import draw_table
from gnomon.worlds.plans import is_right
from gnomon.worlds.plots import Chart
from gnomon.worlds.scene import Wish, draw_scene
from gnomon.worlds.score import Note, Score
from gnomon.worlds.transformation import apply_call
from gnomon.worlds.world import draw_posed, tasks_of, worlds

Drawn = Callable[[np.random.Generator], Any]
IMPOSSIBLE: list[tuple[str, Drawn, str]] = [
    ("charts", lambda rng: Chart("bar", "Rain", ("May",), ("v",), ((99,),), 1, (112, 112)),
     "one number a label, 1 to 10"),
    ("charts", lambda rng: Chart("bar", "Rain", ("May", "Jun"), ("v",), ((1,),), 1, (112, 112)),
     "1 rows for 2 labels: use as many"),
    ("cube", lambda rng: Cube({"A": (0,) * 25}, {}, False), "a cube takes 6 pieces of 25 cells"),
    ("documents", lambda rng: draw_document(rng, 13), "13 layers in a document: 1 to 12 fit"),
    ("documents", lambda rng: draw_document(rng, 0), "0 layers in a document: 1 to 12 fit"),
    ("edits", lambda rng: draw_table(rng, "rows", 7, 2), "use 1 to 6 rows"),
    ("encyclopedia", lambda rng: draw_chain(rng, 40), "no chain of 40 .* use 1 to 3 hops"),
    ("encyclopedia", lambda rng: draw_chain(rng, 0), "no chain of 0 .* use 1 to 3 hops"),
    ("exams", lambda rng: in_form(rng, draw_problem(rng, 1), "fil"), "did you mean 'fill'"),
    ("geometry", lambda rng: Figure({"A": (0, 0)}, ("AB",), {}, ("length", "AB"), 1, ()),
     "draws the points B: say where"),
    ("jigsaw", lambda rng: trimmed(2, 1, 2, 2), "has no 2 x 2 patches"),
    ("logic", lambda rng: FAMILIES["survo"].draw(rng, n=4, hidden=10), "can hide 1 to 9"),
    ("logic-image", lambda rng: FAMILIES["numbrix"].draw(rng, n=30, fill_rate=0.4), "n=30"),
    ("metro", lambda rng: lay_out(rng, Extent(9, 3, 3, 4, 0, "easy")), "use 1 to 6 lines"),
    ("metro", lambda rng: lay_out(rng, Extent(2, 13, 3, 4, 0, "easy")), "or a larger grid"),
    ("motion", lambda rng: draw_cast(rng, 9), "9 shapes in a film: 1 to"),
    ("pages", lambda rng: draw_page(rng, 1, ["table"] * 2), "do not fit on a page of 6 rows"),
    ("plans", lambda rng: is_right(["..", ".G"], ["right 1"]), "mark one with S"),
    ("screens", lambda rng: draw_screen(rng, 1, ["field"] * 4), "4 rows do not fit .* 3 fit"),
    ("sound", lambda rng: Score((Note("beep", 1.5, 1.0, 440.0, 6.0),), 2.0), "does not fit"),
    ("transformation", lambda rng: apply_call((), ("change_size", "0", "small")), "there are obj"),
    ("microworld", lambda rng: draw_scene(rng, Wish(shapes=17)), "17 shapes .* 16 fit"),
    ("microworld", lambda rng: microworld(tasks=["caption"], rows=1, columns=1), "do not fit"),
]  # fmt: skip
"""World, what cannot be drawn, and what the error says: a wrong parameter, or too little room."""
LETTERED = (
    "charts", "documents", "exams", "geometry", "logic-image", "metro", "screens",
)  # fmt: skip
"""Worlds whose pictures hold words or numbers; pages write theirs in the browser."""
HERE = [world for world in worlds() if tasks_of(world)]


@pytest.mark.parametrize("world, draw, told", IMPOSSIBLE)
def test_what_cannot_be_drawn_is_refused_with_what_to_do(
    world: str, draw: Drawn, told: str
) -> None:
    with pytest.raises(ValueError, match=told):
        draw(np.random.default_rng(0))


def test_every_world_refuses_something() -> None:
    assert {world for world, *_ in IMPOSSIBLE} == {"microworld", *worlds()}


@pytest.mark.parametrize("world", HERE)
@pytest.mark.parametrize("level", [0, 6, -1])
def test_a_difficulty_that_is_none_is_refused(world: str, level: int) -> None:
    for task in tasks_of(world).values():
        with pytest.raises(PartError, match=f"difficulty {level}: use 1 to 5"):
            draw_posed(task, np.random.default_rng(0), level, "train")


@pytest.fixture
def fontless(monkeypatch: pytest.MonkeyPatch) -> None:
    """A Pillow without FreeType, and nothing kept of what was written with it."""
    monkeypatch.setattr(ImageFont, "load_default", lambda size: ImageFont.ImageFont())
    for name, module in sys.modules.items():
        if name.startswith("gnomon.worlds"):
            for kept in vars(module).values():
                if hasattr(kept, "cache_clear"):
                    kept.cache_clear()


@pytest.mark.parametrize("world", LETTERED)
def test_a_missing_font_says_what_to_install(world: str, fontless: None) -> None:
    task = next(iter(tasks_of(world).values()))
    with pytest.raises(RuntimeError, match="no font: install its wheel"):
        task.pose(np.random.default_rng(0), 1).show()


def test_a_missing_font_says_so_for_pages_and_for_words_of_scenes(fontless: None) -> None:
    with pytest.raises(RuntimeError, match="no font: install its wheel"):
        shell()
    with pytest.raises(RuntimeError, match="no font: install its wheel"):
        microworld(tasks=["read-word"])[0]
