"""What every family of puzzles keeps, and the settings it is posed with."""

from __future__ import annotations

import dataclasses
import re
import zlib

import numpy as np
import pytest

from gnomon.grading.grade import strict
from gnomon.grading.puzzles.families import FAMILIES as VERIFIERS
from gnomon.parts import part
from gnomon.worlds.logic import FAMILIES, TASKS
from gnomon.worlds.logic.family import CHINESE_SHARE, Family, Wording, drawn_settings, first_of
from gnomon.worlds.scene import split_of
from gnomon.worlds.world import LEVELS, Posed, draw_posed

NAMES = [
    "arc_agi", "arrow_maze", "boolean_expressions", "buggy_tables", "calcudoko", "campsite",
    "cipher", "cryptarithm", "dyck_language", "dyck_language_errors",
    "dyck_language_reasoning_errors", "futoshiki", "game_of_24", "goods_exchange", "kukurasu",
    "math_path", "minesweeper", "norinori", "number_wall", "numbrix", "object_counting",
    "object_properties", "operation", "skyscraper_puzzle", "space_reasoning",
    "space_reasoning_tree", "star_placement_puzzle", "sudoku", "survo", "time_sequence",
    "web_of_lies", "word_sorting", "word_sorting_mistake", "wordscapes", "zebra_puzzle",
]  # fmt: skip
PICTURED = {
    "arrow_maze", "calcudoko", "campsite", "futoshiki", "kukurasu", "minesweeper", "norinori",
    "number_wall", "numbrix", "skyscraper_puzzle", "star_placement_puzzle", "sudoku", "survo",
    "wordscapes",
}  # fmt: skip
METADATA = {
    "arrow_maze": {"maze"},
    "calcudoko": {"grid_size", "regions"},
    "campsite": {"grid", "row_constraints", "col_constraints", "n", "m"},
    "dyck_language": {"full_sequence"},
    "dyck_language_errors": {"is_valid", "first_error_pos"},
    "dyck_language_reasoning_errors": {"error_indices"},
    "futoshiki": {"grid_size", "prefilled_coords", "constraints"},
    "game_of_24": {"numbers", "operators", "result"},
    "goods_exchange": {"owns_after"},
    "kukurasu": {"row_sums", "col_sums", "n", "m"},
    "math_path": {"ref_expr", "query_expr"},
    "minesweeper": {"current_mines"},
    "norinori": {"region_grid"},
    "number_wall": {"grid", "n"},
    "numbrix": {"grid"},
    "skyscraper_puzzle": {"n", "top", "bottom", "left", "right"},
    "star_placement_puzzle": {"n", "k", "region_grid"},
    "sudoku": {"original_sudoku"},
    "survo": {"original_matrix", "candidate_numbers", "n"},
    "time_sequence": {"records"},
    "wordscapes": {"grid", "across_words", "down_words"},
}
SEARCHED = {
    *PICTURED, "arc_agi", "cryptarithm", "game_of_24", "math_path", "zebra_puzzle",
}  # fmt: skip
every_family = pytest.mark.parametrize("family", FAMILIES.values(), ids=FAMILIES)


def asked(family: Family, level: int, count: int, seed: int = 0) -> list[Posed]:
    task = family.task()
    return [task.pose(np.random.default_rng([seed, level, k]), level) for k in range(count)]


def settings_at(family: Family, level: int = 3) -> dict[str, object]:
    return drawn_settings(np.random.default_rng(0), family.ladder[level - 1])


def test_there_are_the_35_families_of_synlogic() -> None:
    assert list(FAMILIES) == NAMES
    assert [task.name for task in TASKS] == NAMES
    assert len(NAMES) == 35


def test_every_family_that_is_posed_can_be_graded() -> None:
    assert set(FAMILIES) <= set(VERIFIERS)


def test_grids_are_the_families_that_have_pictures() -> None:
    assert {name for name, family in FAMILIES.items() if family.board} == PICTURED


@every_family
def test_the_answer_carries_exactly_the_metadata_of_released_rows(family: Family) -> None:
    (question,) = asked(family, 3, 1)
    assert set(question.answer.value) == {"family", "facts", "gold"}
    assert question.answer.value["family"] == family.name
    assert set(question.answer.value["facts"]) == METADATA.get(family.name, set())


