from __future__ import annotations

import copy
import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from gnomon.models.policy import Policy
from gnomon.recipe import Optimizer, Use
from gnomon.stages.updates import Diverged, MicroLoss, Update, Updater, step_generator


def policy_of(model: nn.Module) -> Policy:
    return Policy(model, model, None)


@pytest.fixture
def policy() -> Policy:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return policy_of(nn.Sequential(nn.Linear(3, 4), nn.LayerNorm(4), nn.Linear(4, 1)))


@pytest.fixture
def updater(policy: Policy) -> Updater:
    return make(policy)


def make(policy: Policy, *, planned: int = 10, rate: Use | None = None, **settings: Any) -> Updater:
    rate = rate or Use("constant", value=0.1)
    return Updater(policy, Optimizer(learning_rate=rate, **settings), planned)


def losses(policy: Policy, shares: int = 1, factor: float = 1.0) -> list[MicroLoss]:
    """A mean square over twelve rows, cut into micro-batches."""
    rows = torch.arange(36.0).view(12, 3).sin()

    def of(part: Tensor) -> MicroLoss:
        return lambda: factor * policy.model(part).square().sum() / 12

    return [of(part) for part in rows.tensor_split(shares)]


def values(policy: Policy) -> dict[str, Tensor]:
    return {name: p.detach().clone() for name, p in policy.model.named_parameters()}


def gradients_of_step(updater: Updater, micro: list[MicroLoss]) -> list[Tensor]:
    """The gradients that reach the optimiser."""
    seen: list[Tensor] = []
    hook = updater.optimizer.register_step_pre_hook(
        lambda *_: seen.extend(p.grad.clone() for p in updater.parameters.values())
    )
    updater.step(micro)
    hook.remove()
    return seen


def unchanged(policy: Policy, before: dict[str, Tensor]) -> bool:
    return all(p.equal(before[name]) for name, p in policy.model.named_parameters())


# One update


@pytest.mark.parametrize("shares", [1, 5, 12])
@pytest.mark.parametrize("at_once", [2, 3])
def test_micro_batches_side_by_side_make_the_update_of_those_one_by_one(
    policy: Policy, shares: int, at_once: int
) -> None:
    other = policy_of(copy.deepcopy(policy.model))
    one_by_one = make(policy).step(losses(policy, shares))
    together = make(other).step(losses(other, shares), at_once=at_once)
    assert together.loss == pytest.approx(one_by_one.loss)
    assert together.grad_norm == pytest.approx(one_by_one.grad_norm)
    for name, value in values(policy).items():
        torch.testing.assert_close(value, values(other)[name])


def test_micro_batches_side_by_side_give_the_same_bits_each_time(policy: Policy) -> None:
    other = policy_of(copy.deepcopy(policy.model))
    for each in (policy, other):
        make(each).step(losses(each, 12), at_once=3)
    assert unchanged(policy, values(other))


def test_a_loss_that_is_not_finite_skips_the_update_side_by_side_too(policy: Policy) -> None:
    before = values(policy)
    bad = losses(policy, 3)
    bad[1] = lambda: policy.model(torch.ones(1, 3)).sum() * math.nan
    update = make(policy).step(bad, at_once=2)
    assert not update.applied and update.reason == "the loss is nan" and unchanged(policy, before)


@pytest.mark.parametrize("shares", [2, 5, 12])
def test_micro_batches_add_up_to_the_gradient_of_one_batch(policy: Policy, shares: int) -> None:
    one, many = make(policy, rate=Use("constant", value=0.0)), make(policy)
    whole = gradients_of_step(one, losses(policy))
    cut = gradients_of_step(many, losses(policy, shares))
    torch.testing.assert_close(cut, whole, rtol=1e-6, atol=1e-7)


def test_an_update_equals_adamw_by_hand(policy: Policy, updater: Updater) -> None:
    before = values(policy)
    (gradients,) = [gradients_of_step(updater, losses(policy))]
    for (name, parameter), gradient in zip(policy.model.named_parameters(), gradients, strict=True):
        decay = 1 - 0.1 * 0.01 if parameter.ndim > 1 else 1.0
        expected = before[name] * decay - 0.1 * gradient / (gradient.abs() + 1e-8)
        torch.testing.assert_close(parameter.detach(), expected, rtol=1e-4, atol=1e-5)


