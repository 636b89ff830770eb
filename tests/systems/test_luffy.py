from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch

from gnomon.catalogue import load_recipe
from gnomon.recipe import build, override
from gnomon.training import train
from systems.stages import reinforce

stage = partial(reinforce, "luffy")


def test_the_constants_are_those_of_the_specification(
    told: Callable[[str], dict[str, Any]],
) -> None:
    found = told("luffy")
    expected = {
        "rollouts": (8, "paper"),
        "demonstrations.count": (1, "paper"),
        "loss.constant": (0.1, "paper"),
        "loss.shaping": ("ratio", "paper"),
        "prompts": (128, "paper"),
        "updates": (2, "paper"),
        "steps": (500, "paper"),
        "sampling.temperature": (1.0, "paper"),
        "sampling.max_new_tokens": (8192, "paper"),
        "max_tokens": (1024, "paper"),
        "aggregate.length": (8192, "paper"),
        "optimizer.learning_rate.value": (1e-6, "paper"),
        "regularisers.entropy-bonus.coefficient.value": (0.01, "paper"),
    }
    assert {name: found[f"rl.{name}"] for name in expected} == expected
    assert found["evaluation.samples"] == (32, "paper")
    assert found["evaluation.temperature"] == (0.6, "paper")


@pytest.mark.parametrize("scale", ["micro", "full"])
def test_nothing_is_clipped_and_no_kl_is_charged(scale: str) -> None:
    made = stage(scale)
    assert (made.loss.settings["clip"], made.loss.settings["cap"]) == (None, None)
    assert [item.part.part for item in made.regularisers] == ["entropy-bonus"]


def test_the_teacher_shares_the_baseline_of_the_group() -> None:
    rewards, groups = torch.tensor([0.0] * 7 + [1.0]), torch.zeros(8, dtype=torch.long)
    found = build("advantage", stage("full").advantage)(rewards, groups)
    assert found.tolist() == [-0.125] * 7 + [0.875]


def test_every_micro_demonstration_is_right_and_short_enough() -> None:
    made = stage("micro")
    source = build("source", made.data)()
    verifier = build("reward", made.rewards[0].part)
    for index in range(14):
        text = source[index].meta["demonstration"]
        assert verifier(text, source[index]) == 1.0
        assert len(text.split()) < made.sampling.max_new_tokens


def test_one_of_every_group_is_the_demonstration(tiny_folder: Path, tmp_path: Path) -> None:
    changes: dict[str, Any] = {
        "model.path": str(tiny_folder),
        "evaluation.benchmarks": [],
        "stages.rl.steps": 1,
        "stages.rl.prompts": 2,
        "stages.rl.rollouts": 3,
        "stages.rl.sampling.max_new_tokens": 250,
        "stages.rl.max_tokens": 600,
        "stages.rl.log_rollouts_every": 1,
    }
    run = train(override(load_recipe("luffy"), changes), root=tmp_path)
    values = next(row for row in run.metrics() if "loss" in row)
    assert values["off_policy"] > 0, sorted(values)