@every_family
def test_the_facts_of_a_question_hold_those_of_its_answer(family: Family) -> None:
    (question,) = asked(family, 3, 1)
    assert question.facts.items() >= question.answer.value["facts"].items()


@every_family
def test_there_are_two_english_wordings_and_a_chinese_one(family: Family) -> None:
    wording = family.wording
    assert len(set(wording.english)) >= 2 and len(wording.chinese) >= 1
    assert all(re.search("[\u4e00-\u9fff]", text) for text in wording.chinese)
    assert not any(re.search("[\u4e00-\u9fff]", text) for text in wording.english)
    assert wording.shape and wording.chinese_shape


@every_family
def test_every_wording_can_be_filled_with_what_is_told(family: Family) -> None:
    (question,) = asked(family, 3, 1)
    for language in ("en", "zh"):
        told = family.tell(question.facts, language)
        for text in (*family.wording.english, *family.wording.chinese):
            assert "{" not in text.format_map(told)


@every_family
def test_a_prompt_names_the_shape_of_its_answer(family: Family) -> None:
    for question in asked(family, 2, 4):
        chinese = question.facts["language"] == "zh"
        shape = family.wording.chinese_shape if chinese else family.wording.shape
        assert question.text.endswith(shape)


@every_family
def test_a_story_is_told_in_the_language_of_its_question(family: Family) -> None:
    (question,) = asked(family, 2, 1)
    told = " ".join(family.tell(question.facts, "en").values())
    assert not re.search("[\u4e00-\u9fff]", told)


def test_about_one_question_in_ten_is_chinese() -> None:
    pose = FAMILIES["dyck_language"].task().pose
    rng = np.random.default_rng(0)
    chinese = sum(pose(rng, 1).facts["language"] == "zh" for _ in range(1000))
    assert abs(chinese / 1000 - CHINESE_SHARE) < 0.03


@every_family
def test_there_are_thoughts_where_a_procedure_leads_to_the_answer(family: Family) -> None:
    for question in asked(family, 3, 4):
        assert bool(question.thought) == (family.name not in SEARCHED) or family.name == "cipher"


@every_family
@pytest.mark.parametrize("form", ["think-boxed", "think-answer"])
def test_a_worked_response_is_graded_right_in_either_format(family: Family, form: str) -> None:
    style = part("format", form)()
    for level in (1, 5):
        (question,) = asked(family, level, 1)
        response = style.render(question.thought, question.answer_text)
        assert strict(style.parse(response).answer, question.answer).correct


@every_family
def test_the_answer_of_another_question_is_not_confirmed(family: Family) -> None:
    refused = 0
    one, *others = asked(family, 3, 9)
    for other in others:
        wrong = dataclasses.replace(one, answer_text=other.answer_text)
        try:
            refused += not family.confirm(wrong)
        except (LookupError, ValueError):
            refused += 1
    # Two questions can have the same answer; most do not.
    assert refused >= 4


@every_family
def test_the_verifier_and_the_confirmation_agree_on_wrong_answers(family: Family) -> None:
    one, *others = asked(family, 3, 6)
    for other in others:
        wrong = dataclasses.replace(one, answer_text=other.answer_text)
        try:
            confirmed = family.confirm(wrong)
        except (LookupError, ValueError):
            confirmed = False
        assert strict(other.answer_text, one.answer).correct == confirmed


@every_family
def test_both_splits_have_questions_at_every_level(family: Family) -> None:
    for level in LEVELS:
        for split in ("train", "test"):
            rng = np.random.default_rng(level)
            assert split_of(draw_posed(family.task(), rng, level, split).key) == split


@every_family
def test_no_puzzle_as_it_is_told_is_in_both_splits(family: Family) -> None:
    told: dict[str, set[str]] = {"train": set(), "test": set()}
    for question in asked(family, 1, 80, 3) + asked(family, 2, 40, 3):
        text = str(sorted(family.tell(question.facts, "en").items()))
        told[split_of(question.key)].add(text)
    assert told["train"] and told["test"]
    assert told["train"].isdisjoint(told["test"])


