import itertools
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageDraw

from gnomon.media.image import open_image
from gnomon.records import Answer
from gnomon.worlds import geometry
from gnomon.worlds.figures import (
    CHAINS,
    FIGURES,
    MEASURES,
    TRIPLES,
    angle,
    area,
    corner,
    from_sides,
    inscribed,
    perimeter,
    similar,
)
from gnomon.worlds.geometry import SIDE, confirm, draw_figure, measured
from gnomon.worlds.scene import split_of
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


def drawings(task, level, count):
    return [
        draw_figure(np.random.default_rng([level, seed]), level, task=task) for seed in range(count)
    ]


@pytest.mark.parametrize("task", FIGURES)
@pytest.mark.parametrize("level", [1, 2, 3, 4, 5])
def test_no_label_covers_another_one(task, level):
    for drawing in drawings(task, level, 100):
        for one, other in itertools.combinations(drawing.labels, 2):
            (a, b, c, d), (e, f, g, h) = one.box, other.box
            assert c <= e or g <= a or d <= f or h <= b, (drawing.made, one.text, other.text)


@pytest.mark.parametrize("task", FIGURES)
@pytest.mark.parametrize("level", [1, 2, 3, 4, 5])
def test_all_letters_and_given_numbers_are_whole_in_the_picture(task, level):
    for drawing in drawings(task, level, 10):
        figure = drawing.figure
        wanted = [*map(str, figure.printed.values()), *figure.points]
        assert sorted(label.text for label in drawing.labels) == sorted(wanted)
        (medium,) = geometry.ask(np.random.default_rng(0), drawing).show()
        for label in drawing.labels:
            alone = Image.new("RGB", (SIDE, SIDE))
            label.write(ImageDraw.Draw(alone))
            # Beyond the edge of the picture a crop is black in both.
            crops = [np.asarray(image.crop(label.box)) for image in (open_image(medium), alone)]
            assert np.array_equal(*crops), label


@pytest.mark.parametrize("task", FIGURES)
@pytest.mark.parametrize("level", [1, 2, 3, 4, 5])
def test_the_number_of_a_line_is_nearest_to_that_line(task, level):
    def gap(place, ends):
        shares = np.linspace(0, 1, 101)[:, None]
        return np.linalg.norm((1 - shares) * ends[0] + shares * ends[1] - place, axis=1).min()

    for drawing in drawings(task, level, 20):
        points = {name: np.array(point) for name, point in drawing.pixels.items()}
        for ((kind, letters), _), label in zip(
            drawing.figure.printed.items(), drawing.labels, strict=False
        ):
            left, top, right, bottom = label.box
            place, ends = np.array([left + right, top + bottom]) / 2, [points[n] for n in letters]
            if kind == "length":
                others = ([points[n] for n in line] for line in drawing.figure.lines)
                # A line that holds the measured one is as near as that.
                apart = [line for line in others if gap(sum(ends) / 2, line) > 1]
                assert all(gap(place, ends) < gap(place, line) for line in apart), drawing.made


def test_a_figure_without_room_for_its_labels_is_refused(monkeypatch):
    monkeypatch.setattr(geometry, "labels_of", lambda figure, pixels: None)
    with pytest.raises(ValueError, match="no corner with room for its labels"):
        draw_figure(np.random.default_rng(0), 3, task="areas")


def around(names):
    """The same for every way to go around the points of a polygon."""
    return min(way[i:] + way[:i] for way in (names, names[::-1]) for i in range(len(names)))


def plainly(measure, names=None):
    """A measure after the points are renamed, however its letters are ordered."""
    kind, letters = measure
    renamed = "".join((names or {}).get(letter, letter) for letter in letters)
    return kind, min(renamed, renamed[::-1]) if kind == "angle" else around(renamed)


def renamings(figure):
    """All ways to rename the points that keep the lines, what is given and what is asked."""
    kept = {frozenset(line) for line in figure.lines}
    # Where all angles are right, the facts name only some of them.
    also = () if "All angles" in figure.told else figure.also
    given = {plainly(measure) for measure in (*figure.printed, *also)}
    for order in itertools.permutations(figure.points):
        names = dict(zip(figure.points, order, strict=True))
        if (
            {frozenset(names[letter] for letter in line) for line in figure.lines} == kept
            and {plainly(measure, names) for measure in (*figure.printed, *also)} == given
            and plainly(figure.asked, names) == plainly(figure.asked)
        ):
            yield names


@every_figure
def test_values_change_places_just_where_the_mirror_image_is_the_same_problem(task, level, make):
    figure = make(np.random.default_rng(0))
    measures = [plainly(measure) for measure in figure.printed]
    found = {
        tuple(measures.index(plainly(measure, names)) for measure in figure.printed)
        for names in renamings(figure)
    } - {tuple(range(len(measures)))}
    wanted = {figure.mirrored} - {()}
    # The facts do not say where a corner's notch is, nor do equal sides change their places.
    assert found >= wanted if make in (corner, from_sides) else found == wanted
    swapped = [list(figure.printed.values())[place] for place in figure.mirrored]
    printed = dict(zip(figure.printed, swapped, strict=False)) or figure.printed
    assert replace(figure, printed=printed).values == figure.values


INTERCHANGED = {
    "triangle": (1, 0), "hypotenuse": (1, 0), "rectangle": (1, 0), "right_triangle": (1, 0),
    "corner": (1, 0, 3, 2),
}  # fmt: skip


@pytest.mark.parametrize("task", FIGURES)
@pytest.mark.parametrize("level", [1, 2, 3, 4, 5])
def test_a_problem_is_of_one_split_however_it_is_turned_and_mirrored(task, level):
    splits = {}
    for seed in range(400):
        question = posed(task, level, seed)
        made, values = question.key.split()[0], [value for *_, value in question.facts["given"]]
        order = INTERCHANGED.get(made, ())
        mirrored = [values[place] for place in order] + values[len(order) :]
        splits.setdefault((made, *min(values, mirrored)), set()).add(split_of(question.key))
    assert all(len(found) == 1 for found in splits.values())
