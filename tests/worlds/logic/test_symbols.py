"""Puzzles of numbers, brackets, words and truths: what each generator promises."""

from __future__ import annotations

import re
from fractions import Fraction
from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gnomon.worlds.logic.arithmetic import (
    draw_cryptarithm,
    draw_game_of_24,
    draw_math_path,
    unique,
)
from gnomon.worlds.logic.brackets import (
    PAIRS,
    balanced,
    draw_dyck_language,
    draw_dyck_language_errors,
    draw_dyck_language_reasoning_errors,
    stack_after,
    struck,
)
from gnomon.worlds.logic.expression import calculate
from gnomon.worlds.logic.family import Puzzle, fence_of
from gnomon.worlds.logic.operation import LIMIT, draw_operation, tell_operation, written
from gnomon.worlds.logic.truths import draw_boolean_expressions, draw_web_of_lies, holds
from gnomon.worlds.logic.words import (
    draw_cipher,
    draw_word_sorting,
    draw_word_sorting_mistake,
    tell_cipher,
)

seeds = st.integers(0, 10_000)


def several(draw: object, count: int = 20, **settings: object) -> list[Puzzle]:
    return [draw(np.random.default_rng(seed), **settings) for seed in range(count)]  # type: ignore[operator]


@pytest.mark.parametrize(
    "text, value",
    [
        ("7", 7),
        ("2 + 3 * 4", 14),
        ("(2 + 3) * 4", 20),
        ("10 - 4 - 3", 3),
        ("7 / 2", Fraction(7, 2)),
        ("17 % 5 * 2", 4),
        ("8 / (3 - 8 / 3)", 24),
    ],
)
def test_expressions_are_calculated_exactly_from_left_to_right(text: str, value: Fraction) -> None:
    assert calculate(text) == value


@pytest.mark.parametrize("text", ["", "1 +", "1 2", "(1", "1)", "1 ^ 2", "a"])
def test_what_is_no_expression_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        calculate(text)


def test_a_division_by_zero_has_no_value() -> None:
    with pytest.raises(ZeroDivisionError):
        calculate("1 / (2 - 2)")


@settings(max_examples=40, deadline=None)
@given(seeds, st.integers(1, 10), st.integers(9, 40))
def test_a_math_path_is_true_and_every_quotient_is_whole(seed: int, n: int, largest: int) -> None:
    rng = np.random.default_rng(seed)
    reference = draw_math_path(rng, n=n, x_prob=50, largest=largest).facts["ref_expr"]
    left, right = reference.split(" = ")
    assert calculate(left) == int(right) >= 0
    assert sum(sign in "+-*/%" for sign in left) == n
    for term in re.split(r" [+-] ", left):
        for match in re.finditer(" / ", term):
            assert calculate(term[: match.start()]) % int(term[match.end() :].split()[0]) == 0


@pytest.mark.parametrize("x_prob, share", [(50, 0.5), (100, 1.0)])
def test_a_math_path_hides_its_share_of_digits(x_prob: int, share: float) -> None:
    for puzzle in several(draw_math_path, n=10, x_prob=x_prob):
        digits = sum(sign.isdigit() for sign in puzzle.facts["ref_expr"])
        assert puzzle.facts["query_expr"].count("?") == round(share * digits)


def test_a_math_path_without_hiding_still_hides_one_digit() -> None:
    for puzzle in several(draw_math_path, n=3, x_prob=0):
        assert puzzle.facts["query_expr"].count("?") == 1


def test_a_cryptarithm_has_one_solution_by_trying_all_digits() -> None:
    for puzzle in several(draw_cryptarithm, 3, num_letter=3, level=2):
        hidden = puzzle.more["equation"]
        letters = sorted(set(re.findall("[A-Z]", hidden)))
        solutions = []
        for digits in permutations("0123456789", 3):
            told = hidden.translate(str.maketrans(dict(zip(letters, digits, strict=True))))
            left, right = told.split(" = ")
            if not re.search(r"\b0", told) and calculate(left) == int(right):
                solutions.append(told)
        assert solutions == [puzzle.gold]


