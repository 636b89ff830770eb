import math
import pickle
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from gnomon.media.image import open_image, png_bytes
from gnomon.parts import PartError, part
from gnomon.records import Media
from gnomon.rewards.puzzles import adjacent_share, forward_table, jigsaw
from gnomon.worlds.jigsaw import (
    ASKS,
    GRIDS,
    PATCH,
    TASKS,
    confirm,
    direction,
    draw_puzzle,
    inverse,
    shuffle_patches,
    trimmed,
)
from gnomon.worlds.photographs import LARGEST, PHOTOGRAPHS, TILES, draw_crop, photograph
from gnomon.worlds.world import world_source

BY_NAME = {task.name: task for task in TASKS}


def drawn(name, level, count, seed=0):
    return [
        BY_NAME[name].pose(np.random.default_rng([seed, level, i]), level) for i in range(count)
    ]


def striped(width, height):
    pixels = np.random.default_rng(0).integers(0, 255, (height, width, 3), dtype=np.uint8)
    return Image.fromarray(pixels)


def test_an_image_is_trimmed_right_and_below():
    # Worked example 6 of Jigsaw-R1.
    assert trimmed(335, 251, 2, 3) == (333, 250)


def test_an_image_with_fewer_pixels_than_patches_is_refused():
    with pytest.raises(ValueError, match="no 2 x 3 patches"):
        trimmed(2, 5, 2, 3)


def test_the_forward_table_says_which_home_each_position_shows():
    image = striped(6, 4)
    shown = shuffle_patches(image, 1, 3, [3, 1, 2])
    assert np.array_equal(np.asarray(shown)[:, :2], np.asarray(image)[:, 4:])
    assert np.array_equal(np.asarray(shown)[:, 2:4], np.asarray(image)[:, :2])


def test_backward_is_the_inverse_of_forward_also_for_the_reward():
    assert inverse([3, 1, 2]) == [2, 3, 1]
    assert forward_table([2, 3, 1]) == [3, 1, 2]


def test_shuffling_by_the_inverse_gives_the_image_back():
    image = striped(9, 6)
    shown = shuffle_patches(image, 2, 3, [4, 1, 6, 2, 5, 3])
    back = shuffle_patches(shown, 2, 3, inverse([4, 1, 6, 2, 5, 3]))
    assert np.array_equal(np.asarray(back), np.asarray(image))


def test_a_table_that_is_no_permutation_is_refused():
    with pytest.raises(ValueError, match="each number from 1 to 4 once"):
        shuffle_patches(striped(4, 4), 2, 2, [1, 1, 2, 3])


def test_masks_hide_the_border_and_half_of_it_on_either_side_of_a_seam():
    image = Image.new("RGB", (20, 20), "white")
    dark = np.asarray(shuffle_patches(image, 2, 2, [1, 2, 3, 4], mask=0.3))[5, :, 0] == 0
    assert np.flatnonzero(dark).tolist() == [0, 1, 2, 9, 10, 17, 18, 19]


def test_the_relation_is_that_of_the_homes():
    # Worked example 3: homes [3, 1, 4, 2], k=2 and l=4.
    homes = [3, 1, 4, 2]
    assert direction(homes[1], homes[3], 2) == "directly to the left of"
    assert direction(1, 4, 2) == "above and to the left of"


@pytest.mark.parametrize("name", BY_NAME)
def test_the_rewards_of_the_system_pay_the_answer_in_full(name):
    source = world_source(world="jigsaw", tasks=[name], size=20)
    for index in range(20):
        sample = source[index]
        assert jigsaw(f"<answer>{sample.meta['answer_text']}</answer>", sample) == pytest.approx(
            1.0
        )


def test_the_adjacency_reward_reads_the_facts_of_a_full_puzzle():
    facts = drawn("full", 3, 1)[0].facts
    assert adjacent_share(facts["solution"], facts["solution"], facts["m"], facts["n"]) == 1.0


def test_rows_and_columns_are_swapped_in_half_of_the_puzzles():
    grids = {(p.facts["m"], p.facts["n"]) for p in drawn("single", 1, 30)}
    assert grids == {GRIDS[0], GRIDS[0][::-1]}


