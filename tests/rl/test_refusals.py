from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import torch
from torch import Tensor

from gnomon.catalogue import load_recipe
from gnomon.parts import forget, load_kind, register
from gnomon.recipe import (
    Demonstrations,
    Optimizer,
    Recipe,
    RecipeError,
    Regulariser,
    RewardKl,
    Use,
    Value,
    override,
)
from gnomon.rl.refusals import refusals
from gnomon.rl.trial import formula_problems
from gnomon.training import check
from published import PUBLISHED

RL = "stages.multimodal-rl"


@pytest.fixture(scope="module")
def base() -> Recipe:
    return override(load_recipe("revisual-r1", "micro"), {f"{RL}.resample": None})


@pytest.fixture(autouse=True)
def leaves_no_parts() -> Iterator[None]:
    yield
    forget(__name__)


def told(base: Recipe, **changes: Any) -> list[str]:
    return refusals(override(base, {f"{RL}.{name}": value for name, value in changes.items()}))


def constant(value: float) -> Use:
    return Use("constant", value=value)


@pytest.mark.parametrize(("name", "scale"), PUBLISHED)
def test_no_published_recipe_is_refused(name: str, scale: Any) -> None:
    assert refusals(load_recipe(name, scale)) == []


# -- groups ---------------------------------------------------------------------------------------

ALONE = {"reinforce-plus-plus", "remax", "gae"}


@pytest.mark.parametrize("name", sorted(set(load_kind("advantage")) - ALONE - {"scoped"}))
def test_an_estimator_that_needs_groups_is_refused_with_one_rollout(
    base: Recipe, name: str
) -> None:
    [line] = [line for line in told(base, rollouts=1, advantage=name) if "rollouts=1" in line]
    assert line.startswith(f"{RL}.advantage: {name!r} compares the rollouts of one question")
    assert "set rollouts to at least 2" in line


@pytest.mark.parametrize(
    "advantage",
    [
        Use("reinforce-plus-plus"), Use("remax"), Use("grpo", baseline="none", scale="none"),
        Use("scoped", centre="batch"), Use("scoped", centre="running", scale="running"),
    ],
)  # fmt: skip
def test_an_estimator_that_needs_none_works_with_one_rollout(base: Recipe, advantage: Use) -> None:
    assert told(base, rollouts=1, advantage=advantage) == []


def test_an_estimator_of_a_users_file_is_refused_for_the_same_reason(base: Recipe) -> None:
    @register("advantage", "test-refusal")
    def above_mean(rewards: Tensor, groups: Tensor) -> Tensor:
        sums, counts = (torch.bincount(groups, w) for w in (rewards, torch.ones_like(rewards)))
        return rewards - (sums / counts)[groups]

    assert told(base, rollouts=1, advantage="test-refusal")
    assert told(base, rollouts=4, advantage="test-refusal") == []


# -- order, references, images, tasks, critics ----------------------------------------------------


def test_pad_before_what_needs_groups_is_refused(base: Recipe) -> None:
    [line] = told(base, filters=[Use("drop-zero-variance"), Use("pad")])
    assert line.startswith(f"{RL}.filters.pad: it draws single rollouts by their advantages")
    assert "name it as resample instead" in line


def test_a_refill_without_filters_is_refused(base: Recipe) -> None:
    [line] = told(base, refill=3)
    assert line.startswith(f"{RL}.refill=3: without filters every group counts")


def test_a_kl_weight_without_a_reference_is_refused(base: Recipe) -> None:
    [line] = told(base, weights=[Use("difficulty-divergence")])
    assert "is the weight of a KL to the reference" in line
    entropy = Regulariser(
        part=Use("nll"), coefficient=constant(0.1), weight=Use("difficulty-divergence")
    )
    [line] = told(base, regularisers=[entropy])
    assert "reads no reference" in line


def test_a_kl_weight_on_a_kl_is_right(base: Recipe) -> None:
    term = Regulariser(
        part=Use("kl"), coefficient=constant(1e-3), weight=Use("difficulty-divergence"),
        aggregate=Use("seq-mean-token-mean"),
    )  # fmt: skip
    assert told(base, regularisers=[term]) == []


@pytest.mark.parametrize("name", sorted(set(load_kind("weight")) - {"difficulty-divergence"}))
def test_no_other_weight_is_taken_for_that_of_a_kl(base: Recipe, name: str) -> None:
    settings = {"limit": 99} if name == "overlong-by-reward" else {}
    assert told(base, weights=[Use(name, **settings)]) == []


def test_a_kl_in_the_reward_needs_a_reference(base: Recipe) -> None:
    assert told(base, reward_kl=RewardKl(coefficient=constant(0.01))) == []
    [line] = told(base, reward_kl=RewardKl(part=Use("nll"), coefficient=constant(0.01)))
    assert "reads no reference; use kl" in line


def test_masked_log_probabilities_need_a_corruption_and_a_corruption_needs_them(
    base: Recipe,
) -> None:
    term = Regulariser(part=Use("perception-kl"), coefficient=constant(0.02))
    [line] = told(base, regularisers=[term])
    assert "set corruption, such as Use('random-patches')" in line
    [line] = told(base, corruption=Use("random-patches"))
    assert "no regulariser compares with them" in line
    assert told(base, regularisers=[term], corruption=Use("random-patches")) == []


def test_moments_of_tasks_need_samples_with_a_task(base: Recipe, tmp_path: Any) -> None:
    path = tmp_path / "data.jsonl"
    path.write_text('{"problem": "2 + 2?", "answer": "4"}\n')
    changes = {"advantage": Use("ema-grpo"), "modality": "text"}
    assert told(base, advantage=Use("ema-grpo")) == []
    found = told(base, **changes, data=Use("jsonl", path=str(path)))
    [line] = found
    assert "keeps moments for each task, and sample 0 of the source has none" in line


