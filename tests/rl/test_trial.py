from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import torch
from torch import Tensor

from gnomon.catalogue import load_recipe
from gnomon.parts import INPUTS, forget, register
from gnomon.recipe import Recipe, Use, override
from gnomon.rl.trial import _made_numbers, formula_problems
from published import PUBLISHED

RL = "stages.multimodal-rl"
KL = "stages.text-rl.regularisers.kl"


@pytest.fixture(scope="module")
def base() -> Recipe:
    return load_recipe("revisual-r1", "micro")


@pytest.fixture(autouse=True)
def leaves_no_parts() -> Iterator[None]:
    yield
    forget(__name__)


@pytest.mark.parametrize(("name", "scale"), PUBLISHED)
def test_the_formulas_of_every_published_recipe_take_their_settings(name: str, scale: Any) -> None:
    assert formula_problems(load_recipe(name, scale)) == []


def test_every_input_of_a_formula_is_made(base: Recipe) -> None:
    made = _made_numbers(base.stages[1])
    for kind in ("schedule", "combination", "advantage", "weight", "resampler", "correction",
                 "corruption", "loss", "focus", "aggregation", "regulariser"):  # fmt: skip
        assert set(INPUTS[kind]) <= set(made), kind


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({f"{RL}.loss.dual_clip": 0.5}, f"{RL}.loss: loss 'ppo-clip': dual_clip=0.5 must be"),
        ({f"{RL}.loss.clip_low": -1.0}, f"{RL}.loss: loss 'ppo-clip': clip_low=-1.0 and"),
        (
            {f"{RL}.resample.temperature": 0.3},
            f"{RL}.resample: resampler 'pad': ",
        ),
        (
            {f"{RL}.optimizer.learning_rate": {"part": "cosine", "peak": 1.0, "warmup": 2.0}},
            f"{RL}.optimizer.learning_rate: schedule 'cosine': warmup=2.0 is a share of the steps",
        ),
        (
            {"stages.cold-start.optimizer.learning_rate.warmup": -1},
            "stages.cold-start.optimizer.learning_rate: schedule 'cosine': warmup=-1 must be",
        ),
        (
            {f"{KL}.coefficient": {"part": "cosine", "peak": 1.0, "warmup": -1}},
            f"{KL}.coefficient: schedule 'cosine': warmup=-1",
        ),
    ],
)
def test_a_setting_that_a_formula_refuses_is_told_by_its_place(
    base: Recipe, changes: dict[str, Any], told: str
) -> None:
    [line] = formula_problems(override(base, changes))
    assert line.startswith(told)


def test_all_refusals_come_at_once(base: Recipe) -> None:
    changes = {f"{RL}.loss.dual_clip": 0.5, "stages.text-rl.loss.clip_low": -1.0}
    assert len(formula_problems(override(base, changes))) == 2


def test_a_stage_without_a_resampler_is_tried(base: Recipe) -> None:
    assert formula_problems(override(base, {f"{RL}.resample": None})) == []


def test_a_loss_that_returns_no_pair_is_told_what_to_return(base: Recipe) -> None:
    @register("loss", "test-trial")
    def bare(logp: Tensor) -> Tensor:
        return -logp

    assert formula_problems(override(base, {f"{RL}.loss": Use("test-trial")})) == [
        f"{RL}.loss: loss 'test-trial' must return ([N, T] losses, {{name: [N, T] statistics}}); "
        "it gave Tensor [8, 3]"
    ]


def test_an_advantage_of_another_shape_is_told_what_to_return(base: Recipe) -> None:
    @register("advantage", "test-trial")
    def single(rewards: Tensor) -> Tensor:
        return rewards[:1]

    assert formula_problems(override(base, {f"{RL}.advantage": "test-trial"})) == [
        f"{RL}.advantage: advantage 'test-trial' must return [N] advantages; it gave Tensor [1]"
    ]


def test_a_schedule_that_returns_nothing_is_told_what_to_return(base: Recipe) -> None:
    @register("schedule", "test-trial")
    def nothing(step: int) -> None:
        return None

    [line] = formula_problems(override(base, {f"{RL}.optimizer.learning_rate": "test-trial"}))
    assert line.endswith("schedule 'test-trial' must return a number; it gave NoneType")


@pytest.mark.parametrize(
    ("field", "kind", "wanted"),
    [
        ("weights", "weight", "[N] factors"),
        ("focus", "focus", "[N, T] factors"),
        ("corrections", "correction", "([N, T] weights, [N, T] kept tokens)"),
    ],
)
def test_a_part_among_several_is_told_by_its_name(
    base: Recipe, field: str, kind: str, wanted: str
) -> None:
    @register(kind, "test-trial")
    def short(mask: Tensor) -> Tensor:
        return mask[:1, 0]

    [line] = formula_problems(override(base, {f"{RL}.{field}": [Use("test-trial")]}))
    assert line == (
        f"{RL}.{field}.test-trial: {kind} 'test-trial' must return {wanted}; it gave Tensor [1]"
    )


def test_the_parts_of_a_kl_in_the_reward_and_of_a_weighted_penalty_are_tried(base: Recipe) -> None:
    ramp = {"part": "adaptive-kl", "target": 0.0}
    changes = {
        f"{RL}.reward_kl": {"part": "kl", "coefficient": ramp},
        f"{KL}.weight": {"part": "excess-length", "base": 0.5},
    }
    told = [line.partition(": ")[0] for line in formula_problems(override(base, changes))]
    assert told == [f"{RL}.reward_kl.coefficient", f"{KL}.weight"]


def test_every_advantage_and_every_loss_passes_a_trial_with_its_defaults(base: Recipe) -> None:
    from gnomon.parts import load_kind

    for kind, field in (("advantage", "advantage"), ("loss", "loss")):
        for name, made in load_kind(kind).items():
            if made.function.__module__.startswith("gnomon."):
                assert formula_problems(override(base, {f"{RL}.{field}": name})) == [], name


def test_a_trial_leaves_the_random_numbers_of_the_process_alone(base: Recipe) -> None:
    before = torch.get_rng_state()
    formula_problems(base)
    assert torch.equal(torch.get_rng_state(), before)
