"""Pictures of grids."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from gnomon.media.image import open_image
from gnomon.worlds.logic import FAMILIES
from gnomon.worlds.logic.board import ARROWS, CELL, Board, draw_board
from gnomon.worlds.logic.pictured import TASKS
from gnomon.worlds.world import LEVELS, world_task

BLANK = (("", ""), ("", ""))
FAMILY_NAMES = [task.name for task in TASKS]


def dark(board: Board) -> NDArray[np.bool_]:
    return np.asarray(draw_board(board).convert("L")) < 120


def cell(pixels: NDArray[np.bool_], row: int, column: int) -> NDArray[np.bool_]:
    """The inside of a cell of a board without margins on the left and on top."""
    top, left = CELL // 2 + CELL * row, CELL // 2 + CELL * column
    return pixels[top + 3 : top + CELL - 2, left + 3 : left + CELL - 2]


def test_a_blank_board_is_cells_with_half_a_cell_of_paper_around() -> None:
    assert draw_board(Board((("",) * 3,) * 2)).size == (4 * CELL, 3 * CELL)


def test_clues_add_a_margin_on_their_side_alone() -> None:
    plain = draw_board(Board(BLANK)).size
    assert draw_board(Board(BLANK, left=("1", "2"))).size == (plain[0] + CELL, plain[1])
    assert draw_board(Board(BLANK, bottom=("1", "2"))).size == (plain[0], plain[1] + CELL)


def test_text_stands_in_its_cell_and_nowhere_else() -> None:
    pixels = dark(Board((("", "7"), ("", ""))))
    assert cell(pixels, 0, 1).any()
    assert not any(cell(pixels, r, c).any() for r, c in ((0, 0), (1, 0), (1, 1)))


def test_a_wide_number_is_drawn_small_enough_for_its_cell() -> None:
    pixels = dark(Board((("1444", ""),)))
    assert cell(pixels, 0, 0).any() and not cell(pixels, 0, 1).any()
    left = CELL // 2
    assert not pixels[CELL // 2 + 4 : CELL + 10, left + 1 : left + 2].any()


@pytest.mark.parametrize("arrow", ARROWS)
def test_an_arrow_has_its_head_where_it_points(arrow: str) -> None:
    inside = cell(dark(Board(((arrow,),))), 0, 0)
    rows, columns = np.nonzero(inside)
    middle = (len(inside) - 1) / 2
    down, right = ARROWS[arrow]
    lean = down * (rows.mean() - middle) + right * (columns.mean() - middle)
    assert lean > 0.5


def test_eight_arrows_make_eight_pictures() -> None:
    pictures = {draw_board(Board(((arrow,),))).tobytes() for arrow in ARROWS}
    assert len(pictures) == 8


def test_a_thick_border_runs_between_regions_and_not_within() -> None:
    pixels = dark(Board(BLANK, (("A", "B"), ("A", "B"))))
    middle = CELL // 2 + CELL
    assert pixels[CELL, middle - 1 : middle + 2].all()
    assert not pixels[middle - 1 : middle + 2, CELL].any()


def test_shaded_cells_are_grey() -> None:
    image = draw_board(Board(BLANK, shaded=frozenset({(1, 0)})))
    spot = (CELL, CELL + CELL // 2 + CELL // 2)
    assert image.getpixel(spot) != (255, 255, 255)
    assert image.getpixel((spot[0], CELL)) == (255, 255, 255)


def test_a_sign_opens_to_the_larger_side() -> None:
    def sign(one: tuple[int, int], other: tuple[int, int], mark: str) -> NDArray[np.bool_]:
        drawn = np.asarray(draw_board(Board(BLANK, signs=((one, other, mark),))), int)
        return np.argwhere(np.ptp(drawn, axis=2) > 60)

    border, middle = CELL // 2 + CELL, CELL
    # In "1 < 2" the tip is on the left: few pixels there, and the ends to the right of it.
    places = sign((0, 0), (0, 1), "<")
    tip = places[places[:, 1] == places[:, 1].min()]
    assert abs(tip[:, 0].mean() - middle) < 1.5 and tip[:, 1].mean() < border
    places = sign((0, 0), (1, 0), ">")
    tip = places[places[:, 0] == places[:, 0].max()]
    assert abs(tip[:, 1].mean() - middle) < 1.5 and tip[:, 0].mean() > border


def test_corners_are_small_texts_in_the_upper_left() -> None:
    drawn = np.asarray(draw_board(Board(BLANK, corners={(1, 1): "12+"})), int)
    rows, columns = np.nonzero(np.ptp(drawn, axis=2) > 60)
    top = CELL // 2 + CELL
    assert rows.min() >= top and rows.max() < top + CELL // 2
    assert columns.min() >= top and columns.max() < top + CELL


@pytest.mark.parametrize("cells", [(), ((),), (("1",), ("1", "2"))])
def test_a_board_of_no_rectangle_is_refused(cells: tuple[tuple[str, ...], ...]) -> None:
    with pytest.raises(ValueError, match="rows of cells, all of one length"):
        Board(cells)


def test_clues_for_some_lines_only_are_refused() -> None:
    with pytest.raises(ValueError, match="1 clues on the top of 2 cells: give all or none"):
        Board(BLANK, top=("1",))


@pytest.mark.parametrize("name", FAMILY_NAMES)
def test_a_twin_asks_the_same_puzzle_as_the_text(name: str) -> None:
    for level in LEVELS:
        told = world_task("logic", name).pose(np.random.default_rng(level), level)
        shown = world_task("logic-image", name).pose(np.random.default_rng(level), level)
        assert (told.key, told.answer, told.answer_text) == (
            shown.key,
            shown.answer,
            shown.answer_text,
        )
        puzzle = FAMILIES[name].tell(told.facts, told.facts["language"])["puzzle"]
        assert told.text.replace(puzzle, "<image>") == shown.text


@pytest.mark.parametrize("name", FAMILY_NAMES)
def test_the_picture_of_the_hardest_puzzle_stays_small(name: str) -> None:
    question = world_task("logic-image", name).pose(np.random.default_rng(3), 5)
    image = open_image(question.show()[0])
    assert image.width % 28 == image.height % 28 == 0
    assert max(image.size) <= 28 * 17


@pytest.mark.parametrize("name", FAMILY_NAMES)
def test_different_puzzles_make_different_pictures(name: str) -> None:
    task = world_task("logic-image", name)
    asked = [task.pose(np.random.default_rng(seed), 3) for seed in range(4)]
    keys = {question.key for question in asked}
    # The words of a crossword are told beside its picture, and so are the numbers of a survo.
    pictures = {question.show()[0].key for question in asked}
    assert len(pictures) == len(keys) or name in ("wordscapes", "survo")