def test_a_pair_in_one_row_or_column_has_two_options_and_else_eight():
    assert {len(q.answer.options) for q in drawn("pair", 1, 20)} == {2}
    assert {len(q.answer.options) for q in drawn("pair", 5, 20)} == {8}


def test_the_right_option_stands_in_every_slot():
    letters = [q.answer.value for q in drawn("pair", 5, 400)]
    counts = [letters.count(letter) for letter in "ABCDEFGH"]
    assert min(counts) > 25


@pytest.mark.parametrize("name", ["pair", "multiple"])
@pytest.mark.parametrize("level", [1, 4, 5])
def test_of_all_options_only_the_right_one_is_confirmed(name, level):
    for question in drawn(name, level, 10):
        told = [
            letter
            for letter in question.answer.options
            if confirm(replace(question, answer=replace(question.answer, value=letter)))
        ]
        assert told == [question.answer.value]


def test_options_of_tables_differ():
    for question in drawn("multiple", 4, 50):
        assert len(set(question.answer.options.values())) == len(question.answer.options)


@pytest.mark.parametrize("rows, columns", [(2, 1), (1, 3)])
def test_every_order_of_the_patches_comes_as_often(rows, columns):
    # Two patches that are always exchanged would be told without a look.
    tables = [
        draw_puzzle(np.random.default_rng(seed), rows, columns).forward for seed in range(600)
    ]
    orders = math.factorial(rows * columns)
    counts = [tables.count(table) for table in set(tables)]
    assert len(counts) == orders and min(counts) > 0.7 * 600 / orders


def test_the_asked_region_of_a_box_puzzle_has_changed():
    for question in drawn("box", 1, 50):
        now = question.facts["boxes"][question.facts["k"] - 1]
        assert tuple(map(float, now)) != question.answer.value


def test_a_crop_stays_in_its_tile():
    rng = np.random.default_rng(0)
    for _ in range(300):
        crop = draw_crop(rng, float(rng.choice([0.5, 1.0, 2.0])))
        width, height = photograph(crop.photograph).size
        column, row = crop.tile % TILES, crop.tile // TILES
        left, top, right, bottom = crop.box
        assert width * column // TILES <= left < right <= width * (column + 1) // TILES
        assert height * row // TILES <= top < bottom <= height * (row + 1) // TILES


def test_both_splits_have_photographs_and_share_no_tile():
    tiles = {
        split: {
            (s.meta["crop"]["photograph"], s.meta["crop"]["tile"])
            for s in map(
                world_source(world="jigsaw", tasks=["single"], split=split).__getitem__, range(200)
            )
        }
        for split in ("train", "test")
    }
    assert tiles["train"] and tiles["test"] and not tiles["train"] & tiles["test"]


def test_an_unknown_photograph_is_refused():
    with pytest.raises(KeyError, match="no photograph named"):
        photograph("lena")


@pytest.mark.parametrize("name", PHOTOGRAPHS)
def test_photographs_are_in_colour_and_large_enough(name):
    image = photograph(name)
    assert image.mode == "RGB" and min(image.size) >= 300


def test_a_puzzle_is_shown_as_an_image_of_whole_patches():
    (question,) = drawn("full", 5, 1)
    assert open_image(question.show()[0]).size == (168, 168)


# Puzzles of one grid


@pytest.mark.parametrize("rows, columns", [(1, 2), (2, 1), (4, 5), (1, 16), (10, 10)])
def test_a_puzzle_has_the_grid_that_is_wanted_and_a_confirmed_answer(rows, columns):
    source = part("source", "jigsaw", rows=rows, columns=columns, answers="worked")()
    for index in range(len(TASKS)):
        sample = source[index]
        assert (sample.meta["m"], sample.meta["n"]) == (rows, columns)
        image = open_image(sample.media[0])
        assert image.size == (PATCH * columns, PATCH * rows)
        assert sample.messages[-1].role == "assistant"


def test_questions_of_a_grid_are_confirmed_as_those_of_a_difficulty_are():
    for name, ask in ASKS.items():
        for index in range(5):
            rng = np.random.default_rng(index)
            question = ask(rng, draw_puzzle(rng, 3, 4))
            assert question is not None and confirm(question), name