def test_a_fifth_of_the_puzzles_is_held_out() -> None:
    draw, rng = FAMILIES["dyck_language_errors"].draw, np.random.default_rng(1)
    splits = [
        split_of(key) for key in {draw(rng, n_types=3, total_length=10).key for _ in range(4_000)}
    ]
    assert 0.17 < splits.count("test") / len(splits) < 0.23


@every_family
def test_the_key_does_not_depend_on_wording_or_language(family: Family) -> None:
    settings = settings_at(family)
    one = family.draw(np.random.default_rng(5), **settings)
    told = [family.tell({**one.facts, **one.more}, language) for language in ("en", "zh")]
    assert all(one.key not in text for text in family.wording.english)
    assert all("puzzle" in fields for fields in told)


CHECKSUMS = {
    "arc_agi": 540507577,
    "arrow_maze": 918669933,
    "boolean_expressions": 290059710,
    "buggy_tables": 404446846,
    "calcudoko": 771617013,
    "campsite": 1022722023,
    "cipher": 3618201349,
    "cryptarithm": 456480260,
    "dyck_language": 837471643,
    "dyck_language_errors": 3884536771,
    "dyck_language_reasoning_errors": 379465905,
    "futoshiki": 1162462435,
    "game_of_24": 1339404034,
    "goods_exchange": 3655999008,
    "kukurasu": 3965630015,
    "math_path": 460978823,
    "minesweeper": 3550050636,
    "norinori": 534817053,
    "number_wall": 2653933831,
    "numbrix": 3824284257,
    "object_counting": 2133198567,
    "object_properties": 167521516,
    "operation": 3809503901,
    "skyscraper_puzzle": 340973057,
    "space_reasoning": 1985867729,
    "space_reasoning_tree": 1504177073,
    "star_placement_puzzle": 827851960,
    "sudoku": 1006445174,
    "survo": 1211873746,
    "time_sequence": 431342544,
    "web_of_lies": 3135446090,
    "word_sorting": 392691993,
    "word_sorting_mistake": 851919184,
    "wordscapes": 4166117513,
    "zebra_puzzle": 3352442631,
}


@pytest.mark.parametrize("name", CHECKSUMS)
def test_a_seed_gives_the_same_puzzle_on_every_machine(name: str) -> None:
    puzzle = FAMILIES[name].draw(np.random.default_rng(11), **settings_at(FAMILIES[name]))
    assert zlib.crc32(f"{puzzle.key} {puzzle.answer}".encode()) == CHECKSUMS[name]


