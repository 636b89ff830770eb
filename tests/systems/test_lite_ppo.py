from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
import torch

from gnomon.catalogue import load_recipe
from gnomon.recipe import build
from systems.stages import reinforce

stage = partial(reinforce, "lite-ppo")


def test_the_constants_are_those_of_the_specification(
    told: Callable[[str], dict[str, Any]],
) -> None:
    found = told("lite-ppo")
    expected = {
        "prompts": (128, "paper"),
        "rollouts": (8, "paper"),
        "sampling.temperature": (0.99, "paper"),
        "sampling.top_p": (0.99, "paper"),
        "sampling.top_k": (100, "paper"),
        "sampling.max_new_tokens": (8192, "paper"),
        "loss.clip_low": (0.2, "paper"),
        "loss.clip_high": (0.2, "paper"),
        "advantage.epsilon": (1e-6, "paper"),
    }
    assert {name: found[f"rl.{name}"] for name in expected} == expected


@pytest.mark.parametrize("scale", ["micro", "full"])
def test_there_is_nothing_beside_the_two_tricks(scale: str) -> None:
    made = stage(scale)
    assert len(load_recipe("lite-ppo", scale).stages) == 1  # type: ignore[arg-type]
    assert (made.regularisers, made.filters, made.weights, made.resample) == ((), (), (), None)
    assert (made.aggregate.part, made.loss.settings["dual_clip"]) == ("token-mean", None)


def test_the_worked_advantages_use_the_raw_rewards_of_the_batch() -> None:
    rewards = torch.tensor([1.0, 0, 0, 0, 1, 1, 1, 0])
    groups = torch.arange(8) // 4
    found = build("advantage", stage("full").advantage)(rewards, groups).tolist()
    expected = [1.403119, *[-0.467706] * 3, *[0.467706] * 3, -1.403119]
    assert found == pytest.approx(expected, abs=1e-5)


def test_the_share_of_right_rollouts_is_the_difficulty_of_a_record() -> None:
    from gnomon.data.fixtures import fixture_for
    from gnomon.recipe import Use

    data = stage("full").data
    path = fixture_for("lite-ppo", "rl", data.settings["path"])
    source = build("source", Use("parquet", **{**data.settings, "path": path}))()
    assert source[0].meta["difficulty"] == 7.0
