from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
import torch

from gnomon.catalogue import load_recipe
from gnomon.formats.plain import think_answer
from gnomon.grading.respond import grade_response
from gnomon.recipe import build
from gnomon.records import Answer, Message, Rollout, Sample
from gnomon.rewards.terms import accuracy, format_match
from gnomon.rl.weights import group_accuracy
from systems.stages import reinforce

stage = partial(reinforce, "apo")


def test_the_constants_are_those_of_the_specification(
    told: Callable[[str], dict[str, Any]],
) -> None:
    found = told("apo")
    expected = {
        "rollouts": (8, "code"),
        "prompts": (128, "code"),
        "updates": (2, "code"),
        "optimizer.learning_rate.value": (1e-6, "code"),
        "regularisers.kl.coefficient.value": (1e-3, "code"),
        "loss.clip_low": (0.2, "code"),
        "loss.clip_high": (0.2, "code"),
        "weights.excess-length.base": (1.00001, "code"),
        "sampling.max_new_tokens": (4096, "code"),
        "sampling.temperature": (1.0, "code"),
        "sampling.top_p": (1.0, "code"),
        "max_tokens": (9216, "code"),
        "advantage.epsilon": (1e-9, "code"),
        "rewards.format-match.weight": (0.5, "code"),
    }
    assert {name: found[f"rl.{name}"] for name in expected} == expected


def test_the_worked_group_is_shaped() -> None:
    made = stage("full")
    rewards, groups = torch.tensor([1.5, 0.5, 0.5, 0.0]), torch.zeros(4, dtype=torch.long)
    accuracy = torch.tensor([1.0, 0.0, 0.0, 0.0])
    lengths = torch.tensor([100, 1100, 80, 5100])
    plain = build("advantage", made.advantage)(rewards, groups)
    shaped = plain * build("weight", made.weights[0])(accuracy, groups, lengths)
    expected = [1.390759, -0.200659, -0.19868, -1.041912]
    assert shaped.tolist() == pytest.approx(expected, abs=1e-4)
    assert (1 - group_accuracy(accuracy, groups)).tolist() == [0.75] * 4


@pytest.mark.parametrize("scale", ["micro", "full"])
def test_the_kl_of_right_answers_is_loosened_by_difficulty(scale: str) -> None:
    (kl,) = stage(scale).regularisers
    assert kl.weight is not None
    assert kl.aggregate is not None
    assert (kl.weight.part, kl.aggregate.part) == ("difficulty-divergence", "seq-mean-token-mean")
    assert kl.part.settings["clamp"] is None


def test_the_released_base_would_hardly_act_on_short_responses() -> None:
    accuracy, groups = torch.tensor([1.0, 0.0]), torch.zeros(2, dtype=torch.long)
    lengths = torch.tensor([12, 112])
    weights = [
        build("weight", stage(scale).weights[0])(accuracy, groups, lengths)[1].item()
        for scale in ("full", "micro")
    ]
    assert weights == pytest.approx([1.001, 1.0951], abs=1e-3)


@pytest.mark.parametrize(
    ("answer", "gold", "reward"),
    [
        ("( B )", Answer("choice", "B"), 1.5),
        ("A or B", Answer("choice", "A"), 0.5),
        ("0.5", Answer("number", r"\frac{1}{2}"), 0.5),
        ("3", Answer("integer", 3), 1.5),
    ],
)
def test_the_full_scale_pays_by_the_released_rule(answer: str, gold: Answer, reward: float) -> None:
    text = f"<think>so</think><answer>{answer}</answer>"
    sample = Sample("s", (Message("user", "?"),), answer=gold)
    grader = build("grader", stage("full").grader)
    graded = grade_response(sample, Rollout((1,), (0.0,), text, "end"), think_answer(), grader)
    assert graded.verdict.grader.endswith("released:apo/2")
    right = accuracy(graded.verdict)
    assert right is not None
    assert right + 0.5 * format_match(text, format="think-answer") == reward


def test_the_benchmarks_are_not_asked_by_the_released_rule() -> None:
    assert load_recipe("apo", "full").evaluation.grader.part == "math-verify"


def test_the_data_keep_their_order_at_full_scale() -> None:
    assert not stage("full").shuffle
