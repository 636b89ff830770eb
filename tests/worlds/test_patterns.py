from __future__ import annotations

import numpy as np
import pytest

from gnomon.worlds.patterns import RULES, draw_table, holds, predicted, scene_of, solutions

A, B, C = ("red", "star"), ("blue", "circle"), ("green", "square")


@pytest.mark.parametrize("rule", RULES)
def test_a_drawn_grid_follows_its_rule(rule):
    for seed in range(20):
        assert holds(draw_table(np.random.default_rng(seed), rule, 3, 4), rule)


@pytest.mark.parametrize("rule", RULES)
def test_the_hidden_shape_is_told_from_the_others(rule):
    for seed in range(20):
        rng = np.random.default_rng(seed)
        table = [list(row) for row in draw_table(rng, rule, 3, 4)]
        row, column = int(rng.integers(3)), int(rng.integers(4))
        truth, table[row][column] = table[row][column], None
        assert solutions(table) == {truth}


def test_a_rule_that_is_broken_elsewhere_has_no_say():
    table = [[A, A], [None, B]]
    assert predicted(table, "columns", (1, 0)) == {A}
    assert solutions(table) == {B}


def test_a_grid_without_a_rule_tells_nothing():
    assert solutions([[A, B, C], [B, C, A], [C, None, A]]) == set()


def test_a_shape_does_not_speak_for_itself():
    assert predicted([[A, B, A]], "mirror", (0, 1)) == set()
    assert predicted([[A, B, A]], "mirror", (0, 0)) == {A}


def test_colours_by_row_and_kinds_by_column_meet_at_the_place():
    table = [[("red", "star"), ("red", "circle")], [("blue", "star"), None]]
    assert predicted(table, "cross", (1, 1)) == {("blue", "circle")}


def test_a_scene_holds_the_grid():
    made = scene_of(np.random.default_rng(0), [[A, B], [C, A]])
    assert made.written == (
        "a1 large red star; b1 large blue circle; a2 large green square; b2 large red star"
    )


@pytest.mark.parametrize("rows, columns", [(0, 3), (7, 3), (3, 5)])
def test_a_grid_that_does_not_fit_is_refused(rows, columns):
    with pytest.raises(ValueError, match="use 1 to 6 rows and 1 to 4 columns"):
        draw_table(np.random.default_rng(0), "rows", rows, columns)
