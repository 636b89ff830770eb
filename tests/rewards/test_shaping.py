from __future__ import annotations

import math

import pytest

from gnomon.parts import part
from gnomon.records import Answer, Graded, Group, Message, Outcome, Rollout, Sample, Verdict
from gnomon.rewards.combine import weighted_sum
from gnomon.rewards.score import Term, score
from gnomon.rewards.shaping import (
    cosine_length,
    dynamic_length,
    format_and_result,
    format_plus_result,
    least_length,
    luffy_verifier,
    rare_right,
    shortest_right,
    soft_overlong,
    target_length,
    token_repetition,
    word_repetition,
)

RIGHT, WRONG = Verdict(Outcome.CORRECT, 1.0), Verdict(Outcome.WRONG, 0.0)


def group_of(rights: list[int], lengths: list[int]) -> list[Group]:
    members = tuple(
        Graded(Rollout((1,) * length, (0.0,) * length, "", "end"), RIGHT if right else WRONG)
        for right, length in zip(rights, lengths, strict=True)
    )
    return [Group(Sample("s", (Message("user", "?"),)), members)]


def asked(answer: Answer) -> Sample:
    return Sample("s", (Message("user", "?"),), answer=answer)


# -- overlong and cosine --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("length", "verl", "trl"),
    [(700, 0.0, 0.0), (800, 0.0, 0.0), (900, -0.5, -0.5), (1000, -1.0, -1.0), (1100, -1.5, -1.0)],
)
def test_the_worked_example_of_the_soft_overlong_penalty(length: int, verl: float, trl: float):
    assert soft_overlong(length, limit=1000, buffer=200, floor=None) == pytest.approx(verl)
    assert soft_overlong(length, limit=1000, buffer=200) == pytest.approx(trl)


def test_the_factor_of_verl_scales_the_penalty():
    assert soft_overlong(900, limit=1000, buffer=200, factor=2.0) == pytest.approx(-1.0)


@pytest.mark.parametrize("buffer", [0, 1001])
def test_a_buffer_out_of_range_is_refused(buffer: int):
    with pytest.raises(ValueError, match="buffer="):
        soft_overlong(1, limit=1000, buffer=buffer)


def test_the_cosine_reward_goes_from_one_end_to_the_other():
    found = [cosine_length(n, RIGHT, limit=1000) for n in (0, 500, 999)]
    assert found == pytest.approx([2.0, 1.5, 1.0], abs=1e-5)
    found = [cosine_length(n, WRONG, limit=1000) for n in (0, 500, 999, 1000)]
    assert found == pytest.approx([-10.0, -5.0, 0.0, -10.0], abs=1e-4)


def test_the_cosine_reward_does_not_apply_where_the_grader_failed():
    assert cosine_length(5, Verdict(Outcome.TIMEOUT, 0.0), limit=10) is None


# -- Observe-R1 -----------------------------------------------------------------------------------


def test_the_worked_example_of_the_bonus():
    assert shortest_right(group_of([1, 1, 0, 0], [300, 150, 90, 400])) == [[0.0, 1.0, 0.0, 0.0]]
    bonus = [0.2 * value for value in (0.0, 1.0, 0.0, 0.0)]
    assert [r + b for r, b in zip([1.5, 1.5, 0.5, 0], bonus, strict=True)] == [1.5, 1.7, 0.5, 0]


def test_nobody_gets_the_bonus_when_the_shortest_right_answer_is_trivially_short():
    assert shortest_right(group_of([1, 1, 0, 0], [300, 80, 90, 400])) == [[0.0] * 4]
    assert shortest_right(group_of([1, 1], [300, 100])) == [[0.0] * 2]


def test_the_first_of_two_equally_short_right_answers_gets_it():
    assert shortest_right(group_of([1, 1], [150, 150])) == [[1.0, 0.0]]


