from __future__ import annotations

import re

import numpy as np
import pytest

from gnomon.worlds.asking import Question
from gnomon.worlds.problems import PROBLEMS, draw_problem


def drawn(name: str, split: str = "train", count: int = 150) -> list[Question]:
    return [
        draw_problem(name, np.random.default_rng([4, seed]), seed % 5 + 1, split)  # type: ignore[arg-type]
        for seed in range(count)
    ]


def expression(question: Question) -> str:
    match = re.search(r"\d[\d+-]*", question.text)
    assert match
    return match.group()


def order(question: Question) -> list[str]:
    after: dict[str, str] = {}
    for one, side, other in re.findall(r"(\w+) is (left|right) of (\w+)\.", question.text):
        left, right = (one, other) if side == "left" else (other, one)
        after[left] = right
    (name,) = set(after) - set(after.values())
    result = [name]
    while result[-1] in after:
        result.append(after[result[-1]])
    return result


def test_an_arithmetic_answer_is_the_signed_sum() -> None:
    for question in drawn("arithmetic"):
        total = sum(int(term) for term in re.findall(r"[+-]?\d+", expression(question)))
        assert question.answer.value == total
        assert question.answer_text == str(total)


def test_an_arithmetic_thought_goes_step_by_step_and_never_below_zero() -> None:
    for question in drawn("arithmetic"):
        steps = re.findall(r"(\d+)([+-])(\d+)=(\d+)\.", question.thought)
        assert len(steps) == question.difficulty
        for (one, sign, other, result), following in zip(steps, [*steps[1:], None], strict=True):
            assert int(one) + int(sign + other) == int(result)
            assert following is None or following[0] == result
        assert steps[-1][3] == question.answer_text


def test_a_logic_answer_stands_at_the_asked_end() -> None:
    for question in drawn("logic"):
        people = order(question)
        assert len(people) == question.difficulty + 1
        assert question.answer.value == people[0 if "leftmost" in question.text else -1]


def test_a_logic_thought_sorts_the_people() -> None:
    for question in drawn("logic"):
        assert f"order: {', '.join(order(question))}." in question.thought
        assert question.thought.endswith(f"{question.answer_text}.")


@pytest.mark.parametrize("name", PROBLEMS)
def test_no_problem_is_in_both_splits_in_any_wording(name: str) -> None:
    key = expression if name == "arithmetic" else lambda question: ",".join(order(question))
    train = {key(question) for question in drawn(name, "train", 800)}
    test = {key(question) for question in drawn(name, "test", 800)}
    assert train and test
    assert not train & test


def test_a_split_that_never_comes_is_an_error() -> None:
    with pytest.raises(ValueError, match="no nowhere problem of 'logic'"):
        draw_problem("logic", np.random.default_rng(0), 1, "nowhere")  # type: ignore[arg-type]


@pytest.mark.parametrize("name", PROBLEMS)
def test_difficulty_grows_the_steps_of_a_solution(name: str) -> None:
    def steps(level: int) -> int:
        _, question = PROBLEMS[name](np.random.default_rng(level), level)
        told = question.thought.partition("order:")[0]
        return told.count(".")

    assert [steps(level) for level in range(1, 6)] == [1, 2, 3, 4, 5]
