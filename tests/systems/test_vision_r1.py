from __future__ import annotations

from collections.abc import Callable
from itertools import accumulate
from typing import Any

import pytest

from gnomon.catalogue import load_recipe
from gnomon.recipe import Reinforce


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


def test_the_worked_example_of_the_schedule_with_a_third_phase() -> None:
    """At steps 0, 99, 100 and 250; at step 200 the two phases of the recipe are done."""
    short, longer = phases("full")
    sampling = longer.sampling.model_copy(update={"max_new_tokens": 16384})
    third = longer.model_copy(update={"rollouts": 4, "sampling": sampling})

    def at(step: int, stages: list[Reinforce]) -> tuple[int, int] | None:
        ends = accumulate(stage.steps for stage in stages)
        now = next((s for s, end in zip(stages, ends, strict=True) if step < end), None)
        return (now.sampling.max_new_tokens, now.rollouts) if now else None

    found = [at(step, [short, longer, third]) for step in (0, 99, 100, 250)]
    assert found == [(4096, 16), (4096, 16), (8192, 8), (16384, 4)]
    assert at(200, [short, longer]) is None
