from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch

from gnomon.catalogue import load_recipe
from gnomon.recipe import Reinforce, build

STAGES = ("easy", "medium", "hard")


def stages(scale: Any) -> list[Reinforce]:
    return [s for s in load_recipe("vl-cogito", scale).stages if isinstance(s, Reinforce)]


@pytest.mark.parametrize("stage", STAGES)
def test_the_constants_are_those_of_the_specification(
    stage: str, told: Callable[[str], dict[str, Any]]
) -> None:
    found = told("vl-cogito")
    expected = {
        "rollouts": (16, "paper"),
        "prompts": (512, "paper"),
        "updates": (4, "paper"),
        "optimizer.learning_rate.value": (1e-6, "paper"),
        "optimizer.weight_decay": (1e-2, "paper"),
        "sampling.temperature": (1.0, "paper"),
        "sampling.max_new_tokens": (4096, "paper"),
        "max_tokens": (2048, "paper"),
        "loss.clip_low": (0.2, "paper"),
        "loss.clip_high": (0.2, "paper"),
        "regularisers.kl.coefficient.value": (1e-3, "paper"),
        "rewards.format-match.weight": (0.5, "paper"),
        "weights.difficulty-curve.curve": (stage, "paper"),
    }
    assert {name: found[f"{stage}.{name}"] for name in expected} == expected
    assert found["model.image_pixels"] == ([7056, 1048576], "code")


@pytest.mark.parametrize("scale", ["micro", "full"])
def test_the_curriculum_goes_from_easy_to_hard(scale: str) -> None:
    assert tuple(stage.name for stage in stages(scale)) == STAGES


@pytest.mark.parametrize("scale", ["micro", "full"])
def test_the_length_reward_belongs_to_the_hard_stage_alone(scale: str) -> None:
    for stage in stages(scale):
        names = {reward.part.part for reward in stage.rewards}
        assert ("dynamic-length" in names) == (stage.name == "hard")
        assert ("word-repetition" in names) == (stage.name == "hard")


def test_an_all_wrong_group_has_weight_only_in_the_hard_stage() -> None:
    accuracy, groups = torch.zeros(4), torch.zeros(4, dtype=torch.long)
    weights = [
        build("weight", stage.weights[0])(accuracy, groups)[0].item() for stage in stages("full")
    ]
    assert weights == [0.0, 0.0, 0.25]


def test_the_released_target_of_all_wrong_groups_is_750_tokens(
    told: Callable[[str], dict[str, Any]],
) -> None:
    found = told("vl-cogito")
    assert found["hard.rewards.dynamic-length.part.fixed"] == (750, "code")
    assert found["hard.rewards.dynamic-length.part.limit"] == (4096, "code")


def test_a_single_rollout_keeps_its_reward_as_released() -> None:
    advantage = build("advantage", stages("full")[0].advantage)
    assert advantage(torch.tensor([2.0]), torch.tensor([0])).item() == pytest.approx(2.0)