@pytest.mark.parametrize("num_letter, operator_num, level", [(3, 1, 1), (4, 2, 2), (4, 2, 3)])
def test_a_cryptarithm_has_its_number_of_digits_and_operators(
    num_letter: int, operator_num: int, level: int
) -> None:
    settings = {"num_letter": num_letter, "operator_num": operator_num, "level": level}
    for puzzle in several(draw_cryptarithm, 3, **settings):
        left, right = puzzle.gold.split(" = ")
        assert len(set(re.findall(r"\d", puzzle.gold))) == num_letter
        assert len(re.findall(r"[-+*]", left)) == operator_num and int(right) > 0
        assert level == 3 or "*" not in left


@pytest.mark.parametrize(
    "hidden, one", [("A + A = BA", False), ("AB + AB = CAB", False), ("A + BB = ACC", True)]
)
def test_equations_with_no_or_several_solutions_are_not_unique(hidden: str, one: bool) -> None:
    letters = sorted(set(re.findall("[A-Z]", hidden)))
    found = 0
    for digits in permutations("0123456789", len(letters)):
        told = hidden.translate(str.maketrans(dict(zip(letters, digits, strict=True))))
        left, right = told.split(" = ")
        found += not re.search(r"\b0", told) and calculate(left) == int(right)
    assert unique(hidden) == (found == 1) == one


@pytest.mark.parametrize("num_letter", [6, 9])
def test_a_cryptarithm_has_up_to_nine_letters(num_letter: int) -> None:
    rng = np.random.default_rng(0)
    puzzle = draw_cryptarithm(rng, num_letter=num_letter, operator_num=2, level=2)
    assert len(set(re.findall("[A-Z]", puzzle.more["equation"]))) == num_letter


def test_eight_letters_are_tried_too() -> None:
    assert unique("SEND + MORE = MONEY") is True


def test_the_key_of_a_cryptarithm_is_its_pattern_of_letters() -> None:
    for puzzle in several(draw_cryptarithm, 5, num_letter=3, level=1):
        assert re.findall("[A-Z]", puzzle.key)[0] == "A"
        assert len(puzzle.key) == len(puzzle.more["equation"])


@pytest.mark.parametrize("least, most", [(1, 700), (701, 1600), (1601, 10_000)])
def test_a_game_is_as_hard_to_search_as_asked_for(least: int, most: int) -> None:
    for puzzle in several(draw_game_of_24, 5, least=least, most=most):
        assert least <= puzzle.work <= most
        assert calculate(fence_of(puzzle.answer)) == 24


def test_a_game_uses_numbers_from_1_to_9() -> None:
    for puzzle in several(draw_game_of_24, 5, most=700):
        assert all(1 <= number <= 9 for number in puzzle.facts["numbers"])
        assert puzzle.facts["operators"] == ["+", "-", "*", "/"]


@settings(max_examples=40, deadline=None)
@given(seeds, st.integers(1, 4), st.integers(0, 5), st.integers(1, 8))
def test_brackets_leave_open_what_was_asked_for(
    seed: int, kinds: int, left_open: int, more: int
) -> None:
    text = balanced(np.random.default_rng(seed), kinds, left_open + 2 * more, left_open)
    assert len(stack_after(text)) == left_open
    assert len(text) == left_open + 2 * more


@pytest.mark.parametrize("length, left_open", [(3, 0), (0, 0), (2, 3), (4, 1)])
def test_an_impossible_string_of_brackets_is_refused(length: int, left_open: int) -> None:
    with pytest.raises(ValueError, match="an even number more"):
        balanced(np.random.default_rng(0), 2, length, left_open)


@pytest.mark.parametrize("total, fill, length", [(10, 1, 10), (15, 3, 16), (20, 5, 20)])
def test_the_tail_that_is_cut_is_exactly_the_closers(total: int, fill: int, length: int) -> None:
    for puzzle in several(draw_dyck_language, n_types=3, total_length=total, to_fill=fill):
        full, prefix = puzzle.facts["full_sequence"], puzzle.more["prefix"]
        assert len(full) == length and len(full) - len(prefix) == fill
        assert set(full[len(prefix) :]) <= set(PAIRS.values())
        assert len(stack_after(prefix)) == fill


