from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from gnomon.media.image import open_image
from gnomon.records import Answer
from gnomon.rewards.stops import map_score, stop_list_bonus
from gnomon.rewards.transit import (
    TransitMap,
    difficulty_factor,
    map_answer,
    route,
    route_details,
)
from gnomon.worlds.metro import TASKS, fewest_transfers, routes_from, walk
from gnomon.worlds.metro_map import EXTENTS, NAMES, Extent, draw_metro, lay_out
from gnomon.worlds.scene import COLOURS
from gnomon.worlds.world import world_source

BY_NAME = {task.name: task for task in TASKS}
QUESTIONS = [name for name in BY_NAME if name != "planning"]
LINES = {"North": ["Ada", "Bode", "Cantor", "Darwin"], "South": ["Cantor", "Euler", "Fermat"]}


def drawn(name, level, count, seed=0):
    return [
        BY_NAME[name].pose(np.random.default_rng([seed, level, i]), level) for i in range(count)
    ]


def maps(level, count=30):
    return [draw_metro(np.random.default_rng([level, i]), level) for i in range(count)]


@pytest.mark.parametrize("name", QUESTIONS)
def test_the_reward_pays_the_answer_in_full_with_and_without_a_box(name):
    source = world_source(world="metro", tasks=[name])
    for index in range(20):
        sample = source[index]
        plain = sample.meta["answer_text"]
        assert map_answer(plain, sample) == map_answer(rf"\boxed{{{plain}}}", sample) == 1.0
        assert route(plain, sample) is None


@pytest.mark.parametrize("level, details", [(1, 1.0), (2, 4.0), (3, 4.0), (4, 8.0), (5, 8.0)])
def test_the_rewards_pay_a_planned_route_in_full(level, details):
    # 2 for the ends, 4 for one line or 3 for each of several, 1 for each change, 5 off the last.
    source = world_source(world="metro", tasks=["planning"], difficulty=(level, level))
    for index in range(10):
        sample = source[index]
        assert route(sample.meta["answer_text"], sample) == 1.0
        assert route_details(sample.meta["answer_text"], sample) == details


def test_a_remark_behind_the_last_block_spoils_the_route_for_the_released_reader():
    sample = world_source(world="metro", tasks=["planning"])[0]
    assert route(sample.meta["answer_text"] + "\nGood luck", sample) == 0.0


@pytest.mark.parametrize("level, factor", [(1, 1.0), (2, 1.5), (3, 1.7), (4, 2.0), (5, 2.0)])
def test_the_weight_of_a_plan_follows_the_difficulty_of_its_map(level, factor):
    source = world_source(world="metro", tasks=["planning"], difficulty=(level, level))
    assert difficulty_factor(source[0]) == pytest.approx(factor)


@pytest.mark.parametrize("name", ["TorF1", "TorF2"])
def test_yes_and_no_are_about_as_likely(name):
    yes = sum(question.answer.value for question in drawn(name, 2, 200))
    assert 70 <= yes <= 130


def test_the_right_option_stands_in_every_slot():
    letters = [question.answer.value for question in drawn("Counting1", 3, 200)]
    assert min(letters.count(letter) for letter in "ABCD") > 25


def test_options_differ_and_hold_the_right_count():
    for question in drawn("Counting1", 5, 30):
        facts = question.facts
        passed = str(walk(facts["lines"], facts["station_1"], facts["station_2"]))
        assert len(set(question.answer.options.values())) == 4
        assert question.answer.options[question.answer.value] == passed


def test_the_bonus_for_stop_lists_finds_one_line_with_both_ends():
    for question in drawn("Counting1", 4, 20):
        network = TransitMap.of(question.facts["lines"])
        ends = question.facts["station_1"], question.facts["station_2"]
        assert stop_list_bonus([], *ends, network) == 0.0


def test_a_map_has_the_extent_of_its_difficulty():
    for level, extent in enumerate(EXTENTS, 1):
        for metro in maps(level):
            assert len(metro.lines) == extent.lines
            assert {len(stops) for stops in metro.lines.values()} == {extent.stops}


def test_every_stop_can_be_reached():
    for metro in maps(5):
        start = next(iter(metro.places))
        assert set(routes_from(metro, start)) == set(metro.places) - {start}


