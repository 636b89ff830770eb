from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
import torch

from gnomon.catalogue import load_recipe
from gnomon.grading.respond import grade_response
from gnomon.recipe import build
from gnomon.records import Answer, Rollout, Sample, Verdict
from systems.stages import reinforce

stage = partial(reinforce, "observe-r1")


def test_the_constants_are_those_of_the_specification(
    told: Callable[[str], dict[str, Any]],
) -> None:
    found = told("observe-r1")
    expected = {
        "rollouts": (8, "code"),
        "prompts": (128, "code"),
        "updates": (2, "code"),
        "optimizer.learning_rate.value": (1e-6, "code"),
        "sampling.temperature": (1.0, "code"),
        "sampling.max_new_tokens": (8192, "code"),
        "max_tokens": (9216, "code"),
        "rewards.shortest-right.weight": (0.2, "code"),
        "rewards.shortest-right.part.floor": (100, "code"),
        "rewards.format-match.weight": (0.5, "code"),
        "weights.uncertainty.sigma": (1.8, "paper"),
        "reward_kl.coefficient.value": (0.01, "code"),
        "reward_kl.part.estimator": ("k1", "code"),
        "advantage.epsilon": (1e-9, "code"),
        "loss.clip_low": (0.2, "code"),
    }
    assert {name: found[f"rl.{name}"] for name in expected} == expected


def test_the_worked_advantages_after_bonus_and_weight() -> None:
    made = stage("full")
    rewards, groups = torch.tensor([1.5, 1.7, 0.5, 0.0]), torch.zeros(4, dtype=torch.long)
    accuracy = torch.tensor([1.0, 1.0, 0.0, 0.0])
    plain = build("advantage", made.advantage)(rewards, groups)
    weighted = plain * build("weight", made.weights[0])(accuracy, groups)
    expected = [1.278037, 1.722572, -0.944636, -2.055974]
    assert weighted.tolist() == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("scale", ["micro", "full"])
def test_a_group_without_a_right_answer_pays_no_bonus(scale: str) -> None:
    bonus = stage(scale).rewards[-1].part
    assert (bonus.part, bonus.settings["mode"]) == ("shortest-right", "strict")


@pytest.mark.parametrize("scale", ["micro", "full"])
def test_the_kl_is_in_the_reward_and_not_in_the_loss(scale: str) -> None:
    assert stage(scale).regularisers == ()
    assert stage(scale).reward_kl is not None


def test_a_bonus_for_a_group_that_is_all_wrong_would_be_undone_by_the_weight_alone() -> None:
    """The trap: index 0 gets the bonus of nobody, [.5, 0, .5, 0] become [.7, 0, .5, 0]."""
    made = stage("full")
    bonus = made.rewards[-1].weight
    rewards = torch.tensor([0.5, 0.0, 0.5, 0.0])
    rewards[0] += float(getattr(bonus, "value", bonus))
    assert rewards.tolist() == pytest.approx([0.7, 0.0, 0.5, 0.0])
    groups = torch.zeros(4, dtype=torch.long)
    advantages = build("advantage", made.advantage)(rewards, groups)
    expected = [1.123903, -0.842927, 0.561951, -0.842927]
    assert advantages.tolist() == pytest.approx(expected, abs=1e-5)
    weight = build("weight", made.weights[0])(torch.zeros(4), groups)
    assert (advantages * weight).tolist() == [0.0] * 4


@pytest.mark.parametrize(
    ("answer", "gold", "right"),
    [
        ("B", Answer("choice", "B"), True),
        ("it is B", Answer("choice", "B"), True),
        ("bad", Answer("choice", "B"), False),
    ],
)
def test_the_full_scale_judges_by_the_released_rule(answer: str, gold: Answer, right: bool) -> None:
    assert judged(f"<answer>{answer}</answer>", gold).correct == right


def test_a_response_without_tags_is_judged_whole() -> None:
    verdict = judged("so the result is 7", Answer("integer", 7))
    assert (verdict.correct, verdict.span) == (True, "so the result is 7")
    assert verdict.grader == "observe-think-answer/1 released:observe-r1/2"


def test_of_several_answers_the_first_counts() -> None:
    assert judged("<answer>7</answer> <answer>8</answer>", Answer("integer", 7)).correct


def judged(response: str, gold: Answer) -> Verdict:
    """What training makes of a response at full scale."""
    made = stage("full")
    style, grader = build("format", made.format)(), build("grader", made.grader)
    rollout = Rollout((1,), (0.0,), response, "end")
    return grade_response(Sample("a", (), answer=gold), rollout, style, grader).verdict


@pytest.mark.parametrize("scale", ["micro", "full"])
def test_the_layout_is_paid_as_released(scale: str) -> None:
    """A second answer block spoils the first layout, whose tags are counted, not the second."""
    (layout,) = [item for item in stage(scale).rewards if item.part.part == "format-match"]
    paid = build("reward", layout.part)
    nested = "<think>a<observe>b</observe>c</think><answer>7</answer>"
    flat = "<observe>b</observe><think>a</think><answer>7</answer>"
    assert [paid(text + "<answer>8</answer>") for text in (nested, flat)] == [1.0, 0.0]


def test_the_benchmarks_are_not_asked_by_the_released_rule() -> None:
    assert load_recipe("observe-r1", "full").evaluation.grader.part == "math-verify"


def test_the_ladder_is_read_in_its_order_at_full_scale() -> None:
    """The trap: the released flag named shuffle turns shuffling off, so the order decides."""
    assert not stage("full").shuffle
