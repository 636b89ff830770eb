from __future__ import annotations

import math

import pytest
import torch

from gnomon.parts import part
from gnomon.records import Answer, Graded, Group, Message, Outcome, Rollout, Sample, Verdict
from gnomon.rewards.score import Term
from gnomon.rl.experience import counted, facts, undecided, weighted, without_undecided

NAN = math.nan
RIGHT, WRONG = Verdict(Outcome.CORRECT, 0.8), Verdict(Outcome.WRONG, 0.3)
LATE = Verdict(Outcome.TIMEOUT, 0.0)


def member(verdict: Verdict, reward: float = 0.0, **changes: object) -> Graded:
    settings = {"token_ids": (5, 6, 7), "logp": (-1.0, -2.0, -3.0), "text": "", "stop": "end"}
    return Graded(Rollout(**{**settings, **changes}), verdict, {"a": reward, "b": None}, reward)


def group(*members: Graded, task: str = "count") -> Group:
    asked = Sample("s", (Message("user", "?"),), answer=Answer("integer", 1), task=task)
    return Group(asked, members)


GROUPS = [
    group(member(RIGHT, 1.0), member(WRONG, 0.5, stop="length")),
    group(
        member(LATE, NAN, token_ids=(5,), logp=(-1.0,)),
        member(WRONG, 0.0, train=(1, 0, 1), source="demonstration"),
        task="compare",
    ),
]
TERMS = [Term("a", part("reward", "accuracy"), 0.9), Term("b", part("reward", "accuracy"), 0.1)]


def test_the_facts_of_graded_groups():
    known = facts(GROUPS, TERMS)
    assert known["groups"].tolist() == [0, 0, 1, 1]
    assert known["lengths"].tolist() == [3, 3, 1, 2]
    assert known["tasks"] == ["count", "count", "compare", "compare"]
    assert known["truncated"].tolist() == [0.0, 1.0, 0.0, 0.0]
    assert known["off_policy"].tolist() == [0.0, 0.0, 0.0, 1.0]
    assert known["old_logp"].tolist() == [[-1, -2, -3], [-1, -2, -3], [-1, 0, 0], [-1, -3, 0]]
    assert known["mask"].tolist() == [[1, 1, 1], [1, 1, 1], [1, 0, 0], [1, 1, 0]]
    assert known["weights"].tolist() == pytest.approx([0.9, 0.1])


def test_undecided_answers_are_missing_and_not_wrong():
    known = facts(GROUPS, TERMS)
    assert known["accuracy"][[0, 1, 3]].tolist() == [1.0, 0.0, 0.0]
    assert known["partial"][[0, 1]].tolist() == pytest.approx([0.8, 0.3])
    assert known["accuracy"][2].isnan()
    assert known["partial"][2].isnan()


def test_scores_that_do_not_apply_are_missing():
    scores = facts(GROUPS, TERMS)["scores"]
    assert scores.shape == (2, 4)
    assert scores[0, :2].tolist() == [1.0, 0.5]
    assert scores[1].isnan().all()


def test_a_failure_of_the_grader_takes_the_reward_away():
    changed = without_undecided(group(member(LATE, 1.0), member(WRONG, 0.5)))
    assert math.isnan(changed.members[0].reward)
    assert changed.members[1].reward == 0.5


def test_without_a_reference_nothing_is_undecided():
    asked = Sample("s", (Message("user", "?"),))
    nothing = member(Verdict(Outcome.UNPARSEABLE_REFERENCE, 0.0))
    assert not undecided(Group(asked, (nothing,)), nothing)


def test_what_was_not_verified_in_time_is_undecided_without_a_reference_as_well():
    """Its time ran out on a reward term, and a rollout without that score has no fair reward."""
    asked = Sample("s", (Message("user", "?"),))
    assert undecided(Group(asked, (member(LATE),)), member(LATE))


def test_a_rollout_counts_when_every_filter_keeps_it():
    known = {
        "groups": torch.tensor([0, 0, 1, 1]), "rewards": torch.tensor([1.0, 0.0, 1.0, 0.0]),
        "truncated": torch.tensor([0.0, 1.0, 0.0, 0.0]),
    }  # fmt: skip
    filters = [part("resampler", "drop-truncated"), part("resampler", "drop-zero-variance")]
    assert counted(filters, known, 2).tolist() == [True, False, True, True]
    assert counted(filters, known, 1).tolist() == [True, False, False, False]
    assert counted([], known, 2).all()


COSTLY = {"mask": torch.tensor([[1.0, 1.0, 0.0], [1.0, 1.0, 1.0]]),
          "penalties": torch.tensor([[0.1, 0.2, 9.0], [0.0, 0.0, 0.5]])}  # fmt: skip


def test_what_tokens_cost_is_taken_off_as_returns_after_the_weights():
    advantages, sequence = weighted(
        torch.tensor([1.0, -1.0]), [torch.tensor([2.0, 1.0])], COSTLY, charged=False
    )
    expected = torch.tensor([[1.7, 1.8, 0.0], [-1.5, -1.5, -1.5]])
    torch.testing.assert_close(advantages, expected)
    assert sequence.tolist() == [2.0, -1.0]


def test_an_estimator_that_has_charged_is_left_as_it_is():
    advantages, _ = weighted(torch.tensor([1.0, -1.0]), [], COSTLY, charged=True)
    assert advantages.tolist() == [1.0, -1.0]


def test_without_costs_advantages_stay_one_number_for_each_rollout():
    free = {**COSTLY, "penalties": torch.zeros(2, 3)}
    advantages, _ = weighted(torch.tensor([1.0, -1.0]), [], free, charged=False)
    assert advantages.shape == (2,)


def test_weights_of_rollouts_act_on_every_token():
    tokens = torch.ones(2, 3) * COSTLY["mask"]
    advantages, sequence = weighted(tokens, [torch.tensor([2.0, 3.0])], COSTLY, charged=True)
    assert advantages.tolist() == [[2.0, 2.0, 0.0], [3.0, 3.0, 3.0]]
    assert sequence.tolist() == [2.0, 3.0]