def test_an_update_tells_loss_norm_and_rate(policy: Policy, updater: Updater) -> None:
    expected = sum(float(loss().detach()) for loss in losses(policy))
    gradients = torch.autograd.grad(losses(policy)[0](), list(policy.model.parameters()))
    norm = float(torch.cat([gradient.flatten() for gradient in gradients]).norm())
    update = updater.step(losses(policy, 3))
    assert update == Update(pytest.approx(expected), pytest.approx(norm), 0.1, True)  # type: ignore[arg-type]
    assert updater.done == 1


def test_the_gradient_norm_is_clipped_and_told_unclipped(policy: Policy) -> None:
    updater = make(policy, grad_clip=0.5)
    gradients = gradients_of_step(updater, losses(policy, factor=100.0))
    assert float(torch.cat([g.flatten() for g in gradients]).norm()) == pytest.approx(0.5, rel=1e-4)
    assert updater.step(losses(policy, factor=100.0)).grad_norm > 0.5


def test_gradients_do_not_carry_over_to_the_next_update(policy: Policy, updater: Updater) -> None:
    updater.step(losses(policy))
    assert all(parameter.grad is None for parameter in policy.model.parameters())


def test_a_loss_without_gradient_counts_and_changes_nothing(
    policy: Policy, updater: Updater
) -> None:
    before = values(policy)
    update = updater.step([lambda: torch.tensor(2.0)])
    assert (update.loss, update.grad_norm, update.applied) == (2.0, 0.0, True)
    assert unchanged(policy, before)


def test_losses_are_computed_one_after_the_other(policy: Policy, updater: Updater) -> None:
    """So that one micro-batch's activations exist at a time."""
    events: list[str] = []

    def noted(index: int, loss: MicroLoss) -> MicroLoss:
        def compute() -> Tensor:
            events.append(f"forward {index}")
            value = loss()
            value.register_hook(lambda _: events.append(f"backward {index}"))
            return value

        return compute

    updater.step(noted(i, loss) for i, loss in enumerate(losses(policy, 2)))
    assert events == ["forward 0", "backward 0", "forward 1", "backward 1"]


# Skipped updates


def overflowing(policy: Policy) -> Tensor:
    """A finite loss with an infinite gradient."""
    weight = policy.model[0].weight
    return (weight * 0).sum().abs().sqrt() + 1.0


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("place", [0, 1, 2])
def test_a_loss_that_is_not_finite_skips_the_update(
    policy: Policy, updater: Updater, bad: float, place: int
) -> None:
    updater.step(losses(policy))
    before, state = values(policy), str(updater.optimizer.state_dict())
    micro = losses(policy, 2)
    micro.insert(place, lambda: policy.model(torch.ones(1, 3)).sum() * bad)
    update = updater.step(micro)
    assert not update.applied
    assert update.reason.startswith("the loss is ")
    assert math.isnan(update.grad_norm)
    assert unchanged(policy, before)
    assert str(updater.optimizer.state_dict()) == state
    assert all(parameter.grad is None for parameter in policy.model.parameters())
    assert (updater.done, updater.skipped_in_a_row) == (2, 1)


def test_a_gradient_that_is_not_finite_skips_the_update(policy: Policy, updater: Updater) -> None:
    before = values(policy)
    update = updater.step([*losses(policy), lambda: overflowing(policy)])
    assert not update.applied
    assert update.reason.startswith("the gradient norm is")
    assert math.isfinite(update.loss)
    assert unchanged(policy, before)
    assert updater.skipped_in_a_row == 1


def test_a_skipped_update_leaves_the_next_one_as_if_it_had_not_been(policy: Policy) -> None:
    other = policy_of(nn.Sequential(nn.Linear(3, 4), nn.LayerNorm(4), nn.Linear(4, 1)))
    other.model.load_state_dict(policy.model.state_dict())
    plain, broken = make(policy), make(other)
    plain.step(losses(policy))
    broken.step([*losses(other), lambda: torch.tensor(math.nan)])
    broken.step(losses(other))
    assert unchanged(other, values(policy))


def test_a_good_update_in_between_resets_the_count(policy: Policy) -> None:
    updater = make(policy, max_skipped=2)
    for _ in range(3):
        updater.step([lambda: torch.tensor(math.nan)])
        assert updater.skipped_in_a_row == 1
        updater.step(losses(policy))
        assert updater.skipped_in_a_row == 0


def test_too_many_skipped_updates_in_a_row_stop_the_run_with_the_cause(policy: Policy) -> None:
    updater = make(policy, max_skipped=3)
    for _ in range(2):
        updater.step([lambda: torch.tensor(math.nan)])
    with pytest.raises(Diverged, match=r"3 updates in a row .* the gradient norm is .*: lower the"):
        updater.step([lambda: overflowing(policy)])


