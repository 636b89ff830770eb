from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import torch

from gnomon.recipe import build
from systems.stages import reinforce

stage = partial(reinforce, "papo")


def test_the_constants_are_those_of_the_specification(
    told: Callable[[str], dict[str, Any]],
) -> None:
    found = told("papo")
    expected = {
        "rollouts": (5, "paper"),
        "prompts": (384, "paper"),
        "updates": (3, "paper"),
        "sampling.top_p": (0.99, "paper"),
        "sampling.max_new_tokens": (2048, "paper"),
        "max_tokens": (4096, "paper"),
        "optimizer.learning_rate.value": (1e-6, "paper"),
        "optimizer.weight_decay": (1e-2, "paper"),
        "loss.clip_low": (0.2, "code"),
        "loss.clip_high": (0.3, "code"),
        "loss.dual_clip": (3.0, "code"),
        "corruption.probability": (0.6, "paper"),
        "regularisers.kl.coefficient.value": (1e-2, "paper"),
        "regularisers.perception-kl.coefficient.value": (0.02, "paper"),
        "regularisers.nll.coefficient.value": (0.05, "paper"),
        "regularisers.masked-nll.coefficient.value": (0.05, "paper"),
        "rewards.accuracy.weight": (0.9, "paper"),
        "rewards.format-match.weight": (0.1, "paper"),
    }
    assert {name: found[f"rl.{name}"] for name in expected} == expected
    assert found["model.image_pixels"] == ([200704, 1003520], "code")


def test_the_entropies_of_the_7b_run_are_not_copied_to_the_small_model() -> None:
    names = {item.part.part for item in stage("micro").regularisers}
    assert names == {"kl", "perception-kl"}


def test_the_loss_of_the_whole_stage_is_the_worked_example() -> None:
    mask = torch.ones(1, 3)
    known = {
        "logp": torch.tensor([[-0.4, -0.8, -0.2]]),
        "old_logp": torch.tensor([[-0.5, -0.8, -0.2]]),
        "old_masked_logp": torch.tensor([[-0.9, -0.8, -2.2]]),
        "advantages": torch.ones(1),
        "mask": mask,
    }
    values, _ = build("loss", stage("full").loss).supply(known)
    total = values.mean()
    for item in stage("full").regularisers:
        if item.part.part != "kl":
            penalty = build("regulariser", item.part).supply(known)
            total = total + build("schedule", item.coefficient)(step=0) * penalty.mean()
    assert abs(total.item() - -0.955003) < 1e-5