RANGES = [
    ("arrow_maze", "size", 5, 5),
    ("arrow_maze", "fill_rate", 0.3, 0.9),
    ("boolean_expressions", "depth", 2, 4),
    ("boolean_expressions", "options", 4, 6),
    ("buggy_tables", "rows", 25, 65),
    ("buggy_tables", "bug_rate", 0.05, 0.35),
    ("buggy_tables", "filters", 2, 3),
    ("calcudoko", "grid", 4, 6),
    ("calcudoko", "largest", 4, 4),
    ("campsite", "n", 3, 5),
    ("campsite", "m", 3, 5),
    ("campsite", "tree_density", 0.1, 0.4),
    ("cryptarithm", "num_letter", 3, 4),
    ("cryptarithm", "operator_num", 1, 2),
    ("cryptarithm", "level", 1, 3),
    ("dyck_language", "n_types", 2, 4),
    ("dyck_language", "total_length", 10, 20),
    ("dyck_language", "to_fill", 1, 5),
    ("dyck_language_errors", "n_types", 3, 4),
    ("dyck_language_errors", "total_length", 10, 30),
    ("dyck_language_reasoning_errors", "total_length", 10, 15),
    ("dyck_language_reasoning_errors", "n_errors", 1, 2),
    ("futoshiki", "n", 4, 5),
    ("futoshiki", "inequalities", 2, 10),
    ("futoshiki", "given", 2, 5),
    ("game_of_24", "numbers", 4, 4),
    ("game_of_24", "result", 24, 24),
    ("goods_exchange", "people", 20, 30),
    ("goods_exchange", "operations", 10, 100),
    ("kukurasu", "n", 3, 6),
    ("kukurasu", "ones", 0.2, 0.3),
    ("math_path", "n", 10, 10),
    ("math_path", "x_prob", 50, 100),
    ("minesweeper", "n", 4, 16),
    ("minesweeper", "mine_den", 0.3, 0.4),
    ("minesweeper", "reveal", 0.3, 0.4),
    ("norinori", "n", 5, 5),
    ("norinori", "regions", 3, 5),
    ("norinori", "shadow", 0.1, 0.1),
    ("number_wall", "n", 3, 5),
    ("number_wall", "number_rate", 0.15, 0.25),
    ("numbrix", "n", 6, 12),
    ("numbrix", "fill_rate", 0.3, 0.4),
    ("object_counting", "counts", 5, 60),
    ("object_counting", "categories", 3, 7),
    ("object_counting", "items", 2, 10),
    ("object_properties", "items", 10, 30),
    ("object_properties", "transformations", 2, 6),
    ("operation", "symbols", 1, 4),
    ("operation", "terms", 3, 5),
    ("space_reasoning", "waypoints", 3, 10),
    ("space_reasoning", "unknown", 1, 5),
    ("space_reasoning_tree", "nodes", 50, 300),
    ("space_reasoning_tree", "layers", 5, 5),
    ("sudoku", "kept", 25, 55),
    ("survo", "n", 4, 8),
    ("time_sequence", "people", 2, 5),
    ("time_sequence", "rule_prob", 0, 100),
    ("web_of_lies", "people", 10, 18),
    ("web_of_lies", "difficulty", 1, 5),
    ("word_sorting", "front_letters", 2, 4),
    ("word_sorting", "words", 5, 15),
    ("word_sorting_mistake", "words", 5, 30),
]
"""Used ranges of SynLogic's parameters."""
each_range = pytest.mark.parametrize("name, setting, low, high", RANGES)


@each_range
def test_levels_3_to_5_stay_within_the_ranges_of_the_source(
    name: str, setting: str, low: float, high: float
) -> None:
    for level in (3, 4, 5):
        if setting in FAMILIES[name].ladder[level - 1]:
            value = FAMILIES[name].ladder[level - 1][setting]
            for one in value if isinstance(value, tuple | list) else (value,):
                assert low <= one <= high


@each_range
def test_both_ends_of_a_range_can_be_drawn(
    name: str, setting: str, low: float, high: float
) -> None:
    family = FAMILIES[name]
    for value in (low, high):
        # The smaller puzzles of level 3 take both ends, but the marked ones need room for them.
        settings = settings_at(family) | ROOM.get((name, setting), {}) | {setting: value}
        puzzle = family.draw(np.random.default_rng(2), **settings)
        assert puzzle.key


ROOM: dict[tuple[str, str], dict[str, object]] = {
    ("dyck_language", "to_fill"): {"total_length": 20},
    ("space_reasoning", "unknown"): {"waypoints": 10},
    ("space_reasoning", "waypoints"): {"unknown": 1},
    ("survo", "n"): {"hidden": 4},
}


@pytest.mark.parametrize("level", [3, 4, 5])
def test_survo_hides_n_to_twice_one_less(level: int) -> None:
    for question in asked(FAMILIES["survo"], level, 10):
        n, hidden = question.facts["n"], len(question.facts["candidate_numbers"])
        assert n <= hidden + 2 and hidden <= 2 * (n - 1)