def test_about_one_string_in_five_is_valid() -> None:
    puzzles = several(draw_dyck_language_errors, 400, n_types=3, total_length=12)
    valid = sum(puzzle.facts["is_valid"] for puzzle in puzzles)
    assert 0.13 < valid / 400 < 0.3


def test_errors_are_wrong_missing_and_extra_closers() -> None:
    lengths = {
        len(puzzle.more["sequence"])
        for puzzle in several(draw_dyck_language_errors, 60, n_types=3, total_length=12)
    }
    assert lengths == {11, 12, 13}


def test_only_open_brackets_are_an_error_behind_the_end() -> None:
    for puzzle in several(draw_dyck_language_errors, 60, n_types=2, total_length=8):
        text, position = puzzle.more["sequence"], puzzle.facts["first_error_pos"]
        only_open = bool(struck(text)) and not set(struck(text)) & set(PAIRS.values())
        assert (position == len(text) + 1) == only_open


@pytest.mark.parametrize("errors", [1, 2])
def test_a_trace_has_as_many_wrong_lines_as_asked_for(errors: int) -> None:
    settings = {"n_types": 3, "total_length": 15, "n_errors": errors}
    for puzzle in several(draw_dyck_language_reasoning_errors, **settings):
        assert len(puzzle.facts["error_indices"]) == errors
        assert puzzle.facts["error_indices"] == sorted(puzzle.facts["error_indices"])


def test_wrong_stacks_are_of_several_kinds() -> None:
    lengths = set()
    for puzzle in several(
        draw_dyck_language_reasoning_errors, 60, n_types=3, total_length=10, n_errors=1
    ):
        (line,) = puzzle.facts["error_indices"]
        true = stack_after(puzzle.more["sequence"][:line])
        lengths.add(len(puzzle.more["trace"][line - 1]) - len(true))
    assert {-1, 0, 1} <= lengths


@settings(max_examples=40, deadline=None)
@given(seeds, st.integers(1, 4), st.integers(1, 5), st.integers(1, 6))
def test_an_operation_stays_below_the_limit(
    seed: int, symbols: int, terms: int, length: int
) -> None:
    rng = np.random.default_rng(seed)
    puzzle = draw_operation(rng, symbols=symbols, terms=terms, length=length)
    assert abs(int(puzzle.gold)) < LIMIT


