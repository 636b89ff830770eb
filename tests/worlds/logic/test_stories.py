"""Puzzles told as stories, tables and examples: what each generator promises."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest

from gnomon.worlds.logic import lexicon
from gnomon.worlds.logic.exchange import draw_goods_exchange, tell_goods_exchange
from gnomon.worlds.logic.family import Puzzle, fence_of
from gnomon.worlds.logic.ours import ATTRIBUTES, draw_arc_agi, draw_zebra_puzzle
from gnomon.worlds.logic.places import (
    LATTICES,
    NAMES,
    draw_space_reasoning,
    draw_space_reasoning_tree,
)
from gnomon.worlds.logic.schedule import draw_time_sequence
from gnomon.worlds.logic.stories import (
    PROPERTIES,
    draw_object_counting,
    draw_object_properties,
    tell_object_counting,
)
from gnomon.worlds.logic.tables import BUGS, COLUMNS, draw_buggy_tables, tell_buggy_tables


def several(draw: object, count: int = 20, **settings: object) -> list[Puzzle]:
    return [draw(np.random.default_rng(seed), **settings) for seed in range(count)]  # type: ignore[operator]


def test_counts_of_things_stay_within_5_and_the_most() -> None:
    for puzzle in several(draw_object_counting, categories=3, items=6, counts=60, changes=0):
        assert all(5 <= said[3] <= 60 for said in puzzle.more["told"])


def test_things_of_a_friend_do_not_count() -> None:
    told = [["have", 0, 0, 3], ["friend", 0, 0, 9, "Ann"], ["buy", 0, 0, 1]]
    text = tell_object_counting({"told": told, "asked": 0}, "en")["puzzle"]
    assert text == "I have 3 apples. My friend Ann has 9 apples. Then I buy 1 more apples."


def test_no_thing_falls_below_zero() -> None:
    for puzzle in several(draw_object_counting, categories=2, items=3, counts=5, changes=30):
        assert int(puzzle.gold) >= 0


def test_the_thought_of_a_count_ends_with_its_answer() -> None:
    for puzzle in several(draw_object_counting, categories=3, items=6, counts=20, changes=5):
        assert puzzle.thought.endswith(f"= {puzzle.gold}.")
        sums = re.findall(r"([\d +-]+) = (\d+)\.", puzzle.thought)
        for text, result in sums:
            signed = re.sub(r"([+-]) ", r"\1", text)
            assert sum(map(int, signed.split())) == int(result)


def test_all_ten_transformations_come_up() -> None:
    puzzles = several(draw_object_properties, 60, items=10, transformations=6)
    kinds = {turn["kind"] for puzzle in puzzles for turn in puzzle.more["turns"]}
    assert len(kinds) == 10


def test_properties_have_as_many_values_in_either_language() -> None:
    sizes = [[len(values) for values in PROPERTIES[language].values()] for language in ("en", "zh")]
    assert sizes[0] == sizes[1]


@pytest.mark.parametrize("table", [lexicon.CATEGORIES, lexicon.FACTS])
def test_tables_of_both_languages_are_of_one_size(table: dict[str, object]) -> None:
    assert len(table["en"]) == len(table["zh"])  # type: ignore[arg-type]


def test_facts_have_one_truth_in_either_language() -> None:
    assert [t for _, t in lexicon.FACTS["en"]] == [t for _, t in lexicon.FACTS["zh"]]


def test_everybody_owns_one_thing_before_and_after() -> None:
    for puzzle in several(draw_goods_exchange, 5, people=20, operations=50):
        before = dict(puzzle.more["before"])
        after = puzzle.facts["owns_after"]
        assert before.keys() == after.keys()
        assert sorted(before.values()) == sorted(after.values())


def test_some_exchanges_change_nothing() -> None:
    (puzzle,) = several(draw_goods_exchange, 1, people=10, operations=100)
    idle = sum(said[0] in ("talk", "show") for said in puzzle.more["told"])
    assert 8 <= idle <= 35


def test_exchanges_are_told_by_person_and_by_thing() -> None:
    (puzzle,) = several(draw_goods_exchange, 1, people=5, operations=40)
    assert {said[0] for said in puzzle.more["told"]} == {"people", "goods", "mixed", "talk", "show"}
    text = tell_goods_exchange(puzzle.more, "en")["puzzle"]
    assert "The owner of the" in text and "swap what they own" in text


@pytest.mark.parametrize("bug", BUGS)
def test_every_bug_changes_the_table_and_is_described(bug: str) -> None:
    for puzzle in several(draw_buggy_tables, 4, rows=12, bug_rate=0.3, bug=bug):
        whole = [len(row) == len(COLUMNS) for row in puzzle.more["table"]]
        assert puzzle.more["bug"] == bug
        assert all(whole) == (bug != "row-cells")
        text = tell_buggy_tables({**puzzle.more}, "en")["puzzle"]
        assert text.rpartition("\n\n")[2]


def test_answers_of_tables_have_two_decimals() -> None:
    for puzzle in several(draw_buggy_tables, rows=10, bug_rate=0.2):
        assert re.fullmatch(r"\d+\.\d\d", puzzle.gold)


def test_bugs_are_of_all_seven_kinds() -> None:
    drawn = {p.more["bug"] for p in several(draw_buggy_tables, 80, rows=6, bug_rate=0.2)}
    assert drawn == set(BUGS) and len(BUGS) == 7


@pytest.mark.parametrize("lattice", LATTICES)
def test_steps_of_a_lattice_can_be_taken_back(lattice: str) -> None:
    steps = set(LATTICES[lattice].values())
    assert {(-x, -y) for x, y in steps} == steps


def test_a_walk_ends_at_known_and_at_unknown_nodes() -> None:
    golds = [p.gold for p in several(draw_space_reasoning, 60, waypoints=6, unknown=2)]
    unknown = golds.count("unknown")
    assert 10 <= unknown <= 50


def test_a_walk_without_jumps_goes_single_steps() -> None:
    for puzzle in several(draw_space_reasoning, 5, waypoints=5, unknown=1, jump_ratio=0.0, last=0):
        assert all(steps == 1 for _, steps, _, _ in puzzle.more["told"])


def test_no_item_lies_at_two_nodes() -> None:
    for puzzle in several(draw_space_reasoning, waypoints=10, unknown=2):
        new = [item for _, _, item, known in puzzle.more["told"] if item not in ("", "?")
               and not known]  # fmt: skip
        assert len(set(new)) == len(new)


@pytest.mark.parametrize("nodes", [50, 300])
def test_a_family_is_told_with_one_fact_for_each_child(nodes: int) -> None:
    for puzzle in several(draw_space_reasoning_tree, 3, nodes=nodes):
        assert len(puzzle.more["told"]) == nodes - 1
        assert {said[0] for said in puzzle.more["told"]} == {"child", "sibling"}
        assert 1 <= len(puzzle.gold.split(", ")) <= 12


def test_names_of_a_family_are_all_different() -> None:
    assert len(set(NAMES)) == len(NAMES) >= 300


def test_a_week_has_five_days_unless_fewer_are_asked_for() -> None:
    for days in (1, 5):
        (puzzle,) = several(draw_time_sequence, 1, people=2, rule_prob=0, days=days)
        assert all(len(calendar) == days for calendar in puzzle.more["busy"].values())


@pytest.mark.parametrize("kind, cap", [("hour", 60), ("half", 30)])
def test_a_preference_caps_the_longest_meeting(kind: str, cap: int) -> None:
    seen = 0
    for puzzle in several(draw_time_sequence, 60, people=2, rule_prob=100):
        if kind in {rule[1] for rule in puzzle.more["rules"]}:
            seen += 1
            assert puzzle.facts["records"]["answers"]["answer_maxLen"] <= cap
    assert seen


@pytest.mark.parametrize("rate, rules", [(0, 0), (100, 4)])
def test_rules_come_with_their_probability(rate: int, rules: int) -> None:
    (puzzle,) = several(draw_time_sequence, 1, people=4, rule_prob=rate)
    assert len(puzzle.more["rules"]) == rules


def test_all_ten_personal_rules_come_up() -> None:
    puzzles = several(draw_time_sequence, 60, people=4, rule_prob=100)
    assert len({rule[1] for puzzle in puzzles for rule in puzzle.more["rules"]}) == 10


def test_meetings_last_whole_slots() -> None:
    for puzzle in several(draw_time_sequence, people=3, rule_prob=50):
        answers = puzzle.facts["records"]["answers"]
        assert answers["answer_maxLen"] % 5 == 0 and answers["answer_nums"] >= 1


@pytest.mark.parametrize("steps", [1, 2, 3])
def test_examples_of_a_rule_are_grids_of_one_size(steps: int) -> None:
    for puzzle in several(draw_arc_agi, 5, size=4, steps=steps):
        grids = [grid for pair in puzzle.more["examples"] for grid in pair]
        grids += [puzzle.more["asked"], json.loads(puzzle.gold)]
        assert {(len(grid), len(grid[0])) for grid in grids} == {(4, 4)}


def test_colours_of_grids_are_digits() -> None:
    for puzzle in several(draw_arc_agi, 5, size=5, steps=3):
        assert all(0 <= cell <= 9 for row in json.loads(puzzle.gold) for cell in row)


@pytest.mark.parametrize("houses, attributes", [(2, 2), (3, 3), (4, 4), (5, 2)])
def test_every_house_has_its_own_value_of_each_attribute(houses: int, attributes: int) -> None:
    for puzzle in several(draw_zebra_puzzle, 3, houses=houses, attributes=attributes):
        solution = json.loads(
            fence_of(
                puzzle.answer,
            )
        )
        assert list(solution) == [f"House {k}" for k in range(1, houses + 1)]
        for name in list(ATTRIBUTES)[:attributes]:
            assert len({house[name] for house in solution.values()}) == houses
