import json
from dataclasses import replace

import numpy as np
import pytest

from gnomon.media.image import open_image
from gnomon.records import Answer
from gnomon.worlds import charts
from gnomon.worlds.charts import (
    ITEMS,
    PRINTED,
    SHAPES,
    SIZES,
    TASKS,
    THEMES,
    draw_plot,
    draw_table,
)
from gnomon.worlds.plots import INK_NAMES, INKS, TEXT, Chart, draw_chart, read_chart
from gnomon.worlds.scene import COLOURS
from gnomon.worlds.world import world_source

BY_NAME = {task.name: task for task in TASKS}
ROOM = (140, 140)


def drawn(name, level, count, seed=0):
    return [
        BY_NAME[name].pose(np.random.default_rng([seed, level, i]), level) for i in range(count)
    ]


def plots(kind, level, count=20):
    return [draw_plot(np.random.default_rng([level, i]), level, (kind,)) for i in range(count)]


def chart(kind="bar", values=(2, 6, 4), labels=("Tea", "Oats", "Rice"), **settings):
    rows = tuple((value,) for value in values)
    return Chart(kind, "Food", labels, ("value",), rows, 1, ROOM, **settings)


# -- pictures -------------------------------------------------------------------------------------


@pytest.mark.parametrize("level", range(1, 6))
def test_the_values_of_bars_can_be_measured_in_the_picture(level):
    for drawing in plots("bar", level, 10):
        pixels = np.asarray(draw_chart(drawing))
        for place, value in enumerate(drawing.values):
            column = pixels[drawing.height(0) - 1 :: -1, drawing.across(place)]
            coloured = (column == INKS[drawing.ink]).all(axis=-1)
            height = int(np.argmin(coloured)) if not coloured.all() else len(coloured)
            per_step = (drawing.height(0) - drawing.height(10 * drawing.step)) / 10
            assert abs(height / per_step - value / drawing.step) < 0.3


@pytest.mark.parametrize("level", range(1, 6))
def test_the_shares_of_a_pie_can_be_counted_in_the_picture(level):
    for drawing in plots("pie", level, 5):
        pixels = np.asarray(draw_chart(drawing)).reshape(-1, 3)
        counts = [
            (pixels == INKS[place]).all(axis=-1).sum() for place in range(len(drawing.values))
        ]
        # A number in a slice hides up to a few dozen of its pixels.
        seen, told = (np.array(x) / sum(x) for x in (counts, drawing.values))
        assert np.abs(seen - told).max() < 0.05


def test_points_of_a_line_are_at_their_values():
    for drawing in plots("line", 3, 10):
        image = draw_chart(drawing)
        for place, value in enumerate(drawing.values):
            spot = drawing.across(place), drawing.height(value)
            assert image.getpixel(spot) == INKS[drawing.ink]


@pytest.mark.parametrize("kind", ["bar", "line", "pie"])
@pytest.mark.parametrize("level", range(1, 6))
def test_every_chart_of_a_difficulty_can_be_drawn(kind, level):
    for drawing in plots(kind, level):
        assert open_image(drawing.show()[0]).size == SIZES[level - 1]
        assert len(drawing.labels) == ITEMS[level - 1]


@pytest.mark.parametrize("level", range(1, 6))
def test_every_table_of_a_difficulty_can_be_drawn(level):
    for seed in range(20):
        table = draw_table(np.random.default_rng(seed), level)
        assert open_image(table.show()[0]).size == SIZES[level - 1]


def test_every_label_fits_where_it_may_stand():
    from gnomon.worlds.lettering import word_mask

    widest = max(word_mask(label, TEXT).width for labels in THEMES.values() for label in labels)
    assert widest <= min((SIZES[k][0] - 22) / ITEMS[k] for k in range(5))


def test_values_are_written_at_bars_only_where_it_is_easy():
    for level in range(1, 6):
        assert {p.printed for p in plots("bar", level, 3)} == {level <= PRINTED}
    plain, printed = (np.asarray(draw_chart(chart(printed=on))) for on in (False, True))
    assert (plain != printed).any()


# -- the text that draws a chart ------------------------------------------------------------------


@pytest.mark.parametrize("name", BY_NAME)
def test_the_code_of_a_question_draws_its_picture_again(name):
    for question in drawn(name, 4, 3):
        again = read_chart(question.facts["code"])
        assert again.code == question.facts["code"]
        assert again.show()[0].key == question.show()[0].key


def test_code_that_is_no_chart_is_refused():
    with pytest.raises(ValueError, match="this is no chart"):
        read_chart("{}")
    with pytest.raises(ValueError, match="this is no chart"):
        read_chart(json.dumps({**json.loads(chart().code), "colour": "red"}))


