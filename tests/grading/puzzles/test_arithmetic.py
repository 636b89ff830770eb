from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gnomon.grading.puzzles.families import check_puzzle
from gnomon.records import Outcome
from puzzles import block

OPERATORS = ["+", "-", "*", "/"]


def right(family: str, text: str, gold: str = "", **facts: object) -> bool:
    value = {"family": family, "facts": facts, "gold": gold}
    return check_puzzle(text, value)[0] is Outcome.CORRECT


@pytest.mark.parametrize(
    ("numbers", "text", "fine"),
    [
        ([3, 3, 8, 8], "8 / (3 - 8 / 3)", True),
        ([1, 5, 5, 5], "5 * (5 - 1 / 5)", True),
        ([1, 2, 3, 4], "4 * 3 * 2 * 1", True),
        ([1, 2, 3, 4], "12 * (3 - 4 + 3)", False),
        ([4, 6], "4 * 6", True),
        ([4, 6], "6 ** 4", False),
        ([2, 12], "(12) * (2)", True),
        ([1, 2, 12], "12 * 2 // 1", False),
    ],
)
def test_every_number_is_used_once_and_the_value_is_exact(
    numbers: list[int], text: str, fine: bool
) -> None:
    facts = {"numbers": numbers, "operators": OPERATORS, "result": 24}
    assert right("game_of_24", block(text), **facts) is fine


def test_an_operator_that_is_not_listed_is_refused() -> None:
    facts = {"numbers": [4, 6], "operators": ["+", "-"], "result": 24}
    assert not right("game_of_24", block("4 * 6"), **facts)


@settings(max_examples=40)
@given(st.integers(1, 999), st.integers(1, 999), st.integers(0, 3))
def test_a_path_is_right_exactly_when_its_sum_is(one: int, other: int, off: int) -> None:
    total = one + other + off
    query = f"{'?' * len(str(one))} + {other} = {'?' * len(str(total))}"
    text = f"so [[ {one} + {other} = {total} ]]"
    assert right("math_path", text, query_expr=query, ref_expr="") is (off == 0)


@pytest.mark.parametrize(
    ("text", "fine"),
    [
        ("12+9=21", True),
        ("AB + C = BA is 12 + 9 = 21", True),
        ("12+9=21, since 12 + 9\n= 21", True),
        ("2+2=4 12+9=21", True),
        ("12+9=210", False),
        ("112+9=121", False),
        ("12+9=-21", False),
        ("3+12+9=24", False),
    ],
)
def test_the_last_equation_is_the_gold_one(text: str, fine: bool) -> None:
    assert right("cryptarithm", text, "12 + 9 = 21") is fine


def test_longer_equations_and_products_are_equations_too() -> None:
    assert right("cryptarithm", "so 1+2*3-4=3.", "1 + 2 * 3 - 4 = 3")
    assert right("cryptarithm", "3 - 12 = -9", "3 - 12 = -9")


@pytest.mark.parametrize(
    ("text", "fine"),
    [("7.50", True), ("7.5", False), ("-7.50", False), ("is 7.50.", True), ("7.50 and 7.501", True),
     ("1,007.50", False), ("$7.50", True), ("7.50%", True)],
)  # fmt: skip
def test_the_text_of_the_last_two_decimals_counts(text: str, fine: bool) -> None:
    assert right("buggy_tables", text, "7.50") is fine


def test_a_gold_text_without_two_decimals_is_the_whole_answer() -> None:
    assert right("buggy_tables", " N/A\n", "N/A")
    assert not right("buggy_tables", "it is N/A", "N/A")


@pytest.mark.parametrize(
    ("text", "fine"),
    [(r"\boxed{12}", True), (r"\boxed{12.0}", True), (r"\boxed{ 12 }", True), ("12", True),
     (r"\boxed{1,2}", False), (r"\boxed{12.5}", False)],
)  # fmt: skip
def test_a_count_is_a_whole_number_in_a_box(text: str, fine: bool) -> None:
    assert right("object_counting", text, "12") is fine


@pytest.mark.parametrize(
    ("text", "gold", "fine"),
    [("-3", "-3", True), ("0.5", "1/2", True), (r"\frac{1}{2}", "0.5", True), ("1e3", "1000", True),
     ("3", "-3", False), ("1/3", "0.3", False), ("0.333333333", "1/3", True)],
)  # fmt: skip
def test_an_operation_is_compared_by_its_value(text: str, gold: str, fine: bool) -> None:
    assert right("operation", text, gold) is fine