# Schedule, decay, trainable parameters


def test_the_learning_rate_follows_its_schedule_and_skips_do_not_shift_it(policy: Policy) -> None:
    rate = Use("linear", peak=1.0, warmup=2)
    updater = make(policy, planned=6, rate=rate)
    rates = []
    for number in range(6):
        loss: Callable[[], Tensor] = lambda: torch.tensor(math.nan)  # noqa: E731
        rates.append(updater.step([loss] if number == 3 else losses(policy)).learning_rate)
        assert all(group["lr"] == rates[-1] for group in updater.optimizer.param_groups)
    assert rates == pytest.approx([1 / 3, 2 / 3, 1, 3 / 4, 2 / 4, 1 / 4])
    assert updater.progress == {"step": 6, "steps": 6}


def test_matrices_decay_and_vectors_do_not(policy: Policy) -> None:
    updater = make(policy, weight_decay=0.3)
    decay = {id(p): g["weight_decay"] for g in updater.optimizer.param_groups for p in g["params"]}
    named = {name: decay[id(p)] for name, p in policy.model.named_parameters()}
    assert {name for name, value in named.items() if value == 0.3} == {"0.weight", "2.weight"}
    assert {name for name, value in named.items() if value == 0.0} == {
        "0.bias", "1.weight", "1.bias", "2.bias",
    }  # fmt: skip


def test_frozen_parameters_are_left_out(policy: Policy) -> None:
    policy.model[0].requires_grad_(False)
    before = values(policy)
    updater = make(policy)
    updater.step(losses(policy))
    assert "0.weight" not in updater.parameters
    assert policy.model[0].weight.equal(before["0.weight"])
    assert not policy.model[2].weight.equal(before["2.weight"])


def test_a_model_of_vectors_alone_can_be_trained(policy: Policy) -> None:
    policy.model[0].requires_grad_(False)
    policy.model[2].requires_grad_(False)
    assert make(policy).step(losses(policy)).applied


def test_a_model_with_everything_frozen_is_refused(policy: Policy) -> None:
    policy.model.requires_grad_(False)
    with pytest.raises(ValueError, match=r"every parameter is frozen.*freeze less"):
        make(policy)


# Random numbers


def test_the_random_numbers_of_a_step_depend_on_its_place_alone() -> None:
    def numbers(*place: Any) -> list[float]:
        drawn: list[float] = torch.rand(4, generator=step_generator(*place)).tolist()
        return drawn

    first = numbers(0, 1, 2, "rollout")
    torch.rand(7)
    assert numbers(0, 1, 2, "rollout") == first
    others = [(1, 1, 2, "rollout"), (0, 2, 2, "rollout"), (0, 1, 3, "rollout"), (0, 1, 2, "deal")]
    assert first not in [numbers(*place) for place in others]
    assert numbers(1, 11, 0, "x") != numbers(11, 1, 0, "x")


# -- nothing to learn from, and followers ---------------------------------------------------------


def test_an_update_that_is_passed_over_moves_the_schedule_alone(policy: Policy) -> None:
    updater = make(policy, rate=Use("linear", peak=0.1), planned=4)
    before = values(policy)
    updater.pass_over()
    assert updater.done == 1
    assert all(value.equal(before[name]) for name, value in values(policy).items())
    assert updater.step(losses(policy)).learning_rate == pytest.approx(0.075)


def test_a_follower_updates_by_the_same_losses_with_its_own_settings(policy: Policy) -> None:
    other = policy_of(nn.Linear(3, 1))
    updater = make(policy)
    follower = make(other, rate=Use("constant", value=0.0))
    updater.followers.append(follower)
    before = values(other)
    updater.step(losses(policy) + losses(other))
    assert (updater.done, follower.done) == (1, 1)
    assert all(value.equal(before[name]) for name, value in values(other).items())
    assert follower.optimizer.state


def test_a_wild_gradient_of_a_follower_stops_everyone(policy: Policy) -> None:
    other = policy_of(nn.Linear(3, 1))
    updater = make(policy)
    updater.followers.append(make(other))
    before = values(policy)
    found = updater.step([*losses(policy), lambda: (other.model.weight * 0).sum().sqrt()])
    assert not found.applied
    assert "the gradient norm is" in found.reason
    assert all(value.equal(before[name]) for name, value in values(policy).items())