@pytest.mark.parametrize("rows, columns", [(1, 1), (0, 4), (-2, -2), (11, 10)])
def test_a_grid_of_too_few_or_too_many_patches_is_refused(rows, columns):
    with pytest.raises(PartError, match="use 2 to 100 patches"):
        part("source", "jigsaw", rows=rows, columns=columns)()


def test_a_grid_has_the_difficulty_of_the_largest_one_that_it_holds():
    levels = [
        part("source", "jigsaw", rows=m, columns=n)()[0].meta["difficulty"]
        for m, n in ((1, 2), (3, 1), (1, 5), (2, 3), (9, 9))
    ]
    assert levels == [1, 2, 3, 4, 5]


def test_workers_can_be_given_a_source_of_one_grid():
    source = part("source", "jigsaw", rows=2, columns=3)()
    assert pickle.loads(pickle.dumps(source))[1].id == source[1].id


GRIDS_AT_THE_EDGE = [(28, 1), (28, 3), (1, 41), (2, 41), (1, 20), (25, 4), (1, 16), (10, 10)]


def patches_of(puzzle):
    pixels = np.asarray(puzzle.whole)
    rows = np.split(pixels, puzzle.m, axis=0)
    return [patch.tobytes() for row in rows for patch in np.split(row, puzzle.n, axis=1)]


@pytest.mark.parametrize("rows, columns", [*GRIDS, *GRIDS_AT_THE_EDGE])
def test_patches_have_six_pixels_of_a_photograph_on_each_side_and_differ(rows, columns):
    for seed in range(20):
        puzzle = draw_puzzle(np.random.default_rng(seed), rows, columns)
        left, top, right, bottom = puzzle.crop.box
        assert right - left >= 6 * columns and bottom - top >= 6 * rows
        assert len(set(patches_of(puzzle))) == rows * columns


@pytest.mark.parametrize("split", ["train", "test"])
@pytest.mark.parametrize("rows, columns", [(28, 1), (1, 41), (25, 4), (1, 20)])
def test_both_splits_have_puzzles_of_thin_grids(rows, columns, split):
    source = part("source", "jigsaw", rows=rows, columns=columns, split=split)()
    assert {source[index].task for index in range(len(TASKS))} == set(BY_NAME)


@pytest.mark.parametrize("rows, columns", [(100, 1), (29, 1), (1, 42), (2, 50)])
def test_a_grid_that_no_photograph_has_pixels_for_is_refused(rows, columns):
    with pytest.raises(PartError, match="use at most 28 rows and 41 columns"):
        part("source", "jigsaw", rows=rows, columns=columns)()


def test_the_largest_tiles_are_as_large_as_is_said():
    sizes = [photograph(name).size for name in PHOTOGRAPHS]
    assert tuple(max(-(-size[axis] // TILES) for size in sizes) for axis in (0, 1)) == LARGEST


def test_a_crop_that_no_tile_holds_is_refused():
    with pytest.raises(ValueError, match="no tile holds a crop of 10 x 1000 pixels"):
        draw_crop(np.random.default_rng(0), 0.01, (10, 1000))


def test_contents_of_boxes_differ():
    for seed in range(40):
        rng = np.random.default_rng(seed)
        puzzle = draw_puzzle(rng, 10, 10)
        question = ASKS["box"](rng, puzzle)
        if question is not None:
            boxes = question.facts["boxes"]
            assert len({puzzle.whole.crop(box).tobytes() for box in boxes}) == len(boxes)


@pytest.mark.parametrize("name", ["full", "single"])
def test_a_puzzle_with_two_patches_alike_is_not_confirmed(name, monkeypatch):
    question = drawn(name, 3, 1)[0]
    grey = Image.new("RGB", (2 * PATCH, 2 * PATCH), "grey")
    monkeypatch.setattr("gnomon.worlds.jigsaw.crop_image", lambda crop, size: grey)
    shown = replace(question, show=lambda: (Media("image", data=png_bytes(grey)),))
    assert not confirm(shown)
