from __future__ import annotations

import json
import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gnomon.evaluation.metrics import wilson
from gnomon.evaluation.summary import estimate, most_common, multi_sample_metrics, summarise
from gnomon.records import Answer, Graded, Group, Message, Outcome, Rollout, Sample, Verdict

RIGHT, WRONG = Verdict(Outcome.CORRECT, 1.0, "5", 5), Verdict(Outcome.WRONG, 0.0, "4", 4)
UNREADABLE = Verdict(Outcome.UNPARSEABLE_ANSWER, 0.0, "??")
SILENT = Verdict(Outcome.NO_ANSWER, 0.0)
LATE, BROKEN = Verdict(Outcome.TIMEOUT, 0.0, reason="5 s"), Verdict(Outcome.CRASH, 0.0, reason="x")
NO_REFERENCE = Verdict(Outcome.UNPARSEABLE_REFERENCE, 0.0, reason="y")


def group(*verdicts, id="q", task="count", stop="end", tokens=3, **meta):
    rollout = Rollout((0,) * tokens, (0.0,) * tokens, "", stop)
    members = tuple(Graded(rollout, verdict) for verdict in verdicts)
    return Group(Sample(id, (Message("user", "?"),), task=task, meta=meta), members)


def test_accuracy_is_the_share_of_items_answered_right():
    result = estimate([group(RIGHT), group(WRONG), group(SILENT), group(RIGHT)])
    assert (result.accuracy, result.n) == (0.5, 4)
    assert (result.low, result.high) == wilson(2, 4)


def test_several_responses_to_an_item_are_one_item_with_their_mean():
    result = estimate([group(RIGHT, RIGHT, WRONG, WRONG), group(RIGHT, WRONG, WRONG, WRONG)])
    assert (result.accuracy, result.n) == (0.375, 2)
    assert (result.low, result.high) == wilson(0.75, 2)


@pytest.mark.parametrize("verdict", [LATE, BROKEN, NO_REFERENCE])
def test_a_response_that_was_not_graded_is_no_wrong_answer(verdict):
    assert estimate([group(RIGHT), group(verdict)]) == estimate([group(RIGHT)])
    assert estimate([group(RIGHT, verdict)]).accuracy == 1.0


def test_responses_that_were_not_graded_are_reported_by_name():
    result = summarise("b", [group(RIGHT, id="a"), group(LATE, id="b")], samples=1)
    assert result.excluded == (("b", "timeout: 5 s"),)
    assert result.outcomes == {"correct": 1, "timeout": 1}


def test_without_any_graded_item_the_accuracy_is_unknown():
    result = estimate([group(LATE)])
    assert math.isnan(result.accuracy)
    assert (result.low, result.high, result.n) == (0.0, 1.0, 0)


def test_every_task_and_difficulty_gets_its_own_estimate():
    groups = [
        group(RIGHT, task="b", difficulty=10),
        group(WRONG, task="a", difficulty=2),
        group(RIGHT, task="b", difficulty=2.5),
    ]
    result = summarise("b", groups, samples=1)
    assert {name: item.accuracy for name, item in result.by_task.items()} == {"a": 0.0, "b": 1.0}
    assert list(result.by_task) == ["a", "b"]
    assert list(result.by_difficulty) == ["2", "2.5", "10"]


def test_beside_a_task_stands_what_its_most_common_answer_would_score():
    asked = [("sum", 4), ("sum", 5), ("sum", 5), ("side", 1)]
    groups = [
        replace(made, sample=replace(made.sample, answer=Answer("number", value)))
        for task, value in asked
        for made in [group(WRONG, RIGHT, task=task)]
    ]
    result = summarise("b", groups, samples=2)
    assert {task: item.guess for task, item in result.by_task.items()} == {"sum": 2 / 3, "side": 1}


def test_only_graded_items_with_a_reference_have_a_most_common_answer():
    answered = replace(group(LATE).sample, answer=Answer("number", 3))
    assert math.isnan(most_common([group(RIGHT), replace(group(LATE), sample=answered)]))
    assert most_common([group(RIGHT), replace(group(RIGHT), sample=answered)]) == 1.0


def test_items_without_a_task_or_a_difficulty_are_in_no_split():
    result = summarise("b", [group(RIGHT, task="")], samples=1)
    assert (result.by_task, result.by_difficulty, result.n) == ({}, {}, 1)