def test_an_operation_that_cannot_stay_small_ends_with_an_error(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("gnomon.worlds.logic.operation.LIMIT", 0)
    with pytest.raises(ValueError, match="no expression of 9 operators with values below 0 in 200"):
        draw_operation(np.random.default_rng(0), symbols=4, terms=5, length=9)


def test_the_rates_of_an_operation_are_kept() -> None:
    always = several(
        draw_operation, 10, symbols=1, terms=2, length=1, condition_rate=1.0, abs_rate=1.0
    )
    never = several(
        draw_operation, 10, symbols=1, terms=2, length=3, condition_rate=0.0, bracket_rate=0.0,
        abs_rate=0.0,
    )  # fmt: skip
    for puzzle in always:
        told = tell_operation(puzzle.more, "en")["puzzle"]
        assert " if " in told and "|" in told
    for puzzle in never:
        told = tell_operation(puzzle.more, "en")["puzzle"]
        assert " if " not in told and "|" not in told
        assert "(" not in puzzle.more["expression"]


def test_every_defined_symbol_is_used() -> None:
    for puzzle in several(draw_operation, symbols=3, terms=2, length=4):
        assert all(name in puzzle.more["expression"] for name in puzzle.more["definitions"])


@pytest.mark.parametrize(
    "terms, text",
    [
        ([[1, 1, 0]], "a"),
        ([[-1, 0, 1], [2, 2, 0]], "-b + 2*a*a"),
        ([[3, 0, 0], [-2, 1, 1]], "3 - 2*a*b"),
    ],
)
def test_a_definition_is_written_as_a_sum_of_products(terms: list[list[int]], text: str) -> None:
    assert written(terms) == text


@pytest.mark.parametrize("depth", [2, 3, 4])
def test_options_go_down_to_their_depth(depth: int) -> None:
    def deep(tree: list[object]) -> int:
        inner = [deep(part) for part in tree[1:] if isinstance(part, list)]
        return 1 + max(inner) if inner else 0

    for puzzle in several(draw_boolean_expressions, 10, depth=depth, options=5):
        assert all(deep(tree) == depth for tree in puzzle.more["trees"])


def test_one_option_at_least_is_true() -> None:
    for puzzle in several(draw_boolean_expressions, depth=2, options=2):
        truths = [holds(tree) for tree in puzzle.more["trees"]]
        assert any(truths) and len(puzzle.gold.split(",")) == sum(truths)


@pytest.mark.parametrize(
    "tree, truth",
    [
        (["is", "3 * 4", ">", 11], True),
        (["not", ["value", True]], False),
        (["and", ["value", True], ["fact", 0]], True),
        (["or", ["value", False], ["is", "2 - 5", "==", 3]], False),
    ],
)
def test_expressions_hold_or_not(tree: list[object], truth: bool) -> None:
    assert holds(tree) is truth


@pytest.mark.parametrize("people", [10, 14, 18])
def test_half_of_the_people_are_asked_about_three_at_most(people: int) -> None:
    for puzzle in several(draw_web_of_lies, 5, people=people, statement_type=1):
        assert len(puzzle.more["asked"]) == 3
        assert not set(puzzle.more["asked"]) & set(puzzle.more["known"])


@pytest.mark.parametrize("difficulty", [1, 5])
def test_asides_are_1_to_2_more_than_the_difficulty(difficulty: int) -> None:
    counts = {
        sum(isinstance(said[0], int) for said in puzzle.more["told"])
        for puzzle in several(draw_web_of_lies, 60, people=10, difficulty=difficulty)
    }
    assert min(counts) == 1 and max(counts) == 2 + difficulty


def test_statements_of_type_0_are_about_one_person() -> None:
    for puzzle in several(draw_web_of_lies, people=10, statement_type=0):
        spoken = [said for said in puzzle.more["told"] if not isinstance(said[0], int)]
        assert all(len(said) <= 3 for said in spoken)


def test_words_are_sorted_in_either_direction() -> None:
    assert {p.more["down"] for p in several(draw_word_sorting, front_letters=2, words=5)} == {
        True,
        False,
    }


@pytest.mark.parametrize("letters", [2, 3, 4])
def test_letters_are_moved_to_the_front(letters: int) -> None:
    for puzzle in several(draw_word_sorting, 5, front_letters=letters, words=6):
        assert len(set(puzzle.more["front"])) == letters


def test_about_nine_sortings_in_ten_have_a_mistake() -> None:
    golds = [puzzle.gold for puzzle in several(draw_word_sorting_mistake, 200, words=6)]
    assert 0.03 < golds.count("No") / 200 < 0.18
    assert set(golds) == {"1", "2", "3", "4", "No"}


@pytest.mark.parametrize("rate", [0.0, 1.0])
def test_the_rate_of_mistakes_is_kept(rate: float) -> None:
    for puzzle in several(draw_word_sorting_mistake, words=8, mistake_rate=rate):
        assert (puzzle.gold == "No") == (rate == 0)


@pytest.mark.parametrize("method", ["caesar", "atbash", "rail-fence", "both"])
def test_a_cipher_tells_its_rule_in_both_languages(method: str) -> None:
    (puzzle,) = several(draw_cipher, 1, letters=12, method=method)
    english, chinese = (tell_cipher(puzzle.more, language)["rules"] for language in ("en", "zh"))
    assert ("alphabet" in english) == (method != "rail-fence")
    assert ("zigzag" in english) == (method in ("rail-fence", "both"))
    assert re.search("[\u4e00-\u9fff]", chinese)


def test_the_gold_of_a_cipher_is_stored_in_double_brackets() -> None:
    (puzzle,) = several(draw_cipher, 1, letters=9, method="atbash")
    assert re.fullmatch(r"\[\[[A-Z]{9}\]\]", puzzle.gold)
    assert fence_of(puzzle.answer) == f'[["{puzzle.gold[2:-2]}"]]'


def test_a_rail_fence_of_two_rows_reads_every_second_letter_first() -> None:
    for puzzle in several(draw_cipher, 30, letters=6, method="rail-fence"):
        text = puzzle.gold[2:-2]
        if puzzle.more["rails"] == 2:
            assert puzzle.more["secret"] == text[::2] + text[1::2]
