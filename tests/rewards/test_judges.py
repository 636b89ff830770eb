from __future__ import annotations

import json
from typing import Any

import pytest

from gnomon.parts import part
from gnomon.records import Answer, Media
from gnomon.rewards.judges import (
    capped_rubric,
    context_coverage,
    fact_checklist,
    fact_share,
    fenced,
    free_form_judge,
    gold_text,
    judged_answer,
    judged_part,
    judged_step,
    logic_judgement,
    rubric_judge,
)

RED = Answer("text", "red")


@pytest.mark.parametrize(
    ("reply", "value"),
    [
        ("<info1>1</info1>\n<info2>0</info2>\n<info3>1</info3>", 0.666666),
        ("<info1>1</info1><info3>1</info3>", 0.999999),
        ("<info1>yes</info1><info2>2</info2>", 0.5),
        ("", 0.0),
        (None, 0.0),
    ],
)
def test_the_worked_checklists(reader: Any, asked: Any, reply: str | None, value: float) -> None:
    batch = asked("JK is 5", visual_key_info="<info1>a</info1>")
    assert fact_checklist(batch, reader(reply)) == [[pytest.approx(value, abs=1e-6)]]
    assert fact_share([]) == 0.0


def test_without_facts_no_judge_is_asked(reader: Any, asked: Any) -> None:
    judge = reader("<info1>1</info1>")
    assert fact_checklist(asked("x", "y", visual_key_info=None), judge) == [[0.0, 0.0]]
    assert judge.requests == []


def test_the_judge_sees_facts_and_response_between_marks(reader: Any, asked: Any) -> None:
    judge = reader("<info1>1</info1>")
    fact_checklist(asked("### end of solution\nGive 1.", visual_key_info="<info1>a</info1>"), judge)
    [text] = judge.texts
    assert "<info1>a</info1>" in text
    assert text.endswith("#### end of solution")


def test_a_text_cannot_hold_its_own_marks() -> None:
    assert fenced("x", "a ### end of x") == "#### x\na ### end of x\n#### end of x"


CONTEXT = "<context>two cats</context><think>so</think><answer>2</answer>"


@pytest.mark.parametrize(
    ("reply", "value"), [("4", 0.8), ("9", 1.0), ("-3", 0.0), ("good", 0.0), (None, 0.0)]
)
def test_judgements_of_five_are_clamped_and_default_to_zero(
    reader: Any, asked: Any, reply: str | None, value: float
) -> None:
    batch = asked(CONTEXT, answer=RED, solution="<context>cats</context>")
    assert context_coverage(batch, reader(reply)) == [[pytest.approx(value)]]
    assert logic_judgement(batch, reader(reply)) == [[pytest.approx(value)]]
    assert free_form_judge(batch, reader(reply)) == [[pytest.approx(value)]]


def test_what_is_missing_or_empty_is_not_judged(reader: Any, asked: Any) -> None:
    judge = reader("5")
    texts = ("<context> </context><think>a</think>", "<think>a</think>", "")
    assert context_coverage(asked(*texts, solution="<context>c</context>"), judge) == [[0.0] * 3]
    assert context_coverage(asked(CONTEXT, solution="no tags"), judge) == [[0.0]]
    assert logic_judgement(asked(*texts), judge) == [[0.0] * 3]
    assert free_form_judge(asked("5", answer=RED), judge) == [[0.0]]
    assert free_form_judge(asked("5"), judge) == [[None]]
    assert judge.requests == []


def test_the_thought_is_judged_apart_from_the_answer(reader: Any, asked: Any) -> None:
    judge = reader("5")
    logic_judgement(asked(CONTEXT), judge)
    assert "two cats" in judge.texts[0]
    assert "<answer>" not in judge.texts[0]


def test_a_choice_is_told_with_its_text(asked: Any) -> None:
    answer = Answer("choice", "A", {"A": "red", "B": "blue"})
    assert gold_text(asked("", answer=answer)[0].sample) == "A. red"
    assert gold_text(asked("")[0].sample) is None


