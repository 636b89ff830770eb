from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch

from gnomon.catalogue import load_recipe
from gnomon.plan import plan
from gnomon.recipe import Recipe, Reinforce, build, vary
from gnomon.records import Answer, Message, Sample


def phases(scale: Any) -> list[Reinforce]:
    return [s for s in load_recipe("vision-r1", scale).stages if isinstance(s, Reinforce)]


@pytest.mark.parametrize(
    ("phase", "tokens", "rollouts"),
    [("short-thoughts", 4096, 16), ("longer-thoughts", 8192, 8)],
)
def test_the_constants_are_those_of_the_specification(
    phase: str, tokens: int, rollouts: int, told: Callable[[str], dict[str, Any]]
) -> None:
    found = told("vision-r1")
    expected = {
        "sampling.max_new_tokens": (tokens, "paper"),
        "rollouts": (rollouts, "paper"),
        "steps": (100, "paper"),
        "loss.clip_low": (0.2, "paper"),
        "loss.clip_high": (0.2, "paper"),
        "regularisers.kl.coefficient.value": (1e-2, "paper"),
        "prompts": (128, "ours"),
        "optimizer.learning_rate.value": (1e-6, "ours"),
    }
    assert {name: found[f"{phase}.{name}"] for name in expected} == expected


def test_the_cold_start_is_that_of_the_released_configuration(
    told: Callable[[str], dict[str, Any]],
) -> None:
    found = told("vision-r1")
    assert found["cold-start.optimizer.learning_rate.peak"] == (5e-6, "paper")
    assert found["cold-start.optimizer.learning_rate.warmup"] == (0.05, "paper")
    assert found["cold-start.max_tokens"] == (16384, "paper")
    assert found["cold-start.batch_size"] == (32, "paper")


@pytest.mark.parametrize("scale", ["micro", "full"])
def test_both_phases_have_the_same_budget_of_tokens_for_a_question(scale: str) -> None:
    short, longer = phases(scale)
    assert longer.sampling.max_new_tokens == 2 * short.sampling.max_new_tokens
    assert (
        short.sampling.max_new_tokens * short.rollouts
        == longer.sampling.max_new_tokens * longer.rollouts
    )


@pytest.mark.parametrize("scale", ["micro", "full"])
def test_the_gated_reward_comes_after_a_cold_start_that_teaches_the_layout(scale: str) -> None:
    recipe = load_recipe("vision-r1", scale)  # type: ignore[arg-type]
    assert recipe.stages[0].kind == "sft"
    for phase in phases(scale):
        assert [reward.part.part for reward in phase.rewards] == ["format-and-result"]
        assert phase.aggregate.part == "seq-mean-token-mean"


# -- phases ---------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def lengthened() -> Recipe:
    """The recipe with the third phase of the paper, which is not in it as it brings no gain."""
    recipe = load_recipe("vision-r1", "full")
    place = "stages.longer-thoughts"
    changes = {f"{place}.rollouts": 4, f"{place}.sampling.max_new_tokens": 16384}
    changes |= {f"{place}.name": "longest"}
    return vary(recipe, {"stages": (*recipe.stages, vary(recipe, changes).stages[-1])})


def by_step(recipe: Recipe) -> list[tuple[int, int]]:
    """Limit and rollouts of every step of RL: a run takes each stage for its number of steps."""
    stages = [stage for stage in recipe.stages if isinstance(stage, Reinforce)]
    return [(s.sampling.max_new_tokens, s.rollouts) for s in stages for _ in range(s.steps)]


def test_the_worked_example_of_the_schedule_with_a_third_phase(lengthened: Recipe) -> None:
    found = [by_step(lengthened)[step] for step in (0, 99, 100, 250)]
    assert found == [(4096, 16), (4096, 16), (8192, 8), (16384, 4)]


def test_at_step_200_the_phases_of_the_recipe_are_done() -> None:
    assert by_step(load_recipe("vision-r1", "full"))[199:] == [(8192, 8)]


def test_the_worked_example_of_the_budget_of_every_phase(lengthened: Recipe) -> None:
    stages = plan(lengthened).stages[1:]
    most = [stage.load.response * stage.rollouts for stage in stages]
    assert most == [4096 * 16, 8192 * 8, 16384 * 4] == [65536] * 3
    assert [stage.work.sampled for stage in stages] == [100 * 128 * 65536] * 3


def test_what_is_per_group_is_planned_anew_for_every_phase(lengthened: Recipe) -> None:
    """Rollouts of a step, of a question that is decoded, and of a prompt that is shared."""
    stages = plan(lengthened).stages[1:]
    assert [stage.load.members for stage in stages] == [16, 8, 4]
    assert [stage.samples * stage.rollouts // stage.steps for stage in stages] == [2048, 1024, 512]
    assert all(stage.load.decoding == stage.load.prompts * stage.load.members for stage in stages)


# -- groups ---------------------------------------------------------------------------------------


def advantages(stage: Reinforce, rewards: list[float]) -> list[float]:
    groups = torch.zeros(len(rewards), dtype=torch.long)
    found: list[float] = build("advantage", stage.advantage)(torch.tensor(rewards), groups).tolist()
    return found


def test_one_success_is_worth_what_the_group_of_its_phase_makes_it() -> None:
    """(1 - 1/n) / (sqrt(1/n) + 1e-6): nothing of the first phase is kept in the second."""
    short, longer = phases("full")
    found = {s.name: advantages(s, [1.0] + [0.0] * (s.rollouts - 1)) for s in (short, longer)}
    assert found["short-thoughts"] == pytest.approx([3.749985, *[-0.249999] * 15], abs=1e-5)
    assert found["longer-thoughts"] == pytest.approx([2.474867, *[-0.353552] * 7], abs=1e-5)


def test_the_worked_advantages_of_both_phases() -> None:
    for stage in phases("full"):
        half = [0.866024, 0.866024, -0.866024, -0.866024]
        assert advantages(stage, [1.0, 1.0, 0.0, 0.0]) == pytest.approx(half, abs=1e-5)


def test_a_group_without_a_formatted_right_response_has_no_gradient() -> None:
    for stage in phases("full"):
        assert advantages(stage, [0.0] * stage.rollouts) == [0.0] * stage.rollouts


def test_a_response_that_is_cut_earns_nothing_though_it_was_heading_right() -> None:
    [reward] = phases("full")[0].rewards
    sample = Sample("s", (Message("user", "?"),), answer=Answer("text", "paris"))
    whole = "<think>It is Paris.</think><answer>Paris</answer>"
    scored = [build("reward", reward.part)(whole[:size], sample) for size in range(len(whole) + 1)]
    assert scored == [0.0] * len(whole) + [1.0]


def test_what_the_paper_leaves_open_is_as_the_specification_says() -> None:
    for stage in phases("full"):
        assert (stage.sampling.temperature, stage.prompts) == (1.0, 128)
        assert stage.optimizer.learning_rate.settings["value"] == 1e-6