@pytest.mark.parametrize(
    "change, reason",
    [
        ({"kind": "radar"}, "use one of bar, line, pie, table"),
        ({"labels": ("Tea",)}, "3 rows for 1 labels"),
        ({"rows": ((1,), (2, 3), (4,))}, "every row needs 1 numbers"),
        ({"rows": ((1,), (0,), (4,))}, "1 to 10"),
        ({"rows": ((1,), (11,), (4,))}, "1 to 10"),
    ],
)
def test_an_impossible_chart_says_what_to_change(change, reason):
    with pytest.raises(ValueError, match=reason):
        replace(chart(), **change)


def test_more_slices_than_colours_are_refused():
    with pytest.raises(ValueError, match="there are 8 colours"):
        chart("pie", values=(1,) * 9, labels=tuple("ABCDEFGHI"))


@pytest.mark.parametrize("kind", ["bar", "line"])
def test_a_label_without_room_is_refused(kind):
    long = chart(kind, labels=("Tea", "Marshmallows", "Rice"))
    with pytest.raises(ValueError, match="'Marshmallows' does not fit"):
        draw_chart(long)


def test_more_rows_than_a_table_has_room_for_are_refused():
    labels = tuple("ABCDEFGHIJKLM")
    table = Chart("table", "T", labels, ("Mon",), tuple((1,) for _ in labels), 1, (112, 112))
    with pytest.raises(ValueError, match="14 lines do not fit on 112 pixels"):
        draw_chart(table)


def test_the_same_numbers_are_the_same_problem_however_drawn():
    one, turned = chart(), chart("pie", values=(4, 2, 6), labels=("Rice", "Tea", "Oats"), ink=3)
    assert one.key == turned.key != chart(values=(2, 6, 5)).key


# -- questions ------------------------------------------------------------------------------------


def test_values_differ_so_that_one_is_the_largest():
    for kind in ("bar", "line", "pie"):
        for drawing in plots(kind, 5):
            assert len(set(drawing.values)) == len(drawing.values)


def test_no_value_is_the_bound_of_a_count():
    for question in drawn("count-above", 5, 40):
        bound = int(question.facts["asked"].split()[-1][:-1])
        assert bound not in read_chart(question.facts["code"]).values


def test_trends_are_about_as_likely():
    told = [question.answer.value for question in drawn("trend", 3, 300)]
    assert min(told.count(shape) for shape in SHAPES) > 70


def test_a_sum_is_of_three_numbers_where_it_is_hard():
    assert all(q.thought.count("+") == 1 for q in drawn("sum", 3, 10))
    assert all(q.thought.count("+") == 2 for q in drawn("sum", 4, 10))


def test_a_difference_is_above_zero():
    assert all(question.answer.value > 0 for question in drawn("difference", 5, 40))


def test_the_thought_of_a_slice_names_the_colour_beside_its_label():
    pie = chart("pie")
    thoughts = {
        posed.facts["asked"].removesuffix("?").split()[-1]: posed.thought
        for seed in range(20)
        if (posed := charts.value(np.random.default_rng(seed), pie))
    }
    assert thoughts == {
        "Tea": "Tea red. red 2.",
        "Oats": "Oats green. green 6.",
        "Rice": "Rice blue. blue 4.",
    }


def test_every_ink_has_a_name_of_its_own():
    assert len(set(INK_NAMES)) == len(INK_NAMES) == len(INKS)
    assert all(INKS[INK_NAMES.index(name)] == ink for name, ink in COLOURS.items())


@pytest.mark.parametrize("name", BY_NAME)
def test_a_thought_ends_with_its_answer(name):
    for question in drawn(name, 3, 20):
        words = question.thought.rstrip(".").replace(":", " ").split()
        assert question.answer_text in words[-2:]


@pytest.mark.parametrize("name", BY_NAME)
def test_a_wrong_answer_is_not_confirmed(name):
    (question,) = drawn(name, 3, 1)
    value = question.answer.value
    wrong = value + 1 if isinstance(value, int) else "nothing"
    changed = replace(question, answer=Answer(question.answer.kind, wrong))
    assert not BY_NAME[name].confirm(changed)


def test_a_picture_of_other_numbers_is_not_confirmed():
    (question,) = drawn("value", 3, 1)
    other = replace(question, show=chart().show)
    assert not BY_NAME["value"].confirm(other)


def test_all_kinds_of_chart_are_asked_about():
    source = world_source(world="charts", tasks=["value"])
    assert {source[index].meta["kind"] for index in range(60)} == {"bar", "line", "pie"}