def test_a_group_that_is_all_wrong_gets_a_bonus_in_the_release_alone():
    """The trap: the minimum of nothing is infinite and exceeds 100, so index 0 is paid."""
    wrong = group_of([0, 0, 0, 0], [300, 150, 90, 400])
    assert shortest_right(wrong) == [[0.0] * 4]
    assert shortest_right(wrong, mode="released") == [[1.0, 0.0, 0.0, 0.0]]


def test_an_empty_right_answer_counts_as_infinitely_long_in_the_release_alone():
    groups = group_of([1, 1], [0, 150])
    assert shortest_right(groups) == [[0.0, 0.0]]
    assert shortest_right(groups, mode="released") == [[0.0, 1.0]]


# -- VL-Cogito ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("length", "value"),
    [
        (0, -0.5),
        (100, -0.426777),
        (200, -0.25),
        (400, 0.0),
        (600, -0.25),
        (799, -0.499992),
        (800, -0.5),
    ],
)
def test_the_worked_example_of_the_target_length(length: int, value: float):
    assert target_length(length, 400) == pytest.approx(value, abs=1e-6)


@pytest.mark.parametrize(
    ("length", "value"),
    [(0, -0.5), (250, -0.375), (375, -0.25), (500, -0.125), (750, 0.0), (4095, 0.0), (4096, -0.5)],
)
def test_the_worked_example_of_the_least_length(length: int, value: float):
    assert least_length(length, 750, 4096) == pytest.approx(value, abs=1e-6)


def total(rights: list[int], lengths: list[int], formats: list[int], **settings) -> list[float]:
    [lengthwise] = dynamic_length(group_of(rights, lengths), **settings)
    rows = zip(rights, formats, lengthwise, strict=True)
    return [right + 0.5 * format + term for right, format, term in rows]


def test_the_worked_example_of_a_group_with_right_answers():
    found = total([1, 1, 0, 0], [300, 500, 200, 900], [1, 1, 1, 0])
    assert found == pytest.approx([1.5, 1.5, 0.25, -0.5], abs=1e-6)


def test_the_worked_example_of_the_variant_with_the_shortest_target():
    rights, lengths = [1, 0, 0, 0], [600, 300, 600, 1200]
    found = total(rights, lengths, [1] * 4, target="shortest")
    [twice] = rare_right(group_of(rights, lengths))
    summed = [one + more for one, more in zip(found, twice, strict=True)]
    assert summed == pytest.approx([2.5, 0.25, 0.5, 0.0], abs=1e-6)


def test_the_worked_example_of_a_group_that_is_all_wrong():
    assert total([0, 0], [375, 800], [1, 1]) == pytest.approx([0.375, 0.5], abs=1e-6)


def test_right_answers_of_easy_groups_are_not_paid_twice():
    assert rare_right(group_of([1, 1, 0, 0], [1] * 4)) == [[0.0] * 4]


def test_the_worked_example_of_repeated_words():
    assert word_repetition("word " * 30, WRONG) == pytest.approx(-0.454545, abs=1e-6)
    assert word_repetition("Word word " * 15, WRONG) == pytest.approx(-0.454545, abs=1e-6)


def test_right_answers_may_repeat_words_and_short_texts_cannot():
    assert word_repetition("word " * 30, RIGHT) == 0
    assert word_repetition("word " * 30, RIGHT, wrong_only=False) < 0
    assert word_repetition("word " * 19, WRONG) == 0


# -- TRL ------------------------------------------------------------------------------------------


def test_repeated_runs_of_tokens_cost_their_share():
    def group(*ids: int) -> Graded:
        return Graded(Rollout(ids, (0.0,) * len(ids), "", "end"), WRONG)

    groups = [Group(Sample("s", (Message("user", "?"),)), (group(1, 2, 3, 1, 2, 3), group(1, 2)))]
    [[repeated, short]] = token_repetition(groups)
    assert (repeated, short) == (pytest.approx(-(1 - 3 / 4)), 0.0)
    with pytest.raises(ValueError, match="at most 0"):
        token_repetition(groups, most=1.0)


