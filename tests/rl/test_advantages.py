from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from gnomon.parts import part
from gnomon.rl.advantages import GroupedRewards, dr_grpo, grpo, rloo, zero_variance_share

NAN = math.nan
ONE_RIGHT = torch.tensor([1.0, 0.0, 0.0, 0.0])
ONE_GROUP = torch.zeros(4, dtype=torch.long)

# Multiples of 1/8 are exact in float32: the properties are about the formula, not about rounding.
eighths = st.integers(-16, 16).map(lambda number: number / 8)
batches = st.lists(st.tuples(eighths, st.integers(0, 4)), min_size=1, max_size=24)
choices = st.fixed_dictionaries(
    {
        "baseline": st.sampled_from(["mean", "leave-one-out"]),
        "scale": st.sampled_from(["group-std", "batch-std", "none"]),
        "bias": st.sampled_from(["unbiased", "population"]),
    }
)


def tensors(batch: list[tuple[float, int]]) -> tuple[Tensor, Tensor]:
    rewards, groups = zip(*batch, strict=True)
    return torch.tensor(rewards), torch.tensor(groups)


def close(one: Tensor, other: Tensor | list[float], tolerance: float = 1e-5) -> None:
    torch.testing.assert_close(one, torch.as_tensor(other), atol=tolerance, rtol=tolerance)


def test_the_worked_example_of_grpo_as_verl_computes_it():
    close(grpo(ONE_RIGHT, ONE_GROUP), [1.5, -0.5, -0.5, -0.5])


def test_the_worked_example_of_grpo_as_trl_computes_it():
    close(grpo(ONE_RIGHT, ONE_GROUP, epsilon=1e-4), [1.4997, -0.4999, -0.4999, -0.4999], 1e-4)


def test_the_worked_example_of_dr_grpo():
    close(dr_grpo(ONE_RIGHT, ONE_GROUP), [0.75, -0.25, -0.25, -0.25])


def test_the_worked_example_of_rloo():
    close(rloo(ONE_RIGHT, ONE_GROUP), [1.0, -1 / 3, -1 / 3, -1 / 3])


@pytest.mark.parametrize(
    ("right", "of_right", "of_wrong"),
    [(1, 2.475, 0.354), (2, 1.620, 0.540), (3, 1.208, 0.725), (4, 0.935, 0.935), (8, 0.0, 0.0)],
)
def test_the_worked_example_of_eight_binary_rewards(right: int, of_right: float, of_wrong: float):
    rewards = torch.tensor([1.0] * right + [0.0] * (8 - right))
    expected = [of_right] * right + [-of_wrong] * (8 - right)
    close(grpo(rewards, torch.zeros(8, dtype=torch.long)), expected, 1e-3)


def test_a_group_of_equal_rewards_gets_exactly_zero():
    rewards = torch.full((7,), 0.1)
    assert grpo(rewards, torch.zeros(7, dtype=torch.long)).tolist() == [0.0] * 7


def test_equal_rewards_get_exactly_zero_under_the_batch_std():
    rewards = torch.tensor([0.1, 0.1, 0.1, 1.0, 0.0])
    groups = torch.tensor([0, 0, 0, 1, 1])
    assert grpo(rewards, groups, scale="batch-std")[:3].tolist() == [0.0] * 3


def test_a_missing_reward_gets_zero_and_leaves_the_others_as_without_it():
    with_missing = grpo(torch.tensor([1.0, NAN, 0.0, 0.0, 0.0]), torch.zeros(5, dtype=torch.long))
    assert with_missing[1] == 0
    close(with_missing[[0, 2, 3, 4]], grpo(ONE_RIGHT, ONE_GROUP), 0.0)


def test_a_group_of_missing_rewards_gets_zero():
    rewards, groups = torch.tensor([NAN, NAN, 1.0, 0.0]), torch.tensor([0, 0, 1, 1])
    assert grpo(rewards, groups, scale="batch-std")[:2].tolist() == [0.0, 0.0]


@pytest.mark.parametrize("scale", ["group-std", "none"])
def test_a_group_of_one_keeps_its_reward_or_gets_zero(scale: str):
    rewards, groups = torch.tensor([0.7]), torch.tensor([3])
    assert grpo(rewards, groups, scale=scale, single="keep").tolist() == pytest.approx([0.7])
    assert grpo(rewards, groups, scale=scale, single="zero").tolist() == [0.0]


def test_one_usable_reward_makes_a_group_of_one():
    rewards, groups = torch.tensor([0.5, NAN]), torch.tensor([0, 0])
    assert grpo(rewards, groups, single="keep").tolist() == [0.5, 0.0]


def test_a_group_of_one_keeps_its_reward_under_rloo_and_not_under_dr_grpo():
    rewards, groups = torch.tensor([0.5]), torch.tensor([0])
    assert rloo(rewards, groups).item() == 0.5
    assert dr_grpo(rewards, groups).item() == 0.0