def test_neighbours_on_a_line_are_neighbours_on_the_grid_and_no_stretch_is_shared():
    for metro in maps(5):
        stretches = [
            frozenset((metro.places[a], metro.places[b]))
            for stops in metro.lines.values()
            for a, b in pairwise(stops)
        ]
        assert len(set(stretches)) == len(stretches)
        assert all(abs(ax - bx) + abs(ay - by) == 1 for (ax, ay), (bx, by) in map(tuple, stretches))


def test_a_route_has_the_fewest_transfers():
    for metro in maps(5, 5):
        start = next(iter(metro.places))
        for end, legs in routes_from(metro, start).items():
            assert len(legs) - 1 == fewest_transfers(metro.lines, start, end)


def test_the_routes_of_the_worked_map_are_those_of_the_specification():
    assert fewest_transfers(LINES, "Ada", "Darwin") == 0
    assert fewest_transfers(LINES, "Ada", "Fermat") == 1
    assert fewest_transfers(LINES, "Ada", "Nowhere") is None


def test_stops_between_are_counted_in_both_directions():
    assert walk(LINES, "Ada", "Darwin") == walk(LINES, "Darwin", "Ada") == 2
    with pytest.raises(ValueError, match="no line holds both"):
        walk(LINES, "Ada", "Fermat")


def test_a_line_is_drawn_in_the_colour_of_its_name():
    metro = maps(1, 1)[0]
    pixels = open_image(metro.show()[0])
    for name, stops in metro.lines.items():
        (ax, ay), (bx, by) = metro.pixel(stops[0]), metro.pixel(stops[1])
        wanted = COLOURS[name.lower()]
        near = [
            pixels.getpixel((ax + (bx - ax) * k // 20, ay + (by - ay) * k // 20)) for k in range(21)
        ]
        assert wanted in near


def test_the_key_is_the_line_file_whichever_way_round():
    metro = maps(3, 1)[0]
    turned = {name: stops[::-1] for name, stops in reversed(metro.lines.items())}
    assert replace(metro, lines=turned).key == metro.key


@pytest.mark.parametrize("level", [1, 5])
def test_pictures_are_between_112_and_280_pixels(level):
    for metro in maps(level, 3):
        image = open_image(metro.show()[0])
        assert image.size == metro.size
        assert all(112 <= side <= 280 and side % 28 == 0 for side in image.size)


def test_names_do_not_change_when_they_are_normalised():
    assert len(set(NAMES)) == len(NAMES)
    lines = TransitMap.of({"Red": NAMES}).lines["Red"]
    assert list(lines) == [name.lower() for name in NAMES]


def test_a_wrong_plan_is_not_confirmed():
    (question,) = drawn("planning", 2, 1)
    other = {**question.facts, "station_2": question.facts["station_1"]}
    assert not BY_NAME["planning"].confirm(replace(question, facts=other))


def test_a_wrong_count_is_not_confirmed():
    (question,) = drawn("Counting3", 3, 1)
    wrong = Answer("count", question.answer.value + 1)
    assert not BY_NAME["Counting3"].confirm(replace(question, answer=wrong))


@pytest.mark.parametrize(
    "extent, reason",
    [
        (Extent(7, 3, 4, 4, 0, "easy"), "1 to 6 lines"),
        (Extent(2, 9, 2, 2, 0, "easy"), "larger grid"),
        (Extent(6, 6, 2, 3, 0, "easy"), "do not fit on the grid"),
    ],
)
def test_an_impossible_map_says_what_to_change(extent, reason):
    with pytest.raises(ValueError, match=reason):
        lay_out(np.random.default_rng(0), extent)


def test_the_thought_of_a_plan_names_its_rides():
    (question,) = drawn("planning", 2, 1)
    legs = question.thought.split(". ")[-2:]
    assert all(" from " in leg and " to " in leg for leg in legs)


def test_the_written_plan_of_a_ride_scores_in_full_on_its_own_map():
    source = world_source(world="metro", tasks=["planning"])
    for index in range(10):
        sample = source[index]
        legs = sample.meta["question_transfer_count"] + 1
        assert map_score(sample.meta["answer_text"], sample) == min(10, 1 + 4 * legs) + 10
