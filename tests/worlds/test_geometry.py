from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gnomon.media.image import open_image
from gnomon.records import Answer
from gnomon.worlds.figures import (
    CHAINS,
    FIGURES,
    MEASURES,
    TRIPLES,
    angle,
    area,
    inscribed,
    perimeter,
    similar,
)
from gnomon.worlds.geometry import SIDE, confirm, measured
from gnomon.worlds.world import draw_posed, world_task

MAKERS = [
    pytest.param(task, level, make, id=make.__name__)
    for task, levels in FIGURES.items()
    for level, makers in enumerate(levels, 1)
    for make in makers
]
every_figure = pytest.mark.parametrize("task, level, make", MAKERS)


def posed(task, level, seed=0):
    return world_task("geometry", task).pose(np.random.default_rng([level, seed]), level)


def test_angles_are_measured_at_the_middle_point():
    assert angle([(1, 0), (0, 0), (0, 3)]) == pytest.approx(90)
    assert angle([(-1, 0.0), (0, 0), (-1, -0.0)]) == pytest.approx(0)
    assert angle([(-1, -1), (0, 0), (-1, 1)]) == pytest.approx(90)


def test_areas_and_perimeters_go_around_the_points_in_order():
    points = [(0, 0), (4, 0), (4, 3), (0, 3)]
    assert (area(points), perimeter(points)) == (12, 14)
    assert area(points[:3]) == 6


@given(st.floats(0.1, 179.9), st.floats(0, 359))
def test_an_angle_is_the_same_wherever_it_is_turned(degrees, turn):
    a, b = np.radians(turn), np.radians(turn + degrees)
    points = [(np.cos(a), np.sin(a)), (0, 0), (np.cos(b), np.sin(b))]
    assert angle(points) == pytest.approx(degrees, abs=1e-9)


def test_triples_and_chains_are_those_of_right_triangles():
    for p, q, r in TRIPLES:
        assert p * p + q * q == r * r
    for p, q, r, s, t in CHAINS:
        assert p * p + q * q == r * r and r * r + s * s == t * t


@every_figure
def test_what_is_given_and_the_answer_are_those_of_the_coordinates(task, level, make):
    for seed in range(20):
        figure = make(np.random.default_rng(seed))
        for (kind, letters), value in {**figure.printed, **figure.also}.items():
            assert measured(figure.points, kind, letters) == pytest.approx(value, abs=1e-9)
        assert measured(figure.points, *figure.asked) == pytest.approx(figure.answer, abs=1e-9)


@every_figure
def test_rules_end_with_the_answer(task, level, make):
    for seed in range(10):
        figure = make(np.random.default_rng(seed))
        assert figure.rules[-1].rstrip(".").split()[-1] == str(figure.answer)


@every_figure
def test_the_answer_is_neither_printed_nor_told(task, level, make):
    for seed in range(10):
        figure = make(np.random.default_rng(seed))
        assert figure.asked not in figure.printed and figure.asked not in figure.also


@every_figure
def test_lines_join_points_of_the_figure(task, level, make):
    figure = make(np.random.default_rng(0))
    assert {name for line in figure.lines for name in line} == set(figure.points)
    assert all(len(line) == 2 for line in figure.lines)


def test_points_of_a_circle_are_equally_far_from_its_centre():
    figure = inscribed(np.random.default_rng(0))
    centre = figure.circle[0]
    radii = [MEASURES["length"]([p, figure.points[centre]]) for n, p in figure.points.items()]
    assert sorted(radii)[1:] == pytest.approx([1.0] * 3)


def test_similar_triangles_have_equal_angles():
    figure = similar(np.random.default_rng(0))
    near, base = figure.lines[2], figure.lines[3]
    one = measured(figure.points, "angle", figure.lines[0][0] + near)
    other = measured(figure.points, "angle", figure.lines[0][0] + base)
    assert one == pytest.approx(other)


def test_another_answer_is_not_confirmed():
    question = posed("angles", 3)
    wrong = replace(question, answer=Answer("integer", question.answer.value + 1))
    assert confirm(question) and not confirm(wrong)


def test_a_point_that_was_moved_is_not_confirmed():
    question = posed("areas", 2)
    name = question.facts["asked"][1][0]
    pixels = {**question.facts["pixels"], name: (0.0, 0.0)}
    assert not confirm(replace(question, facts={**question.facts, "pixels": pixels}))


def test_points_are_drawn_inside_the_picture():
    for task, levels in FIGURES.items():
        for level in range(1, len(levels) + 1):
            for seed in range(10):
                points = posed(task, level, seed).facts["pixels"].values()
                assert all(10 <= value <= SIDE - 10 for point in points for value in point)


def test_lines_are_dark_where_the_facts_put_them():
    question = posed("areas", 1)
    (medium,) = question.show()
    pixels = np.asarray(open_image(medium)).min(2)
    names = question.facts["asked"][1]
    (ax, ay), (bx, by) = (question.facts["pixels"][name] for name in names[2:])
    middle = [round((ay + by) / 2), round((ax + bx) / 2)]
    assert pixels[middle[0] - 2 : middle[0] + 3, middle[1] - 2 : middle[1] + 3].min() < 128


def test_the_same_values_are_the_same_problem_whatever_the_letters():
    keys = {posed("lengths", 2, seed).key for seed in range(200)}
    assert 20 < len(keys) <= len(TRIPLES)


@every_figure
def test_every_figure_has_questions_of_both_splits(task, level, make):
    for split in ("train", "test"):
        draw_posed(world_task("geometry", task), np.random.default_rng(0), level, split)