def test_without_a_baseline_the_reward_is_kept():
    rewards, groups = torch.tensor([1.0, 1.0, 0.5]), torch.tensor([0, 0, 1])
    assert grpo(rewards, groups, baseline="none", scale="none").tolist() == [1.0, 1.0, 0.5]
    assert grpo(rewards, groups, baseline="none").tolist() == [1.0, 1.0, 0.5]


def test_the_population_std_divides_by_n():
    close(grpo(ONE_RIGHT, ONE_GROUP, bias="population", epsilon=0.0), [3**0.5] + [-(3**-0.5)] * 3)


def test_the_batch_std_is_that_of_the_raw_rewards():
    rewards, groups = torch.tensor([1.0, 0.0, 3.0, 1.0]), torch.tensor([0, 0, 1, 1])
    expected = torch.tensor([0.5, -0.5, 1.0, -1.0]) / (rewards.std() + 1e-6)
    close(grpo(rewards, groups, scale="batch-std"), expected)


def test_whole_number_rewards_are_accepted():
    assert grpo(torch.tensor([1, 0]), torch.tensor([0, 0])).dtype is torch.float32


def test_no_rollouts_give_no_advantages():
    nothing = torch.zeros(0, dtype=torch.long)
    for scale in ("group-std", "batch-std", "none"):
        assert grpo(torch.zeros(0), nothing, scale=scale).shape == (0,)
    assert zero_variance_share(torch.zeros(0), nothing) == 0.0


def test_an_infinite_reward_is_refused_with_its_place():
    with pytest.raises(ValueError, match="rollout 1 is inf"):
        grpo(torch.tensor([0.0, math.inf]), torch.tensor([0, 0]))


def test_shapes_that_differ_are_refused():
    with pytest.raises(ValueError, match="one reward and one group index"):
        grpo(torch.zeros(3), torch.zeros(2, dtype=torch.long))


def test_the_share_of_groups_without_a_difference():
    rewards = torch.tensor([1.0, 1.0, 1.0, 0.0, 0.5, NAN, NAN])
    assert zero_variance_share(rewards, torch.tensor([0, 0, 1, 1, 2, 2, 3])) == pytest.approx(0.75)


def test_the_table_finds_every_reward_again():
    rewards, groups = torch.tensor([1.0, 2.0, 3.0, 4.0]), torch.tensor([9, -1, 9, 9])
    grouped = GroupedRewards.of(rewards, groups)
    assert grouped.rewards_JG.shape == (2, 3)
    assert grouped.back(grouped.rewards_JG).tolist() == rewards.tolist()


def test_advantages_are_reached_by_name():
    available = {"rewards": ONE_RIGHT, "groups": ONE_GROUP, "lengths": ONE_GROUP}
    close(part("advantage", "grpo").supply(available), grpo(ONE_RIGHT, ONE_GROUP), 0.0)
    close(part("advantage", "dr-grpo").supply(available), dr_grpo(ONE_RIGHT, ONE_GROUP), 0.0)
    close(part("advantage", "rloo").supply(available), rloo(ONE_RIGHT, ONE_GROUP), 0.0)


@given(batches, choices, eighths)
def test_a_constant_added_to_all_rewards_changes_nothing(batch, settings, constant):
    rewards, groups = tensors(batch)
    moved = grpo(rewards + constant, groups, **settings)
    close(moved, grpo(rewards, groups, **settings), 1e-4)


@given(batches, choices, st.randoms(use_true_random=False))
def test_reordering_the_rollouts_reorders_the_advantages(batch, settings, random):
    order = random.sample(range(len(batch)), len(batch))
    rewards, groups = tensors(batch)
    expected = grpo(rewards, groups, **settings)[order]
    close(grpo(rewards[order], groups[order], **settings), expected, 1e-4)


@given(batches, choices)
def test_renaming_the_groups_changes_nothing(batch, settings):
    rewards, groups = tensors(batch)
    close(grpo(rewards, 7 - 3 * groups, **settings), grpo(rewards, groups, **settings), 1e-4)


@given(batches)
def test_advantages_of_a_group_sum_to_zero(batch):
    rewards, groups = tensors(batch)
    advantages = grpo(rewards, groups)
    for group in groups.unique():
        assert abs(float(advantages[groups == group].sum())) < 1e-4


@given(batches)
def test_missing_rewards_do_not_disturb_the_rest(batch):
    rewards, groups = tensors(batch)
    padded = grpo(torch.cat([rewards, torch.full((5,), NAN)]), torch.cat([groups, torch.arange(5)]))
    close(padded[: len(batch)], grpo(rewards, groups), 1e-5)
    assert padded[len(batch) :].tolist() == [0.0] * 5


@given(batches)
def test_rloo_subtracts_the_mean_of_the_others(batch):
    rewards, groups = tensors(batch)
    for place, advantage in enumerate(rloo(rewards, groups)):
        others = groups == groups[place]
        others[place] = False
        baseline = rewards[others].mean() if others.any() else 0.0
        assert float(advantage) == pytest.approx(float(rewards[place] - baseline), abs=1e-4)