WRONG = [
    ("arc_agi", {"size": 1}, "size=1"),
    ("arc_agi", {"steps": 4}, "steps=4"),
    ("arrow_maze", {"fill_rate": 1.5}, "fill_rate=1.5"),
    ("boolean_expressions", {"depth": 0}, "depth=0"),
    ("buggy_tables", {"rows": 1}, "rows=1"),
    ("buggy_tables", {"bug": "fire"}, "use one of error, merged"),
    ("calcudoko", {"grid": 12}, "side 2 to 9"),
    ("calcudoko", {"largest": 5}, "largest=5"),
    ("campsite", {"n": 1}, "sides of 2 to 12"),
    ("cipher", {"method": "rot13"}, "use one of caesar"),
    ("cryptarithm", {"num_letter": 10}, "2 to 9 letters"),
    ("dyck_language", {"to_fill": 0}, "to_fill=0"),
    ("dyck_language", {"to_fill": 20}, "use 40 or more"),
    ("dyck_language_errors", {"n_types": 1}, "needs 2 kinds"),
    ("dyck_language_reasoning_errors", {"n_errors": 90}, "one a line"),
    ("futoshiki", {"given": 17}, "has 16 cells"),
    ("futoshiki", {"inequalities": 25}, "24 pairs of neighbours"),
    ("game_of_24", {"numbers": 5}, "numbers=5"),
    ("game_of_24", {"numbers": 2, "result": 9999}, "leave more room"),
    ("goods_exchange", {"people": 1000}, "people=1000"),
    ("kukurasu", {"ones": 0}, "ones=0"),
    ("math_path", {"x_prob": 101}, "a percentage"),
    ("minesweeper", {"reveal": 0.9}, "safe cells"),
    ("norinori", {"regions": 9}, "takes 1 to 5"),
    ("number_wall", {"number_rate": 0.5}, "number_rate=0.5"),
    ("numbrix", {"n": 30}, "n=30"),
    ("object_counting", {"items": 19}, "have 1 to 18 things"),
    ("object_properties", {"items": 0}, "items=0"),
    ("operation", {"symbols": 5}, "symbols=5"),
    ("operation", {"abs_rate": 2}, "shares from 0 to 1"),
    ("skyscraper_puzzle", {"n": 1}, "side 2 to 9"),
    ("space_reasoning", {"lattice": "cube"}, "square, diamond, triangle"),
    ("space_reasoning", {"unknown": 30}, "below the legs"),
    ("space_reasoning_tree", {"nodes": 1000}, "use 5 to 360"),
    ("star_placement_puzzle", {"k": 3}, "1 or 2 stars"),
    ("star_placement_puzzle", {"n": 7, "k": 2}, "use 8 to 23 rows"),
    ("sudoku", {"kept": 16}, "17 to 81"),
    ("survo", {"hidden": 10}, "can hide 1 to 9"),
    ("time_sequence", {"rule_prob": -1}, "a percentage"),
    ("web_of_lies", {"people": 1}, "people=1"),
    ("word_sorting", {"front_letters": 0}, "move 1 letter"),
    ("word_sorting_mistake", {"mistake_rate": 2}, "mistake_rate=2"),
    ("wordscapes", {"words": 9}, "takes 1 to 8"),
    ("zebra_puzzle", {"houses": 6}, "houses=6"),
]


@pytest.mark.parametrize("name, wrong, told", WRONG)
def test_a_wrong_setting_says_what_to_do(name: str, wrong: dict[str, object], told: str) -> None:
    settings = settings_at(FAMILIES[name]) | wrong
    with pytest.raises(ValueError, match=re.escape(told)):
        FAMILIES[name].draw(np.random.default_rng(0), **settings)


def test_every_family_refuses_some_setting() -> None:
    assert {name for name, _, _ in WRONG} == set(FAMILIES)


def test_a_setting_is_a_value_a_range_or_a_list_of_choices() -> None:
    rng = np.random.default_rng(0)
    settings = {"a": 3, "b": (1, 4), "c": (0.5, 1.0), "d": ["x", "y"]}
    for _ in range(20):
        drawn = drawn_settings(rng, settings)
        assert drawn["a"] == 3 and drawn["b"] in range(1, 5)
        assert 0.5 <= drawn["c"] <= 1.0 and drawn["d"] in ("x", "y")


def test_what_cannot_be_drawn_ends_with_an_error() -> None:
    with pytest.raises(ValueError, match="no blue moon in 5 draws; use settings that leave more"):
        first_of(lambda: None, "blue moon", 5)


def test_a_wording_puts_the_puzzle_between_rules_and_shape() -> None:
    wording = Wording(("Rules of {n}.",), "Shape.", ("规则 {n}。",), "形式。")
    told = {"n": "2", "puzzle": "1 2"}
    rng = np.random.default_rng(0)
    assert wording.ask(rng, "en", told) == "Rules of 2.\n\n1 2\n\nShape."
    assert wording.ask(rng, "zh", told) == "规则 2。\n\n1 2\n\n形式。"