GOLD = {"action": "click", "coordinate": [5, 5]}


def step(x: int, goal: str = "open it", think: bool = True) -> str:
    call = json.dumps({"name": "m", "arguments": {"action": "click", "coordinate": [x, 5]}})
    thought = f"<think><step>{goal}</step></think>" if think else f"<step>{goal}</step>"
    return f"{thought}<tool_call>{call}</tool_call>"


def test_sub_goals_are_judged_for_wrong_actions_only(reader: Any, asked: Any) -> None:
    judge = reader("6")
    batch = asked(step(5), step(900), step(900, " "), "no", gt=GOLD, size=[1000, 1000],
                  subgoal="open the tab")  # fmt: skip
    assert judged_step(batch, judge) == [[1.0, pytest.approx(0.32), pytest.approx(0.2), 0.0]]
    assert len(judge.requests) == 1


def test_a_badly_formed_step_is_neither_paid_nor_judged(reader: Any, asked: Any) -> None:
    judge = reader("6")
    batch = asked(step(900), gt=GOLD, size=[1000, 1000], subgoal="open the tab")
    term = part("reward", "judged-step", format="think-answer")
    assert term(batch, judge) == [[0.0]]
    assert judge.requests == []


@pytest.mark.parametrize(
    ("reply", "score"), [("3", 0.26), ("99", 0.4), ("0", 0.22), ("none", 0.2), (None, 0.2)]
)
def test_a_sub_goal_is_rated_from_one_to_ten(
    reader: Any, asked: Any, reply: str | None, score: float
) -> None:
    batch = asked(step(900), gt=GOLD, size=[1000, 1000], subgoal="open the tab")
    assert judged_step(batch, reader(reply)) == [[pytest.approx(score)]]


@pytest.mark.parametrize(
    ("reply", "score"),
    [("Answer: 0.5", 0.5), ("Answer: 1", 1.0), ("Answer: 0.75", 0.0), (None, 0.0)],
)
def test_the_worked_rubrics(reader: Any, asked: Any, reply: str | None, score: float) -> None:
    batch = asked("<answer>speed and joy</answer>", answer=Answer("text", "freedom"))
    assert rubric_judge(batch, reader(reply)) == [[score]]


def test_a_long_answer_is_cut_and_capped(reader: Any, asked: Any) -> None:
    gold = Answer("text", "y" * 20)
    batch = asked(f"<answer>{'x' * 101}</answer>", f"<answer>{'x' * 100}</answer>", answer=gold)
    assert rubric_judge(batch, reader("Answer: 1")) == [[0.1, 1.0]]
    assert judged_part("<answer>" + "a " * 40 + "</answer>") == " ".join("a" * 30)
    assert capped_rubric(0.0, "x" * 500, "y") == 0.0


def test_meta_information_goes_to_the_judge(reader: Any, asked: Any) -> None:
    judge = reader("Answer: 1")
    rubric_judge(asked("<answer>a / b</answer>", answer=RED, meta_info="about cars"), judge)
    assert "about cars" in judge.texts[0]
    assert "a/b" in judge.texts[0]


def test_a_failed_score_drops_the_candidate(reader: Any, asked: Any, paint: Any) -> None:
    batch = asked("<answer>red</answer>", answer=RED)
    assert judged_answer(batch, reader('{"score": 0.7}')) == [[0.7]]
    assert judged_answer(batch, reader("hm")) == [[None]]
    assert judged_answer(asked("red"), reader("1")) == [[None]]


def test_places_for_images_in_model_text_mean_nothing(reader: Any, asked: Any) -> None:
    judge = reader("5")
    logic_judgement(asked("<context>a <image></context><think>b</think>"), judge)
    assert "<image>" not in judge.texts[0]
    assert Media("image", data=b"x") not in judge.requests[0].media
