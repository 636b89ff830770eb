from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
import torch

from gnomon.data.fixtures import fixture_for
from gnomon.recipe import Use, build
from gnomon.recipes.onethinker import GROUNDED, PLAIN
from gnomon.records import Answer, Graded, Group, Outcome, Rollout, Sample, Verdict
from gnomon.rewards.score import Term, score
from systems.stages import reinforce

stage = partial(reinforce, "onethinker")


def reward_of(sample: Sample, response: str) -> float:
    """What one response earns by all terms of the full scale."""
    terms = [
        Term(item.part.part, build("reward", item.part), item.weight, item.tasks)
        for item in stage("full").rewards
    ]
    rollout = Rollout((1,), (0.0,), response, "end")
    member = Graded(rollout, Verdict(Outcome.WRONG, 0.0))
    (group,) = score([Group(sample, (member,))], terms, build("combination", stage("full").combine))
    return group.members[0].reward


def shipped() -> list[Sample]:
    data = stage("full").data
    path = fixture_for("onethinker", "rl", data.settings["path"])
    source = build("source", Use("parquet", **{**data.settings, "path": path}))()
    return [source[index] for index in range(len(source))]


def test_the_constants_are_those_of_the_specification(
    told: Callable[[str], dict[str, Any]],
) -> None:
    found = told("onethinker")
    expected = {
        "rl.rollouts": (8, "paper"),
        "rl.prompts": (128, "paper"),
        "rl.updates": (4, "code"),
        "rl.optimizer.learning_rate.value": (2e-6, "paper"),
        "rl.sampling.max_new_tokens": (4096, "paper"),
        "rl.max_tokens": (16384, "paper"),
        "rl.advantage.beta": (0.99, "paper"),
        "rl.advantage.min_std": (1e-3, "code"),
        "rl.advantage.epsilon": (1e-6, "code"),
        "rl.advantage.guard": (5.0, "code"),
        "rl.loss.clip_low": (0.2, "code"),
        "rl.loss.clip_high": (0.3, "code"),
        "rl.loss.dual_clip": (3.0, "code"),
        "cold-start.optimizer.learning_rate.peak": (1e-5, "paper"),
        "cold-start.optimizer.learning_rate.warmup": (0.02, "code"),
        "cold-start.batch_size": (32, "paper"),
        "cold-start.max_tokens": (16384, "paper"),
        "cold-start.freeze": (["vision"], "code"),
    }
    assert {name: found[name] for name in expected} == expected


def test_every_record_has_the_task_that_its_moments_are_kept_for() -> None:
    assert {sample.task for sample in shipped()} <= {*PLAIN, *GROUNDED}
    assert len({sample.task for sample in shipped()}) == 3


@pytest.mark.parametrize(("answer", "worth"), [("right", 1.5), ("wrong", 0.6), ("none", 0.0)])
def test_a_response_earns_accuracy_layout_and_structure(answer: str, worth: float) -> None:
    for sample in shipped():
        assert sample.answer is not None
        right = str(sample.answer.value)
        wrong = '{"boxes": [900, 900, 901, 901]}' if sample.task in GROUNDED else "@"
        said = {"right": right, "wrong": wrong, "none": ""}[answer]
        response = f"<think>a</think><answer>{said}</answer>" if said else "nothing"
        assert reward_of(sample, response) == pytest.approx(worth), sample.task


@pytest.mark.parametrize("scale", ["micro", "full"])
def test_groups_of_half_right_boxes_are_not_filtered_out(scale: str) -> None:
    """Nor are groups kept that differ in their layout alone."""
    made = stage(scale)
    (filtering,) = made.filters
    names = [item.part.part for item in made.rewards]
    boxes, layout = torch.tensor([0.7, 0.9, 0.0, 0.0]), torch.tensor([1.0, 1.0, 1.0, 0.0])
    graded = ("grounding", "accuracy")
    scores = torch.stack([boxes if name in graded else layout for name in names])
    scores[[name == "typed-answer" for name in names]] = torch.nan
    known = {"scores": scores, "names": names, "groups": torch.tensor([0, 0, 1, 1])}
    assert build("resampler", filtering).supply(known).tolist() == [0, 1]


@pytest.mark.parametrize(
    ("task", "said", "gold", "worth"),
    [
        ("numerical", "3.141", "3.14", 1.5),
        ("ocr", "the cat", "the big cat", 1.2),
        ("Multiple Choice", "B", "B", 1.5),
        ("math", "1/2", "0.5", 1.5),
        ("math", "3", "4", 0.6),
    ],
)
def test_the_worked_totals_of_answers_in_words(
    task: str, said: str, gold: str, worth: float
) -> None:
    """A task counts in any case, as in the released reward."""
    sample = Sample("a", (), answer=Answer("text", gold), task=task)
    response = f"<think>a</think><answer>{said}</answer>"
    assert reward_of(sample, response) == pytest.approx(worth)


def test_layout_and_structure_agree_on_tags_with_blanks_in_them() -> None:
    sample = Sample("a", (), answer=Answer("text", "B"), task="multiple choice")
    assert reward_of(sample, "< think ></ think > <answer>B</answer>") == pytest.approx(1.5)


def test_the_micro_tasks_have_rewards_of_different_scales() -> None:
    tasks = stage("micro").data.settings["tasks"]
    assert "box" in tasks
    assert len(tasks) == 5