def test_a_source_is_looked_at_to_its_end_for_samples_without_a_task(
    base: Recipe, tmp_path: Any
) -> None:
    path = tmp_path / "data.jsonl"
    named = '{"problem": "2 + 2?", "answer": "4", "task": "sum"}\n'
    path.write_text(named * 80 + named.replace(', "task": "sum"', "") * 20)
    source = Use("jsonl", path=str(path))
    [line] = told(base, advantage=Use("ema-grpo"), modality="text", data=source)
    assert "sample 81 of the source has none" in line


def test_a_bad_record_hides_no_sample_without_a_task(base: Recipe, tmp_path: Any) -> None:
    path = tmp_path / "data.jsonl"
    path.write_text('{"problem": 4, "answer": "4"}\n{"problem": "2 + 2?", "answer": "4"}\n')
    source = Use("jsonl", path=str(path))
    [line] = told(base, advantage=Use("ema-grpo"), modality="text", data=source)
    assert "sample 1 of the source has none" in line


def test_tasks_that_cannot_be_read_are_refused_with_the_reason(base: Recipe, tmp_path: Any) -> None:
    path = tmp_path / "data.jsonl"
    path.write_text('{"problem": 4, "answer": "4"}\n')
    source = Use("jsonl", path=str(path))
    [line] = told(base, advantage=Use("ema-grpo"), modality="text", data=source)
    assert line.startswith("stages.multimodal-rl.advantage: 'ema-grpo' keeps moments")
    assert "none of the samples looked at can be read to see whether it has one (data.jsonl" in line


def test_demonstrations_need_a_loss_that_knows_them(base: Recipe) -> None:
    [line] = told(base, demonstrations=Demonstrations())
    assert "takes the tokens of demonstrations for the policy's own; use luffy" in line
    assert told(base, demonstrations=Demonstrations(), loss=Use("luffy")) == []
    [line] = told(base, demonstrations=Demonstrations(count=8), loss=Use("luffy"))
    assert "at least one of the 8 rollouts" in line


@pytest.mark.parametrize(
    "changes",
    [
        {"focus": (Use("off-policy-sequences"),)},
        {"regularisers": (Regulariser(part=Use("kl-by-ratio"), coefficient=constant(0.1)),)},
    ],
    ids=["focus", "regulariser"],
)
def test_what_compares_with_the_sampling_policy_is_refused_beside_demonstrations(
    base: Recipe, changes: Any
) -> None:
    assert told(base, **changes) == []
    [line] = told(base, demonstrations=Demonstrations(), loss=Use("luffy"), **changes)
    assert "no policy has sampled the tokens of demonstrations" in line


def critic(**changes: Any) -> Value:
    return Value(optimizer=Optimizer(learning_rate=constant(1e-3)), **changes)


def test_values_need_a_critic(base: Recipe) -> None:
    [line] = told(base, advantage=Use("gae"))
    assert "needs the values of a critic" in line
    assert told(base, advantage=Use("gae"), value=critic()) == []
    assert told(base, advantage=Use("gae"), value=critic(), rollouts=1) == []


def test_a_critic_whose_values_nothing_reads_is_refused(base: Recipe) -> None:
    [line] = told(base, value=critic())
    assert line.startswith(f"{RL}.value: the advantage 'grpo' reads no values")
    assert "use gae, or leave value out" in line


def test_a_critic_of_other_returns_than_the_advantage_is_refused(base: Recipe) -> None:
    [line] = told(base, advantage=Use("gae", gamma=0.9), value=critic())
    assert "value.gamma=1: the advantage discounts by gamma=0.9" in line
    other = critic(gamma=0.9, lam=0.5)  # lam may differ
    assert told(base, advantage=Use("gae", gamma=0.9, lam=0.95), value=other) == []


def test_the_learning_rate_of_a_critic_is_checked_too(base: Recipe) -> None:
    follows = Value(optimizer=Optimizer(learning_rate=Use("adaptive-kl")))
    [line] = told(base, advantage=Use("gae"), value=follows)
    assert line.startswith(f"{RL}.value.optimizer.learning_rate: 'adaptive-kl' follows")
    rising = Value(optimizer=Optimizer(learning_rate=Use("cosine", peak=1.0, warmup=2.5)))
    wrong = override(base, {f"{RL}.advantage": Use("gae"), f"{RL}.value": rising})
    [line] = formula_problems(wrong)
    assert line.startswith(f"{RL}.value.optimizer.learning_rate: schedule 'cosine': warmup=2.5")


def test_a_learning_rate_cannot_follow_a_measure(base: Recipe) -> None:
    [line] = told(base, **{"optimizer.learning_rate": Use("adaptive-kl")})
    assert line.startswith(f"{RL}.optimizer.learning_rate: 'adaptive-kl' follows")


# -- bounds, and the whole check ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("loss", "hint"),
    [
        (Use("cispo", clip_high=5.0), "use cispo-absolute"),
        (Use("cispo-absolute", bound=0.28), "use cispo"),
    ],
)
def test_cispo_bounds_in_the_wrong_convention_are_told_before_anything_runs(
    base: Recipe, loss: Use, hint: str
) -> None:
    [line] = formula_problems(override(base, {f"{RL}.loss": loss}))
    assert line.startswith(f"{RL}.loss: loss {loss.part!r}: ")
    assert line.endswith(hint)


def test_a_refused_recipe_does_not_pass_the_check(base: Recipe) -> None:
    wrong = override(base, {"stages": ["multimodal-rl"], f"{RL}.rollouts": 1})
    with pytest.raises(RecipeError, match="rollouts=1 leaves nothing to compare with"):
        check(wrong)