# -- Vision-R1 ------------------------------------------------------------------------------------

PARIS = asked(Answer("text", "paris"))


@pytest.mark.parametrize(
    ("response", "hard", "additive"),
    [
        ("<think>t</think> <answer>Paris.</answer>", 1.0, 2.0),
        ("\n<think>t</think><answer>paris</answer>\n", 1.0, 2.0),
        ("<answer>Paris</answer>", 0.0, 1.0),
        ("<think>t</think> <answer> </answer>", 0.0, 0.0),
        ("<think>t</think> <answer>Rome</answer>", 0.0, 1.0),
        ("so <think>t</think> <answer>Paris</answer>", 0.0, 1.0),
        ("<think> </think> <answer>Paris</answer>", 0.0, 1.0),
        ("<think>t</think> <answer>Paris</answer><answer>Paris</answer>", 0.0, 1.0),
        ("Paris", 0.0, 0.0),
    ],
)
def test_the_worked_example_of_the_hard_and_the_additive_reward(response, hard, additive):
    assert format_and_result(response, PARIS) == hard
    assert format_plus_result(response, PARIS) == additive


@pytest.mark.parametrize("answer", ["not Paris", "par"])
def test_words_that_hold_the_reference_or_are_in_it_are_not_the_answer(answer: str):
    response = f"<think>t</think> <answer>{answer}</answer>"
    assert (format_and_result(response, PARIS), format_plus_result(response, PARIS)) == (0.0, 1.0)


def test_an_answer_block_that_is_not_closed_earns_nothing():
    response = "<think>t</think> <answer>Paris"
    assert (format_and_result(response, PARIS), format_plus_result(response, PARIS)) == (0.0, 0.0)


def test_a_second_try_compares_values():
    response = r"<think>t</think><answer>\frac12</answer>"
    assert format_and_result(response, asked(Answer("number", 0.5))) == 1


def test_without_a_usable_reference_the_reward_does_not_apply():
    response = "<think>t</think><answer>5</answer>"
    assert format_and_result(response, Sample("s", (Message("user", "?"),))) is None
    assert format_and_result(response, asked(Answer("integer", "five"))) is None


# -- LUFFY ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("response", "reward"),
    [
        (r"so it is 7</think> The answer is \boxed{7}", 1.0),
        (r"so it is 7</think> 7", 1.0),
        (r"so it is 7</think> \boxed{8} </think> \boxed{7}", 0.0),
        (r"so it is \boxed{7}", 0.0),
        (r"so it is 7</think> \boxed{8}", 0.0),
        (r"</think>", 0.0),
    ],
)
def test_the_answer_of_luffy_stands_between_the_first_closing_tag_and_the_next(response, reward):
    assert luffy_verifier(response, asked(Answer("integer", 7))) == reward


def test_the_last_boxed_text_after_the_thought_is_the_answer_whatever_stands_beside_it():
    assert luffy_verifier(r"so</think> It is \boxed{Rome}, no, \boxed{Paris} then", PARIS) == 1
    assert luffy_verifier(r"so</think> It is \boxed{Paris}, no, \boxed{Rome} then", PARIS) == 0


def test_the_opening_tag_is_in_the_prompt_unless_it_is_said_otherwise():
    sample = asked(Answer("integer", 7))
    assert luffy_verifier("7</think> 7", sample, opened=False) == 0
    assert luffy_verifier("<think>7</think> 7", sample, opened=False) == 1


# -- as terms -------------------------------------------------------------------------------------


def test_batch_terms_are_scored_by_name():
    term = Term("shortest-right", part("reward", "shortest-right"), 0.2)
    [group] = score(group_of([1, 1], [300, 150]), [term], part("combination", "sum"))
    assert [member.reward for member in group.members] == [0.0, pytest.approx(0.2)]
    assert weighted_sum([[1.0]], [0.2]).tolist() == [0.2]
    assert math.isfinite(group.members[0].reward)
