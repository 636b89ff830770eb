from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
import torch

from gnomon.catalogue import load_recipe
from gnomon.plan import plan
from gnomon.recipe import build
from systems.stages import reinforce

stage = partial(reinforce, "skywork-r1v3", place=1)


def test_the_constants_are_those_of_the_specification(
    told: Callable[[str], dict[str, Any]],
) -> None:
    found = told("skywork-r1v3")
    expected = {
        "rl.rewards.accuracy.weight": (0.8, "paper"),
        "rl.rewards.format-match.weight": (0.2, "paper"),
        "rl.rollouts": (32, "paper"),
        "rl.prompts": (32, "paper"),
        "rl.updates": (1, "paper"),
        "rl.loss.clip_low": (0.2, "paper"),
        "rl.optimizer.learning_rate.value": (1e-6, "paper"),
        "rl.sampling.max_new_tokens": (8192, "paper"),
        "connector.batch_size": (64, "paper"),
        "connector.optimizer.learning_rate.peak": (1e-5, "paper"),
        "connector.optimizer.learning_rate.warmup": (0.03, "paper"),
        "connector.max_tokens": (16384, "paper"),
        "evaluation.samples": (5, "paper"),
    }
    assert {name: found[name] for name in expected} == expected


@pytest.mark.parametrize("scale", ["micro", "full"])
def test_the_stages_are_cold_start_rl_and_connector(scale: str) -> None:
    recipe = load_recipe("skywork-r1v3", scale)  # type: ignore[arg-type]
    assert [s.name for s in recipe.stages] == ["cold-start", "rl", "connector"]


@pytest.mark.parametrize("scale", ["micro", "full"])
def test_rl_trains_the_connector_and_has_no_kl(scale: str) -> None:
    assert stage(scale).freeze == ()
    assert stage(scale).regularisers == ()


def test_the_last_stage_trains_the_connector_alone() -> None:
    made = plan(load_recipe("skywork-r1v3", "micro"))
    assert made.stages[-1].trained == made.parameters.connector > 0


def test_the_worked_advantages() -> None:
    rewards, groups = torch.tensor([1.0, 0.2, 0.2, 0.2]), torch.zeros(4, dtype=torch.long)
    found = build("advantage", stage("full").advantage)(rewards, groups)
    assert found.tolist() == pytest.approx([1.499996, *[-0.499999] * 3], abs=1e-5)
