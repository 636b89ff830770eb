"""The value head: its loss, its targets, its updates beside those of the policy, its checkpoint."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from gnomon.catalogue import load_recipe
from gnomon.parts import forget, register
from gnomon.recipe import Optimizer, RecipeError, Reinforce, Use, Value, make_recipe, vary
from gnomon.records import Group
from gnomon.rl.chosen import Objective
from gnomon.rl.critic import explained_variance, value_loss
from gnomon.rl.loop import collect
from gnomon.rl.returns import whiten
from gnomon.stages.context import StageContext
from gnomon.tensors import CheckpointError
from rl_steps import PROMPTS, ROLLOUTS, Open, gradient, one_step, stage_of, steps_of, weights

seen = SimpleNamespace()


def numbered(groups: Sequence[Group]) -> list[list[float | None]]:
    """The scores that the test chose, whatever was written."""
    return seen.scores


@pytest.fixture(autouse=True)
def parts() -> Iterator[None]:
    seen.scores = [[0.0, 1.0, 2.0, 5.0], [1.0, 1.0, 1.0, 9.0]]
    register("reward")(numbered)
    yield
    forget(__name__)


def rate(value: float) -> Optimizer:
    return Optimizer(learning_rate=Use("constant", value=value), weight_decay=0.0)


def critic_stage(**changes: Any) -> Reinforce:
    value = {"optimizer": rate(1e-2), **changes.pop("value", {})}
    return stage_of(**{"advantage": Use("gae"), "value": Value(**value), **changes})


# -- the loss -------------------------------------------------------------------------------------


def one(value: float, old: float, aim: float, clip: float | None = 0.5) -> tuple[float, float]:
    """Loss and gradient of one value."""
    leaf = torch.tensor([[value]], requires_grad=True)
    loss, _ = value_loss(
        leaf, torch.tensor([[old]]), torch.tensor([[aim]]), torch.ones(1, 1), clip=clip
    )
    loss.sum().backward()
    assert leaf.grad is not None
    return loss.item(), leaf.grad.item()


def test_the_value_loss_is_half_the_square_of_the_error() -> None:
    assert one(0.2, 0.1, 1.0) == (pytest.approx(0.32), pytest.approx(-0.8))
    assert one(3.0, 0.0, 1.0, clip=None) == (pytest.approx(2.0), pytest.approx(2.0))


def test_a_value_that_left_its_band_towards_the_return_is_held() -> None:
    assert one(0.9, 0.1, 1.0) == (pytest.approx(0.08), 0.0)  # (0.6 - 1)^2 / 2


def test_a_value_that_left_its_band_the_wrong_way_is_pulled_back() -> None:
    assert one(-0.9, 0.1, 1.0) == (pytest.approx(1.805), pytest.approx(-1.9))


def test_padding_has_neither_value_loss_nor_gradient() -> None:
    leaf = torch.tensor([[0.5, math.nan]], requires_grad=True)
    mask, zeros = torch.tensor([[1.0, 0.0]]), torch.zeros(1, 2)
    loss, held = value_loss(leaf, zeros, zeros, mask)
    loss.sum().backward()
    assert leaf.grad is not None
    assert (loss[0, 1].item(), held[0, 1].item(), leaf.grad[0, 0].item()) == (0.0, 0.0, 0.5)


def test_explained_variance_is_1_for_the_truth_and_0_for_a_constant() -> None:
    aims, mask = torch.tensor([[1.0, 2.0, 99.0]]), torch.tensor([[1.0, 1.0, 0.0]])
    assert explained_variance(aims, aims, mask) == 1.0
    assert explained_variance(torch.full_like(aims, 7.0), aims, mask) == pytest.approx(0.0)
    assert explained_variance(-aims, aims, mask) == pytest.approx(-3.0)


def test_explained_variance_of_equal_returns_is_no_number() -> None:
    assert math.isnan(explained_variance(torch.zeros(1, 2), torch.ones(1, 2), torch.ones(1, 2)))
    nearly = torch.tensor([[0.1, 0.1 + 1e-8]])
    assert math.isnan(explained_variance(torch.zeros(1, 2), nearly, torch.ones(1, 2)))


@settings(max_examples=30)
@given(st.lists(st.floats(-3, 3), min_size=3, max_size=8), st.randoms())
def test_explained_variance_does_not_hang_on_order_or_padding(numbers: Any, draw: Any) -> None:
    values, aims = torch.tensor([numbers]), torch.arange(float(len(numbers)))[None]
    mask = torch.ones_like(values)
    order = list(range(len(numbers)))
    draw.shuffle(order)
    moved = [torch.nn.functional.pad(each[:, order], (0, 2)) for each in (values, aims, mask)]
    expected = explained_variance(values, aims, mask)
    assert explained_variance(*moved) == pytest.approx(expected, abs=1e-6)


# -- in a stage -----------------------------------------------------------------------------------


def collected(stage: Reinforce, context: StageContext) -> Any:
    prepared = context.take(PROMPTS)
    return collect(stage, Objective.of(stage, context), context, prepared)


def test_a_new_head_says_0_everywhere_and_aims_at_the_returns(open_stage: Open) -> None:
    stage = critic_stage()
    found = collected(stage, open_stage(stage))
    rewards = torch.tensor(seen.scores).flatten()
    assert not found.targets.values.any()
    torch.testing.assert_close(found.targets.returns, rewards[:, None] * found.mask_NT)
    whole = whiten(rewards[:, None] * found.mask_NT, found.mask_NT)
    torch.testing.assert_close(found.advantages, whole)


def test_the_target_follows_gamma_and_lam_of_the_critic(open_stage: Open) -> None:
    stage = critic_stage(advantage=Use("gae", gamma=0.5), value={"gamma": 0.5, "lam": 0.0})
    found = collected(stage, open_stage(stage))
    last = found.mask_NT.sum(1).long() - 1
    ends = found.targets.returns[torch.arange(len(last)), last]
    assert ends.tolist() == torch.tensor(seen.scores).flatten().tolist()
    # One step ahead there is only a value of 0.
    assert float(found.targets.returns.sum()) == pytest.approx(float(ends.sum()))


def test_a_rollout_without_a_reward_is_no_target(open_stage: Open) -> None:
    seen.scores = [[0.0, None, 2.0, 5.0], [1.0] * ROLLOUTS]
    stage = critic_stage()
    found = collected(stage, open_stage(stage))
    assert not found.targets.mask[1].any()
    assert found.targets.mask[0].any()


def test_the_head_learns_the_returns(open_stage: Open) -> None:
    stage = critic_stage(steps=12, optimizer=rate(0.0), value={"clip": None})
    values = [result.values for result in steps_of(stage, open_stage(stage), 12)]
    assert values[0]["explained_variance"] == pytest.approx(0.0)
    assert values[-1]["value_loss"] < 0.8 * values[0]["value_loss"]
    assert {"value_loss", "value_clip", "explained_variance"} <= set(values[0])


def test_a_head_of_its_own_leaves_the_gradient_of_the_policy_alone(open_stage: Open) -> None:
    """With equal rewards the policy has nothing to learn, and the critic has."""
    seen.scores = [[2.0] * ROLLOUTS] * PROMPTS
    stage = critic_stage(optimizer=rate(1e-2), advantage=Use("gae"))
    context = open_stage(stage)
    before = weights(context.policy)
    one_step(stage, context)
    assert all(value.equal(before[name]) for name, value in weights(context.policy).items())
    assert context.critic is not None
    assert context.critic.head.bias.item() != 0.0


def test_the_trunk_takes_its_share_of_the_value_loss(open_stage: Open) -> None:
    """A head of 0 has no gradient into the trunk, so its weights are given."""
    seen.scores = [[2.0] * ROLLOUTS] * PROMPTS

    def norm(trunk: float) -> float:
        stage = critic_stage(optimizer=rate(0.0), value={"trunk": trunk, "optimizer": rate(0.0)})
        context = open_stage(stage)
        assert context.critic is not None
        with torch.no_grad():
            context.critic.head.weight.fill_(0.1)
        # Values differ now from token to token, so the advantages would move the policy too.
        return one_step(stage.model_copy(update={"loss": Use("ppo-clip")}), context)["grad_norm"]

    assert norm(4.0) > 2 * norm(0.0)


@pytest.mark.parametrize("rows", [1, 3])
def test_micro_batches_of_any_size_train_the_same_head(open_stage: Open, rows: int) -> None:
    def head(at_once: int) -> Tensor:
        stage = critic_stage(micro_batch_rows=at_once, optimizer=rate(0.0))
        context = open_stage(stage)
        one_step(stage, context)
        assert context.critic is not None
        state = context.critic.updater.optimizer.state
        return state[context.critic.head.weight]["exp_avg"]

    torch.testing.assert_close(head(rows), head(64), rtol=1e-4, atol=1e-6)


def test_gae_with_a_new_head_is_reinforce_plus_plus(open_stage: Open) -> None:
    """The head says 0, so the policy gets the gradient that it gets without a critic."""
    plain = stage_of(advantage=Use("reinforce-plus-plus"))
    found = gradient(plain, open_stage)
    torch.testing.assert_close(gradient(critic_stage(), open_stage), found, rtol=1e-4, atol=1e-6)


def test_a_non_finite_value_loss_skips_both_updates(open_stage: Open) -> None:
    stage = critic_stage(value={"clip": None})
    context = open_stage(stage)
    assert context.critic is not None
    with torch.no_grad():
        context.critic.head.bias.fill_(math.inf)
    before = weights(context.policy)
    one_step(stage, context)
    assert context.run.skipped()
    assert all(value.equal(before[name]) for name, value in weights(context.policy).items())
    assert (context.updater.done, context.critic.updater.done) == (1, 1)


# -- its checkpoint -------------------------------------------------------------------------------


def test_a_saved_critic_goes_on_with_the_same_bits(open_stage: Open, tmp_path: Path) -> None:
    stage = critic_stage(steps=4)
    context = open_stage(stage)
    steps_of(stage, context, 2)
    saved = context.critic
    assert saved is not None
    saved.save(tmp_path)
    other = type(saved)(context.policy, saved.settings, saved.updater.planned)
    other.restore(tmp_path)
    assert other.updater.done == saved.updater.done == 2
    for critic in (saved, other):
        for parameter in critic.head.parameters():
            parameter.grad = torch.ones_like(parameter)
        critic.updater.optimizer.param_groups[0]["lr"] = 0.1
        critic.updater.optimizer.param_groups[1]["lr"] = 0.1
        critic.updater.optimizer.step()
    assert saved.head.weight.equal(other.head.weight)
    assert saved.head.bias.equal(other.head.bias)


def test_a_critic_without_its_file_is_told(open_stage: Open, tmp_path: Path) -> None:
    context = open_stage(critic_stage())
    assert context.critic is not None
    with pytest.raises(CheckpointError, match=r"critic\.safetensors cannot be loaded"):
        context.critic.restore(tmp_path)


# -- the recipe -----------------------------------------------------------------------------------


@pytest.mark.parametrize("scale", ["micro", "full"])
def test_ppo_is_grpo_with_a_critic(scale: Any) -> None:
    ours, base = load_recipe("ppo", scale), load_recipe("grpo", scale)
    back = {
        "name": "grpo", "description": base.description,
        **{f"stages.rl.{field}": getattr(base.stages[-1], field)
           for field in ("advantage", "loss", "aggregate", "value")},
    }  # fmt: skip
    assert vary(ours, back).to_yaml() == base.to_yaml()


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ({"clip": 0.0}, "greater than 0"), ({"lam": 1.5}, "less than or equal to 1"),
        ({"kind": "model"}, "head"), ({"trunk": -1.0}, "greater than or equal to 0"),
    ],
)  # fmt: skip
def test_settings_of_a_critic_out_of_range_are_refused(value: Any, reason: str) -> None:
    data = load_recipe("ppo", "micro").model_dump(mode="json")
    data["stages"][-1]["value"] |= value
    with pytest.raises(RecipeError, match=reason):
        make_recipe(data)