def test_lengths_and_cut_responses_are_shares_of_all_responses():
    groups = [group(RIGHT, tokens=2), group(LATE, tokens=4, stop="length")]
    result = summarise("b", groups, samples=1)
    assert (result.mean_length, result.truncated) == (3.0, 0.5)


def test_one_sample_has_no_metrics_of_several():
    assert summarise("b", [group(RIGHT)], samples=1).metrics == {}


def test_metrics_of_several_samples_are_means_over_items():
    groups = [group(RIGHT, WRONG, WRONG, WRONG), group(RIGHT, RIGHT, RIGHT, WRONG)]
    assert multi_sample_metrics(groups, 4) == {
        "pass@2": pytest.approx(0.75),
        "pass@4": 1.0,
        "mean@4": 0.5,
        "majority": 0.5,
    }


def test_pass_at_k_is_given_for_powers_of_two_and_for_all_samples():
    metrics = multi_sample_metrics([group(*[RIGHT] * 6)], 6)
    assert [name for name in metrics if name.startswith("pass")] == ["pass@2", "pass@4", "pass@6"]


def test_an_item_with_an_ungraded_response_is_left_out_of_the_metrics_of_several():
    complete = group(RIGHT, RIGHT)
    with_late = multi_sample_metrics([complete, group(WRONG, LATE)], 2)
    assert with_late == multi_sample_metrics([complete], 2)


def test_metrics_without_a_complete_item_are_unknown():
    assert all(math.isnan(value) for value in multi_sample_metrics([group(LATE, LATE)], 2).values())


def test_unreadable_answers_have_no_vote_in_the_majority():
    groups = [group(UNREADABLE, UNREADABLE, SILENT, RIGHT)]
    assert multi_sample_metrics(groups, 4)["majority"] == 1.0


def test_a_majority_of_nobody_is_wrong():
    assert multi_sample_metrics([group(SILENT, UNREADABLE)], 2)["majority"] == 0.0


def test_equal_values_are_one_vote_however_they_are_written():
    five, also_five = RIGHT, Verdict(Outcome.CORRECT, 1.0, "5 cm", 5)
    assert multi_sample_metrics([group(WRONG, five, also_five)], 3)["majority"] == 1.0


def test_a_grader_without_values_votes_by_text_and_unhashable_values_vote_too():
    text = Verdict(Outcome.CORRECT, 1.0, "a")
    listed = Verdict(Outcome.CORRECT, 1.0, "b", [1, 2])
    assert multi_sample_metrics([group(WRONG, text, text)], 3)["majority"] == 1.0
    assert multi_sample_metrics([group(WRONG, listed, listed)], 3)["majority"] == 1.0


four = st.lists(st.sampled_from([RIGHT, WRONG, SILENT]), min_size=4, max_size=4)


@given(st.lists(four, min_size=1))
def test_mean_at_k_is_the_accuracy_and_pass_at_k_never_below_it(items):
    groups = [group(*verdicts) for verdicts in items]
    metrics = multi_sample_metrics(groups, 4)
    accuracy = estimate(groups).accuracy
    assert metrics["mean@4"] == pytest.approx(accuracy)
    assert accuracy - 1e-12 <= metrics["pass@2"] <= metrics["pass@4"] + 1e-12


def test_the_entry_of_an_evaluation_file_is_plain_json_with_counts():
    groups = [group(RIGHT, RIGHT, difficulty=1), group(WRONG, LATE, difficulty=1)]
    result = summarise("b", groups, samples=2, skipped=[("x", "bad")], images={"i.png": b"1"})
    entry = json.loads(json.dumps(result.to_dict()))
    assert set(entry) == {
        "accuracy",
        "low",
        "high",
        "n",
        "mean_length",
        "truncated",
        "seconds",
        "by_task",
        "by_difficulty",
        "outcomes",
        "metrics",
        "skipped",
        "excluded",
    }
    assert set(entry["by_task"]["count"]) == {"accuracy", "low", "high", "n", "guess"}
    assert set(entry["by_difficulty"]["1"]) == {"accuracy", "low", "high", "n"}
    assert (entry["skipped"], entry["excluded"]) == (1, [["q", "timeout: 5 s"]])


def test_a_result_reads_as_one_line():
    line = str(summarise("maths", [group(RIGHT), group(WRONG)], samples=1))
    assert line == "maths: 50.0% [9.5%, 90.5%] of 2 items, 3 tokens a response"


def test_results_compare_without_their_seconds():
    fast, slow = (summarise("b", [group(RIGHT)], samples=1, seconds=s) for s in (1, 2))
    assert fast == slow
